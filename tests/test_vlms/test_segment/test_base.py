import numpy as np
import pytest
import torch

from qaclims_mm.errors import ConfigError, RecordError
from qaclims_mm.vlms.segment.base import TextMasks, segment_texts

IMAGE = np.zeros((6, 8, 3), np.uint8)


class Given:
    """Returns what it was given."""

    def __init__(self, masks, scores):
        self.found = TextMasks(masks, scores)

    def load(self, device):
        pass

    def segment(self, image, texts):
        return self.found


def ask(masks, scores, image=IMAGE, texts=('dog', 'cat')):
    return segment_texts(Given(masks, scores), image, texts)


def test_what_is_right_is_passed_on():
    masks, scores = torch.rand(2, 6, 8), torch.rand(2)
    found = ask(masks, scores)
    assert found.masks is masks
    assert found.scores is scores


@pytest.mark.parametrize('shape', [(2, 8, 6), (1, 6, 8), (2, 3, 4), (2, 1, 6, 8)])
def test_masks_of_another_size_name_model_and_sizes(shape):
    wanted = r'Given must return masks \(2, 6, 8\) .* 8 x 6 px, but returned '
    with pytest.raises(ConfigError, match=wanted + str(shape).replace('(', r'\(')[:-1]):
        ask(torch.zeros(shape), torch.zeros(2))


def test_scores_of_another_shape():
    with pytest.raises(ConfigError, match=r'one score a text, \(2,\), but returned \(2, 1\)'):
        ask(torch.zeros(2, 6, 8), torch.zeros(2, 1))


@pytest.mark.parametrize('value', [float('nan'), -0.1, 1.5, float('inf')])
def test_values_out_of_range(value):
    wrong = torch.zeros(2, 6, 8)
    wrong[1, 2, 3] = value
    with pytest.raises(RecordError, match=r'Given must return masks in \[0, 1\]'):
        ask(wrong, torch.zeros(2))
    with pytest.raises(RecordError, match=r'Given must return scores in \[0, 1\]'):
        ask(torch.zeros(2, 6, 8), torch.tensor([0.5, value]))


def test_no_texts_ask_no_model():
    found = ask(None, None, texts=())
    assert found.masks.shape == (0, 6, 8)
    assert found.scores.shape == (0,)


@pytest.mark.parametrize(
    'image', [np.zeros((6, 8), np.uint8), np.zeros((6, 8, 4), np.uint8), np.zeros((6, 8, 3))]
)
def test_images_that_are_not_rgb(image):
    with pytest.raises(ValueError, match='must be RGB uint8'):
        ask(torch.zeros(2, 6, 8), torch.zeros(2), image=image)
