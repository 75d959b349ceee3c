import json

import numpy as np
import pytest
from helpers import TINY_CLASSES, TINY_LABELS
from PIL import Image
from pool_work import Killer
from rank_runs import files_of
from tiny_runs import read_tiny_config

from qaclims_mm import free_memory as memory
from qaclims_mm.engine import ir_labels
from qaclims_mm.engine.ir_labels import make_ir_labels
from qaclims_mm.engine.shards import Shard
from qaclims_mm.errors import ConfigError, FormatError, RecordError, ShortMemoryError, StageError
from qaclims_mm.functional.crf import CRFSettings
from qaclims_mm.functional.crf_labels import confident_labels, memory_of_labels
from qaclims_mm.schemas import (
    Manifest,
    file_of,
    manifest_hash,
    read_cams,
    read_claim,
    read_mask,
    write_cams,
)
from qaclims_mm.schemas.project import read_project_classes

IDS = sorted(TINY_LABELS)


def make_cams(folder):
    rng = np.random.default_rng(0)
    for image_id, names in TINY_LABELS.items():
        keys = np.array([TINY_CLASSES[n] - 1 for n in sorted(names, key=TINY_CLASSES.get)])
        high_res = rng.random((len(keys), 8, 10)).repeat(4, 1).repeat(4, 2)
        write_cams(file_of(folder, image_id, '.npz'), keys, high_res[:, ::4, ::4], high_res)
    Manifest('cams', 'c0').write(folder)


@pytest.fixture
def config(tiny, tmp_path):
    make_cams(tmp_path / 'cams')
    tiny.write_text(
        f'{tiny.read_text()}\nmodel = None\n'
        "test_dataloader['dataset']['pipeline'] = [dict(type='LoadRGBImage')]\n"
        f'ir_label = dict(cams={str(tmp_path / "cams")!r}, crf=dict(steps=3))\n'
    )
    return tiny


@pytest.fixture
def label(config, tmp_path):
    """Make the labels as the command does."""

    def label(name='work', jobs=1, shard=None, flags=(), **changes):
        cfg = read_tiny_config(config, tmp_path / name, *flags, **changes)
        return make_ir_labels(cfg, jobs, shard)

    return label


def wanted_of(tmp_path, image_id, **options):
    cams = read_cams(tmp_path / f'cams/{image_id}.npz')
    picture = np.asarray(Image.open(tmp_path / f'voc/JPEGImages/{image_id}.jpg'))
    return confident_labels(cams.high_res, cams.class_indices, picture, **options)


def masks_of(folder):
    return {i: read_mask(folder / f'ir_labels/{i}.png') for i in IDS}


@pytest.mark.parametrize(
    ('changes', 'options'),
    [
        ({}, dict(conf_fg=0.3, conf_bg=0.05)),
        ({'ir_label.conf_fg': 0.6, 'ir_label.conf_bg': 0.2}, dict(conf_fg=0.6, conf_bg=0.2)),
    ],
)
def test_labels_are_those_of_the_function(label, tmp_path, changes, options):
    done = label(**changes)
    assert done == (tmp_path / 'work/ir_labels', 4, 0, {})
    made = masks_of(tmp_path / 'work')
    for image_id in IDS:
        wanted = wanted_of(tmp_path, image_id, settings=CRFSettings(steps=3), **options)
        np.testing.assert_array_equal(made[image_id], wanted)
    assert len({value for mask in made.values() for value in np.unique(mask)}) > 3


def test_any_number_of_processes_leaves_the_same_folder(label, tmp_path):
    label('one')
    label('two', jobs=2)
    one, two = (files_of(tmp_path / name / 'ir_labels') for name in ('one', 'two'))
    assert one == two
    assert set(one) == {*(f'{i}.png' for i in IDS), 'manifest.json', 'run.json'}


def test_manifest_and_claim(label, tmp_path):
    label()
    found = Manifest.read(tmp_path / 'work/ir_labels')
    cams = manifest_hash(tmp_path / 'cams')
    assert (found.stage, found.inputs) == ('ir_labels', dict(LoadCAMs=cams))
    assert (found.counts, found.failed) == (dict(images=4, failed=0), [])
    claim = read_claim(tmp_path / 'work/ir_labels')
    assert set(claim) == {'config', 'images', 'LoadCAMs'}
    assert claim['config'] == found.config_hash
    assert read_project_classes(tmp_path / 'work')[:2] == ('aeroplane', 'bicycle')


