"""The texts of a project's configs and of its plan.

No name that a user chose stands in them: they are read from the tables of the project.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from qaclims_mm.projects.presets import Preset

THRESHOLD = 0.25  # of the masks' background, IRN's

_DATA = """\
# What all stages share: where this project is, and how its images are read; see docs/project.md
import os

_base_ = __import__('qaclims_mm.paths').paths.config_path('_base_/datasets/folder_weak.py')
# mmengine compiles a config under its own path, so the project is found wherever it is moved to
project = os.path.dirname(os.path.dirname((lambda: 0).__code__.co_filename))
# where the stages find each other; set for a run by the workflow
work = os.environ.get('QACLIMS_ROOT', os.path.join(project, 'work'))
tables = __import__('qaclims_mm.schemas.project').schemas.project
num_classes = len(tables.read_project_classes(project))
own = dict(project=project, num_classes=num_classes)
reading = dict(max_side={max_side})  # px, longest side of an image
resizing = _base_.resizing
resizing[0].update(min_side={low}, max_side={high})
resizing[2].update(size={crop})
"""
_HEAD = """\
_base_ = ['./data.py', __import__('qaclims_mm.paths').paths.config_path(
    {base!r})]
work_dir = f'{{_base_.work}}/{stage}'
"""
_TRAINING = """\
epochs = {epochs}  # about {steps} steps of {batch_size} images
train_cfg = dict({loop}max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=max(1, epochs // 10)))
"""
_TRAIN = """\
train_dataloader = dict(batch_size={batch_size}, num_workers=2, dataset=dict(
    _delete_=True, **_base_.own, pipeline={steps}))
"""
_TEST = """\
test_dataloader = dict({more}num_workers=2, dataset=dict(
    _delete_=True, **_base_.own, test_mode=True, pipeline={steps}))
"""
_WIDTH = 88
# the base of a segmentor may count iterations
_BY_EPOCHS = "_delete_=True, type='EpochBasedTrainLoop', val_interval=100000, "
# a batch's maps are in memory together: 200 of an image of 1024 x 768 px take 0.6 GB
_FEW = 'batch_size=4, '
_LOAD = "dict(type='LoadRGBImage', **_base_.reading)"
_MASK = "dict(type='LoadMask', optional=True)"
_MAPS = "dict(type='LoadCAMs', cams=f'{_base_.work}/qa_clims_maps/cams', full_size=False)"
_FULL_MAPS = "dict(type='LoadCAMs', cams=f'{_base_.work}/qa_clims_maps/cams')"
_WRITER = f"dict(type='PseudoMaskWriter', threshold={THRESHOLD}, full_size=True)"
_SCORE = "dict(type='CAMMetric', optional=True)"
_SCORE_OF_MASKS = (
    f"dict(type='CAMMetric', optional=True, report_at={THRESHOLD}, maps='refined_maps', "
    "prefix='mask')"
)
# the thresholds of configs/prompted, which each base has as a variable of its own
_PROMPTED_WRITER = (
    "dict(type='PseudoMaskWriter', maps='cam_high_res',\n"
    '            threshold=_base_.threshold, full_size=True)'
)
_SCORE_OF_PROMPTED = "dict(type='CAMMetric', optional=True, report_at=_base_.threshold)"
_FUSED_WRITER = "dict(type='PseudoMaskWriter', threshold=_base_.threshold, full_size=True)"
_SCORE_OF_FUSED = (
    "dict(type='CAMMetric', optional=True, report_at=_base_.threshold,\n"
    "            maps='refined_maps', prefix='mask')"
)
_ANSWERS = "dict(type='LoadAnswers', corpus=f'{_base_.work}/qape/corpus')"
_KEYS = (
    "meta_keys=(\n            'image_id', 'img_path', 'ori_shape', 'img_shape', 'file_shape', "
    "'pad_shape', 'flip')"
)


@dataclass(frozen=True)
class Amount:
    """How long a training of a project is: epochs, images a step, and steps."""

    epochs: int
    batch_size: int
    steps: int


def config_texts(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> dict[str, str]:
    """Return {name of a config: its text}, of ``data`` and of the stages.

    Args:
        preset: The networks.
        amounts: {training: how long it is}.
        with_masks: Whether some images have ground truth masks, by which maps and masks are scored.
    """
    low, high = preset.sides
    data = _DATA.format(max_side=preset.max_side, low=low, high=high, crop=preset.crop)
    makers = (_qape, _cam, _qa_clims, _ir_label, _irn, _segment)
    stages = {maker.__name__.removeprefix('_'): maker for maker in makers}
    stages |= dict(par=_refined, sam=_refined)
    stages |= dict(prompted=_prompted, prompted_answers=_asked, prompted_maps=_fused)
    texts = {
        stage: _HEAD.format(base=preset.configs[stage], stage=stage)
        + maker(preset, amounts, with_masks)
        + preset.more.get(stage, '')
        for stage, maker in stages.items()
    }
    return dict(data=data, **texts)


def _qape(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    return _test(_LOAD, "dict(type='PackWeakInputs')")


def _cam(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    return (
        _train(amounts['cam'], _LOAD, '*_base_.resizing')
        + _test_of_maps(preset, with_masks)
        + f'model = dict({_size(preset)}, cam_head=dict(num_classes=_base_.num_classes))\n'
    )


def _qa_clims(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    bank = "text_bank=f'{_base_.work}/texts/text_bank'"
    rows = f"dict(type='LoadTextRows', {bank})"
    start = ''
    if preset.starts_from_cam:
        start = f"load_from = f'{{_base_.work}}/cam/epoch_{amounts['cam'].epochs}.pth'\n"
    return (
        _train(amounts['qa_clims'], _LOAD, rows, '*_base_.resizing')
        + _test_of_maps(preset, with_masks)
        + "text_encoding = dict(corpus=f'{_base_.work}/qape/corpus')\n"
        + start
        + f'model = dict(\n    {bank}, {_size(preset)},\n'
        + '    cam_head=dict(num_classes=_base_.num_classes))\n'
    )


def _ir_label(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    maps = "cams=f'{_base_.work}/qa_clims_maps/cams'"
    return _test(_LOAD) + f'ir_label = dict({maps}, conf_fg=0.3, conf_bg=0.05)\n'


def _irn(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    labels = "dict(type='LoadMask', masks=f'{_base_.work}/ir_label/ir_labels')"
    pack = "dict(type='PackWeakInputs', scales=(1.0,))"
    return (
        _train(amounts['irn'], _LOAD, labels, '*_base_.resizing')
        + _test(_LOAD, *[_MASK] * with_masks, _MAPS, pack, more=_FEW)
        + f'model = dict({_size(preset)})\n'
        + _evaluators(_WRITER, *[_SCORE_OF_MASKS] * with_masks)
    )


def _refined(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    """Return the config of a refiner that is not trained, of maps as large as the image."""
    pack = "dict(type='PackWeakInputs', scales=(1.0,))"
    tested = _test(_LOAD, *[_MASK] * with_masks, _FULL_MAPS, pack, more=_FEW)
    return tested + _evaluators(_WRITER, *[_SCORE_OF_MASKS] * with_masks)


def _prompted(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    """Return the config of a segmenter that the labels prompt."""
    return _prompted_with(with_masks)


def _asked(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    """Return the same with the answers as further prompts."""
    return _prompted_with(with_masks, _ANSWERS)


def _prompted_with(with_masks: bool, *steps: str) -> str:
    pack = "dict(type='PackWeakInputs', scales=(1.0,))"
    tested = _test(_LOAD, *[_MASK] * with_masks, *steps, pack, more=_FEW)
    return tested + _evaluators(_PROMPTED_WRITER, *[_SCORE_OF_PROMPTED] * with_masks)


def _fused(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    """Return the config of maps that are fused with the masks of a segmenter."""
    pack = "dict(type='PackWeakInputs', scales=(1.0,))"
    tested = _test(_LOAD, *[_MASK] * with_masks, _FULL_MAPS, _ANSWERS, pack, more=_FEW)
    return tested + _evaluators(_FUSED_WRITER, *[_SCORE_OF_FUSED] * with_masks)


def _segment(preset: Preset, amounts: Mapping[str, Amount], with_masks: bool) -> str:
    """Return the config of the segmentor, whose predictions of all images are written."""
    load = "dict(type='LoadBGRImage', **_base_.reading)"
    masks = (
        "dict(type='LoadMask',\n            masks="
        'f\'{_base_.work}/{_base_.masks_by or "irn_masks"}/pseudo_masks\',\n'
        "            corrected=f'{_base_.work}/corrected')"
    )
    crop = f'crop_size=({preset.crop}, {preset.crop}), cat_max_ratio=0.75'
    return (
        _train(
            amounts['segment'],
            load,
            masks,
            '*_base_.resizing[:2]',
            f"dict(type='RandomCrop', {crop})",
            "dict(type='PackSegInputs')",
            loop=_BY_EPOCHS,
        )
        + 'log_processor = dict(by_epoch=True)\n'
        # of images of other sizes a segmentor takes one at a time
        + _test(load, f"dict(type='PackSegInputs', {_KEYS})", more='batch_size=1, ')
        + f'model = dict(\n    {_size(preset)},\n'
        + '    decode_head=dict(num_classes=_base_.num_classes + 1))\n'
        + "test_evaluator = [dict(type='SegMaskWriter', full_size=True)]\n"
        # for mmseg's inference_model; there are no images to validate on
        + "test_pipeline = test_dataloader['dataset']['pipeline']\n"
        + 'val_dataloader = val_cfg = val_evaluator = None\n'
    )


def _test_of_maps(preset: Preset, with_masks: bool) -> str:
    """Return what is tested, and the writer of maps with their score."""
    pack = f"dict(type='PackWeakInputs', scales={preset.scales})"
    tested = _test(_LOAD, *[_MASK] * with_masks, pack, more=_FEW)
    return tested + _evaluators("dict(type='CAMWriter')", *[_SCORE] * with_masks)


def _size(preset: Preset) -> str:
    return f'data_preprocessor=dict(size=({preset.crop}, {preset.crop}))'


def _train(amount: Amount, *steps: str, loop: str = '') -> str:
    """Return schedule and pipeline of a training."""
    batch_size = amount.batch_size
    schedule = _TRAINING.format(
        epochs=amount.epochs, steps=amount.steps, batch_size=batch_size, loop=loop
    )
    return schedule + _TRAIN.format(batch_size=batch_size, steps=_list(steps))


def _test(*steps: str, more: str = '') -> str:
    return _TEST.format(steps=_list(steps), more=more)


def _evaluators(*parts: str) -> str:
    text = ', '.join(parts)
    return f'test_evaluator = {f"[{text}]" if len(text) < _WIDTH - 20 else _list(parts)}\n'


def _list(parts: tuple[str, ...]) -> str:
    """Return a list of expressions, some to a line."""
    lines = ['']
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) > _WIDTH:
            lines.append('')
        lines[-1] += f' {part},' if lines[-1] else f'{part},'
    return '[\n' + '\n'.join(f'        {line}' for line in lines)[:-1] + ']'


def plan_text(stages: tuple[str, ...], with_masks: bool) -> str:
    """Return the plan of a project.

    Args:
        stages: Names of the stages that have a config.
        with_masks: As in ``config_texts``.
    """
    columns = "{'cam/mIoU': 'best mIoU', 'mask/mIoU': 'masks'}" if with_masks else '{}'
    scored = '' if with_masks else ', scored=False'
    return f"""\
# The stages of this project: qaclims run; see docs/project.md
import os

from qaclims_mm.workflow.method import MASK_ROWS, chain, mask_stages

folder = os.path.dirname((lambda: 0).__code__.co_filename)
work_dir = os.path.join(folder, 'work')
configs = {{stage: os.path.join(folder, f'configs/{{stage}}.py') for stage in {stages!r}}}
costs = os.path.join(folder, 'costs.json')
stages = chain(configs, 'segment all images', ranks=1{scored})
comparators = mask_stages(configs)
table = dict(
    rows=dict(cam_maps='CAM, the baseline', qa_clims_maps='QA-CLIMS', **MASK_ROWS),
    columns={columns},
)
"""
