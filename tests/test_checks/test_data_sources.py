import pytest

from qaclims_mm.checks.data_sources import (
    COCO,
    MINIWORLD,
    OTHER,
    OWN,
    VOC,
    VOC_AUG,
    VOC_TEST,
    source_of,
)
from qaclims_mm.datasets.coco14 import COCO14WeakDataset
from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.datasets.voc12 import VOC12WeakDataset


@pytest.mark.parametrize(
    ('kind', 'list_name', 'source'),
    [
        (VOC12WeakDataset, 'train', VOC),
        (VOC12WeakDataset, 'trainaug', VOC_AUG),
        (VOC12WeakDataset, 'test', VOC_TEST),
        (COCO14WeakDataset, 'train2014', COCO),
        # MiniWorld is read as VOC is, but drawn
        (MiniWorldDataset, 'train', MINIWORLD),
        (FolderWeakDataset, 'labels', OWN),
        (ImageLevelDataset, 'train', OTHER),
    ],
)
def test_source(kind, list_name, source):
    assert source_of(kind, list_name) is source


def test_the_advice_about_own_images_names_their_tables():
    assert all('in the config' not in advice for advice in (OWN.root, OWN.list, OWN.labels))
    assert 'qaclims init' in OWN.root
    assert 'project.json' in OWN.images
