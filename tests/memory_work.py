"""Print what functions take of memory at their peaks, in copies of an image's maps, as JSON."""

import ctypes
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from benchmarks.dense_crf import scene
from qaclims_mm.functional import crf_labels
from qaclims_mm.functional.cam import mask_of_cams, merge_multiscale_cams
from qaclims_mm.functional.crf import CRFSettings, dense_crf, memory_of_fields
from qaclims_mm.functional.evaluation import count_pixels
from qaclims_mm.functional.par import pixel_adaptive_refinement
from qaclims_mm.models.refiners.irn import IRNRefiner
from qaclims_mm.schemas import read_cams, write_cams

# a map is 1 MiB; all of them are larger than what malloc keeps of freed memory
CLASSES, SIDE = 64, 512
SIZE, COPY = (SIDE, SIDE), 4 * CLASSES * SIDE * SIDE
# of a usual photograph
SHAPE = (375, 500)


def kilobytes(name: str) -> int:
    lines = Path('/proc/self/status').read_text(encoding='utf-8').splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f'{name}:'))


def copies(work: Callable[[], object]) -> float:
    """Return what a call takes beside what was there, its result included."""
    # resets the peak
    Path('/proc/self/clear_refs').write_text('5', encoding='utf-8')
    before = kilobytes('VmRSS')
    result = work()
    peak = kilobytes('VmHWM')
    del result
    return 1024 * (peak - before) / COPY


def give_back() -> None:
    """Give freed memory back, in which a call would not be seen."""
    ctypes.CDLL(None).malloc_trim(0)


def least_copies(work: Callable[[], object]) -> float:
    """Return what a call needs: what malloc keeps beside it differs from call to call."""
    found = []
    for _ in range(3):
        give_back()
        found.append(copies(work))
    return min(found)


def of_estimates() -> dict[str, float]:
    """Return what fields of some pictures take, in shares of what is estimated for photographs."""
    torch.set_num_threads(1)
    random, found = np.random.default_rng(0), {}
    coarse = Image.fromarray(random.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    # the first call of a library takes memory that stays
    dense_crf(np.asarray(coarse), np.zeros((1, 2, 7, 9), np.float32))
    # it has as many lattice points a pixel as most crowded photographs
    smooth = np.asarray(coarse.resize(SHAPE[::-1], Image.Resampling.BICUBIC))
    noise = random.integers(0, 256, smooth.shape, dtype=np.uint8)
    for name, image, fields, labels in (
        ('photograph', smooth, 2, 3),
        ('photograph_few', smooth, 1, 2),
        ('photograph_many', smooth, 2, 60),
        ('noise', noise, 2, 3),
        ('noise_many', noise, 2, 60),
    ):
        energies = random.random((fields, labels, *SHAPE), dtype=np.float32)
        taken = COPY * least_copies(partial(dense_crf, image, energies, CRFSettings(steps=2)))
        taken += energies.nbytes
        found[name] = round(taken / memory_of_fields(fields, labels, *SHAPE), 2)
    image, energies = scene(0, *SHAPE)
    taken = COPY * least_copies(partial(dense_crf, image, energies))
    found['benchmark_mb'] = round(taken / 1e6, 1)
    return found


def measure(folder: Path) -> dict[str, float]:
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    coarse = [torch.rand(CLASSES, s, s, generator=random) for s in (32, 16, 48, 64)]
    maps, names = merge_multiscale_cams(coarse, SIZE)[1], torch.arange(CLASSES)
    arrays, labels, path = maps.numpy(), names.numpy(), folder / 'a.npz'
    truth = np.zeros(SIZE, np.uint8)
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    cells = torch.rand(CLASSES, SIDE // 4, SIDE // 4, generator=random)
    # so many labels are affordable at a lower resolution
    crf_labels._MOST_BYTES = COPY // 4
    few = dict(settings=CRFSettings(steps=1))
    irn = SimpleNamespace(normalise='image')
    # the first calls of libraries take memory that stays
    crf_labels.confident_labels(arrays[:1], labels[:1], image, **few)
    calls = dict(
        merge=lambda: merge_multiscale_cams(coarse, SIZE),
        mask=lambda: mask_of_cams(maps, names, 0.25),
        score=lambda: count_pixels(arrays, labels, truth, np.arange(1, 100) / 100),
        write=lambda: write_cams(path, labels, arrays[:, ::4, ::4], arrays),
        read=lambda: read_cams(path),
        read_strided=lambda: read_cams(path, full_size=False),
        read_one=lambda: read_cams(path, only=CLASSES - 1),
        label=lambda: crf_labels.confident_labels(arrays, labels, image, **few),
        irn=lambda: IRNRefiner._full_size(irn, cells, SIZE),
        par=lambda: pixel_adaptive_refinement(tensor, maps[None], (1,), 1),
    )
    found = {}
    for name, call in calls.items():
        found[name] = round(least_copies(call), 2)
    return found


if __name__ == '__main__':
    if sys.argv[1:] == ['crf']:
        json.dump(of_estimates(), sys.stdout)
    else:
        with tempfile.TemporaryDirectory() as made:
            json.dump(measure(Path(made)), sys.stdout)
