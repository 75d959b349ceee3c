from types import SimpleNamespace

import pytest
import torch
from helpers import served
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from tiny_runs import build_tiny_runner, log_of, read_tiny_config

from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.engine.hooks.resume_test import ResumeTestHook, fingerprint_of
from qaclims_mm.engine.runner import build_runner
from qaclims_mm.engine.shards import parse_shard
from qaclims_mm.engine.switches import limit_to_shard
from qaclims_mm.errors import ConfigError, FormatError, StageError
from qaclims_mm.evaluation import cam_metric
from qaclims_mm.evaluation.cam_metric import CAMMetric
from qaclims_mm.models.classifiers.cam_classifier import CAMClassifier
from qaclims_mm.registry import METRICS
from qaclims_mm.schemas import Manifest, manifest_hash

IDS = ['img_0', 'img_1', 'img_2', 'img_3']
TRIFLES = ('time', 'data_time')


@METRICS.register_module()
class NothingKeptMetric(BaseMetric):
    """An evaluator that takes no part in going on."""

    def process(self, data_batch, data_samples):
        self.results += [s['image_id'] for s in data_samples]

    def compute_metrics(self, results):
        return dict(seen=len(results))


class StopAfter(Hook):
    def __init__(self, images):
        self.images, self.seen = images, []

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen += [s.image_id for s in outputs]
        if len(self.seen) == self.images:
            raise KeyboardInterrupt


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
    """Run a test, perhaps killed after some images; returns the images seen and the metrics."""
    monkeypatch.setattr(cam_metric, 'IMAGES_A_PART', 1)

    def run(work_dir='work', killed_after=0, shard=None, **changes):
        cfg = read_tiny_config(tiny, tmp_path / work_dir, **changes)
        if shard is not None:
            limit_to_shard(cfg, parse_shard(shard))
        runner = build_runner(cfg, 'test')
        hook = StopAfter(killed_after)
        runner.register_hook(hook)
        if killed_after:
            with pytest.raises(KeyboardInterrupt):
                runner.test()
            # as Python does when a process ends
            for metric in runner.test_evaluator.metrics:
                if hasattr(metric, 'queue'):
                    metric.queue.join()
            return hook.seen, None
        metrics = {k: v for k, v in runner.test().items() if k not in TRIFLES}
        return hook.seen, metrics

    return run


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_killed_run_goes_on_to_the_same_files_and_numbers(run, tmp_path):
    seen, unbroken = run('unbroken')
    assert seen == IDS
    seen, _ = run('work', killed_after=2)
    assert seen == IDS[:2]
    seen, metrics = run('work')
    assert seen == IDS[2:]
    assert metrics == unbroken
    assert 'done already and left out: 2 of 4 images.' in log_of(tmp_path / 'work')
    # all is done: the same once more
    seen, metrics = run('work')
    assert seen == []
    assert metrics == unbroken
    assert contents(tmp_path / 'work/cams') == contents(tmp_path / 'unbroken/cams')


def test_an_image_is_done_when_every_evaluator_has_it(run, tmp_path):
    _, unbroken = run('unbroken')
    run('work', killed_after=3)
    (tmp_path / 'work/cams/img_1.npz').unlink()
    seen, metrics = run('work')
    assert seen == ['img_1', 'img_3']
    assert metrics == unbroken


def test_an_evaluator_that_keeps_nothing_gets_every_image(run, tiny):
    seen, unbroken = run('unbroken')
    evaluators = [
        dict(type='CAMMetric', journal=str(tiny.parent / 'journal')),
        dict(type='NothingKeptMetric'),
    ]
    run('work', killed_after=2, test_evaluator=evaluators)
    seen, metrics = run('work', test_evaluator=evaluators)
    assert seen == IDS
    assert metrics.pop('seen') == 4
    assert metrics == {k: v for k, v in unbroken.items() if k.startswith('cam/')}


def test_run_that_writes_nothing_leaves_nothing_out(run, tmp_path):
    for _ in range(2):
        seen, _ = run(test_evaluator=[dict(type='NothingKeptMetric')])
        assert seen == IDS
    assert not list((tmp_path / 'work').glob('**/run.json'))


def test_a_run_that_fails_before_its_first_file_leaves_the_folder_to_others(
    run, tmp_path, monkeypatch
):
    """As one whose weights are missing: its options are then changed."""

    def fail(*_):
        raise FormatError('no weights')

    with monkeypatch.context() as patch:
        patch.setattr(CAMClassifier, 'test_step', fail)
        with pytest.raises(FormatError, match='no weights'):
            run()
    assert not (tmp_path / 'work/cams/run.json').exists()
    seen, _ = run(**{'model.activation': 'sigmoid'})
    assert seen == IDS


