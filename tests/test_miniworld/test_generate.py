import hashlib
import importlib
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.errors import ConfigError
from qaclims_mm.miniworld import generate as package_generate
from qaclims_mm.miniworld.generate import generate, make_picture
from qaclims_mm.miniworld.scene import truth
from qaclims_mm.miniworld.world import CLASS_FACTS, CLASSES
from qaclims_mm.schemas import read_mask, voc_palette

# the package's name is that of its function
MODULE = importlib.import_module('qaclims_mm.miniworld.generate')
SIZE = dict(num_train=9, num_val=4, seed=3, size=48)
IDS = [f'mini_{n:06d}' for n in range(13)]


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    return generate(tmp_path_factory.mktemp('worlds') / 'miniworld', **SIZE)


def digests(root):
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob('*')
        if p.is_file()
    }


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(world, tmp_path):
    same = digests(generate(tmp_path / 'same', **SIZE))
    assert same == digests(world)
    other = digests(generate(tmp_path / 'other', **SIZE | dict(seed=4)))
    assert set(other) == set(same)
    for image_id in IDS:
        name = f'JPEGImages/{image_id}.jpg'
        assert other[name] != same[name]


def test_a_picture_depends_on_seed_number_and_size_alone(world):
    # not on how many pictures there are, or which process drew it
    scene, picture = make_picture(3, 12, 48)
    mask = read_mask(world / 'SegmentationClass/mini_000012.png')
    np.testing.assert_array_equal(mask, picture.mask)
    line = json.loads((world / 'scenes.jsonl').read_text().splitlines()[12])
    assert line['scene'] == scene.name
    assert [o['kind'] for o in line['objects']] == [o.name for o in scene.objects]


def test_layout(world):
    names = {f'JPEGImages/{i}.jpg' for i in IDS} | {f'SegmentationClass/{i}.png' for i in IDS}
    names |= {f'Annotations/{i}.xml' for i in IDS}
    names |= {f'ImageSets/Segmentation/{part}.txt' for part in ('train', 'val')}
    assert set(digests(world)) == names | {'world.json', 'scenes.jsonl'}
    lists = world / 'ImageSets/Segmentation'
    assert (lists / 'train.txt').read_text().splitlines() == IDS[:9]
    assert (lists / 'val.txt').read_text().splitlines() == IDS[9:]
    assert json.loads((world / 'world.json').read_text()) == SIZE | dict(version=1)


@pytest.mark.parametrize('image_id', IDS)
def test_image_mask_and_xml_agree(world, image_id):
    with Image.open(world / f'JPEGImages/{image_id}.jpg') as image:
        assert (image.format, image.mode, image.size) == ('JPEG', 'RGB', (48, 48))
    with Image.open(world / f'SegmentationClass/{image_id}.png') as image:
        assert (image.format, image.mode, image.size) == ('PNG', 'P', (48, 48))
        assert image.getpalette() == voc_palette()
        mask = np.array(image)
    root = ElementTree.fromstring((world / f'Annotations/{image_id}.xml').read_text())  # noqa: S314
    assert root.findtext('filename') == f'{image_id}.jpg'
    assert [root.findtext(f'size/{k}') for k in ('width', 'height', 'depth')] == ['48', '48', '3']
    objects = root.findall('object')
    labels = sorted(CLASSES.index(o.findtext('name')) + 1 for o in objects)
    assert labels == sorted(set(np.unique(mask).tolist()) - {0, 255})
    for node in objects:
        label = CLASSES.index(node.findtext('name')) + 1
        rows, columns = np.nonzero(mask == label)
        box = [int(node.findtext(f'bndbox/{k}')) for k in ('xmin', 'ymin', 'xmax', 'ymax')]
        assert all(1 <= v <= 48 for v in box)
        # the devkit counts from 1; wheels and tails may leave the box by a little
        assert box[0] - 5 <= columns.min() + 1
        assert columns.max() + 1 <= box[2] + 5
        assert box[1] - 5 <= rows.min() + 1
        assert rows.max() + 1 <= box[3] + 5


