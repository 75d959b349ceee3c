from dataclasses import replace

import pytest
from tiny_plans import fill, graph_of, world, write_plan
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.comparing import (
    RANDOM,
    finished_choices,
    judged_stages,
    mask_models_of,
    note_of,
    stages_for,
)
from qaclims_mm.workflow.plans import read_plan

VOC = ROOT / 'configs/pipelines/voc12_qa-clims.py'
MINIWORLD = ROOT / 'configs/pipelines/miniworld_qa-clims.py'


def plan_of(tmp_path, needs):
    listed = [dict(name=n, command='x', needs=list(above)) for n, above in needs.items()]
    return read_plan(write_plan(tmp_path, listed))


def test_masks_that_are_judged(tmp_path):
    plan = plan_of(tmp_path, dict(a='', irn_masks='a', irn_export='a', par='a', b='a'))
    assert judged_stages(plan) == dict(irn='irn_masks', par='par')
    assert judged_stages(plan, ['par']) == dict(par='par')
    with pytest.raises(ConfigError, match=r'no stage that makes masks by sam; it has irn, par\.'):
        judged_stages(plan, ['par', 'sam'])
    with pytest.raises(ConfigError, match='has no stage that makes masks to compare'):
        judged_stages(plan_of(tmp_path, dict(a='')))


def test_nothing_is_made_but_what_the_masks_need():
    plan = read_plan(MINIWORLD, 'w')
    names = [s.name for s in stages_for(plan, ['par'])]
    assert names == ['data', 'qape', 'texts', 'qa_clims', 'qa_clims_maps', 'par']
    # whatever the segmentor is trained on now
    chosen = read_plan(MINIWORLD, 'w', 'par')
    both = [s.name for s in stages_for(chosen, ['par', 'irn_masks'])]
    assert set(both) == {*names, 'ir_label', 'irn', 'irn_masks'}
    assert both.index('qa_clims_maps') < both.index('ir_label')


def test_random_weights_are_noted(tmp_path):
    stages = {s.name: s for s in read_plan(MINIWORLD, tmp_path).all_stages}
    assert note_of(stages['sam'], tmp_path) == RANDOM
    assert note_of(stages['par'], tmp_path) == ''
    assert note_of(stages['data'], tmp_path) == ''


def test_models_that_were_trained_with_masks(tmp_path):
    stages = {s.name: s for s in read_plan(MINIWORLD, tmp_path).all_stages}
    for name in ('prompted', 'prompted_answers', 'prompted_maps'):
        assert mask_models_of(stages[name], tmp_path) == ['miniworld://clipseg']
    # SAM has random weights there
    for name in ('sam', 'par', 'irn_masks', 'data'):
        assert mask_models_of(stages[name], tmp_path) == []
    stages = {s.name: s for s in read_plan(VOC, tmp_path).all_stages}
    assert mask_models_of(stages['prompted'], tmp_path) == ['facebook/sam3']
    assert len(mask_models_of(stages['sam'], tmp_path)) == 1


def test_all_models_of_a_segmenter_count(tmp_path):
    config = tmp_path / 'mine.py'
    options = dict(
        type='GroundedSamSegmenter',
        detector=dict(kind='owlv2', model='google/owlv2'),
        sam=dict(kind='sam2', model='facebook/sam2'),
    )
    base = ROOT / 'configs/miniworld/prompted_clipseg-mini_labels_miniworld-112x112.py'
    segmenter = dict(_delete_=True, **options)
    config.write_text(f"_base_ = '{base}'\nmodel = dict(prompting=dict(segmenter={segmenter}))\n")
    stage = replace(read_plan(MINIWORLD, tmp_path).all_stages[0], config=str(config))
    assert mask_models_of(stage, tmp_path) == ['google/owlv2', 'facebook/sam2']


def test_choices_whose_masks_are_up_to_date(tmp_path, monkeypatch):
    """Of all choices, whatever was asked for."""
    entries = [world('a'), world('par', 'a'), world('sam', 'a')]
    path = write_plan(tmp_path, entries)
    assert finished_choices(read_plan(path), 0, dict(par='par')) == {}
    fill(graph_of(path), monkeypatch)
    both = dict(par='par', sam='sam')
    assert finished_choices(read_plan(path), 0, dict(par='par')) == both
    assert finished_choices(read_plan(path), 1, {}) == both
    # one is of another config now, and one that its input was made again
    path = write_plan(tmp_path, [*entries[:2], world('sam', 'a', 4)])
    assert finished_choices(read_plan(path), 0, {}) == dict(par='par')
    write_plan(tmp_path, [world('a', pictures=4), *entries[1:]])
    assert finished_choices(read_plan(path), 0, {}) == {}


def test_a_config_that_cannot_be_read_concerns_its_choice_alone(tmp_path, monkeypatch):
    entries = [world('par'), world('sam', command='test', config=str(tmp_path / 'absent.py'))]
    fill(graph_of(write_plan(tmp_path, entries[:1])), monkeypatch)
    plan = read_plan(write_plan(tmp_path, entries))
    assert finished_choices(plan, 0, dict(par='par')) == dict(par='par')
    with pytest.raises(ConfigError, match=r'absent\.py does not exist'):
        finished_choices(plan, 0, judged_stages(plan))
