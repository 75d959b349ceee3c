from dataclasses import replace

import numpy as np
import pytest
from tiny_work_dir import check

from qaclims_mm.checks.files import FoundFile, check_files, find_files
from qaclims_mm.checks.kinds import KINDS
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas import write_cams

METRICS = 'qa_clims/metrics.json'


def test_good_work_dir(good):
    report = check(good)
    assert report.problems == []
    assert sum(report.bad.values()) == 0
    assert dict(report.files) == {
        'corpus shard': 2,
        'text bank': 1,
        'activation maps': 2,
        'mask': 4,
        'manifest': 8,
        'claim': 6,
        'stage': 3,
        'metrics': 2,
    }
    # texts.json and index.parquet belong to the text bank; checkpoints, pages and logs are none
    # of ours
    assert report.others == 7


def test_one_stage_alone(good):
    report = check(good / 'qa_clims/cams')
    assert report.problems == []
    assert dict(report.files) == {'activation maps': 2, 'manifest': 1, 'claim': 1}


def test_progress_counts_every_file_of_a_kind(good):
    ticks = []
    report = check_files(find_files(good), lambda: ticks.append(1))
    assert len(ticks) == sum(report.files.values())


def test_left_over_folder_is_one_problem(work):
    for n in range(3):
        path = work / f'cams.12.tmp/{n}.npz'
        write_cams(path, np.arange(1), np.zeros((1, 2, 2)), np.zeros((1, 8, 8)))
    [problem] = check(work).problems
    assert 'cams.12.tmp is left over' in problem


def test_links_are_followed_once(good, tmp_path):
    (tmp_path / 'corpus').symlink_to(good / 'corpus')
    (tmp_path / 'loop').symlink_to(tmp_path)
    report = check(tmp_path)
    assert report.problems == []
    assert report.files['corpus shard'] == 2


def test_file_that_goes_away_meanwhile(work):
    found = find_files(work)
    (work / METRICS).unlink()
    [problem] = check_files(found).problems
    assert problem == (
        f'{work}/{METRICS} cannot be read (No such file or directory); run its stage again.'
    )


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError, match=r'absent cannot be listed \(No such file or directory\)'):
        find_files(tmp_path / 'absent')


@pytest.mark.parametrize('error', [MemoryError(), RecursionError('deep'), ZeroDivisionError('x')])
def test_errors_of_a_library_are_problems(work, error):
    def fail(path):
        raise error

    kind = replace(next(k for k in KINDS if k.name == 'mask'), check=fail)
    [problem, *_] = check_files([FoundFile(work / 'x.png', kind)]).problems
    assert f'x.png cannot be read ({type(error).__name__}' in problem
