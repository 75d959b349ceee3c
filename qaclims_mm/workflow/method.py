"""Build the stages of a method as entries of a plan."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError

# {stage: title} of the masks that a segmentor can be trained on
MASK_ROWS = dict(
    irn_masks='QA-CLIMS + IRN, masks',
    par='QA-CLIMS + PAR, masks',
    sam='QA-CLIMS + SAM, masks',
    prompted='the label as a prompt',
    prompted_answers='label and answers as prompts',
    prompted_maps='QA-CLIMS + prompted, masks',
)


@cache
def _last_checkpoint(config: str) -> str:
    return last_checkpoint(read_config(config))


def last_checkpoint(config: Config) -> str:
    """Return the name of the last checkpoint of a training.

    Args:
        config: Config of the training, in epochs or iterations.
    """
    epochs, iterations = (config.train_cfg.get(k) for k in ('max_epochs', 'max_iters'))
    return f'epoch_{epochs}.pth' if epochs else f'iter_{iterations}.pth'


def training(
    name: str,
    config: str,
    about: str,
    needs: Sequence[str] = (),
    ranks: int | None = None,
) -> dict:
    """Return the stage of a training.

    Args:
        name: Name of the stage.
        config: Config of the training.
        about: Description of the stage in a few words.
        needs: Names of the stages whose files the training reads.
        ranks: Number of ranks that the config is written for; by default the number in the
            config's name.

    Raises:
        ConfigError: If ``ranks`` is not given and the name has no such number.
    """
    if ranks is None:
        named = re.search(r'_(\d+)xb\d+-', Path(config).stem)
        if named is None:
            raise ConfigError(
                f'stage {name}: the name of {config} does not have the number of ranks, as '
                'mine_1xb16-5e_miniworld.py has (1 rank of 16 images); give ranks=.'
            )
        ranks = int(named[1])
    entry = dict(name=name, command='train', config=config, about=about, needs=needs)
    return entry | dict(seeded=True, ranks=ranks)


def prediction(
    name: str, config: str, about: str, needs: Sequence[str] = (), of: str | None = None
) -> dict:
    """Return the stage of a test run.

    Args:
        name: Name of the stage.
        config: Config of the test run.
        about: Description of the stage in a few words.
        needs: Names of the stages whose files the run reads.
        of: Name of the training whose last checkpoint is tested, if there is one.
    """
    entry = dict(name=name, command='test', config=config, about=about, needs=needs)
    return entry | dict(
        checkpoint=f'{{work_dir}}/{of}/{_last_checkpoint(config)}' if of else 'none'
    )


def encode_texts(name: str, config: str, needs: Sequence[str] = ()) -> dict:
    """Return the stage that makes the text bank of a training.

    Args:
        name: Name of the stage.
        config: Config of a RITC training.
        needs: Names of the stages that make the corpus.
    """
    about = 'encode each distinct text with CLIP'
    return dict(name=name, command='encode-texts', config=config, about=about, needs=needs)


def texts_and_maps(name: str, config: str, about: str, needs: Sequence[str] = ()) -> list[dict]:
    """Return the three stages of a RITC training: its text bank, the training, and its maps.

    Args:
        name: Name of the training; the others are ``NAME_texts`` and ``NAME_maps``.
        config: Config of all three stages.
        about: Description of the training in a few words.
        needs: Names of the stages that make the corpus.
    """
    texts = f'{name}_texts'
    return [
        encode_texts(texts, config, needs),
        training(name, config, about, [texts]),
        prediction(f'{name}_maps', config, 'write its maps and score them', [name], of=name),
    ]


def chain(
    configs: Mapping[str, str],
    about_test: str = 'segment val and score the masks',
    ranks: int | None = None,
    data: Sequence[str] = (),
    starts_from_cam: bool = True,
    scored: bool = True,
) -> list[dict]:
    """Return the paper's stages, from questions to a segmentor.

    Args:
        configs: {stage: config} of ``qape``, ``cam``, ``qa_clims``, ``ir_label``, ``irn`` and
            ``segment``. If only some of the training images have ground truth, also of
            ``qa_clims_export`` and ``irn_export``, which predict all of them.
        about_test: Description of the segmentor's test run in a few words.
        ranks: Number of ranks of the trainings, see ``training``.
        data: Names of the stages that make the images.
        starts_from_cam: Whether the training of QA-CLIMS starts from the weights of ``cam``.
        scored: Whether there is ground truth by which the configs score maps and masks.
    """
    c, first = configs, ['cam', 'texts'] if starts_from_cam else ['texts']
    score = ' and score them' if scored else ''
    stages = [
        prediction('qape', c['qape'], 'ask BLIP the 16 questions about every image', data),
        training('cam', c['cam'], 'train the classifier of the baseline, CAM', data, ranks),
        prediction('cam_maps', c['cam'], f'write the maps of CAM{score}', ['cam'], of='cam'),
        encode_texts('texts', c['qa_clims'], ['qape']),
        training('qa_clims', c['qa_clims'], 'train QA-CLIMS', first, ranks),
        *_judged('qa_clims', 'maps', c, 'the maps of QA-CLIMS', ['qa_clims'], score),
    ]
    maps = stages[-1]['name']
    stages += [
        _confident('ir_label', c['ir_label'], 'label confident pixels by a dense CRF', [maps]),
        training('irn', c['irn'], 'train IRN on these labels', ['ir_label'], ranks),
        *_judged('irn', 'masks', c, 'the masks of IRN', ['irn', maps], score),
    ]
    masks = stages[-1]['name']
    return [
        *stages,
        training('segment', c['segment'], 'train the segmentor on the masks', [masks], ranks),
        prediction('segment_test', c['segment'], about_test, ['segment'], of='segment'),
        report(['cam_maps', 'qa_clims_maps', 'irn_masks', 'segment_test']),
    ]


def report(needs: Sequence[str]) -> dict:
    """Return the stage that writes ``report.html`` of the work dir.

    Args:
        needs: Names of the stages that the report shows.
    """
    return dict(
        name='report',
        command='report',
        about='write the report',
        args=['{work_dir}'],
        made=['{work_dir}/report.html', '{work_dir}/report_files'],
        needs=needs,
    )


def comparators(
    configs: Mapping[str, str], data: Sequence[str] = (), starts_from_cam: bool = True
) -> list[dict]:
    """Return the stages of the methods that suites compare QA-CLIMS with, up to their maps.

    Args:
        configs: {stage: config} of the trainings ``ritc``, ``clims``, ``puzzle`` and ``weclip``, of
            ``weclip_test``, which scores the masks of WeCLIP, and of ``clip_cam`` and ``clip_es``,
            which need no training.
        data: Names of the stages that make the images.
        starts_from_cam: Whether the trainings of RITC and CLIMS start from the weights of ``cam``.
    """
    first = ['cam'] if starts_from_cam else []
    about = dict(
        ritc='train RITC without QAPE: the class against "no class"',
        clims='train CLIMS, whose texts are fixed',
        puzzle='train Puzzle-CAM',
        weclip='train WeCLIP, a decoder on the frozen CLIP',
    )
    scored = 'write its maps and score them'
    needs = dict(ritc=[*first, 'texts'], clims=[*data, *first], puzzle=data, weclip=data)
    stages = []
    for name, what in about.items():
        maps = prediction(f'{name}_maps', configs[name], scored, [name], of=name)
        stages += [training(name, configs[name], what, needs[name]), maps]
    masks = 'segment val by WeCLIP and score the masks'
    stages.append(prediction('weclip_test', configs['weclip_test'], masks, ['weclip'], of='weclip'))
    untrained = dict(
        clip_cam='write the maps of CLIP alone and score them',
        clip_es='write the maps of CLIP-ES and score them',
    )
    for name, what in untrained.items():
        stages.append(prediction(f'{name}_maps', configs[name], what, data))
    return stages


def mask_stages(configs: Mapping[str, str], data: Sequence[str] = ()) -> list[dict]:
    """Return the stages that can make masks in place of IRN, see ``choose_masks``.

    Args:
        configs: {stage: config} of some of ``par``, ``sam``, ``prompted``, ``prompted_answers`` and
            ``prompted_maps``. ``prompted_export`` and ``prompted_answers_export`` predict all
            training images, as in ``chain``. The stages that read maps take those of
            ``qa_clims_export`` if it is among the configs, else those of ``qa_clims_maps``.
        data: Names of the stages that make the images.
    """
    maps = 'qa_clims_export' if 'qa_clims_export' in configs else 'qa_clims_maps'
    labels = 'make masks with the labels as prompts'
    answers = 'make masks with labels and answers as prompts'
    asked = [*data, 'qape']
    parts = dict(
        par=('refine the maps by the colours of the image', [maps]),
        sam=('refine the maps by the masks of SAM', [maps]),
        prompted=(labels, data),
        prompted_export=(f'{labels}, for all training images', data),
        prompted_answers=(answers, asked),
        prompted_answers_export=(f'{answers}, for all training images', asked),
        prompted_maps=('fuse prompted masks with the maps', [maps, 'qape']),
    )
    return [
        prediction(name, configs[name], about, needs)
        for name, (about, needs) in parts.items()
        if name in configs
    ]


def refined_baseline(configs: Mapping[str, str]) -> list[dict]:
    """Return the stages that refine the maps of the baseline, for a comparison with QA-CLIMS.

    Args:
        configs: {stage: config} of ``cam_par``, ``cam_prompted_maps``, ``cam_ir_label`` and
            ``cam_irn``.
    """
    c, maps = configs, ['cam_maps']
    prompts = 'fuse prompted masks with the maps of CAM'
    masks = 'write the masks of IRN'
    return [
        prediction('cam_par', c['cam_par'], 'refine the maps of CAM by colours', maps),
        prediction('cam_prompted_maps', c['cam_prompted_maps'], prompts, [*maps, 'qape']),
        _confident(
            'cam_ir_label', c['cam_ir_label'], 'label confident pixels of CAM by a dense CRF', maps
        ),
        training('cam_irn', c['cam_irn'], 'train IRN on these labels', ['cam_ir_label']),
        prediction('cam_irn_masks', c['cam_irn'], masks, ['cam_irn', *maps], of='cam_irn'),
    ]


def _confident(name: str, config: str, about: str, needs: Sequence[str]) -> dict:
    return dict(name=name, command='ir-label', config=config, about=about, needs=needs)


def _judged(
    trained: str,
    made: str,
    configs: Mapping[str, str],
    what: str,
    needs: Sequence[str],
    score: str,
) -> list[dict]:
    """Return the test run that scores a training and, if its config is given, the export."""
    about = f'write {what}{score}'
    stages = [prediction(f'{trained}_{made}', configs[trained], about, needs, of=trained)]
    export = f'{trained}_export'
    if export in configs:
        about = f'write {what} for all training images'
        stages.append(prediction(export, configs[export], about, needs, of=trained))
    return stages


def paper_table(
    mask_threshold: float, paper: Mapping[str, float] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the rows and columns of the table that is printed after a ``chain``.

    Args:
        mask_threshold: Threshold at which the masks are written, in [0, 1].
        paper: {stage: mIoU in the paper}. The paper's maps are compared at their best threshold,
            as its code searches it, and its masks at the threshold at which they are written.
    """
    at_threshold = f'mask/mIoU@{mask_threshold}'
    metrics = dict(irn_masks=at_threshold, segment_test='seg/mIoU')
    return dict(
        rows=dict(
            cam_maps='CAM, the baseline',
            qa_clims_maps='QA-CLIMS',
            **MASK_ROWS,
            segment_test='the segmentor on the masks',
        ),
        columns={
            'cam/mIoU': 'best mIoU',
            'cam/mIoU@0.15': 'at 0.15',
            'mask/mIoU': 'masks, best',
            at_threshold: f'at {mask_threshold}',
            'seg/mIoU': 'val mIoU',
        },
        paper={
            stage: (metrics.get(stage, 'cam/mIoU'), value) for stage, value in (paper or {}).items()
        },
    )