def test_masks_of_another_threshold_are_other_files(run, tmp_path):
    def masks(threshold):
        cfg = dict(type='PseudoMaskWriter', out_dir=f'{tmp_path}/masks', maps='cam_high_res')
        return [dict(cfg, threshold=threshold)]

    run(test_evaluator=masks(0.25))
    assert Manifest.read(tmp_path / 'masks').inputs['threshold'] == '0.25'
    with pytest.raises(StageError, match=r'holds files of another run \(threshold differ\)'):
        run(test_evaluator=masks(0.3))


def shorten_list(folder):
    (folder / 'voc/train.txt').write_text('img_0\n')


@pytest.mark.parametrize(
    ('changes', 'prepare', 'differ'),
    [
        ({'model.activation': 'sigmoid'}, None, 'config'),
        ({'test_dataloader.dataset.labels_file': 'labels.csv'}, None, 'config'),
        ({}, shorten_list, 'images'),
    ],
)
def test_folder_of_another_run_is_refused(run, tmp_path, changes, prepare, differ):
    run(killed_after=1)
    before = contents(tmp_path / 'work/cams')
    if prepare:
        prepare(tmp_path)
    with pytest.raises(
        StageError,
        match=rf'work/cams holds files of another run \({differ} differ\); '
        r'delete the folder or choose another one\.$',
    ):
        run(**changes)
    assert contents(tmp_path / 'work/cams') == before


def test_maps_of_another_checkpoint_are_refused(run, tiny, tmp_path):
    runner = build_tiny_runner(tiny, tmp_path / 'trained', 'test')
    first, second = (str(tmp_path / f'{i}.pth') for i in range(2))
    torch.save(runner.model.state_dict(), first)
    torch.nn.init.ones_(runner.model.cam_head.conv.weight)
    torch.save(runner.model.state_dict(), second)
    run(load_from=first)
    with pytest.raises(StageError, match=r'of another run \(checkpoint differ\)'):
        run(load_from=second)
    seen, _ = run(load_from=first)
    assert seen == []


def test_a_checkpoint_may_be_an_address(run, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    runner = build_tiny_runner(tiny, tmp_path / 'trained', 'test')
    torch.save(runner.model.state_dict(), tmp_path / 'a.pth')
    with served(tmp_path) as (address, _):
        run(load_from=f'{address}/a.pth')
    made_by = Manifest.read(tmp_path / 'work/cams').inputs['checkpoint']
    assert made_by == checkpoint_hash(str(tmp_path / 'a.pth'))
    # the same weights under another name
    seen, _ = run(load_from=str(tmp_path / 'a.pth'))
    assert seen == []


def test_how_a_run_is_carried_out_is_no_difference(run, tiny, tmp_path):
    run(killed_after=1)
    (tmp_path / 'work').rename(tmp_path / 'moved')
    seen, _ = run('moved', **{'test_dataloader.batch_size': 3, 'log_level': 'WARNING'})
    assert seen == IDS[1:]


def test_fingerprint(tiny, tmp_path):
    runner = build_tiny_runner(tiny, tmp_path / 'work', 'test')
    assert set(fingerprint_of(runner, IDS)) == {'config', 'images'}
    alone = fingerprint_of(runner, None)
    assert set(alone) == {'config'}
    # another list of images is no other run of a writer that notes its records
    runner.cfg.test_dataloader.dataset.ann_file = 'other.txt'
    assert fingerprint_of(runner, None) == alone
    runner.cfg.test_dataloader.dataset.pipeline[0].max_side = 10
    assert fingerprint_of(runner, None) != alone
    runner.model.question_hash = 'abc'
    assert fingerprint_of(runner, IDS)['questions'] == 'abc'
    assert fingerprint_of(runner, IDS)['images'] != fingerprint_of(runner, IDS[1:])['images']


def test_what_another_stage_made_belongs_to_the_fingerprint(tiny, tmp_path):
    steps = [dict(type='LoadRGBImage'), dict(type='LoadCAMs', cams=str(tmp_path / 'cam/cams'))]
    steps += [dict(type='PackWeakInputs')]
    writer = [dict(type='PseudoMaskWriter', out_dir=str(tmp_path / 'masks'))]

    def refine(name):
        changes = {'test_dataloader.dataset.pipeline': steps, 'test_evaluator': writer}
        cfg = read_tiny_config(tiny, tmp_path / name, **changes)
        cfg.model = dict(type='PARRefiner', steps=1)
        return build_runner(cfg, 'test').test()

    with pytest.raises(FormatError, match=r'the stage that fills .*cam/cams has not finished'):
        refine('early')
    build_tiny_runner(tiny, tmp_path / 'cam', 'test').test()
    assert refine('work')['pseudo_masks/images'] == 4
    assert refine('work')['pseudo_masks/images'] == 4
    made_of = Manifest.read(tmp_path / 'masks').inputs
    assert made_of.pop('threshold') == '0.25'
    assert made_of.pop('maps') == 'refined_maps'
    assert made_of == {'LoadCAMs': manifest_hash(tmp_path / 'cam/cams')}
    # the same masks of other maps would be a mixture
    manifest = Manifest.read(tmp_path / 'cam/cams')
    manifest.inputs['checkpoint'] = 'another'
    manifest.write(tmp_path / 'cam/cams')
    with pytest.raises(StageError, match=r'holds files of another run \(LoadCAMs differ\)'):
        refine('work')


def test_a_dataset_without_ids_is_refused(tmp_path):
    writer = CAMMetric(journal=str(tmp_path))
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=[1, 2]),
        test_evaluator=SimpleNamespace(metrics=[writer]),
        cfg={},
    )
    with pytest.raises(ConfigError, match=r'needs a dataset with image ids, .* but has a list\.$'):
        ResumeTestHook().before_test(runner)


