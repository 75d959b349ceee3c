"""Run every stage of MiniWorld on a device: python device_run.py DEVICE, in a folder that has data.

Prints {stage: [status, number of operations on the other device, how often this process has read
the maps that it has read most often]} as JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import mmengine.device.utils
import other_device

from qaclims_mm.cli import main
from qaclims_mm.engine import ir_labels
from qaclims_mm.schemas import cams
from qaclims_mm.schemas.run_environment import set_environment

WORK = Path('work').absolute()
CONFIG = 'configs/miniworld/{}_miniworld-112x112.py'
QA_CLIMS = 'qa-clims_r18-mini_clip-mini-mask_1xb16-5e'
OPTIONS = [
    'randomness.seed=0',
    'train_cfg.max_epochs=1',
    'val_dataloader=None',
    'val_cfg=None',
    'val_evaluator=None',
    'train_dataloader.batch_size=4',
    *(f'{loader}_dataloader.num_workers=0' for loader in ('train', 'test')),
    *(f'{loader}_dataloader.persistent_workers=False' for loader in ('train', 'test')),
]
# {stage: (sub-command, config, stage whose checkpoint is used)}
STAGES = dict(
    qape=('test', 'qape_blip-mini_fg6-bg10', ''),
    texts=('encode-texts', QA_CLIMS, ''),
    upper_bound=('upper-bound', QA_CLIMS, ''),
    cam=('train', 'cam_r18-mini_1xb16-3e', ''),
    cam_maps=('test', 'cam_r18-mini_1xb16-3e', 'cam'),
    ritc=('train', 'ritc_r18-mini_clip-mini-mask_1xb16-5e', ''),
    clims=('train', 'clims_r18-mini_clip-mini_1xb16-5e', ''),
    puzzle=('train', 'puzzle-cam_r18-mini_1xb16-3e', ''),
    puzzle_maps=('test', 'puzzle-cam_r18-mini_1xb16-3e', 'puzzle'),
    weclip=('train', 'weclip_clip-mini_1xb16-3e', ''),
    weclip_maps=('test', 'weclip_clip-mini_1xb16-3e', 'weclip'),
    clip_cam_maps=('test', 'clip-cam_clip-mini', ''),
    clip_es_maps=('test', 'clip-es_clip-mini', ''),
    strong=('train', 'qa-clims_vit-mini_clip-mini-mask-strong_1xb16-5e', ''),
    qa_clims=('train', QA_CLIMS, ''),
    qa_clims_maps=('test', QA_CLIMS, 'qa_clims'),
    par=('test', 'par_qa-clims', ''),
    sam=('test', 'sam_random_qa-clims', ''),
    prompted=('test', 'prompted_clipseg-mini_labels', ''),
    prompted_maps=('test', 'prompted_clipseg-mini_qa-clims', ''),
    ir_label=('ir-label', 'ir-label_crf', ''),
    irn=('train', 'irn_r18-mini_1xb16-10e', ''),
    irn_masks=('test', 'irn_r18-mini_1xb16-10e', 'irn'),
    segment=('train', 'deeplabv2_r18-mini_qa-clims-irn_1xb16-10e', ''),
    segment_test=('test', 'deeplabv2_r18-mini_qa-clims-irn_1xb16-10e', 'segment'),
    eomt=('train', 'eomt_vit-mini_qa-clims-irn_1xb16-10e', ''),
    eomt_test=('test', 'eomt_vit-mini_qa-clims-irn_1xb16-10e', 'eomt'),
    predicted_maps=('predict', '', 'qa_clims'),
    predicted_masks=('predict', '', 'segment'),
)


def words_of(name: str) -> list[str]:
    command, config, trained = STAGES[name]
    if command == 'predict':
        labels = ['--labels', 'cat'] if trained == 'qa_clims' else []
        images = ['data/miniworld/JPEGImages', '--out', str(WORK / name)]
        return [command, str(WORK / trained), *images, *labels]
    checkpoint = str(WORK / trained / 'epoch_1.pth') if trained else 'none'
    words = [command, CONFIG.format(config), *([checkpoint] if command == 'test' else [])]
    options = ['--cfg-options', *OPTIONS] if command in ('train', 'test') else []
    return [*words, '--work-dir', str(WORK / name), *options]


def use_other_device() -> None:
    """Have this process find the other device where it looks for a GPU."""
    mmengine.device.utils.DEVICE = other_device.NAME
    ir_labels.find_device = lambda: other_device.NAME


def run(name: str) -> tuple[int | str, int, int]:
    """Run a stage; returns its status or message, and the two counts."""
    before, reads, read = other_device.OtherDevice.operations, Counter(), cams.read_arrays

    def counted(path: str | Path, names: Sequence[str]) -> list:
        reads[str(path)] += 'high_res' in names
        return read(path, names)

    with mock.patch.object(cams, 'read_arrays', counted):
        try:
            main(words_of(name))
            status = 0
        except SystemExit as end:
            status = end.code or 0
    operations = other_device.OtherDevice.operations - before
    return status, operations, max(reads.values(), default=0)


if __name__ == '__main__':
    with ExitStack() as stack:
        if sys.argv[1] == other_device.NAME:
            use_other_device()
            stack.enter_context(other_device.OtherDevice())
        set_environment(str(WORK))
        ran = {name: run(name) for name in STAGES}
    sys.stdout.write(f'\n{json.dumps(ran)}\n')
