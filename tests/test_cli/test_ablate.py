import pytest
import torch
from tool_runs import run_tool

from qaclims_mm.schemas import read_json

PLAN = """
work_dir = 'unused'
sizes = ['--num-train', '2', '--num-val', '1', '--size', '32']
def world(name):
    root = '{work_dir}/world of ' + name
    return dict(name=name, command='make-miniworld', args=['--root', root, *sizes], made=[root])
stages = [world('qa_clims_maps')]
comparators = [world('other_maps')]
table = dict(rows={}, columns={'cam/mIoU': 'best mIoU'})
"""
SUITE = """
title = 'Worlds'
variants = dict(ours=dict(title='ours'), other=dict(title='another', stage='other'))
"""


@pytest.fixture
def flags(tmp_path):
    for name, text in (('plan', PLAN), ('suite', SUITE)):
        (tmp_path / f'{name}.py').write_text(text)
    more = ('--plan', tmp_path / 'plan.py', '--work-dir', tmp_path / 'work')
    return (tmp_path / 'suite.py', '--seeds', '0', '2', *more)


def test_every_seed_has_its_folder(flags, tmp_path, capsys):
    ended = run_tool('ablate', *flags, '--jobs', '2', capsys=capsys)
    assert ended.status == 0
    for seed in (0, 2):
        for name in ('qa_clims_maps', 'other_maps'):
            found = tmp_path / f'work/seed{seed}/world of {name}/JPEGImages'
            assert len(list(found.iterdir())) == 3
    assert 'Worlds' in ended.text
    assert f'written: {tmp_path}/work/ablations/suite.md' in ended.text
    assert '| another |' in (tmp_path / 'work/ablations/suite.md').read_text()


def test_what_is_missing_is_told_before_the_first_stage(flags, tmp_path, capsys):
    config = tmp_path / 'config.py'
    dataset = dict(type='VOC12WeakDataset', data_root=str(tmp_path / 'absent'), ann_file='a.txt')
    config.write_text(f'test_dataloader = dict(dataset={dataset!r})\n')
    stage = dict(name='late', command='test', config=str(config), needs=['other_maps'])
    text = (tmp_path / 'plan.py').read_text()
    (tmp_path / 'plan.py').write_text(f'{text}comparators += [{stage!r}]\n')
    (tmp_path / 'suite.py').write_text(
        f"{SUITE}variants['late'] = dict(title='late', stage='late')\n"
    )
    ended = run_tool('ablate', *flags, capsys=capsys)
    assert ended.status == 1
    assert 'missing that the stages need, see the table; nothing was started' in ended.text
    assert not (tmp_path / 'work/seed0/world of other').exists()


def test_a_dry_run_runs_nothing(flags, tmp_path, capsys):
    ended = run_tool('ablate', *flags, '--dry-run', capsys=capsys)
    assert ended.status == 0
    assert ended.text.count('to do') == 4
    # no seed concerns them
    assert 'left: 2 stages of unknown time' in ended.text
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (('--jobs', '0'), '--jobs must be at least 1, but got 0'),
        (('--seeds', '-1'), 'seeds must be at least 0, but got -1'),
        (('--ranks', '0'), '--ranks must be at least 1, but got 0'),
        (('--plan', 'nowhere.py'), 'config nowhere.py does not exist'),
    ],
)
def test_bad_flags(flags, capsys, more, message):
    ended = run_tool('ablate', *flags, *more, capsys=capsys)
    assert ended.status != 0
    assert message in ended.text


def test_an_unknown_suite(flags, capsys):
    ended = run_tool('ablate', 'tables', *flags[1:], capsys=capsys)
    assert ended.status == 1
    assert 'there is no suite configs/suites/tables.py; did you mean table1_cams?' in ended.text


def test_results_of_another_machine_are_joined(flags, tmp_path, capsys):
    assert run_tool('ablate', *flags, capsys=capsys).status == 0
    more = [*flags[:1], '--seeds', '1', *flags[4:6], '--work-dir', tmp_path / 'here']
    folder = tmp_path / 'work/ablations'
    assert run_tool('ablate', *more, '--join', folder, capsys=capsys).status == 0
    found = read_json(tmp_path / 'here/ablations/suite.json')
    assert found['seeds'] == [0, 1, 2]
    # what the stages of the seeds ran on
    assert set(found['machines']) == {'0', '1', '2'}
    assert f'torch {torch.__version__.split("+")[0]}' in found['machines']['1']
    ended = run_tool('ablate', *flags, '--join', tmp_path, capsys=capsys)
    assert ended.status == 1
    assert f'{tmp_path}/suite.json' in ended.text