def test_a_sampler_that_cannot_skip_is_refused(run):
    run()
    sampler = dict(type='DefaultSampler', shuffle=False)
    changes = {'test_dataloader.sampler': dict(sampler, _delete_=True)}
    with pytest.raises(ConfigError, match='a DefaultSampler cannot leave out images'):
        run(**changes)


FINAL = ('metrics.json', 'curve.json', 'test_config.json', 'cams/manifest.json')


def made_by(folder):
    return {n: (folder / n).read_bytes() for n in FINAL[:2]} | contents(folder / 'cams')


@pytest.mark.parametrize('order', ['123', '312'])
def test_shards_in_any_order_one_killed_and_then_the_plain_run(run, tmp_path, order):
    name = 'same'  # part of the metrics
    _, unbroken = run(f'whole/{name}')
    (tmp_path / 'whole/same/cams/.abc.1.tmp').unlink(missing_ok=True)
    seen = {}
    for number in order:
        # the first shard has two images
        if number == '1':
            run(f'parts/{name}', killed_after=1, shard='1/3')
            # as a kill leaves it
            (tmp_path / 'parts/same/cams/.abc.1.tmp').write_bytes(b'half')
        seen[number], metrics = run(f'parts/{name}', shard=f'{number}/3')
        assert metrics == {}
    assert seen == {'1': ['img_3'], '2': ['img_1'], '3': ['img_2']}
    assert not [n for n in FINAL if (tmp_path / 'parts/same' / n).exists()]
    assert 'shard 2/3 has 1 of 4 images.' in log_of(tmp_path / 'parts/same')
    (tmp_path / 'parts/same/cams/.abc.1.tmp').unlink()
    seen, metrics = run(f'parts/{name}')
    assert seen == []
    assert metrics == unbroken
    assert made_by(tmp_path / 'parts/same') == made_by(tmp_path / 'whole/same')
    # the shards have logs of their own
    assert len(list((tmp_path / 'parts/same').glob('*_shard-2-of-3/*.log'))) == 1


def test_bad_records_of_shards_are_in_the_manifest(run, tmp_path):
    for name in ('img_0', 'img_1'):
        (tmp_path / f'voc/SegmentationClass/{name}.png').unlink()
    run('whole/same')
    run('parts/same', shard='1/2')
    run('parts/same', shard='2/2')
    seen, _ = run('parts/same')
    assert seen == ['img_0', 'img_1']
    assert [i for i, _ in Manifest.read(tmp_path / 'parts/same/cams').failed] == seen
    assert made_by(tmp_path / 'parts/same') == made_by(tmp_path / 'whole/same')


def test_evaluators_that_would_lose_a_shard_are_refused(run, tmp_path):
    evaluators = [dict(type='CAMWriter'), dict(type='NothingKeptMetric')]
    with pytest.raises(ConfigError, match='NothingKeptMetric keeps no results in a folder'):
        run(test_evaluator=evaluators, shard='1/2')
    assert not list((tmp_path / 'work').glob('**/run.json'))
    with pytest.raises(ConfigError, match='NothingKeptMetric keeps no results'):
        run(test_evaluator=evaluators[1:], shard='1/2')


def test_a_shard_needs_a_sampler_that_can_skip(run):
    sampler = dict(type='DefaultSampler', shuffle=False, _delete_=True)
    with pytest.raises(ConfigError, match='a DefaultSampler cannot leave out images'):
        run(shard='1/2', **{'test_dataloader.sampler': sampler})


def test_images_cannot_be_grouped_in_two_ways(run, tmp_path):
    writers = [dict(type='CorpusWriter', out_dir=str(tmp_path / name)) for name in 'ab']
    with pytest.raises(ConfigError, match='CorpusWriter and CorpusWriter group the images'):
        run(test_evaluator=writers, shard='1/2')


def test_a_shard_without_images(run, tmp_path):
    assert run(shard='9/9') == ([], {})
    assert not (tmp_path / 'work/cams/manifest.json').exists()
