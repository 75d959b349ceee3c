import re
from dataclasses import replace

import pytest
import torch
from tool_runs import run_tool

from benchmarks import case as module
from benchmarks import coco_scale, growth, stages
from benchmarks.case import Case
from benchmarks.machine import Spent
from benchmarks.stored import read_growth, read_stage
from qaclims_mm.errors import FormatError


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    monkeypatch.setattr(module, 'product_rate', lambda device, dtype: 1e9)
    monkeypatch.setattr(module, 'copy_rate', lambda device: 1e6)


@pytest.fixture
def built(monkeypatch):
    """Two stages whose ways take what they return: seconds, and megabytes at most and held."""
    made = []
    ways = dict(a=dict(ours=(1, 5, 2), theirs=(4, 20, 30)), b=dict(x=(2, 1, 0), y=(3, 1, 0)))

    def build(stage, size, device, bar=6.0, **options):
        made.append((stage, size, device))
        functions = {name: lambda spent=spent: spent for name, spent in ways[stage].items()}
        return Case(functions, f'{stage} it', 8, bar=bar, flops=5 * 10**8, **options)

    def measure(function, **kwargs):
        seconds, peak, held = function()
        return Spent(seconds, peak * 10**6, held * 10**6), seconds

    monkeypatch.setattr(module, 'measure', measure)
    monkeypatch.setattr(module, 'measure_alone', measure)
    monkeypatch.setattr(
        stages,
        'STAGES',
        dict(
            a=lambda *args: build('a', *args, memory='held', memory_bar=20),
            b=lambda *args: build('b', *args, bar=0.0),
        ),
    )
    return made


def rows(text):
    return [re.split(r' *│ *', line)[1:-1] for line in text.splitlines() if line.startswith('│')]


def test_all_stages(built, capsys):
    done = run_tool('benchmarks', 'all', '--size', 'tiny', '--device', 'cpu', capsys=capsys)
    assert done.status == 0, done.text
    assert built == [('a', 'tiny', torch.device('cpu')), ('b', 'tiny', torch.device('cpu'))]
    assert rows(done.text) == [
        # s, min to max, images a second, peak and held MB, of least, speed, memory
        ['ours', '1.000', '1.000 to 1.000', '8', '5', '2', '50.0%', '4.00x', '15.00x'],
        ['theirs', '4.000', '4.000 to 4.000', '2', '20', '30', '12.5%', '1.00x', '1.00x'],
        # held is no matter here
        ['x', '2.000', '2.000 to 2.000', '4', '1', '25.0%', '1.50x', '1.00x'],
        ['y', '3.000', '3.000 to 3.000', '2.67', '1', '16.7%', '1.00x', '1.00x'],
    ]
    assert 'least time 0.5 s: 0.5 GFLOP at 1 GFLOP/s' in done.text
    assert 'below' not in done.text


def test_one_stage_at_full_size_on_the_device_there_is(built, capsys):
    done = run_tool('benchmarks', 'b', '--rounds', '1', capsys=capsys)
    assert done.status == 0, done.text
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    assert built == [('b', 'full', device)]


def test_below_half_of_a_bar_is_a_failure(built, monkeypatch, capsys):
    build = stages.STAGES['a']
    monkeypatch.setitem(
        stages.STAGES, 'a', lambda *args: replace(build(*args), bar=9.0, memory_bar=31.0)
    )
    done = run_tool('benchmarks', 'all', '--device', 'cpu', capsys=capsys)
    assert done.status == 1
    wanted = 'a: speed 4.00x of a bar of 9x; a: memory 15.00x of a bar of 31x'
    assert f'below half of the bar: {wanted}\n' in done.text
    # the other stage ran all the same
    assert [stage for stage, *_ in built] == ['a', 'b']


