import numpy as np
import pytest
from tiny_plans import fill, world, write_plan
from tiny_runs import ROOT
from tool_runs import run_tool

from qaclims_mm.schemas import write_json, write_mask
from qaclims_mm.schemas.mask_choice import read_choice
from qaclims_mm.workflow.graph import Graph
from qaclims_mm.workflow.plans import read_plan

PLAN = """
work_dir = 'unused'
sizes = ['--num-train', '2', '--num-val', '1', '--size', '32']
stages = [
    dict(name='data', command='make-miniworld', args=['--root', '{root}/world', *sizes],
         made=['{root}/world']),
    dict(name='more', command='make-miniworld', args=['--root', '{root}/more', *sizes],
         made=['{root}/more']),
]
table = dict(rows=dict(data='the world', more='more'), columns=dict(iou='IoU'))
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / 'plan.py'
    path.write_text(PLAN.replace('{root}', str(tmp_path)))
    return path


def test_stages_up_to_the_one_that_is_named(plan, tmp_path, capsys):
    flags = ('--work-dir', tmp_path / 'work', '--to', 'data')
    first = run_tool('run', plan, *flags, capsys=capsys)
    assert first.status == 0
    assert 'to do' in first.text
    # neither numbers nor pictures were made
    assert 'numbers:' not in first.text
    assert 'pictures:' not in first.text
    assert len(list((tmp_path / 'world/JPEGImages').iterdir())) == 3
    assert not (tmp_path / 'more').exists()
    again = run_tool('run', plan, *flags, capsys=capsys)
    assert 'done' in again.text
    assert 'to do' not in again.text


def test_an_unknown_stage(plan, tmp_path, capsys):
    flags = ('--work-dir', tmp_path / 'work', '--to', 'cams')
    ended = run_tool('run', plan, *flags, capsys=capsys)
    assert ended.status == 1
    assert 'there is no stage cams; the plan has data, more.' in ended.text


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('stages = []', 'is no plan, since it has no work_dir; give a plan.'),
        ("work_dir = 'x'", 'is no plan, since it has no stages; give a plan.'),
        ('model = dict()', 'is no plan, since it has no work_dir and no stages; give a plan.'),
    ],
)
def test_what_is_no_plan(tmp_path, capsys, text, message):
    (tmp_path / 'plan.py').write_text(text)
    ended = run_tool('run', tmp_path / 'plan.py', '--dry-run', capsys=capsys)
    assert ended.status == 1
    assert message in ended.text


@pytest.mark.parametrize('name', ['test', 'train', 'encode-texts'])
def test_a_plan_is_no_stage(capsys, name):
    more = ['none'] if name == 'test' else []
    plan = ROOT / 'configs/pipelines/miniworld_qa-clims.py'
    ended = run_tool(name.replace('-', '_'), plan, *more, capsys=capsys)
    assert ended.status == 1
    assert 'has stages, so it is for qaclims run; give the config of a stage.' in ended.text
    assert 'Traceback' not in ended.text


def test_the_folder_of_a_project_stands_for_its_plan(plan, tmp_path, capsys):
    plan.rename(tmp_path / 'pipeline.py')
    ended = run_tool('run', tmp_path, '--dry-run', capsys=capsys)
    assert ended.status == 0
    assert 'data' in ended.text


@pytest.mark.parametrize('flags', [[], ['--dry-run']])
def test_a_broken_project_stops_before_its_first_stage(plan, tmp_path, capsys, flags):
    write_json(tmp_path / 'project.json', dict(schema=0))
    ended = run_tool('run', plan, *flags, capsys=capsys)
    assert ended.status == 1
    assert f'{tmp_path}/project.json is of another version (schema 0' in ended.text
    assert not (tmp_path / 'world').exists()


SEGMENT = """
import os

