from pathlib import Path

import pytest
from tiny_plans import graph_of, jobs_of, world, write_plan

from qaclims_mm.schemas import read_json
from qaclims_mm.workflow.aside import Aside
from qaclims_mm.workflow.job import Job


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a stage of a number of pictures; returns its status, and whether the command ran."""

    def run(pictures, status=0, writes=True):
        ran = []

        def command(job, more=()):
            ran.append(job)
            if writes:
                (job.folder.path / 'made.txt').write_text(str(pictures))
            return status

        monkeypatch.setattr(Job, '_run_command', command)
        graph = graph_of(write_plan(tmp_path, [world('a', pictures=pictures)]))
        entry = jobs_of(graph)['a']
        graph.prepare()
        return Job(entry, None).run(), bool(ran)

    return run


def state_of(tmp_path, pictures):
    graph = graph_of(write_plan(tmp_path, [world('a', pictures=pictures)]))
    [node] = graph.nodes.values()
    return node.state, node.is_sound


def test_a_run_that_fails_at_once_leaves_finished_files(tmp_path, run):
    """As one whose weights are missing: its config is then changed back."""
    made, before = tmp_path / 'work/a/made.txt', tmp_path / 'work/.before'
    assert run(3) == (0, True)
    assert run(4, status=1, writes=False) == (1, True)
    assert made.read_text() == '3'
    assert not before.exists()
    assert state_of(tmp_path, 4) == ('stale', False)
    # its manifest alone is missing
    assert state_of(tmp_path, 3)[1]
    assert run(4) == (0, True)
    assert made.read_text() == '4'
    assert not before.exists()


def test_files_of_a_config_that_is_changed_back(tmp_path, run):
    """A run that has written something goes on, unless it is not wanted any more."""
    made, before = tmp_path / 'work/a/made.txt', tmp_path / 'work/.before'
    run(3)
    assert run(4, status=1) == (1, True)
    assert made.read_text() == '4'
    assert (before / 'a/made.txt').read_text() == '3'
    assert run(3) == (0, False)
    assert made.read_text() == '3'
    assert not before.exists()
    assert read_json(tmp_path / 'work/a/manifest.json')['stage'] == 'a'


def test_unfinished_files_never_replace_finished_ones(tmp_path, run):
    run(3)
    run(4, status=1)
    assert run(5, status=1) == (1, True)
    assert (tmp_path / 'work/.before/a/made.txt').read_text() == '3'
    assert run(5) == (0, True)
    assert not (tmp_path / 'work/.before').exists()


def test_what_is_forced_is_made_anew(tmp_path, run):
    run(3)
    run(4, status=1)
    graph = graph_of(write_plan(tmp_path, [world('a', pictures=3)]))
    graph.force(['a'])
    graph.prepare()
    assert not (tmp_path / 'work/.before').exists()
    assert run(3) == (0, True)


def test_a_damaged_stage_goes_on(tmp_path, run, monkeypatch):
    """It is made again; what was made before a kill stays, also where other jobs made it."""
    work = tmp_path / 'work'
    assert run(3) == (0, True)
    (work / 'a/made.txt').unlink()
    with monkeypatch.context() as patched:
        patched.setattr(Aside, 'take_back', killed_at_its_end(Aside.take_back))
        with pytest.raises(KeyboardInterrupt):
            run(3, status=1)
    (work / 'a/half.txt').write_text('half')
    assert run(3) == (0, True)
    assert (work / 'a/half.txt').read_text() == 'half'
    assert not (work / '.before').exists()


def killed_at_its_end(take_back):
    """Return what ends a run in place of its last step, after the command."""

    def killed(aside, wanted=None):
        if wanted is None:
            raise KeyboardInterrupt
        take_back(aside, wanted)

    return killed


def test_a_place_that_another_job_removes(tmp_path, run, monkeypatch):
    run(3)
    made, moves = tmp_path / 'work/a/made.txt', []
    rename = Path.rename

    def renamed(path, target):
        if not moves:
            moves.append(path)
            target.parent.rmdir()
        return rename(path, target)

    monkeypatch.setattr(Path, 'rename', renamed)
    assert run(4) == (0, True)
    assert moves
    assert made.read_text() == '4'
