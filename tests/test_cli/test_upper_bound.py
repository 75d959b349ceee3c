from tool_runs import ROOT, run_tool

from qaclims_mm.checks import upper_bound
from qaclims_mm.schemas import read_metrics

CONFIG = ROOT / 'configs/miniworld/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'


def test_numbers_are_written_beside_those_of_other_stages(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(upper_bound, 'clip_upper_bound', lambda cfg: {'cam/mIoU': 1 / 3})
    ended = run_tool('upper_bound', CONFIG, '--work-dir', tmp_path, capsys=capsys)
    assert ended.status == 0, ended.text
    assert read_metrics(tmp_path / 'metrics.json') == {'upper_bound': {'cam/mIoU': 0.3333}}
