import json
import re
from dataclasses import replace

import pytest
import torch
from tool_runs import run_tool

from benchmarks import case as module
from benchmarks import coco_scale, stages
from benchmarks.case import Case
from benchmarks.machine import Spent
from qaclims_mm.errors import FormatError


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    monkeypatch.setattr(module, 'matmul_rate', lambda device, dtype: 1e9)
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


def test_numbers_for_programs(built, capsys):
    arguments = ('all', '--device', 'cpu', '--rounds', '2', '--json')
    done = run_tool('benchmarks', *arguments, capsys=capsys)
    assert done.status == 0
    # standard output has nothing else; the tables are on standard error, which is read last
    numbers, end = json.JSONDecoder().raw_decode(done.text)
    assert len(rows(done.text[end:])) == 4
    assert list(numbers) == ['a', 'b']
    assert numbers['a']['work'] == 'a it'
    assert {k: numbers['a'][k] for k in ('flops', 'flop_rate', 'floor', 'bar', 'memory_bar')} == {
        'flops': 5 * 10**8,
        'flop_rate': 1e9,
        'floor': 0.5,
        'bar': 6.0,
        'memory_bar': 20,
    }
    assert numbers['a']['ways']['ours'] == dict(
        seconds=[1, 1], peak=5 * 10**6, held=2 * 10**6, per_second=8, ratio=4, memory_ratio=15
    )


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
