"""Which of the real photographs tests take: any set in VOC's layout serves."""

import pytest

from qaclims_mm.datasets.voc12 import CLASSES
from qaclims_mm.schemas.labels import read_labels


def read_list(voc, name):
    """Return the image ids of a list of VOC."""
    return (voc / f'ImageSets/Segmentation/{name}.txt').read_text().split()


def labels_of(voc):
    """Return {image id: its labels} as the table has them, such as diningtable."""
    rows = read_labels(voc / 'image_labels.csv')
    assert rows
    return rows


def class_of(label):
    """Return the class that a label of VOC means, such as dining table."""
    [name] = [name for name in CLASSES if name.replace(' ', '') == label.replace(' ', '')]
    return name


def pick_two(voc):
    """Return {image id: labels} of one photograph with two classes and one with a third class.

    The first one has a class of two words where there is such a photograph.
    """
    rows = labels_of(voc)
    twos = [image for image, labels in rows.items() if len(labels) == 2]
    twos.sort(key=lambda image: not any(' ' in class_of(label) for label in rows[image]))
    pairs = ((a, b) for a in twos for b in rows if len(rows[b]) == 1 and rows[b][0] not in rows[a])
    found = next(pairs, None)
    if found is None:
        pytest.skip(f'{voc} has no two photographs of one class and of two others')
    return {image: tuple(rows[image]) for image in found}
