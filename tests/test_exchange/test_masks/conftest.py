import pytest
from tiny_masks import CLASSES, make_export

from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.exchange.masks.reading import read_masks


@pytest.fixture
def exported(tmp_path):
    """Return a function that exports small masks and gives the folder and the masks."""

    def export(format, **options):
        given, masks = make_export(tmp_path)
        options = dict(classes=CLASSES, out=tmp_path / 'out', format=format, tolerance=0) | options
        export_masks(**given, **options)
        return tmp_path / 'out', masks

    return export


@pytest.fixture
def read():
    """Return a function that reads masks of images of 8 x 6 pixels and gives the problems, too."""

    def run(source, images=('p0', 'p1'), classes=('cat', 'dog'), size=(6, 8)):
        problems = []
        found = dict(read_masks(source, dict.fromkeys(images, size), classes, problems))
        return found, problems

    return run
