import pytest
import torch
from contracts import noise
from segment_contract import TEXTS, SegmenterContract
from tiny_segmenters import (
    GROUNDING_DINO,
    OWLV2,
    SAM,
    SAM2,
    make_grounding_dino,
    make_owlv2,
    make_sam,
    make_sam2,
)

from qaclims_mm.errors import ConfigError
from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS
from qaclims_mm.vlms.segment.grounded_sam import GroundedSamSegmenter


class GroundedSamContract(SegmenterContract):
    """Subclasses set the kinds, the functions that write the models, and their configs."""

    name = 'GroundedSamSegmenter'
    kinds = ()
    writers = ()
    config = ()
    #: lowest score of a box of the weights that are written
    threshold = 0.0

    @classmethod
    def write(cls, folder):
        for name, writer in zip(('detector', 'sam'), cls.writers, strict=True):
            (folder / name).mkdir()
            writer(folder / name)
        return folder

    def make(self, folder, dtype=None, config=(None, None), seed=0, **options):
        detector = dict(kind=self.kinds[0], model=f'{folder}/detector', config=config[0], seed=seed)
        sam = dict(
            kind=self.kinds[1], model=f'{folder}/sam', config=config[1], seed=seed, dtype=dtype
        )
        threshold = self.threshold if config == (None, None) else 0.0
        options = dict(threshold=threshold) | options
        made = PROMPTED_SEGMENTERS.build(dict(type=self.name, detector=detector, sam=sam) | options)
        made.load('cpu')
        return made

    def vision(self, segmenter):
        network = segmenter.detector.network
        if self.kinds[0] == 'owlv2':
            return network.owlv2.vision_model
        return network.model.backbone.backbone

    def test_sam_encodes_the_image_once(self, folder):
        segmenter, seen = self.make(folder), []
        segmenter.sam.network.vision_encoder.register_forward_hook(
            lambda module, args, out: seen.append(module)
        )
        segmenter.segment(noise(30, 50), TEXTS)
        assert len(seen) == 1

    def test_boxes_below_the_threshold_do_not_count(self, folder):
        found = self.make(folder, threshold=1.0).segment(noise(30, 50), TEXTS)
        assert not found.masks.any()
        assert (found.scores > 0).all()
        one = self.make(folder, threshold=0.0, max_boxes=1).segment(noise(30, 50), TEXTS)
        every = self.make(folder, threshold=0.0).segment(noise(30, 50), TEXTS)
        assert (one.masks <= every.masks + 1e-6).all()
        assert torch.equal(one.scores, every.scores)


class TestGroundingDINOWithSAM(GroundedSamContract):
    kinds = ('grounding-dino', 'sam')
    writers = (make_grounding_dino, make_sam)
    config = (GROUNDING_DINO, SAM)


class TestOWLv2WithSAM2(GroundedSamContract):
    kinds = ('owlv2', 'sam2')
    # its boxes are the same for all texts, their scores are not
    threshold = 0.93
    writers = (make_owlv2, make_sam2)
    config = (OWLV2, SAM2)


def test_an_unknown_detector():
    with pytest.raises(ConfigError, match=r"detector.kind must be one of .*, but got 'yolo'"):
        GroundedSamSegmenter(dict(kind='yolo', model='nowhere'), dict(model='nowhere'))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(threshold=2), r'^threshold must be in \[0, 1\], but got 2'),
        (dict(max_boxes=0), '^max_boxes must be a whole number of at least 1, but got 0'),
        (dict(max_boxes=2.5), '^max_boxes must be a whole number of at least 1, but got 2.5'),
        (dict(text_batch=-4), '^text_batch must be a whole number of at least 1, but got -4'),
        (dict(sam=dict(box_batch=0)), '^box_batch must be a whole number of at least 1, but got 0'),
        (dict(sam=dict(dtype='float8')), r"^dtype must be one of .*, but got 'float8'"),
        (dict(detector=dict(seed=-1)), '^seed must be a whole number of at least 0, but got -1'),
    ],
)
def test_options_out_of_range(options, message):
    detector = dict(kind='owlv2', model='nowhere') | options.pop('detector', {})
    sam = dict(model='nowhere') | options.pop('sam', {})
    with pytest.raises(ConfigError, match=message):
        GroundedSamSegmenter(detector, sam, **options)