def test_numbers_are_stored(built, capsys, tmp_path):
    arguments = ('all', '--device', 'cpu', '--rounds', '2', '--out', str(tmp_path))
    done = run_tool('benchmarks', *arguments, capsys=capsys)
    assert done.status == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.json', 'b.json']
    a = read_stage(tmp_path / 'a.json')
    assert (a.work, a.flops, a.flop_rate, a.byte_rate, a.least) == (
        'a it',
        5 * 10**8,
        1e9,
        1e6,
        0.5,
    )
    assert (a.bar, a.memory_bar, a.memory, a.items, a.unit) == (6, 20, 'held', 8, 'images')
    assert [(w.name, w.seconds, w.peak, w.held) for w in a.ways] == [
        ('ours', [1, 1], 5 * 10**6, 2 * 10**6),
        ('theirs', [4, 4], 20 * 10**6, 30 * 10**6),
    ]
    command = 'python -m benchmarks all --device cpu --rounds 2 --out'
    assert a.origin.command.startswith(command)
    assert read_stage(tmp_path / 'b.json').ways[0].name == 'x'


@pytest.fixture
def growths(monkeypatch):
    """Two stages that grow linearly and with the square, and one that does not say."""
    asked = []

    def grow(name, exponent):
        def growth(sizes):
            asked.append((name, tuple(sizes)))
            return [dict(size=s, seconds=0.01 * s**exponent, bytes=10**6 * s) for s in sizes]

        return growth

    monkeypatch.setattr(stages, 'GROWTHS', dict(a=grow('a', 1), b=grow('b', 2)))
    axes = dict.fromkeys('ab', growth.Axis('images', (1, 4, 16)))
    monkeypatch.setattr(growth, 'AXES', axes)
    monkeypatch.setattr(growth, 'rates', lambda: (1e9, 1e6))
    return asked


def test_growth_alone(built, growths, capsys, tmp_path):
    arguments = ('all', '--measure', 'growth', '--out', str(tmp_path))
    done = run_tool('benchmarks', *arguments, capsys=capsys)
    assert done.status == 0, done.text
    assert growths == [('a', (1, 4, 16)), ('b', (1, 4, 16))]
    assert built == []
    assert 'a: slope 1.00 over images' in done.text
    assert 'b: slope 2.00 over images' in done.text
    assert rows(done.text)[:3] == [
        ['1', '0.0100', '1', '0.0%'],
        ['4', '0.0400', '4', '0.0%'],
        ['16', '0.1600', '16', '0.0%'],
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.growth.json', 'b.growth.json']
    stored = read_growth(tmp_path / 'b.growth.json')
    assert (stored.unit, stored.flop_rate, stored.byte_rate) == ('images', 1e9, 1e6)
    assert stored.points[-1] == dict(size=16, seconds=2.56, bytes=16 * 10**6)
    assert stored.origin.threads == 1


def test_both_of_one_stage(built, growths, capsys):
    arguments = ('a', '--size', 'tiny', '--device', 'cpu', '--measure', 'ways', 'growth')
    done = run_tool('benchmarks', *arguments, capsys=capsys)
    assert done.status == 0, done.text
    assert growths == [('a', (1, 4))]
    assert len(built) == 1
    assert len(rows(done.text)) == 4


def test_ways_that_disagree_are_an_error_without_a_traceback(built, monkeypatch, capsys):
    def build(size, device):
        def refuse(results):
            raise FormatError('the ways differ')

        return Case(dict(a=lambda: (1, 1, 1), b=lambda: (1, 1, 1)), '', 1, flops=0, check=refuse)

    monkeypatch.setitem(stages.STAGES, 'a', build)
    done = run_tool('benchmarks', 'a', '--device', 'cpu', capsys=capsys)
    assert done.status == 1
    assert done.text.endswith('error: the ways differ')


def test_coco_scale(monkeypatch, capsys):
    steps = [coco_scale.Step('labels', 1.25, 0.5)]
    monkeypatch.setattr(coco_scale, 'run_coco_scale', lambda: (steps, dict(images=3, texts=7)))
    done = run_tool('benchmarks', 'coco_scale', capsys=capsys)
    assert done.status == 0
    assert 'COCO, simulated: 3 images, 7 texts' in ' '.join(done.text.split())
    assert rows(done.text) == [['labels', '1.25', '0.50']]


@pytest.mark.parametrize('arguments', [['walk'], ['all', '--size', 'huge'], []])
def test_wrong_arguments(arguments, capsys):
    done = run_tool('benchmarks', *arguments, capsys=capsys)
    assert done.status == 2
    assert 'usage: ' in done.text
