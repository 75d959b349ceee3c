import pytest
from tool_runs import run_tool

PLAN = """
work_dir = 'unused'
sizes = ['--num-train', '2', '--num-val', '1', '--size', '32']
stages = [
    dict(name='data', tool='make_miniworld.py', args=['--root', '{root}/world', *sizes]),
    dict(name='more', tool='make_miniworld.py', args=['--root', '{root}/more', *sizes]),
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
    assert '1/1 data' in first.text
    assert 'done in' in first.text
    assert f'numbers: {tmp_path}/work/metrics.json' in first.text
    assert 'pictures:' not in first.text
    assert len(list((tmp_path / 'world/JPEGImages').iterdir())) == 3
    assert not (tmp_path / 'more').exists()
    again = run_tool('run', plan, *flags, capsys=capsys)
    assert 'done before' in again.text


def test_an_unknown_stage(plan, tmp_path, capsys):
    flags = ('--work-dir', tmp_path / 'work', '--to', 'cams')
    ended = run_tool('run', plan, *flags, capsys=capsys)
    assert ended.status == 1
    assert 'there is no stage cams; the plan has data, more.' in ended.text
