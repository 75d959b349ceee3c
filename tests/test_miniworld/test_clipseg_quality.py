import pytest
import torch

from qaclims_mm.miniworld import clipseg_quality
from qaclims_mm.miniworld.clipseg_quality import prompt_ious
from qaclims_mm.miniworld.clipseg_recipe import named_masks
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.vlms.segment.base import TextMasks

WORLD = [make_picture(21, i, 112) for i in range(6)]


class Knowing:
    """Segments everything right, or the other half of it."""

    right = True

    def __init__(self, folder, image_size):
        pass

    def load(self, device):
        pass

    def segment(self, image, texts):
        scene, picture = next(w for w in WORLD if w[1].image is image)
        named = named_masks(scene, picture)
        masks = torch.zeros(len(texts), *image.shape[:2])
        for number, text in enumerate(texts):
            if text in named:
                mask = torch.from_numpy(named[text])
                masks[number] = (mask if self.right else ~mask).float()
            elif not self.right:
                masks[number] = 1
        return TextMasks(masks, masks.amax((1, 2)))


@pytest.mark.parametrize(('right', 'rate'), [(True, 100.0), (False, 0.0)])
def test_rates_of_a_model_that_is_right_or_wrong(monkeypatch, right, rate):
    monkeypatch.setattr(clipseg_quality, 'CLIPSegSegmenter', Knowing)
    monkeypatch.setattr(clipseg_quality, 'draw_pictures', lambda seed, number: WORLD)
    monkeypatch.setattr(Knowing, 'right', right)
    assert prompt_ious('nowhere', 6) == dict.fromkeys(
        ('classes', 'kinds', 'things', 'absent'), rate
    )
