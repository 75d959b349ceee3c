"""Tests that every text-prompted segmenter shares; the test of a new one is a short subclass."""

import numpy as np
import pytest
import torch
from contracts import noise

from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS
from qaclims_mm.vlms.segment.base import segment_texts

TEXTS = ['dog', 'a photo of a boat', 'tree', 'green grass with water']


class SegmenterContract:
    """A segmenter whose weights lie in a folder.

    Subclasses set ``name``, ``write(folder)`` and ``vision(segmenter)``, the module that encodes
    images; ``config`` makes random weights, and ``options`` are those of all objects.
    """

    name = ''
    config = None
    options = {}
    #: how far half precision may lead away
    half = 0.1

    @staticmethod
    def write(folder):
        raise NotImplementedError

    def vision(self, segmenter):
        raise NotImplementedError

    @pytest.fixture(scope='class')
    @classmethod
    def folder(cls, tmp_path_factory):
        return cls.write(tmp_path_factory.mktemp(cls.name))

    def make(self, folder, **options):
        made = PROMPTED_SEGMENTERS.build(
            dict(type=self.name, model=str(folder)) | self.options | options
        )
        made.load('cpu')
        return made

    def test_masks_and_scores_have_their_shapes_and_ranges(self, folder):
        found = segment_texts(self.make(folder), noise(30, 50), TEXTS)
        assert found.masks.shape == (4, 30, 50)
        assert found.masks.dtype == found.scores.dtype == torch.float32
        assert found.masks.std() > 0

    def test_a_batch_of_texts_is_each_of_them_alone(self, folder):
        segmenter = self.make(folder)
        found = segmenter.segment(noise(30, 50), TEXTS)
        for number, text in enumerate(TEXTS):
            alone = segmenter.segment(noise(30, 50), [text])
            torch.testing.assert_close(found.masks[number], alone.masks[0], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(found.scores[number], alone.scores[0], atol=1e-4, rtol=1e-4)

    def test_texts_and_images_count(self, folder):
        segmenter = self.make(folder)
        found = segmenter.segment(noise(30, 50), TEXTS)
        assert not torch.equal(found.masks[0], found.masks[1])
        other = segmenter.segment(noise(30, 50, seed=1), TEXTS)
        assert not torch.equal(found.masks, other.masks)

    def test_it_is_deterministic(self, folder):
        first, second = (self.make(folder).segment(noise(30, 50), TEXTS) for _ in range(2))
        assert torch.equal(first.masks, second.masks)
        assert torch.equal(first.scores, second.scores)

    @pytest.mark.parametrize('texts', [1, 4, 9])
    def test_the_image_is_encoded_once(self, folder, texts):
        segmenter = self.make(folder, text_batch=2)
        seen = []
        self.vision(segmenter).register_forward_hook(
            lambda module, args, kwargs, out: seen.append(module), with_kwargs=True
        )
        segmenter.segment(noise(30, 50), (TEXTS * 3)[:texts])
        assert len(seen) == 1
        segmenter.segment(noise(30, 50, seed=1), TEXTS)
        assert len(seen) == 2

    def test_batches_of_texts_do_not_count(self, folder):
        whole = self.make(folder).segment(noise(30, 50), TEXTS)
        for batch in (1, 3):
            parts = self.make(folder, text_batch=batch).segment(noise(30, 50), TEXTS)
            torch.testing.assert_close(parts.masks, whole.masks, atol=1e-4, rtol=1e-4)

    def test_no_texts(self, folder):
        found = self.make(folder).segment(noise(30, 50), [])
        assert found.masks.shape == (0, 30, 50)
        assert found.scores.shape == (0,)

    def test_a_text_that_is_too_long_is_cut(self, folder):
        found = segment_texts(self.make(folder), noise(30, 50), ['dog ' * 500])
        assert found.masks.shape == (1, 30, 50)

    def test_words_it_does_not_know(self, folder):
        texts = ['</script>', '日本', '{x}', '. .', '<s>', 'a.b']
        assert segment_texts(self.make(folder), noise(30, 50), texts).masks.shape == (6, 30, 50)

    @pytest.mark.parametrize('size', [(1, 1), (7, 90), (64, 33)])
    def test_images_of_any_size(self, folder, size):
        found = segment_texts(self.make(folder), noise(*size), TEXTS[:2])
        assert found.masks.shape == (2, *size)

    def test_half_precision(self, folder):
        half = self.make(folder, dtype='bfloat16').segment(noise(30, 50), TEXTS)
        whole = self.make(folder).segment(noise(30, 50), TEXTS)
        assert half.masks.dtype == torch.float32
        assert (half.masks - whole.masks).abs().mean() < self.half

    def test_random_weights(self, folder):
        random = dict(config=self.config)
        first, second = (
            self.make(folder, **random).segment(noise(30, 50), TEXTS).masks for _ in range(2)
        )
        other = self.make(folder, seed=1, **random).segment(noise(30, 50), TEXTS).masks
        assert torch.equal(first, second)
        assert not torch.equal(first, other)

    def test_a_blank_text_and_a_grey_image(self, folder):
        segmenter = self.make(folder)
        with pytest.raises(ValueError, match='must not be blank, but number 1 of 2'):
            segmenter.segment(noise(30, 50), ['dog', ' '])
        with pytest.raises(ValueError, match='must be RGB uint8'):
            segmenter.segment(np.zeros((30, 50), np.uint8), ['dog'])

    def test_a_folder_that_is_missing(self):
        with pytest.raises(FormatError, match=r"^the folder '/no/such\S* does not exist"):
            self.make('/no/such')
