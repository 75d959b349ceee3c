import pytest
from tiny_plans import write_plan
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas.mask_choice import MaskChoice, write_choice
from qaclims_mm.workflow.fingerprint import hash_stage_config
from qaclims_mm.workflow.masks_by import MASKS, check_masks, choose_masks, options_of
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.stage import Stage

# as those of VOC: masks to train on are not those that are judged
MAIN = dict(
    qape='',
    qa_clims='qape',
    qa_clims_maps='qa_clims',
    qa_clims_export='qa_clims',
    ir_label='qa_clims_export',
    irn='ir_label',
    irn_masks='irn',
    irn_export='irn',
    segment='irn_export',
    segment_test='segment',
    sheet='qa_clims_maps irn_masks',
    report='qa_clims_maps irn_masks segment_test',
)
MORE = dict(par='qa_clims_export', prompted='', prompted_answers='qape')
PLANS = (
    'miniworld_qa-clims',
    'voc12_qa-clims',
    'coco14_qa-clims',
    'miniworld_strong',
    'voc12_strong',
)


def stages_of(needs):
    return [
        Stage(
            n,
            'report' if n == 'report' else 'x',
            needs=tuple(above.split()),
            args=(MASKS,) if n == 'sheet' else (),
        )
        for n, above in needs.items()
    ]


def chosen_of(masks_by):
    return choose_masks('p.py', stages_of(MAIN), stages_of(MORE), masks_by)


def named(stages, name):
    [found] = [s for s in stages if s.name == name]
    return found


def test_the_first_stage_is_trained_on_and_the_last_is_judged():
    found = options_of(stages_of(MAIN | MORE))
    assert found == {
        'irn': ('irn_export', 'irn_masks'),
        'par': ('par', 'par'),
        'prompted': ('prompted', 'prompted'),
        'prompted+answers': ('prompted_answers', 'prompted_answers'),
    }


def test_the_plan_s_own_choice_changes_nothing_but_the_word_for_it():
    found = chosen_of('irn')
    assert [s.name for s in found.main] == list(MAIN)
    assert named(found.main, 'sheet').args == ('IRN={work_dir}/irn_masks/pseudo_masks',)
    assert {s.masks for s in found.main} == {''}
    assert found.choice == MaskChoice('irn', 'irn_export')


def test_another_refiner_takes_the_place_of_irn():
    found = chosen_of('par')
    gone = {'ir_label', 'irn', 'irn_masks', 'irn_export'}
    assert {s.name for s in found.main} == set(MAIN) - gone | {'par'}
    assert {s.name for s in found.others} == gone | set(MORE) - {'par'}
    assert named(found.main, 'segment').needs == ('par',)
    assert named(found.main, 'sheet').needs == ('qa_clims_maps', 'par')
    assert named(found.main, 'sheet').args == ('PAR={work_dir}/par/pseudo_masks',)
    assert named(found.main, 'report').needs == ('qa_clims_maps', 'par', 'segment_test')
    assert {s.masks for s in found.main} == {'par'}


@pytest.mark.parametrize(
    ('masks_by', 'stages'),
    [
        ('prompted', {'prompted', 'segment', 'segment_test', 'report'}),
        ('prompted+answers', {'qape', 'prompted_answers', 'segment', 'segment_test', 'report'}),
    ],
)
def test_without_maps_nothing_is_trained_but_the_segmentor(masks_by, stages):
    found = chosen_of(masks_by)
    assert {s.name for s in found.main} == stages
    assert named(found.main, 'report').needs[-1] == 'segment_test'
    assert {n for s in found.main for n in s.needs} <= stages


def test_a_plan_without_such_masks():
    with pytest.raises(ConfigError, match=r'p\.py has no stage that makes masks by sam; it has ir'):
        chosen_of('sam')
    alone = stages_of(dict(a='', b='a'))
    assert choose_masks('p.py', alone, [], 'irn').choice is None
    with pytest.raises(ConfigError, match='it has none to choose from'):
        choose_masks('p.py', alone, [], 'par')


def test_a_work_dir_keeps_its_choice(tmp_path):
    listed = [dict(name=n, command='x', needs=above.split()) for n, above in (MAIN | MORE).items()]
    path = write_plan(tmp_path, listed)
    assert 'par' in [s.name for s in read_plan(path).stages]
    assert read_plan(path).choice.masks_by == 'irn'
    write_choice(tmp_path / 'work', MaskChoice('par', 'par'))
    assert read_plan(path).choice.masks_by == 'par'
    assert read_plan(path, masks_by='irn').choice.masks_by == 'irn'
    assert read_plan(path, tmp_path / 'another').choice.masks_by == 'irn'