def test_a_killed_run_goes_on_to_the_same_bytes(label, tmp_path, monkeypatch):
    label('unbroken')
    written, original = [], ir_labels.write_mask

    def write(path, mask):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        original(path, mask)

    with monkeypatch.context() as patch:
        patch.setattr(ir_labels, 'write_mask', write)
        with pytest.raises(KeyboardInterrupt):
            label()
    left = tmp_path / 'work/ir_labels/.abc.12.tmp'
    left.write_bytes(b'half')
    assert not (tmp_path / 'work/ir_labels/manifest.json').exists()
    assert label().kept == 2
    left.unlink()
    assert files_of(tmp_path / 'work/ir_labels') == files_of(tmp_path / 'unbroken/ir_labels')
    assert label().kept == 4


def test_another_run_does_not_mix(label, tmp_path):
    label()
    with pytest.raises(StageError, match=r'holds files of another run \(config differ\)'):
        label(**{'ir_label.conf_bg': 0.1})
    manifest = Manifest.read(tmp_path / 'cams')
    manifest.inputs['checkpoint'] = 'another'
    manifest.write(tmp_path / 'cams')
    with pytest.raises(StageError, match=r'\(LoadCAMs differ\)'):
        label()
    (tmp_path / 'cams/manifest.json').unlink()
    with pytest.raises(FormatError, match=r'the stage that fills .*cams has not finished'):
        label()


@pytest.mark.parametrize('jobs', [1, 2])
def test_a_bad_record_is_listed_and_mended_later(label, tmp_path, jobs):
    label('good')
    picture = tmp_path / 'voc/JPEGImages/img_1.jpg'
    content = picture.read_bytes()
    picture.write_bytes(content[:50])
    (tmp_path / 'cams/img_3.npz').rename(tmp_path / 'img_3.npz')
    done = label(jobs=jobs)
    assert set(done.failed) == {'img_1', 'img_3'}
    manifest = Manifest.read(tmp_path / 'work/ir_labels')
    assert manifest.counts == dict(images=2, failed=2)
    [[first, broken], [second, missing]] = manifest.failed
    assert (first, second) == ('img_1', 'img_3')
    assert 'img_1.jpg cannot be read' in broken
    assert 'img_3.npz are missing; run qaclims test' in missing
    with pytest.raises(RecordError, match=r'img_1\.jpg cannot be read|img_3\.npz are missing'):
        label('strict', jobs=jobs, flags=['--strict'])
    picture.write_bytes(content)
    (tmp_path / 'img_3.npz').rename(tmp_path / 'cams/img_3.npz')
    assert label(jobs=jobs).kept == 2
    assert files_of(tmp_path / 'work/ir_labels') == files_of(tmp_path / 'good/ir_labels')


def test_shards_in_any_order(label, tmp_path):
    label('whole')
    for number in (3, 1, 2):
        done = label(shard=Shard(number, 3))
        assert (done.images, done.kept) == (2 if number == 1 else 1, 0)
    assert not (tmp_path / 'work/ir_labels/manifest.json').exists()
    assert label().kept == 4
    assert files_of(tmp_path / 'work/ir_labels') == files_of(tmp_path / 'whole/ir_labels')


def test_a_killed_process(label, monkeypatch):
    build = ir_labels._build_dataset

    def build_killer(cfg, options):
        dataset = build(cfg, options)
        dataset.pipeline.transforms.append(Killer('img_2'))
        return dataset

    monkeypatch.setattr(ir_labels, '_build_dataset', build_killer)
    with pytest.raises(StageError, match='one of 2 processes was killed'):
        label(jobs=2)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(ir_label=None), r'tiny\.py has no ir_label with the folder of the maps'),
        ({'ir_label.cams': ''}, 'has no ir_label with the folder of the maps'),
        (dict(test_dataloader=None), r'has no test_dataloader\.dataset, the images to label'),
    ],
)
def test_configs_that_lack_something(config, tmp_path, changes, message):
    cfg = read_tiny_config(config, tmp_path / 'work')
    for key, value in changes.items():
        if '.' in key:
            cfg.merge_from_dict({key: value})
        else:
            cfg[key] = value
    with pytest.raises(ConfigError, match=message):
        make_ir_labels(cfg)


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (
            "ir_label['conf_bgg'] = 1\n",
            r'ir_label\.conf_bgg is no option of .*did you mean conf_bg',
        ),
        ("ir_label['crf']['step'] = 1\n", r'ir_label\.crf\.step is no option .*did you mean steps'),
    ],
)
def test_misspelt_options(config, tmp_path, more, message):
    config.write_text(config.read_text() + more)
    with pytest.raises(ConfigError, match=message):
        read_tiny_config(config, tmp_path / 'work')


def test_the_config_hash_is_that_of_json_values(label, tmp_path):
    """It does not depend on where the run lies."""
    label('a')
    cfg = json.loads((tmp_path / 'a/ir_labels/run.json').read_text())
    label('b')
    assert json.loads((tmp_path / 'b/ir_labels/run.json').read_text()) == cfg


