import re
from types import SimpleNamespace

import pytest
from mmengine.structures import BaseDataElement
from mmseg.structures import SegDataSample
from tiny_runs import build_tiny_runner, log_of

from qaclims_mm.engine.hooks import failed_records
from qaclims_mm.engine.hooks.failed_records import FailedRecordsHook
from qaclims_mm.engine.runner import exit_status
from qaclims_mm.errors import EXIT_BAD_RECORDS, RecordError
from qaclims_mm.schemas import Manifest

REPORT = r'ERROR - .* - 1 record could not be used:\n  img_1: image \S+img_1\.jpg is missing\n'


@pytest.fixture
def broken(tiny):
    (tiny.parent / 'voc/JPEGImages/img_1.jpg').unlink()
    return tiny


def test_test_run_lists_bad_records_and_goes_on(broken, run_test, tmp_path):
    runner = run_test()
    assert exit_status(runner) == EXIT_BAD_RECORDS == 3
    assert len(re.findall(REPORT, log_of(tmp_path / 'work'))) == 1
    assert runner.metrics['cams/images'] == 3
    assert runner.metrics['cams/failed'] == 1
    [(image_id, reason)] = Manifest.read(tmp_path / 'work/cams').failed
    assert image_id == 'img_1'
    assert reason.endswith('img_1.jpg is missing')
    assert sorted(p.stem for p in (tmp_path / 'work/cams').glob('*.npz')) == [
        'img_0',
        'img_2',
        'img_3',
    ]


def test_training_lists_bad_records_and_goes_on(broken, tmp_path):
    runner = build_tiny_runner(broken, tmp_path / 'work', 'train')
    runner.train()
    assert runner.iter == 2
    assert exit_status(runner) == EXIT_BAD_RECORDS
    assert len(re.findall(REPORT, log_of(tmp_path / 'work'))) == 1


def test_good_run(tiny, run_test, tmp_path):
    assert exit_status(run_test()) == 0
    assert 'could not be used' not in log_of(tmp_path / 'work')


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_strict_stops_at_once(broken, tmp_path, mode):
    runner = build_tiny_runner(broken, tmp_path / 'work', mode, '--strict')
    with pytest.raises(RecordError, match=r'^image \S+img_1\.jpg is missing$'):
        getattr(runner, mode)()


def test_failures_of_a_model_on_another_device():
    """There the model is given copies of the samples."""
    sample, hook = BaseDataElement(metainfo=dict(image_id='a')), FailedRecordsHook()
    output = sample.new()
    output.set_metainfo(dict(failed='no masks'))
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=None))
    hook.after_test_iter(runner, 0, dict(data_samples=[sample]), [output])
    assert hook.failures == dict(a='no masks')


def test_failures_of_all_ranks(monkeypatch):
    hook, lines = FailedRecordsHook(), []
    runner = SimpleNamespace(
        logger=SimpleNamespace(error=lines.append), test_evaluator=SimpleNamespace(metrics=[])
    )
    good = BaseDataElement(metainfo=dict(image_id='good'))
    bad = BaseDataElement(metainfo=dict(image_id='b', failed='no b'))
    hook.after_test_iter(runner, 0, dict(data_samples=[good, bad]))
    monkeypatch.setattr(
        failed_records, 'all_gather_object', lambda mine: [mine, (dict(a='no a', b='no b'), {})]
    )
    hook.after_test(runner)
    assert hook.failures == dict(a='no a', b='no b')
    assert lines == ['2 records could not be used:\n  a: no a\n  b: no b']


def test_the_newest_reason_and_remark_count(monkeypatch):
    """Evaluators know those of earlier runs."""
    hook, logger = FailedRecordsHook(), SimpleNamespace(error=print, warning=print)
    metrics = [
        SimpleNamespace(failures=dict(a='old a', c='old c')),
        SimpleNamespace(remarks=dict(b='old b', d='old d')),
    ]
    runner = SimpleNamespace(logger=logger, test_evaluator=SimpleNamespace(metrics=metrics))
    bad = BaseDataElement(metainfo=dict(image_id='a', failed='new a'))
    remarked = BaseDataElement(metainfo=dict(image_id='b', remark='new b'))
    samples = dict(data_samples=[bad, remarked])
    runner.test_dataloader = SimpleNamespace(dataset=None)
    hook.after_test_iter(runner, 0, samples, [bad, remarked])
    hook.after_test(runner)
    assert hook.failures == dict(a='new a', c='old c')
    assert hook.remarks == dict(b='new b', d='old d')


def test_records_whose_place_was_taken(monkeypatch):
    hook = FailedRecordsHook()
    sample = BaseDataElement(metainfo=dict(image_id='c', failed_records=[('a', 'x'), ('b', 'y')]))
    hook.after_train_iter(None, 0, dict(data_samples=[sample]))
    assert hook.failures == dict(a='x', b='y')


def test_copies_of_test_time_augmentation_count_once():
    hook, bad = FailedRecordsHook(), SegDataSample(metainfo=dict(image_id='a', failed='gone'))
    good = SegDataSample(metainfo=dict(image_id='b'))
    hook.after_test_iter(None, 0, dict(data_samples=[[bad, good], [bad, good]]))
    assert hook.failures == {'a': 'gone'}


def test_remarks_of_all_ranks_are_listed_and_no_failures(monkeypatch):
    hook, errors, warnings = FailedRecordsHook(), [], []
    runner = SimpleNamespace(
        logger=SimpleNamespace(error=errors.append, warning=warnings.append),
        test_evaluator=SimpleNamespace(metrics=[]),
        hooks=[hook],
    )
    loaded = SegDataSample(metainfo=dict(image_id='b'))
    # a model gets a copy on its device
    remarked = SegDataSample(metainfo=dict(image_id='b', remark='dog not found'))
    hook.after_test_iter(runner, 0, dict(data_samples=[loaded]), outputs=[remarked])
    monkeypatch.setattr(
        failed_records, 'all_gather_object', lambda mine: [mine, ({}, dict(a='cat not found'))]
    )
    hook.after_test(runner)
    assert warnings == ['2 records have a remark:\n  a: cat not found\n  b: dog not found']
    assert errors == []
    assert hook.failures == {}
    assert exit_status(runner) == 0
