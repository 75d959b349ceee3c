import re

import pytest
from tiny_runs import ROOT
from tool_runs import run_tool, start_tool

from qaclims_mm.miniworld.generate import generate
from qaclims_mm.schemas import Manifest, file_of, read_mask, write_cams

LEAF = ROOT / 'configs/miniworld/ir-label_crf_miniworld-112x112.py'


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A world of six images and smooth maps of its first class where the shipped config looks."""
    import numpy as np

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('QACLIMS_ROOT', 'run')
    generate(tmp_path / 'data/miniworld', num_train=6, num_val=2)
    ramp = np.linspace(0, 1, 112)[None, :, None].repeat(112, 2)
    names = (tmp_path / 'data/miniworld/ImageSets/Segmentation/train.txt').read_text().split()
    for name in names:
        path = file_of(tmp_path / 'run/qa_clims_maps/cams', name, '.npz')
        write_cams(path, np.array([0]), ramp[:, ::4, ::4], ramp)
    Manifest('cams', 'c0').write(tmp_path / 'run/qa_clims_maps/cams')
    return tmp_path


def test_the_shipped_config(work, capsys):
    done = run_tool('ir_label', LEAF, '--jobs', '1', capsys=capsys)
    assert done.status == 0, done.text
    [line] = done.text.splitlines()
    assert line == '6 labels in run/ir_label/ir_labels (0 there already, 0 failed)'
    masks = [read_mask(p) for p in (work / 'run/ir_label/ir_labels').glob('*.png')]
    assert len(masks) == 6
    assert {0, 1, 255} >= {int(v) for mask in masks for v in mask.ravel()}
    again = run_tool('ir_label', LEAF, capsys=capsys)
    assert '(6 there already, 0 failed)' in again.text


def test_shards_then_the_plain_command(work, capsys):
    for shard in ('2/2', '1/2'):
        done = run_tool('ir_label', LEAF, '--jobs', '1', '--shard', shard, capsys=capsys)
        assert done.status == 0
        assert f'3 labels of shard {shard} in run/ir_label/ir_labels' in done.text
        assert not (work / 'run/ir_label/ir_labels/manifest.json').exists()
    assert '(6 there already' in run_tool('ir_label', LEAF, capsys=capsys).text
    assert Manifest.read(work / 'run/ir_label/ir_labels').counts == dict(images=6, failed=0)


def test_a_bad_record_is_the_exit_status(work, capsys):
    [name, *_] = sorted(p.stem for p in (work / 'run/qa_clims_maps/cams').glob('*.npz'))
    (work / f'run/qa_clims_maps/cams/{name}.npz').write_bytes(b'PK')
    done = run_tool('ir_label', LEAF, '--jobs', '1', capsys=capsys)
    assert done.status == 3
    assert f'1 record could not be used:\n  {name}: ' in done.text
    assert '5 labels in run/ir_label/ir_labels (0 there already, 1 failed)' in done.text
    strict = run_tool('ir_label', LEAF, '--strict', '--jobs', '1', capsys=capsys)
    assert strict.status == 1
    assert re.search(rf'error: \S+{name}\.npz is not a CAM file', strict.text)


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--jobs', '0'], '--jobs must be at least 1, but got 0'),
        (
            ['--shard', '3/2'],
            'argument --shard: must be K/N with 1 <= K <= N, such as 1/4, but got',
        ),
        (['--launcher', 'slurm'], 'error: ir-label starts its processes itself'),
    ],
)
def test_flags_that_do_not_fit(work, capsys, flags, message):
    done = run_tool('ir_label', LEAF, *flags, capsys=capsys)
    assert done.status
    assert message in done.text


def test_the_other_command_points_here(work, capsys):
    done = run_tool('test', LEAF, 'none', capsys=capsys)
    assert 'has no model to test; run qaclims ir-label.' in done.text


@pytest.mark.slow
def test_all_cores_in_a_process_of_its_own(work):
    done = start_tool('ir_label', LEAF, '--jobs', '2', cwd=work)
    assert done.status == 0, done.text
    assert '6 labels in' in done.text
