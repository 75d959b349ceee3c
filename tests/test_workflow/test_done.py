from dataclasses import replace
from pathlib import Path

import pytest

from qaclims_mm.errors import StageError
from qaclims_mm.schemas import Manifest, write_json
from qaclims_mm.workflow.done import DoneStages, command_of
from qaclims_mm.workflow.plan import Plan, Stage

FIRST = Stage('a', 'work.py', args=('well',), seeded=True)
SECOND = Stage('b', 'work.py', needs=('a',))


@pytest.fixture
def plan(tmp_path):
    return Plan(Path('plan.py'), tmp_path / 'it is work', (FIRST, SECOND))


def finish(done, stage):
    done.end(stage, done.begin(stage))


def test_states_of_a_stage(plan):
    done = DoneStages(plan)
    assert done.state(FIRST) == 'to do'
    manifest = done.begin(FIRST)
    assert done.state(FIRST) == 'begun'
    done.end(FIRST, manifest)
    assert done.state(FIRST) == 'done'
    assert DoneStages(plan, seed=1).state(FIRST) == 'changed'
    assert done.state(replace(FIRST, args=('other',))) == 'changed'
    # no seed concerns it
    finish(done, SECOND)
    assert DoneStages(plan, seed=1).is_done(SECOND)


def test_another_input_makes_the_next_stage_anew(plan):
    done = DoneStages(plan)
    for stage in plan.stages:
        finish(done, stage)
    manifest = Manifest.read(plan.root / 'done/a')
    replace(manifest, config_hash='0').write(plan.root / 'done/a')
    assert not done.is_done(SECOND)
    with pytest.raises(StageError, match=r'stage b was begun in .* with another input \(a\);'):
        done.begin(SECOND)


def test_what_another_version_made_is_told(plan):
    done = DoneStages(plan)
    finish(done, FIRST)
    path = plan.root / 'done/a/manifest.json'
    path.write_text(path.read_text().replace('"version": "', '"version": "0.0.'))
    with pytest.raises(StageError, match=r'another seed \(0\) \(by version 0\.0\.\S+; this is'):
        DoneStages(plan, seed=1).begin(FIRST)


@pytest.mark.parametrize('content', ['', '{}', '[1]', '{"schema": 0}'])
def test_a_manifest_that_is_none_is_not_done(plan, content):
    done = DoneStages(plan)
    finish(done, FIRST)
    (plan.root / 'done/a/manifest.json').write_text(content)
    assert not done.is_done(FIRST)
    assert done.state(FIRST) == 'changed'


def test_a_stage_without_its_inputs_names_the_command(plan):
    with pytest.raises(StageError, match=r"--work-dir '.*/it is work' --to a$"):
        DoneStages(plan).expected(SECOND)
    assert command_of(plan, 'x y').endswith("plan.py --work-dir 'x y'")


def test_a_claim_of_something_else_is_no_traceback(plan):
    write_json(plan.root / 'done/a/run.json', dict(config='other', inputs={}, seed=0))
    with pytest.raises(StageError, match=r'stage a was begun in .* with another config'):
        DoneStages(plan).begin(FIRST)