def test_a_shard_without_images(label, tmp_path):
    assert label(shard=Shard(9, 9))[1:] == (0, 0, {})
    assert [p.name for p in (tmp_path / 'work/ir_labels').iterdir()] == ['run.json']


@pytest.mark.parametrize(
    ('gpu', 'jobs', 'wanted'),
    [
        (True, None, ('threads', 4, 'cuda')),
        (True, 2, ('processes', 2, 'cuda')),
        (False, None, ('processes', 4, 'cpu')),
        (False, 3, ('processes', 3, 'cpu')),
    ],
)
def test_processes_and_device(label, monkeypatch, gpu, jobs, wanted):
    def run(maker, records, jobs, preload):
        assert len(records) == 4
        asked.append(('processes', jobs, maker.device))
        return []

    def run_overlapped(read, compute, write, records, ahead):
        assert len(records) == 4
        asked.append(('threads', ahead, read.__self__.device))
        return []

    asked = []
    monkeypatch.setattr(ir_labels, 'run_in_processes', run)
    monkeypatch.setattr(ir_labels, 'run_overlapped', run_overlapped)
    monkeypatch.setattr(ir_labels, 'number_of_cores', lambda: 5)
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    label(jobs=jobs)
    assert asked == [wanted]


def test_fewer_images_ahead_where_memory_is_short(label, monkeypatch):
    asked = []
    monkeypatch.setattr(ir_labels, 'run_overlapped', lambda *args: asked.append(args[-1]) or [])
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    each = memory_of_labels(2, 32, 40)
    for free in (3 * each, 2 * each - 1, 0):
        monkeypatch.setattr(ir_labels, 'free_memory', lambda free=free: free)
        label(jobs=None)
    assert asked == [3, 1, 1]


def test_threads_beside_the_crf_write_the_files_of_processes(label, tmp_path, monkeypatch):
    picture = tmp_path / 'voc/JPEGImages/img_1.jpg'
    picture.write_bytes(picture.read_bytes()[:50])
    alone = label('alone', jobs=1)
    # the way of a GPU, with the CRF on the CPU
    monkeypatch.setattr(ir_labels, '_run', run_as_on_a_gpu)
    beside = label('beside')
    assert beside.failed == alone.failed
    assert set(beside.failed) == {'img_1'}
    assert files_of(tmp_path / 'beside/ir_labels') == files_of(tmp_path / 'alone/ir_labels')
    with pytest.raises(RecordError, match=r'img_1\.jpg cannot be read'):
        label('strict', flags=['--strict'])


def run_as_on_a_gpu(maker, records, jobs, each):
    return ir_labels.run_overlapped(maker.read, maker.label, maker.write, records, 2)


def test_records_hold_no_images(label, monkeypatch):
    seen = []
    run = ir_labels._run

    def keeping(maker, records, *more):
        seen.extend(records)
        return run(maker, records, *more)

    monkeypatch.setattr(ir_labels, '_run', keeping)
    label(jobs=1)
    assert seen
    assert not any(key in record for record in seen for key in ('img', 'cam_high_res'))


def test_memory_that_does_not_suffice_for_an_image(label, monkeypatch):
    monkeypatch.setattr(ir_labels, 'free_memory_of', lambda device: 400_000)
    message = r'^img_\d: the dense CRF of a picture of 40 x 32 px takes .* 33 x 27 px would fit'
    with pytest.raises(ShortMemoryError, match=message):
        label(jobs=1)


def test_fewer_processes_where_memory_is_short(label, config, tmp_path, monkeypatch, capsys):
    def run(maker, records, jobs, preload):
        asked.append(jobs)
        return []

    asked = []
    monkeypatch.setattr(ir_labels, 'run_in_processes', run)
    monkeypatch.setattr(ir_labels, 'number_of_cores', lambda: 5)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    two_classes = memory_of_labels(2, 32, 40)
    monkeypatch.setattr(memory, 'free_memory', lambda: 3 * (memory.BASE + two_classes))
    label(jobs=None)
    assert 'labels: 3 of 4 processes' in capsys.readouterr().out
    # of a process less
    monkeypatch.setattr(memory, 'free_memory', lambda: 3 * (memory.BASE + two_classes) - 1)
    label(jobs=None)
    # a number that was given is taken
    label(jobs=4)
    assert asked == [3, 2, 4]


def test_memory_of_maps_that_are_missing(label, config, tmp_path):
    (tmp_path / 'cams/img_1.npz').unlink()
    (tmp_path / 'cams/img_2.npz').write_bytes(b'no archive')
    assert set(label(jobs=None).failed) == {'img_1', 'img_2'}
