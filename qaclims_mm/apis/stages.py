"""What pipeline configs are written with: the stages of a method as entries of a plan."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from qaclims_mm.engine.launch import read_config


@cache
def _read(config: str) -> Config:
    return read_config(config)


def folder_of(config: str) -> str:
    """Return the folder of a config's run, beside those of the other stages."""
    return Path(_read(config).work_dir).name


def last_checkpoint(config: str) -> str:
    """Return the checkpoint that a config's training ends with, below the pipeline's folder."""
    loop = _read(config).train_cfg
    epochs, iterations = loop.get('max_epochs'), loop.get('max_iters')
    name = f'epoch_{epochs}' if epochs else f'iter_{iterations}'
    return f'{{work_dir}}/{folder_of(config)}/{name}.pth'


def training(name: str, config: str, about: str, needs: Sequence[str] = (), **more: Any) -> dict:
    """Return a training; on as many ranks as the name of its config says."""
    schedules = [f for f in Path(config).stem.split('_') if 'xb' in f]
    ranks = int(schedules[0].split('xb')[0])
    return dict(
        name=name,
        tool='train.py',
        config=config,
        about=about,
        needs=needs,
        folder=folder_of(config),
        seeded=True,
        ranks=ranks,
        **more,
    )


def prediction(
    name: str,
    config: str,
    about: str,
    needs: Sequence[str] = (),
    trained: str | None = None,
    **more: Any,
) -> dict:
    """Return a test run of the last checkpoint that ``trained``, another config, ends with."""
    return dict(
        name=name,
        tool='test.py',
        config=config,
        about=about,
        needs=needs,
        folder=folder_of(config),
        checkpoint=last_checkpoint(trained) if trained else 'none',
        **more,
    )


def encode_texts(name: str, config: str, needs: Sequence[str] = (), **more: Any) -> dict:
    """Return the stage that makes the text bank of a RITC config."""
    return dict(
        name=name,
        tool='encode_texts.py',
        config=config,
        about='encode each distinct text with CLIP',
        needs=needs,
        folder=folder_of(config),
        **more,
    )


def chain(configs: Mapping[str, str], megabytes: Mapping[str, float]) -> list[dict]:
    """Return the paper's stages, from questions to a segmentor.

    Args:
        configs: {stage: config} of ``qape``, ``cam``, ``qa_clims``, ``ir_label``, ``irn`` and
            ``segment``; ``qa_clims_export`` and ``irn_export`` where the images with masks, which
            are judged, are not all that are trained on.
        megabytes: {stage: how much it writes}.
    """
    c = configs
    maps = 'qa_clims_export' if 'qa_clims_export' in c else 'qa_clims_maps'
    masks = 'irn_export' if 'irn_export' in c else 'irn_masks'
    stages = [
        prediction('qape', c['qape'], 'ask BLIP the 16 questions about every image and class'),
        training('cam', c['cam'], 'train the classifier'),
        prediction('cam_maps', c['cam'], 'its maps and their mIoU', ['cam'], c['cam']),
        encode_texts('texts', c['qa_clims'], ['qape']),
        training('qa_clims', c['qa_clims'], 'train QA-CLIMS', ['cam', 'texts']),
        prediction(
            'qa_clims_maps',
            c['qa_clims'],
            'its maps and their mIoU',
            ['qa_clims'],
            c['qa_clims'],
        ),
        prediction(
            'qa_clims_export',
            c.get('qa_clims_export', c['qa_clims']),
            'its maps of all images that are trained on',
            ['qa_clims'],
            c['qa_clims'],
        ),
        prediction('ir_label', c['ir_label'], 'what is sure of the maps, by a dense CRF', [maps]),
        training('irn', c['irn'], 'train IRN on it', ['ir_label']),
        prediction(
            'irn_masks',
            c['irn'],
            'the maps spread by it: masks and their mIoU',
            ['irn', maps],
            c['irn'],
        ),
        prediction(
            'irn_export',
            c.get('irn_export', c['irn']),
            'masks of all images that are trained on',
            ['irn', maps],
            c['irn'],
        ),
        training('segment', c['segment'], 'train the segmentor on them', [masks]),
        prediction('segment_test', c['segment'], 'its mIoU on val', ['segment'], c['segment']),
    ]
    absent = {s for s in ('qa_clims_export', 'irn_export') if s not in c}
    return [s | dict(megabytes=megabytes.get(s['name'])) for s in stages if s['name'] not in absent]


def paper_table(configs: Mapping[str, str], mask_threshold: float) -> dict[str, dict[str, str]]:
    """Return the table that ends a ``chain``."""
    titles = dict(
        cam='CAM, the baseline',
        qa_clims='QA-CLIMS',
        irn='QA-CLIMS + IRN, masks',
        segment='the segmentor on the masks',
    )
    return dict(
        rows={folder_of(configs[stage]): title for stage, title in titles.items()},
        columns={
            'cam/mIoU': 'best mIoU',
            'cam/mIoU@0.15': 'at 0.15',
            f'mask/mIoU@{mask_threshold}': 'masks',
            'seg/mIoU': 'val mIoU',
        },
    )
