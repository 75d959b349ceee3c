from tiny_plans import world, write_plan

from qaclims_mm.schemas import write_claim, write_json
from qaclims_mm.workflow.outcome import collect_metrics, what_was_made
from qaclims_mm.workflow.plans import read_plan


def test_what_people_take_out(tmp_path):
    plan = read_plan(write_plan(tmp_path, [world('cam'), world('maps'), world('test')]))
    for name in ('maps/cams', 'test/predictions'):
        (tmp_path / 'work' / name).mkdir(parents=True)
    for name in ('maps', 'test'):
        write_json(tmp_path / f'work/{name}/metrics.json', {name: {'cam/mIoU': 3.5}})
    (tmp_path / 'work/report.html').write_text('')
    assert collect_metrics(plan) == {n: {'cam/mIoU': 3.5} for n in ('maps', 'test')}
    assert what_was_made(plan) == {
        'maps of maps': str(tmp_path / 'work/maps/cams'),
        'masks by the model of test': str(tmp_path / 'work/test/predictions'),
        'numbers': str(tmp_path / 'work/metrics.json'),
        'report': str(tmp_path / 'work/report.html'),
    }


def test_what_is_not_finished_is_not_shown(tmp_path):
    """As the folder of a stage that has failed, and numbers of one that waits."""
    plan = read_plan(write_plan(tmp_path, [world('cam'), world('maps'), world('test')]))
    for name in ('maps', 'test'):
        write_json(tmp_path / f'work/{name}/metrics.json', {name: {'cam/mIoU': 3.5}})
        (tmp_path / f'work/{name}/cams').mkdir()
        write_claim(tmp_path / 'work' / name, {})
    write_json(tmp_path / 'work/test/manifest.json', {})
    assert collect_metrics(plan) == {'test': {'cam/mIoU': 3.5}}
    assert [*what_was_made(plan)] == ['maps of test', 'numbers']


def test_a_report_of_an_earlier_run_is_not_shown(tmp_path):
    made = dict(made=['{work_dir}/report.html', '{work_dir}/sheet.png'])
    plan = read_plan(write_plan(tmp_path, [world('report', **made)]))
    (tmp_path / 'classes.csv').write_text('')
    write_claim(tmp_path / 'work/report', {})
    for name in ('report.html', 'sheet.png', 'other.png'):
        (tmp_path / 'work' / name).write_text('')
    assert what_was_made(plan) == {'pictures': str(tmp_path / 'work/other.png')}
    write_json(tmp_path / 'work/report/manifest.json', {})
    assert [*what_was_made(plan)] == ['report', 'pictures']
