import pytest

from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.errors import FormatError
from qaclims_mm.miniworld import CLASSES, generate

LISTS = 'ImageSets/Segmentation/{}.txt'


def test_world_that_was_not_made(tmp_path):
    with pytest.raises(
        FormatError,
        match=r'^\S+absent holds no MiniWorld; run: '
        r'qaclims make-miniworld --root \S+absent$',
    ):
        MiniWorldDataset(data_root=str(tmp_path / 'absent'), ann_file=LISTS.format('train'))


def test_classes():
    assert MiniWorldDataset.METAINFO['classes'] == ('background', *CLASSES)
    palette = MiniWorldDataset.METAINFO['palette']
    assert len(palette) == len(CLASSES) + 1
    assert palette[:2] == [[0, 0, 0], [128, 0, 0]]


def test_a_drawn_world_is_read_with_its_masks(tmp_path):
    root = generate(tmp_path / 'world', num_train=3, num_val=1, size=48)
    pipeline = [
        dict(type='LoadRGBImage'),
        dict(type='LoadMask'),
        dict(type='PackWeakInputs'),
    ]
    options = dict(data_root=str(root), pipeline=pipeline, test_mode=True)
    train = MiniWorldDataset(ann_file=LISTS.format('train'), **options)
    val = MiniWorldDataset(ann_file=LISTS.format('val'), **options)
    assert train.image_ids() == ['mini_000000', 'mini_000001', 'mini_000002']
    assert val.image_ids() == ['mini_000003']
    for packed in train:
        sample = packed['data_samples']
        assert packed['inputs'].shape == (3, 48, 48)
        # labels of the XML files and classes of the masks agree
        drawn = set(sample.gt_sem_seg.data.unique().tolist()) - {0, 255}
        assert drawn == {k + 1 for k in sample.class_indices.tolist()}
        assert sample.label_names == tuple(CLASSES[k] for k in sample.class_indices)