def test_a_plan_has_a_choice_of_its_own(tmp_path):
    listed = [dict(name=n, command='x', needs=above.split()) for n, above in (MAIN | MORE).items()]
    path = write_plan(tmp_path, listed)
    path.write_text(path.read_text(encoding='utf-8') + "masks_by = 'par'\n", encoding='utf-8')
    plan = read_plan(path)
    assert (plan.masks_by, plan.choice) == ('par', MaskChoice('par', 'par'))
    assert 'irn' not in [s.name for s in plan.stages]
    # the work dir's goes before it, and the command line's before both
    write_choice(tmp_path / 'work', MaskChoice('irn', 'irn_export'))
    assert read_plan(path).choice.masks_by == 'irn'
    assert read_plan(path).masks_by == 'par'
    assert read_plan(path, masks_by='prompted').choice.masks_by == 'prompted'


@pytest.mark.parametrize('wrong', ["'sam'", "'Prompted'", '3', '["par"]', 'None'])
def test_a_choice_that_a_plan_cannot_keep(tmp_path, wrong):
    listed = [dict(name=n, command='x', needs=above.split()) for n, above in (MAIN | MORE).items()]
    path = write_plan(tmp_path, listed)
    path.write_text(path.read_text(encoding='utf-8') + f'masks_by = {wrong}\n', encoding='utf-8')
    with pytest.raises(ConfigError, match=r'has no stage that makes masks by .*; it has irn, par'):
        read_plan(path)


@pytest.mark.parametrize('name', ['miniworld_strong', 'voc12_strong'])
def test_the_strong_preset_trains_on_fused_masks(name, tmp_path):
    plan = read_plan(ROOT / f'configs/pipelines/{name}.py', tmp_path)
    assert plan.choice == MaskChoice('prompted+maps', 'prompted_maps')
    assert not {'ir_label', 'irn', 'irn_masks'} & {s.name for s in plan.stages}


@pytest.mark.parametrize('name', PLANS)
def test_shipped_segmentors_read_the_masks_of_the_choice(name, tmp_path):
    path = ROOT / f'configs/pipelines/{name}.py'
    plain = read_plan(path, tmp_path, 'irn')
    for masks_by, (trained, _) in options_of(plain.all_stages).items():
        plan = read_plan(path, tmp_path, masks_by)
        assert plan.choice == (masks_by, trained)
        check_masks(plan.stages, tmp_path, plan.choice)
        names = [s.name for s in plan.stages]
        assert names.index(trained) < names.index('segment')
        same = masks_by == 'irn'
        for stage in ('segment', 'segment_test', 'qape'):
            hashes = [
                hash_stage_config(named(p.all_stages, stage), tmp_path) for p in (plain, plan)
            ]
            # what does not read the masks is not made again
            assert (hashes[0] == hashes[1]) == (same or stage == 'qape'), stage


SEGMENT = """
import os
root = os.environ.get('QACLIMS_ROOT', 'x')
_masks_by = os.environ.get('QACLIMS_MASKS')
train_dataloader = dict(dataset=dict(type='MiniWorldDataset', data_root='w', pipeline=[
    dict(type='LoadMask', masks=f'{root}/%s/pseudo_masks')]))
train_cfg = dict(max_epochs=1)
"""


@pytest.mark.parametrize('folder', ['irn_masks', '{_masks_by or "irn_masks"}'])
def test_a_segmentor_that_does_not_read_the_choice(tmp_path, folder):
    (tmp_path / 'segment.py').write_text(SEGMENT % folder)
    entries = [
        *(dict(name=n, command='x') for n in ('irn_masks', 'par')),
        dict(
            name='segment',
            command='train',
            config=str(tmp_path / 'segment.py'),
            needs=['irn_masks'],
        ),
    ]
    path = write_plan(tmp_path, entries)
    plan = read_plan(path, masks_by='par')
    if folder == 'irn_masks':
        with pytest.raises(ConfigError, match=r'segment\.py does not read the masks by par\. Give'):
            check_masks(plan.stages, plan.root, plan.choice)
    else:
        check_masks(plan.stages, plan.root, plan.choice)
    own = read_plan(path)
    check_masks(own.stages, own.root, own.choice)
