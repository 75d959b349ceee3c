from tiny_report import make_ablations
from tool_runs import run_tool

from qaclims_mm.schemas import update_metrics


def test_report(tmp_path, capsys):
    update_metrics(tmp_path / 'run/metrics.json', 'cam_maps', {'cam/mIoU': 41.5})
    make_ablations(tmp_path / 'elsewhere')
    out, folder = tmp_path / 'page.html', tmp_path / 'elsewhere'
    done = run_tool('report', tmp_path / 'run', '--out', out, '--ablations', folder, capsys=capsys)
    assert done.status == 0, done.text
    assert f'{out}: 0.' in done.text
    assert f'figures and all masks: {tmp_path}/page_files' in done.text
    assert '41.5 %' in out.read_text()
    assert 'omega 0.05' in out.read_text()


def test_no_work_dir(tmp_path, capsys):
    done = run_tool('report', tmp_path / 'absent', '--out', tmp_path / 'x.html', capsys=capsys)
    assert done.status == 1
    assert done.text.startswith('error: ')
    assert f'there is no folder {tmp_path}/absent.' in done.text
    assert not (tmp_path / 'x.html').exists()