def test_truth_is_written(world):
    lines = [json.loads(line) for line in (world / 'scenes.jsonl').read_text().splitlines()]
    assert [line['image_id'] for line in lines] == IDS
    for index, line in enumerate(lines):
        scene, _ = make_picture(3, index, 48)
        for number, thing in enumerate(line['objects']):
            assert thing['kind'] in CLASS_FACTS[thing['class_name']].kinds
            wanted = {k: list(v) for k, v in truth(scene, number).items()}
            assert thing['answers'] == wanted


@pytest.mark.parametrize(('part', 'ids'), [('train', IDS[:9]), ('val', IDS[9:])])
def test_our_dataset_reads_it(world, part, ids):
    dataset = MiniWorldDataset(
        data_root=str(world),
        ann_file=f'ImageSets/Segmentation/{part}.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='PackWeakInputs'),
        ],
        test_mode=True,
    )
    assert dataset.image_ids() == ids
    for packed in dataset:
        sample = packed['data_samples']
        labels = set(sample.gt_sem_seg.data.unique().tolist()) - {0, 255}
        assert {k + 1 for k in sample.class_indices.tolist()} == labels
        assert packed['inputs'].shape == (3, 48, 48)


def test_an_equal_world_is_kept_as_it_is(world):
    before = {p: p.stat().st_mtime_ns for p in world.rglob('*')}
    assert package_generate(world, **SIZE) == world
    assert {p: p.stat().st_mtime_ns for p in world.rglob('*')} == before


@pytest.mark.parametrize('change', [dict(seed=4), dict(size=64), dict(num_val=5)])
def test_another_world_is_refused(world, change):
    before = digests(world)
    (name, value) = next(iter(change.items()))
    with pytest.raises(
        ConfigError, match=rf"holds a MiniWorld with .*'{name}': {value}.* is wanted; delete"
    ):
        generate(world, **SIZE | change)
    assert digests(world) == before


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / 'thesis.tex').touch()
    with pytest.raises(ConfigError, match='holds files that are no MiniWorld; choose another'):
        generate(tmp_path, **SIZE)
    assert [p.name for p in tmp_path.iterdir()] == ['thesis.tex']


def test_an_empty_folder_is_filled(tmp_path):
    generate(tmp_path / 'new', num_train=1, num_val=0, size=32)
    (tmp_path / 'empty').mkdir()
    generate(tmp_path / 'empty', num_train=1, num_val=0, size=32)
    assert digests(tmp_path / 'empty') == digests(tmp_path / 'new')


@pytest.mark.parametrize(
    ('where', 'error'),
    [('_fill', KeyboardInterrupt), ('write_json', OSError)],
    ids=['ctrl-c', 'full disk'],
)
def test_an_interrupted_world_leaves_nothing(tmp_path, monkeypatch, where, error):
    def fail(root, *args):
        folder = root if where == '_fill' else root.parent
        (folder / 'JPEGImages/half.jpg').write_bytes(b'half')
        raise error

    monkeypatch.setattr(MODULE, where, fail)
    with pytest.raises(error):
        generate(tmp_path / 'deep/world', num_train=1, num_val=1, size=32)
    assert [p.name for p in tmp_path.rglob('*')] == ['deep']


@pytest.mark.parametrize(
    'change', [dict(num_train=-1), dict(num_train=0, num_val=0), dict(size=31)]
)
def test_an_impossible_world(tmp_path, change):
    (name, value) = next(iter(change.items()))
    with pytest.raises(
        ValueError, match=rf'at least one picture of at least 32 pixels .*{name}={value}'
    ):
        generate(tmp_path / 'world', **SIZE | change)
    assert not list(tmp_path.iterdir())


def test_no_worker_is_told_to_end(tmp_path, monkeypatch):
    """Within a stage they hear it when the interpreter comes to it, which may be never."""
    told = []
    monkeypatch.setattr('multiprocessing.process.BaseProcess.terminate', told.append)
    generate(tmp_path / 'world', num_train=3, num_val=1, seed=0)
    assert told == []
