"""Timings of our way of working against a plain one, in turn in one process."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
import torch
from PIL import Image

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.functional.affinity import random_walk
from qaclims_mm.functional.crf import confident_labels
from qaclims_mm.functional.evaluation import count_pixels
from qaclims_mm.progress import track
from qaclims_mm.schemas import FormatError
from qaclims_mm.vlms.blip import BlipVQA


@dataclass
class Timing:
    """Seconds of one way of working, a number a round."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median second."""
        return statistics.median(self.seconds)


def time_in_turn(
    ways: dict[str, Callable[[], object]], rounds: int
) -> tuple[list[Timing], list[object]]:
    """Run each way once in every round.

    Args:
        ways: {name: function}, the reference last.
        rounds: How often.

    Returns:
        The timings and what each way returned in the last round, in the order of ``ways``.
    """
    timings = [Timing(name) for name in ways]
    results: list[object] = [None] * len(ways)
    for _ in track(range(rounds), 'rounds', rounds):
        for number, function in enumerate(ways.values()):
            begin = time.perf_counter()
            results[number] = function()
            timings[number].seconds.append(time.perf_counter() - begin)
    return timings, results


def benchmark_qape(rounds: int) -> list[Timing]:
    """Time the 16 questions about one class of one image: BLIP-base, 480 px, random weights.

    The reference asks one question at a time and encodes the image anew, as the released code does.

    Raises:
        FormatError: If the two ways answer differently.
    """
    # the sizes of BLIP-base; the vocabulary is MiniWorld's, whose words the questions have
    vqa = BlipVQA(
        'miniworld://blip',
        config=dict(
            text_config=dict(sep_token_id=3, pad_token_id=0, bos_token_id=5, eos_token_id=3),
            vision_config={},
        ),
    )
    vqa.load()
    image = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    questions = [q.fill('train') for q in get_questions('paper')]

    def one_by_one() -> object:
        return [vqa.answer([image], [[q]])[0][0].text for q in questions]

    def together() -> object:
        return [a.text for a in vqa.answer([image], [questions])[0]]

    ways = {'image once, questions batched': together, 'one question a call': one_by_one}
    timings, (ours, reference) = time_in_turn(ways, rounds)
    if ours != reference:
        raise FormatError(f'the two ways answer differently: {ours} and {reference}.')
    return timings


def benchmark_cam_metric(rounds: int) -> list[Timing]:
    """Time the counting of 4 images of 375 x 500 pixels and 2 classes."""
    rng = np.random.default_rng(0)
    images = [
        (
            rng.random((2, 375, 500), dtype=np.float32),
            np.array([3, 14]),
            rng.choice(np.array([0, 4, 15, 255]), (375, 500)),
        )
        for _ in range(4)
    ]
    thresholds = np.arange(1, 100) / 100

    def count(used: np.ndarray) -> object:
        return [count_pixels(*image, used) for image in images]

    ways = {
        'one threshold': lambda: count(thresholds[14:15]),
        '99 thresholds in one pass': lambda: count(thresholds),
        '99 passes of one threshold': lambda: [count(np.array([t])) for t in thresholds],
    }
    return time_in_turn(ways, rounds)[0]


def benchmark_random_walk(rounds: int) -> list[Timing]:
    """Time 256 steps over maps of 2 classes: four sizes, each twice as many cells as the last."""

    def walk(size: tuple[int, int], method: str = 'chebyshev') -> Callable[[], object]:
        random = torch.Generator().manual_seed(0)
        cams, edge = torch.rand(2, *size, generator=random), torch.rand(size, generator=random)
        return lambda: random_walk(cams, edge**4, method=method)

    sizes = [(47, 62), (66, 88), (94, 125), (133, 177)]
    ways = {f'{h} x {w}, polynomial': walk((h, w)) for h, w in sizes}
    ways['94 x 125, step by step'] = walk((94, 125), 'steps')
    return time_in_turn(ways, rounds)[0]


def smooth_scene(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return maps ``(2, 375, 500)``, their keys and a picture, smooth as real ones are."""
    random = np.random.default_rng(number)

    def field(height: int, width: int) -> np.ndarray:
        coarse = Image.fromarray(random.random((height, width), dtype=np.float32))
        return np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC)).clip(0, 1)

    maps = np.stack([field(6, 8) ** 2 for _ in range(2)])
    picture = np.stack([255 * field(24, 32) for _ in range(3)], -1).astype(np.uint8)
    return maps, np.array([3, 14]), picture


def benchmark_ir_label(rounds: int) -> list[Timing]:
    """Time the confident labels of 8 pictures, 375 x 500 pixels, 2 classes, on 1 and 2 cores."""
    scenes = [smooth_scene(number) for number in range(8)]
    context = get_context('spawn')
    with context.Pool(1) as one, context.Pool(2) as two:
        for pool in (one, two):
            pool.starmap(confident_labels, scenes[:2], chunksize=1)
        ways: dict[str, Callable[[], object]] = {
            '2 processes': lambda: two.starmap(confident_labels, scenes, chunksize=1),
            '1 process': lambda: one.starmap(confident_labels, scenes, chunksize=1),
        }
        return time_in_turn(ways, rounds)[0]


BENCHMARKS: dict[str, Callable[[int], list[Timing]]] = {
    'cam_metric': benchmark_cam_metric,
    'ir_label': benchmark_ir_label,
    'qape': benchmark_qape,
    'random_walk': benchmark_random_walk,
}
