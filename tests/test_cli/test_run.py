import pytest
from tiny_runs import ROOT
from tool_runs import run_tool

from qaclims_mm.schemas import write_json

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
