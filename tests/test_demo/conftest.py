import pytest

from qaclims_mm.demo.model import Explainer
from qaclims_mm.demo.networks import shipped_networks
from qaclims_mm.miniworld.regions import draw_pictures


@pytest.fixture(scope='session')
def explainer():
    return Explainer(shipped_networks(), device='cpu')


@pytest.fixture(scope='session')
def drawn():
    """Return a picture and its classes, two."""
    for scene, picture in draw_pictures(5, 20):
        names = sorted({thing.class_name for thing in scene.objects})
        if len(names) == 2:
            return picture.image, names
    raise LookupError
