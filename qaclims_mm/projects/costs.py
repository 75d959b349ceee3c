"""What the stages of a project will take of time and disk, roughly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qaclims_mm.cores import number_of_cores

# FLOPs a second of a large float32 matrix product (``machine.quiet_rate``) on the two
# cores where the seconds of the presets were measured on 2026-11-25
MEASURED_RATE = 170e9
# pixels of the photographs that they were measured with, classes in each, seconds a stage starts
_PIXELS, _CLASSES, _START = 180_000, 1.6, 8.0
# seconds of a core that the dense CRF takes for such a photograph (docs/scaling.md)
_CRF = 1.6
# and that the report takes to compare its masks and to draw its picture, of which it has some at
# most, and megabytes of the picture; measured on 60 photographs on 2026-11-30
_RANKED, _DRAWN, _PICTURE = 0.004, 0.007, 0.009
MOST_DRAWN = 10_000
# megabytes of the maps of a class and of a mask of such a photograph
_MAP, _MASK = 0.076, 0.004


@dataclass(frozen=True)
class Work:
    """How much there is to do.

    Attributes:
        sizes: Width and height in pixels of each image.
        pairs: Number of images and their classes, together.
        seen: {training: images that its steps see}.
        max_side: Longest side that an image is read with.
    """

    sizes: Sequence[tuple[int, int]]
    pairs: int
    seen: Mapping[str, int]
    max_side: int

    @property
    def area(self) -> float:
        """Pixels of all images as they are read, over those of a photograph of VOC."""
        smaller = (min(1.0, self.max_side / max(size)) ** 2 for size in self.sizes)
        pixels = [w * h * s for (w, h), s in zip(self.sizes, smaller, strict=True)]
        return sum(pixels) / _PIXELS


def estimate(
    work: Work, seconds: Mapping[str, float], checkpoint: Mapping[str, float], rate: float
) -> dict[str, tuple[float, float]]:
    """Return minutes and megabytes of each stage.

    Args:
        work: How much there is to do.
        seconds: Of the two cores for an image of each stage, of ``qape`` for an image and class.
        checkpoint: {training: megabytes that it keeps}.
        rate: FLOPs a second of this machine when nothing else runs, as ``MEASURED_RATE``.
    """
    number = len(work.sizes)
    classes = work.pairs / max(1, number) / _CLASSES
    images = dict(
        qape=float(work.pairs),
        cam_maps=work.area,
        texts=work.pairs * 16.0,
        qa_clims_maps=work.area,
        irn_masks=work.area,
        segment_test=work.area,
        **{name: float(count) for name, count in work.seen.items()},
    )
    images['qa_clims'] *= classes
    drawn = min(number, MOST_DRAWN)
    maps = _MAP * work.pairs * work.area / max(1, number)
    megabytes = dict(
        qape=0.002 * work.pairs,
        cam_maps=maps,
        qa_clims_maps=maps,
        ir_label=_MASK * work.area,
        irn_masks=_MASK * work.area,
        segment_test=_MASK * work.area,
        texts=0.02 * work.pairs,
        report=2.0 + _PICTURE * drawn,
        **checkpoint,
    )
    minutes = {
        name: (_START + count * seconds.get(name, 0.0) * MEASURED_RATE / rate) / 60
        for name, count in images.items()
    }
    cores = number_of_cores()
    minutes['ir_label'] = (_START + work.area * _CRF / cores) / 60
    minutes['report'] = (_START + (work.area * _RANKED + drawn * _DRAWN) / cores) / 60
    return {name: (round(minutes[name], 1), round(megabytes[name], 1)) for name in minutes}
