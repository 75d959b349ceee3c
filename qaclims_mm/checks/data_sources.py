"""Where data sets come from; a new one is an entry in ``SOURCES``."""

from dataclasses import dataclass, replace

from qaclims_mm.datasets.coco14 import COCO14WeakDataset
from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.datasets.voc12 import VOC12WeakDataset


@dataclass(frozen=True)
class Source:
    """Where the parts of a data set come from.

    ``{root}`` is its folder, ``{parent}`` the one above that, ``{images}`` that of its images,
    ``{unpack}`` how VOC's archive gets there, and ``{reproduce}`` the command that fetches what is
    not there yet, if the folder is ``place``.

    Attributes:
        root: All of it.
        list: The list of images.
        labels: The labels of the images.
        images: The images.
        masks: The ground truth masks.
        list_apart: Whether the list does not come with the rest.
        catalogue: Catalogue of ``qaclims reproduce`` that has it; '' for none.
        place: Folder that this catalogue makes.
    """

    root: str
    list: str
    labels: str
    images: str
    masks: str
    list_apart: bool = False
    catalogue: str = ''
    place: str = ''


_OTHER = 'put it there, or correct the path in the config'
OTHER = Source(_OTHER, _OTHER, _OTHER, _OTHER, _OTHER)
_TABLES = 'correct that file, or make the project again with qaclims init'
OWN = Source(
    root=_TABLES,
    list=_TABLES,
    labels='correct these rows of the table, or make the project again with qaclims init',
    images='put them there, or correct images in project.json (data_prefix in a config)',
    masks='put them there, or correct masks in project.json (data_prefix in a config)',
)
_DEVKIT = (
    'fetch http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar (the devkit) '
    'and {unpack}'
)
# the address of the catalogue configs/downloads/voc12.json
_TRAINAUG = (
    '{reproduce}fetch https://raw.githubusercontent.com/CVI-SZU/QA-CLIMS/'
    '987265fb12d1069efe412295c2fb5ae89fee2c75/voc12/train_aug.txt (the list of 10582 images, which '
    'is of SBD and not of the devkit) as {root}/ImageSets/Segmentation/trainaug.txt'
)
_SBD = (
    'the masks of trainaug are of SBD, not of the devkit: unpack benchmark.tgz of '
    'https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/ and '
    "run mmseg's tools/dataset_converters/voc_aug.py (in the folder .mim of the installed mmseg) "
    'on {parent} and benchmark_RELEASE, which fills SegmentationClassAug; add those of '
    "SegmentationClass that it lacks and set data_prefix=dict(seg_map_path='SegmentationClassAug')"
)
VOC = Source(
    root='{reproduce}' + _DEVKIT,
    list=f'it is in ImageSets/Segmentation of the devkit: {_DEVKIT}',
    labels='take Annotations/*.xml of the devkit, or set labels_file of the plan to a CSV below '
    'data_root with the columns image and labels (separated by ;) that has a row for every image',
    images=f'they are in JPEGImages of the devkit: {_DEVKIT}',
    masks=f'they are in SegmentationClass of the devkit: {_DEVKIT}',
    catalogue='voc12',
    place='data/VOCdevkit/VOC2012',
)
VOC_AUG = replace(
    VOC,
    list=_TRAINAUG,
    masks=_SBD,
    list_apart=True,
)
_VOC_TEST = (
    "fetch VOC2012test.tar from VOC's server (http://host.robots.ox.ac.uk:8080, after registering) "
    'and unpack it over {root}'
)
VOC_TEST = replace(VOC, list=_VOC_TEST, images=_VOC_TEST, list_apart=True)
_COCO_TABLES = (
    'qaclims prepare-coco --root {root} (it reads {root}/annotations/instances_*.json of '
    'http://images.cocodataset.org/annotations/annotations_trainval2014.zip)'
)
COCO = Source(
    root='{reproduce}unpack train2014.zip and val2014.zip of http://images.cocodataset.org/zips/ '
    'and annotations_trainval2014.zip of http://images.cocodataset.org/annotations/ in {root}, '
    'then run: qaclims prepare-coco --root {root}',
    list=_COCO_TABLES,
    labels=_COCO_TABLES,
    images='unpack http://images.cocodataset.org/zips/{images}.zip in {root}',
    masks=_COCO_TABLES,
    catalogue='coco14',
    place='data/coco2014',
)
_DRAW = 'qaclims make-miniworld --root {root}'
MINIWORLD = Source(_DRAW, _DRAW, _DRAW, _DRAW, _DRAW)

# the first that a class is or inherits; a part of a list's name picks one that differs
SOURCES: tuple[tuple[type, str, Source], ...] = (
    (MiniWorldDataset, '', MINIWORLD),
    (VOC12WeakDataset, 'aug', VOC_AUG),
    (VOC12WeakDataset, 'test', VOC_TEST),
    (VOC12WeakDataset, '', VOC),
    (COCO14WeakDataset, '', COCO),
    (FolderWeakDataset, '', OWN),
)


def source_of(kind: type, list_name: str) -> Source:
    """Return where a data set comes from, by its class and the name of its list."""
    return next(
        (s for known, part, s in SOURCES if issubclass(kind, known) and part in list_name), OTHER
    )
