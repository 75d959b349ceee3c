"""What pipeline configs are written with: the stages of a method as entries of a plan."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError


@cache
def _last_checkpoint(config: str) -> str:
    return last_checkpoint(read_config(config))


def last_checkpoint(config: Config) -> str:
    """Return the name of the checkpoint that a config's training ends with."""
    epochs, iterations = (config.train_cfg.get(k) for k in ('max_epochs', 'max_iters'))
    return f'epoch_{epochs}.pth' if epochs else f'iter_{iterations}.pth'


def training(
    name: str,
    config: str,
    about: str,
    needs: Sequence[str] = (),
    ranks: int | None = None,
    **more: Any,
) -> dict:
    """Return a training.

    Args:
        name: Of the stage.
        config: Of the training.
        about: What it does.
        needs: Stages whose files it reads.
        ranks: On how many it is configured to run; by default what the config's name says.
        **more: Further fields of ``Stage``.

    Raises:
        ConfigError: If the number of ranks is neither given nor in the name.
    """
    if ranks is None:
        named = re.search(r'_(\d+)xb\d+-', Path(config).stem)
        if named is None:
            raise ConfigError(
                f'stage {name}: how many ranks {config} is for is not in its name, as in '
                'mine_1xb16-5e_miniworld.py: 1 rank of 16 images; give ranks=.'
            )
        ranks = int(named[1])
    return dict(
        name=name,
        tool='train.py',
        config=config,
        about=about,
        needs=needs,
        seeded=True,
        ranks=ranks,
        **more,
    )


def prediction(
    name: str,
    config: str,
    about: str,
    needs: Sequence[str] = (),
    of: str | None = None,
    folder: str | None = None,
    **more: Any,
) -> dict:
    """Return a test run.

    Args:
        name: Of the stage.
        config: Of the run.
        about: What it does.
        needs: Stages whose files it reads.
        of: The training whose last checkpoint it takes, if it takes one.
        folder: Where it writes; by default beside that checkpoint.
        **more: Further fields of ``Stage``.
    """
    return dict(
        name=name,
        tool='test.py',
        config=config,
        about=about,
        needs=needs,
        folder=folder or of or name,
        checkpoint=f'{{work_dir}}/{of}/{_last_checkpoint(config)}' if of else 'none',
        **more,
    )


def encode_texts(
    name: str, config: str, needs: Sequence[str] = (), folder: str = 'qa_clims', **more: Any
) -> dict:
    """Return the stage that makes the text bank of a RITC config whose folder is given."""
    return dict(
        name=name,
        tool='encode_texts.py',
        config=config,
        about='encode each distinct text with CLIP',
        needs=needs,
        folder=folder,
        **more,
    )


def chain(
    configs: Mapping[str, str],
    about_test: str = 'its mIoU on val',
    ranks: int | None = None,
) -> list[dict]:
    """Return the paper's stages, from questions to a segmentor.

    Args:
        configs: {stage: config} of ``qape``, ``cam``, ``qa_clims``, ``ir_label``, ``irn`` and
            ``segment``; ``qa_clims_export`` and ``irn_export`` where the images with masks, which
            are judged, are not all that are trained on.
        about_test: What the segmentor's test run is for.
        ranks: Of the trainings, see ``training``.
    """
    c = configs
    stages = [
        prediction('qape', c['qape'], 'ask BLIP the 16 questions about every image and class'),
        training('cam', c['cam'], 'train the classifier', ranks=ranks),
        prediction('cam_maps', c['cam'], 'its maps and their mIoU', ['cam'], of='cam'),
        encode_texts('texts', c['qa_clims'], ['qape']),
        training('qa_clims', c['qa_clims'], 'train QA-CLIMS', ['cam', 'texts'], ranks=ranks),
        *_judged('qa_clims', 'maps', c, 'its maps and their mIoU', 'its maps', ['qa_clims']),
    ]
    maps = stages[-1]['name']
    stages += [
        prediction('ir_label', c['ir_label'], 'what is sure of the maps, by a dense CRF', [maps]),
        training('irn', c['irn'], 'train IRN on it', ['ir_label'], ranks=ranks),
        *_judged('irn', 'masks', c, 'masks of it and their mIoU', 'masks of it', ['irn', maps]),
    ]
    masks = stages[-1]['name']
    return [
        *stages,
        training('segment', c['segment'], 'train the segmentor on them', [masks], ranks=ranks),
        prediction('segment_test', c['segment'], about_test, ['segment'], of='segment'),
        report(['cam_maps', 'qa_clims_maps', 'irn_masks', 'segment_test']),
    ]


def report(needs: Sequence[str], **more: Any) -> dict:
    """Return the stage that writes ``report.html`` of the work dir."""
    return dict(
        name='report',
        tool='report.py',
        about='one page about all of it',
        args=['{work_dir}'],
        needs=needs,
        **more,
    )


def comparators(configs: Mapping[str, str]) -> list[dict]:
    """Return what suites compare the paper's method with, up to the maps.

    Args:
        configs: {stage: config} of ``ritc``, ``clims``, ``puzzle`` and ``clip_cam``, which is not
            trained.
    """
    about = dict(
        ritc='train RITC without QAPE: the class against "no class"',
        clims='train CLIMS, whose texts are fixed',
        puzzle='train Puzzle-CAM',
    )
    needs = dict(ritc=['cam', 'texts'], clims=['cam'], puzzle=[])
    stages = []
    for name, what in about.items():
        maps = prediction(f'{name}_maps', configs[name], 'its maps and their mIoU', [name], of=name)
        stages += [training(name, configs[name], what, needs[name]), maps]
    about_clip = 'maps of CLIP alone and their mIoU'
    clip_cam = prediction('clip_cam_maps', configs['clip_cam'], about_clip, folder='clip_cam')
    return [*stages, clip_cam]


def _judged(
    trained: str,
    made: str,
    configs: Mapping[str, str],
    about: str,
    about_export: str,
    needs: Sequence[str],
) -> list[dict]:
    """Return the test run that judges a training and, where that is another one, the export."""
    stages = [prediction(f'{trained}_{made}', configs[trained], about, needs, of=trained)]
    export = f'{trained}_export'
    if export in configs:
        about = f'{about_export} for all images that are trained on'
        stages.append(prediction(export, configs[export], about, needs, of=trained, folder=export))
    return stages


def paper_table(mask_threshold: float) -> dict[str, dict[str, str]]:
    """Return the table that ends a ``chain``."""
    return dict(
        rows=dict(
            cam='CAM, the baseline',
            qa_clims='QA-CLIMS',
            irn='QA-CLIMS + IRN, masks',
            segment='the segmentor on the masks',
        ),
        columns={
            'cam/mIoU': 'best mIoU',
            'cam/mIoU@0.15': 'at 0.15',
            f'mask/mIoU@{mask_threshold}': f'masks at {mask_threshold}',
            'seg/mIoU': 'val mIoU',
        },
    )
