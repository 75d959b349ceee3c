import json
from types import SimpleNamespace

import pytest

from qaclims_mm.engine.hooks import metrics_file
from qaclims_mm.engine.hooks.metrics_file import MetricsFileHook


def write(folder, metrics, stage=None):
    hook = MetricsFileHook(stage)
    hook.after_test_epoch(SimpleNamespace(work_dir=str(folder)), metrics)
    path = folder / 'metrics.json'
    return json.loads(path.read_text(), parse_constant=pytest.fail) if path.exists() else None


def test_numbers_of_the_evaluators_are_kept_and_times_are_not(tmp_path):
    metrics = {'cam/mIoU': 52.123456, 'cams/images': 4.0, 'time': 0.1, 'data_time': 0.2}
    wanted = {'cam/mIoU': 52.1235, 'cams/images': 4.0}
    assert write(tmp_path, metrics) == {tmp_path.name: wanted}
    # another stage in the same folder; the first one stays
    assert write(tmp_path, {'cam/mIoU': 1.0}, 'irn') == {
        tmp_path.name: wanted,
        'irn': {'cam/mIoU': 1.0},
    }
    # the same stage again takes its place
    assert write(tmp_path, {'cam/x': 2.0})[tmp_path.name] == {'cam/x': 2.0}


def test_what_could_not_be_measured_is_left_out_as_json_has_no_nan(tmp_path):
    metrics = {'cam/mIoU': float('nan'), 'cams/images': 0.0}
    assert write(tmp_path, metrics, 'cam') == {'cam': {'cams/images': 0.0}}


@pytest.mark.parametrize('metrics', [None, {}])
def test_nothing_to_write(tmp_path, metrics):
    assert write(tmp_path, metrics) is None


def test_one_rank_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_file, 'is_main_process', lambda: False)
    assert write(tmp_path, {'cam/mIoU': 1.0}) is None


def test_metrics_of_a_run(run_test, tmp_path):
    runner = run_test(work_dir='stage')
    found = json.loads((tmp_path / 'stage/metrics.json').read_text())['stage']
    assert found == {k: round(v, 4) for k, v in runner.metrics.items() if '/' in k}
    assert {'cam/mIoU', 'cam/mIoU@0.15', 'cam/best_threshold', 'cams/images'} <= set(found)