root = os.environ.get('QACLIMS_ROOT', 'x')
work_dir = f'{root}/segment'
train_dataloader = dict(dataset=dict(
    type='MiniWorldDataset', data_root='{world}', ann_file='ImageSets/Segmentation/train.txt',
    pipeline=[
        dict(type='LoadBGRImage'),
        dict(type='LoadMask', masks='none', corrected=f'{root}/corrected'),
    ],
))
train_cfg = dict(max_epochs=1)
"""


@pytest.fixture
def trained(plan, tmp_path):
    """The plan, with a training that is not reached."""
    text = SEGMENT.replace('{world}', str(tmp_path / 'world'))
    (tmp_path / 'segment.py').write_text(text)
    entry = f"    dict(name='segment', command='train', config='{tmp_path}/segment.py'),\n]\n"
    plan.write_text(plan.read_text().replace(']\ntable', f'{entry}table'))
    return plan


def test_corrected_masks_are_taken_in_once_and_forgotten(trained, tmp_path, capsys):
    flags = ('--work-dir', tmp_path / 'work', '--to', 'data')
    assert run_tool('run', trained, *flags, capsys=capsys).status == 0
    ids = (tmp_path / 'world/ImageSets/Segmentation/train.txt').read_text().split()
    for name in (ids[0], 'nobody'):
        write_mask(tmp_path / f'mine/{name}.png', np.ones((32, 32)))
    corrected = ('--corrected', tmp_path / 'mine')
    dry = run_tool('run', trained, *flags, *corrected, '--dry-run', capsys=capsys)
    assert '1 mask read: 1 corrected, 0 confirmed' in dry.text
    assert 'nobody.png' in dry.text
    assert 'a dry run writes nothing' in dry.text
    assert dry.status == 3
    assert not (tmp_path / 'work/corrected').exists()
    ended = run_tool('run', trained, *flags, *corrected, capsys=capsys)
    assert ended.status == 3, ended.text
    assert 'nobody.png' in ended.text
    assert '1 mask read: 1 corrected, 0 confirmed' in ended.text
    assert '1 new, 0 in place of earlier ones, 0 known before' in ended.text
    assert (tmp_path / f'work/corrected/{ids[0]}.png').is_file()
    again = run_tool('run', trained, *flags, capsys=capsys)
    assert again.status == 0
    assert (tmp_path / f'work/corrected/{ids[0]}.png').is_file()
    gone = run_tool('run', trained, *flags, '--corrected', 'none', capsys=capsys)
    assert '1 corrected mask is forgotten' in gone.text
    assert not (tmp_path / 'work/corrected').exists()


def test_every_seed_gets_the_corrected_masks(trained, tmp_path, capsys):
    flags = ('--work-dir', tmp_path / 'work', '--to', 'data', '--seeds', 0, 1)
    assert run_tool('run', trained, *flags, capsys=capsys).status == 0
    [name, *_] = (tmp_path / 'world/ImageSets/Segmentation/train.txt').read_text().split()
    write_mask(tmp_path / f'mine/{name}.png', np.ones((32, 32)))
    ended = run_tool('run', trained, *flags, '--corrected', tmp_path / 'mine', capsys=capsys)
    assert ended.status == 0, ended.text
    for seed in (0, 1):
        assert (tmp_path / f'work/seed{seed}/corrected/{name}.png').is_file()


@pytest.mark.parametrize('kind', ['missing', 'empty'])
def test_no_corrected_masks(trained, tmp_path, capsys, kind):
    flags = ('--work-dir', tmp_path / 'work', '--to', 'data')
    assert run_tool('run', trained, *flags, capsys=capsys).status == 0
    if kind == 'empty':
        (tmp_path / 'mine').mkdir()
    ended = run_tool('run', trained, *flags, '--corrected', tmp_path / 'mine', capsys=capsys)
    assert ended.status == 1
    assert f'{tmp_path}/mine' in ended.text
    assert 'Traceback' not in ended.text
    assert not (tmp_path / 'work/corrected').exists()


def test_a_plan_without_a_place_for_corrected_masks(plan, tmp_path, capsys):
    flags = ('--work-dir', tmp_path / 'work', '--corrected', tmp_path)
    ended = run_tool('run', plan, *flags, capsys=capsys)
    assert ended.status == 1
    assert "corrected=f'{_base_.root}/corrected'" in ended.text


@pytest.fixture
def choosing(tmp_path, monkeypatch):
    """A plan whose masks are made by IRN and by PAR, all of whose stages are done."""
    entries = [
        world('irn_masks'),
        world('segment') | dict(needs=['irn_masks']),
    ]
    path = write_plan(tmp_path, entries)
    more = [world('par', pictures=2)]
    path.write_text(f'{path.read_text()}comparators = {more!r}\n')
    for masks_by in ('irn', 'par'):
        plan = read_plan(path, masks_by=masks_by)
        fill(Graph(plan.root, {0: plan}, {0: plan.select()}), monkeypatch)
    return path


def chosen(text):
    return 'the segmentor is trained on the masks of par' in text


def test_a_choice_of_masks_is_kept_until_another_one(choosing, capsys):
    plain = run_tool('run', choosing, '--dry-run', capsys=capsys).text
    assert not chosen(plain)
    assert 'par' not in stages_in(plain)
    dry = run_tool('run', choosing, '--masks-by', 'par', '--dry-run', capsys=capsys).text
    assert chosen(dry)
    assert stages_in(dry) == {'par', 'segment'}
    # a dry run notes nothing
    assert not chosen(run_tool('run', choosing, '--dry-run', capsys=capsys).text)
    ended = run_tool('run', choosing, '--masks-by', 'par', '--to', 'par', capsys=capsys)
    assert ended.status == 0
    assert 'as chosen' not in ended.text
    later = run_tool('run', choosing, '--dry-run', capsys=capsys).text
    assert chosen(later)
    assert 'as chosen in an earlier run; --masks-by irn goes back' in later
    run_tool('run', choosing, '--masks-by', 'irn', '--to', 'irn_masks', capsys=capsys)
    back = run_tool('run', choosing, '--dry-run', capsys=capsys).text
    assert stages_in(back) == {'irn_masks', 'segment'}


def test_a_choice_of_the_plan_itself_is_kept_too(choosing, tmp_path, capsys):
    choosing.write_text(f'{choosing.read_text()}masks_by = "par"\n')
    first = run_tool('run', choosing, '--to', 'par', capsys=capsys).text
    assert chosen(first)
    assert 'goes back' not in first
    # a report and an export of masks read it there
    assert read_choice(tmp_path / 'work') == ('par', 'par')
    run_tool('run', choosing, '--masks-by', 'irn', '--to', 'irn_masks', capsys=capsys)
    other = run_tool('run', choosing, '--dry-run', capsys=capsys).text
    assert 'masks of irn_masks, as chosen in an earlier run; --masks-by par goes back' in other
    assert stages_in(other) == {'irn_masks', 'segment'}


def stages_in(text):
    """Return the stages of an overview."""
    rows = [line.split('│')[1].strip() for line in text.splitlines() if line.startswith('│')]
    return {name for name in rows if name}


def test_masks_that_a_plan_does_not_make(choosing, capsys):
    ended = run_tool('run', choosing, '--masks-by', 'sam', capsys=capsys)
    assert ended.status == 1
    assert 'has no stage that makes masks by sam; it has irn, par' in ended.text


def test_a_plan_without_masks(plan, capsys):
    ended = run_tool('run', plan, '--masks-by', 'par', capsys=capsys)
    assert 'it has none to choose from' in ended.text
    assert run_tool('run', plan, '--masks-by', 'magic', capsys=capsys).status == 2


def test_a_broken_note_of_the_choice(choosing, tmp_path, capsys):
    write_json(tmp_path / 'work/logs/masks_by.json', ['par'])
    ended = run_tool('run', choosing, '--dry-run', capsys=capsys)
    assert ended.status == 1
    assert 'masks_by.json is not a choice of masks ({masks_by, stage})' in ended.text
    assert 'Traceback' not in ended.text
