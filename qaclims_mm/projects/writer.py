"""The files of a project: tables of labels and classes, a config a stage, and the plan."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qaclims_mm.datasets.folder import with_gap
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.paths import config_path
from qaclims_mm.projects.checks import Checked
from qaclims_mm.projects.costs import Work, estimate
from qaclims_mm.projects.presets import Preset
from qaclims_mm.schemas import atomic_path
from qaclims_mm.schemas.labels import write_labels
from qaclims_mm.schemas.names import problem_of_line, shown_name, shown_text
from qaclims_mm.schemas.numbers.costs import Cost, write_costs
from qaclims_mm.schemas.project import (
    CLASSES,
    LABELS,
    PROJECT,
    ProjectTables,
    write_project_tables,
)

COSTS = 'costs.json'
_COST_SOURCE = 'estimates from two cores, scaled to this machine by its matrix products'
THRESHOLD = 0.25  # of the masks' background, IRN's
MAX_EPOCHS = 300

# No name that a user chose stands in a config: they are read from the tables of the project.
_DATA = """\
# What all stages share: images, labels and how they are read; see docs/own-data.md
import os

# mmengine compiles a config under its own path, so the project is found wherever it is moved to
project = os.path.dirname(os.path.dirname((lambda: 0).__code__.co_filename))
# where the stages find each other; set for a run by the workflow
work = os.environ.get('QACLIMS_ROOT', os.path.join(project, 'work'))
num_classes = {number}
own = dict(type='FolderWeakDataset', project=project, num_classes=num_classes)
# turned as EXIF says; larger ones are made smaller for all stages, masks are as large as the file
reading = dict(oriented=True, max_side={max_side})
resizing = [
    dict(type='RandomResizeLongSide', min_side={sides[0]}, max_side={sides[1]}),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCropPad', size={crop}),
    dict(type='PackWeakInputs'),
]
"""
_HEAD = """\
_base_ = [
    __import__('qaclims_mm.paths').paths.config_path(
        {base!r}
    ),
    './data.py',
]
work_dir = f'{{_base_.work}}/{stage}'
"""
_TRAINING = """\
epochs = {epochs}  # about {steps} steps of {batch_size} images
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=100000)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=max(1, epochs // 10)))
log_processor = dict(by_epoch=True)
"""
_TRAIN = """\
train_dataloader = dict(
    batch_size={batch_size},
    num_workers=2,
    dataset=dict(_delete_=True, **_base_.own, pipeline=[
{steps}
    ]),
)
"""
_TEST = """\
test_dataloader = dict(
    num_workers=2,
    dataset=dict(_delete_=True, **_base_.own, test_mode=True, pipeline=[
{steps}
    ]),
)
"""
_LOAD = "dict(type='LoadRGBImage', **_base_.reading)"
_SCORE = """\
    dict(
        type='CAMMetric',
        optional=True,%s
    ),
"""
_OF_REFINED = f"""
        report_at={THRESHOLD},
        maps='refined_maps',
        prefix='mask',"""


@dataclass(frozen=True)
class Project:
    """What a project is made of.

    Attributes:
        folder: Where its files go.
        images: Folder of the images.
        checked: Images, labels and classes.
        preset: Its networks.
        masks: Folder of ground truth masks of some images, for scores; or ``None``.
    """

    folder: Path
    images: Path
    checked: Checked
    preset: Preset
    masks: Path | None = None

    def epochs(self, stage: str) -> tuple[int, int, int]:
        """Return epochs, images a step, and steps, of a training."""
        number = len(self.checked.rows)
        batch = min(self.preset.batch_size[stage], number)
        an_epoch = max(1, number // batch)
        epochs = min(MAX_EPOCHS, max(1, round(self.preset.steps[stage] / an_epoch)))
        return epochs, batch, epochs * an_epoch

    def costs(self, rate: float) -> dict[str, tuple[float, float]]:
        """Return minutes and megabytes of each stage, see ``costs.estimate``."""
        trainings = {stage: self.epochs(stage) for stage in self.preset.steps}
        work = Work(
            sizes=self.checked.sizes,
            pairs=sum(self.checked.counts.values()),
            seen={stage: batch * steps for stage, (_, batch, steps) in trainings.items()},
            max_side=self.preset.max_side,
        )
        return estimate(work, self.preset.seconds, self.preset.checkpoint, rate)


def write_project(project: Project, rate: float) -> list[Path]:
    """Write a project; returns its files, the plan last.

    Args:
        project: What it is made of.
        rate: FLOPs a second of this machine, by which the time is estimated.

    Raises:
        ConfigError: If its folder has files of another project, or a folder cannot be used.
        DataError: If there is no image or class.
    """
    checked, folder = project.checked, project.folder
    _check_paths(project)
    if not checked.rows or not checked.counts:
        raise DataError(
            f'no image of {shown_text(project.images)} can be used with a label; see the problems '
            'above.'
        )
    classes = with_gap(checked.classes)
    tables = ProjectTables(project.images, classes, project.masks, checked.aliases)
    write_labels(folder / LABELS, checked.rows)
    write_project_tables(folder, tables)
    stages = _stages(project)
    configs = {'data': _data(project)} | {
        stage: text + project.preset.more.get(stage, '') for stage, text in stages.items()
    }
    paths = [folder / name for name in (LABELS, CLASSES, PROJECT)]
    for name, text in configs.items():
        paths.append(_write(folder / f'configs/{name}.py', text))
    costs = {stage: Cost(*cost) for stage, cost in project.costs(rate).items()}
    write_costs(folder / COSTS, _COST_SOURCE, costs)
    return [
        *paths,
        folder / COSTS,
        _write(folder / 'pipeline.py', _plan(project, tuple(stages))),
    ]


def _check_paths(project: Project) -> None:
    """Refuse folders whose names no log and no JSON could hold, and one that cannot be made.

    Raises:
        ConfigError: If a folder has such a name, or a file stands where the project would be.
    """
    for folder in (project.folder, project.images, project.masks):
        problem = problem_of_line(str(folder.absolute())) if folder else ''
        if problem:
            raise ConfigError(f'folder {shown_name(str(folder))}: {problem}; rename it.')
    check_new_folder(project.folder)


def check_new_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made, before any work is done for it.

    Args:
        folder: The folder of a new project; nothing is made.

    Raises:
        ConfigError: If a file stands there or above it, its name is too long, or it has a project.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise ConfigError(f'{shown_text(folder)} is no folder; choose another one.')
    try:
        os.lstat(folder / 'pipeline.py')
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        # below a file, a name of 10,000 characters, a NUL
        reason = getattr(error, 'strerror', None) or error
        raise ConfigError(
            f'the folder {shown_text(folder)} cannot be made ({reason}); choose another one.'
        ) from error
    raise ConfigError(
        f'{shown_text(folder)} has a project already; delete it or choose another folder.'
    )


def _write(path: Path, text: str) -> Path:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
    return path


def _data(project: Project) -> str:
    preset = project.preset
    return _DATA.format(
        number=len(with_gap(project.checked.classes)),
        max_side=preset.max_side,
        sides=preset.sides,
        crop=preset.crop,
    )


def _stages(project: Project) -> Mapping[str, str]:
    """Return the text of each stage's config."""
    scales, crop = project.preset.scales, project.preset.crop
    size = f'data_preprocessor=dict(size=({crop}, {crop}))'
    mask = ["dict(type='LoadMask', optional=True)"] if project.masks else []
    score = _SCORE % '' if project.masks else ''
    maps = "test_evaluator = [\n    dict(type='CAMWriter'),\n"
    network = f'model = dict({size}, cam_head=dict(num_classes=_base_.num_classes))\n'
    pack = f"dict(type='PackWeakInputs', scales={scales})"
    return dict(
        qape=_text(project, 'qape', test=[_LOAD, "dict(type='PackWeakInputs')"]),
        cam=_text(project, 'cam', [_LOAD], [_LOAD, *mask, pack]) + f'{network}{maps}{score}]\n',
        qa_clims=_text(
            project,
            'qa_clims',
            [_LOAD, f"dict(type='LoadTextRows', text_bank={_below('texts/text_bank')})"],
            [_LOAD, *mask, pack],
        )
        + f'text_encoding = dict(corpus={_below("qape/corpus")})\n'
        + _start(project)
        + network.replace('model = dict(', f'model = dict(text_bank={_below("texts/text_bank")}, ')
        + f'{maps}{score}]\n',
        ir_label=_text(project, 'ir_label', test=[_LOAD])
        + f'ir_label = dict(cams={_below("qa_clims_maps/cams")}, conf_fg=0.3, conf_bg=0.05)\n',
        irn=_text(
            project,
            'irn',
            [_LOAD, f"dict(type='LoadMask', masks={_below('ir_label/ir_labels')})"],
            [
                _LOAD,
                *mask,
                f"dict(type='LoadCAMs', cams={_below('qa_clims_maps/cams')}, full_size=False)",
                "dict(type='PackWeakInputs', scales=(1.0,))",
            ],
        )
        + f'model = dict({size})\n'
        + 'test_evaluator = [\n'
        + f"    dict(type='PseudoMaskWriter', threshold={THRESHOLD}, full_size=True),\n"
        + (_SCORE % _OF_REFINED if score else '')
        + ']\n',
        segment=_segment(project, size),
    )


def _start(project: Project) -> str:
    """Return where QA-CLIMS starts from: the classifier, if the shipped config does."""
    if not read_config(config_path(_base(project, 'qa_clims'))).get('load_from'):
        return ''
    epochs, _, _ = project.epochs('cam')
    return f'load_from = {_below(f"cam/epoch_{epochs}.pth")}\n'


def _segment(project: Project, size: str) -> str:
    """Return the config of the segmentor, whose predictions of all images are written."""
    load = "dict(type='LoadBGRImage', **_base_.reading)"
    crop, (low, high) = project.preset.crop, project.preset.sides
    keys = "('image_id', 'img_path', 'ori_shape', 'img_shape', 'file_shape', 'pad_shape', 'flip')"
    return _text(
        project,
        'segment',
        [
            load,
            f"dict(type='LoadMask', masks={_below('irn_masks/pseudo_masks')})",
            f"dict(type='RandomResizeLongSide', min_side={low}, max_side={high})",
            "dict(type='RandomFlip', prob=0.5)",
            f"dict(type='RandomCrop', crop_size=({crop}, {crop}), cat_max_ratio=0.75)",
            "dict(type='PackSegInputs')",
        ],
        [load, f"dict(type='PackSegInputs', meta_keys={keys})"],
    ) + (
        # of images of other sizes a segmentor takes one at a time
        'test_dataloader.update(batch_size=1)\n'
        f'model = dict({size}, decode_head=dict(num_classes=_base_.num_classes + 1))\n'
        "test_evaluator = [dict(type='SegMaskWriter', full_size=True)]\n"
        # for mmseg's inference_model; there are no images to validate on
        "test_pipeline = test_dataloader['dataset']['pipeline']\n"
        'val_dataloader = val_cfg = val_evaluator = None\n'
    )


def _below(path: str) -> str:
    """Return the expression by which a config names what another stage makes."""
    return f"f'{{_base_.work}}/{path}'"


def _base(project: Project, stage: str) -> str:
    return project.preset.configs[stage]


def _text(
    project: Project,
    stage: str,
    train: list[str] | None = None,
    test: list[str] | None = None,
) -> str:
    """Return the config of a stage up to its model: base, schedule, and pipelines."""
    text = _HEAD.format(base=_base(project, stage), stage=stage)
    if train is not None:
        epochs, batch, steps = project.epochs(stage)
        text += _TRAINING.format(epochs=epochs, steps=steps, batch_size=batch)
        ends = [] if stage == 'segment' else ['*_base_.resizing']
        text += _TRAIN.format(batch_size=batch, steps=_lines([*train, *ends]))
    if test is not None:
        text += _TEST.format(steps=_lines(test))
    return text


def _lines(steps: list[str]) -> str:
    return '\n'.join(f'        {step},' for step in steps)


def _plan(project: Project, names: tuple[str, ...]) -> str:
    columns = "{'cam/mIoU': 'best mIoU', 'mask/mIoU': 'masks'}" if project.masks else '{}'
    number = len(project.checked.rows)
    return f"""\
# {number} images, {len(project.checked.classes)} classes; made by qaclims init
import os

from qaclims_mm.workflow.method import chain

folder = os.path.dirname((lambda: 0).__code__.co_filename)
work_dir = os.path.join(folder, 'work')
configs = {{stage: os.path.join(folder, f'configs/{{stage}}.py') for stage in {names!r}}}
costs = os.path.join(folder, 'costs.json')
stages = chain(configs, 'its masks of all images', ranks=1)
table = dict(
    rows=dict(
        cam_maps='CAM, the baseline',
        qa_clims_maps='QA-CLIMS',
        irn_masks='QA-CLIMS + IRN, masks',
    ),
    columns={columns},
)
"""
