import pytest
from tiny_runs import ROOT

from qaclims_mm.demo.model import Explainer
from qaclims_mm.miniworld.regions import draw_pictures

MINI = ROOT / 'configs/miniworld'


@pytest.fixture(scope='session')
def explainer():
    return Explainer(
        MINI / 'qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py',
        'miniworld://qa_clims/r18-mini.safetensors',
        MINI / 'qape_blip-mini_fg6-bg10_miniworld-112x112.py',
        MINI / 'par_qa-clims_miniworld-112x112.py',
        device='cpu',
        max_side=224,
    )


@pytest.fixture(scope='session')
def drawn():
    """Return a picture and its classes, two."""
    for scene, picture in draw_pictures(5, 20):
        names = sorted({thing.class_name for thing in scene.objects})
        if len(names) == 2:
            return picture.image, names
    raise LookupError
