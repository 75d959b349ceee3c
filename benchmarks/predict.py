"""Masks of photographs from files to files: ``qaclims predict`` against mmseg's MMSegInferencer.

Both have one network with the same weights. The reference writes what it can without drawing.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import MMSegInferencer
from PIL import Image

from benchmarks.cam_export import temporary_folder
from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes
from benchmarks.ir_label import smooth_scene
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.image_sources import find_sources
from qaclims_mm.inference.folder import MASKS, MaskFolder
from qaclims_mm.inference.job import PredictionJob
from qaclims_mm.inference.models import find_model
from qaclims_mm.paths import config_file
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.names import counted

# config, number of photographs, height and width
SETUPS = {
    'tiny': ('deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112', 4, (96, 112)),
    'full': ('segformer_mit-b0_qa-clims-irn_2xb8-30k_voc12aug-512x512', 20, (375, 500)),
}
# share of pixels that may differ, where two logits are equal but for rounding
_TOLERANCE = 1e-3


def build(size: str, device: torch.device) -> Case:
    """Write photographs and a checkpoint, and load both ways.

    Args:
        size: One of ``SETUPS``.
        device: Where the networks run.
    """
    name, number, shape = SETUPS[size]
    root = temporary_folder()
    photos = _write_all(root / 'photos', number, shape)
    cfg = _save_weights(name, root / 'weights.pth')
    reference = _reference(cfg, root / 'weights.pth', device)
    found = find_model(root / 'weights.pth', name)
    job = PredictionJob(found, find_sources([root / 'photos']), str(device))
    ours = functools.partial(_ours, job)
    theirs = functools.partial(_theirs, reference, photos)
    photographs = counted(number, 'photograph')
    return Case(
        ways=dict(predict=ours, MMSegInferencer=theirs),
        work=f'masks of {photographs} of {shape[1]}x{shape[0]}, {name.split("_")[0]}',
        items=number,
        bar=1.0,
        check=_check,
    )


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of the masks of so many photographs, by MiniWorld's network."""
    name, _, shape = SETUPS['tiny']
    root = temporary_folder()
    _save_weights(name, root / 'weights.pth')
    found = find_model(root / 'weights.pth', name)

    def make(number: int) -> Work:
        photos = root / str(number)
        _write_all(photos, number, shape)
        return Work(functools.partial(_ours, PredictionJob(found, find_sources([photos]), 'cpu')))

    return measure_sizes(make, sizes)


def _save_weights(name: str, path: Path) -> Config:
    """Save random weights of the network of a config, which is returned."""
    init_default_scope('mmseg')
    cfg = read_config(config_file(name))
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), path)
    return cfg


def _write_all(folder: Path, number: int, size: tuple[int, int]) -> list[Path]:
    return [_write(folder / f'{index:03d}.jpg', index, size) for index in range(number)]


def _write(path: Path, seed: int, size: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(smooth_scene(seed, *size)[2]).save(path, quality=92)
    return path


def _ours(job: PredictionJob) -> list[np.ndarray]:
    """Write masks and areas, as the command does."""
    out = temporary_folder()
    folder = MaskFolder(out, job.classes)
    if problems := job.run(folder):
        raise FormatError(problems[0])
    folder.write_tables(job.seen)
    return _masks_in(out / MASKS)


def _reference(cfg: Config, weights: Path, device: torch.device) -> MMSegInferencer:
    """Return mmseg's inferencer, which finds the pipeline under another name."""
    cfg = cfg.copy()
    cfg.test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    cfg.test_dataloader.dataset.pipeline = cfg.test_pipeline
    # it takes the name of a function, not its config
    cfg.test_dataloader.collate_fn = 'pseudo_collate'
    return MMSegInferencer(cfg, str(weights), device=str(device), show_progress=False)


def _theirs(reference: MMSegInferencer, photos: Sequence[Path]) -> list[np.ndarray]:
    out = temporary_folder()
    reference.num_pred_imgs = 0
    reference([str(path) for path in photos], out_dir=str(out), img_out_dir='')
    return _masks_in(out / 'pred')


def _masks_in(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob('*.png'))]


def _check(results: Sequence[object]) -> None:
    """Compare the masks.

    Raises:
        FormatError: If they differ.
    """
    ours, theirs = results
    for mask, wanted in zip(ours, theirs, strict=True):  # type: ignore[call-overload]
        share = float(np.mean(mask != wanted))
        if share > _TOLERANCE:
            raise FormatError(f'{share:.2%} of the pixels of a mask differ.')
