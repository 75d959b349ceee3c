import shutil

import pytest
from tiny_work_dir import end_stage, make_stages

from qaclims_mm.checks.stages import check_stage
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import write_claim, write_json
from qaclims_mm.schemas.stage_folder import StageFolder

COMMAND = 'give the same qaclims run or qaclims ablate command again'
REMAKE = f'{COMMAND}, which makes the stage again.'


@pytest.fixture
def work(tmp_path):
    (tmp_path / 'work').mkdir()
    make_stages(tmp_path / 'work')
    return tmp_path / 'work'


def problems_of(work, stage):
    return list(check_stage(work / stage))


def test_stages_without_a_problem(work):
    for stage in ('cam', 'cam_maps', 'report'):
        assert problems_of(work, stage) == []


def test_files_that_are_missing_or_changed(work):
    (work / 'cam_maps/more.json').write_text('1')
    end_stage(work / 'cam_maps', ['cam'])
    (work / 'cam_maps/more.json').write_text('2')
    (work / 'cam_maps/metrics.json').unlink()
    [problem] = problems_of(work, 'cam_maps')
    assert problem == (
        f'{work}/cam_maps: stage cam_maps is damaged: metrics.json is missing and 1 more; {REMAKE}'
    )


def test_a_file_in_another_place(work, monkeypatch):
    (work / 'report.html').write_text('cut')
    [problem] = problems_of(work, 'report')
    assert f'is damaged: {work}/report.html is not as it was written; ' in problem
    (work / 'report.html').unlink()
    assert f'is damaged: {work}/report.html is missing; ' in problems_of(work, 'report')[0]


def test_a_folder_below_the_one_in_which_the_plan_was_run(work, monkeypatch):
    monkeypatch.chdir(work)
    (work / 'world').mkdir()
    (work / 'world/a.jpg').write_text('a')
    (work / 'data').mkdir()
    end_stage(work / 'data', made=['world'])
    assert problems_of(work, 'data') == []
    shutil.rmtree(work / 'world')
    assert 'stage data is damaged: world/a.jpg is missing' in problems_of(work, 'data')[0]


def test_files_of_no_stage(work):
    for name in 'ab':
        (work / f'cam/{name}.txt').touch()
    [problem] = problems_of(work, 'cam')
    assert problem == (
        f'{work}/cam has files that stage cam has not made: a.txt and 1 more; '
        'move them to another place.'
    )


def test_a_manifest_that_does_not_follow(work):
    write_claim(work / 'cam', StageFolder(work / 'cam').read_claim() | dict(seed=4))
    [problem] = problems_of(work, 'cam')
    assert problem == (
        f'{work}/cam/manifest.json of stage cam does not follow from run.json and outputs.json '
        f'beside it; {COMMAND}, which corrects it.'
    )


def test_a_stage_that_was_made_from_another_one(work):
    (work / 'cam/epoch_1.pth').write_bytes(b'others')
    end_stage(work / 'cam')
    [problem] = problems_of(work, 'cam_maps')
    assert problem == f'{work}/cam_maps: stage cam_maps was made from another cam; {REMAKE}'
    assert problems_of(work, 'report') == []


def test_a_needed_stage_that_is_not_there_or_is_broken(work):
    write_json(work / 'cam/outputs.json', [])
    assert problems_of(work, 'cam_maps') == []
    shutil.rmtree(work / 'cam')
    assert problems_of(work, 'cam_maps') == []


def test_a_list_that_is_none(work):
    write_json(work / 'cam/outputs.json', [])
    with pytest.raises(
        FormatError, match=r'cam/outputs.json is not \{files, failed, status, made\}'
    ):
        problems_of(work, 'cam')


@pytest.mark.parametrize('name', ['../../etc', '/etc/passwd', '/', 'a\x1b', '', '.'])
def test_names_of_hostile_lists(work, name):
    outputs = dict(files={name: [1]}, failed=[], status=0, made=['/'])
    write_json(work / 'cam/outputs.json', outputs)
    [damage, *_] = problems_of(work, 'cam')
    assert 'stage cam is damaged: ' in damage
    assert '\x1b' not in damage
