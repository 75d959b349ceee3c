"""Folders of stages as a training leaves them, with networks that nobody has trained."""

import torch
from mmengine.registry import init_default_scope
from PIL import Image

from qaclims_mm.engine.config import read_config
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.paths import config_file
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import write_run_config

SEGMENTOR = 'deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112'
EOMT = 'eomt_vit-mini_full_1xb16-10e_miniworld-112x112'
CLASSIFIER = 'cam_r18-mini_1xb16-3e_miniworld-112x112'
RITC = 'ritc_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112'
SHIPPED = 'miniworld://segment/r18-mini.safetensors'
NAMES = ('background', '{texts}', '[/b]', 'a/b', '=1+1', 'cat', '</script>', 'None', 'dog')


def make_stage(folder, name=SEGMENTOR, epoch=3, classes=NAMES, seed=0):
    """Write a checkpoint and the config of its run; returns the checkpoint."""
    init_default_scope('mmseg')
    cfg = read_config(config_file(name))
    torch.manual_seed(seed)
    model = MODELS.build(cfg.model)
    folder.mkdir(parents=True, exist_ok=True)
    meta = dict(dataset_meta=dict(classes=classes), cfg='raise SystemExit("executed")')
    path = folder / f'epoch_{epoch}.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=meta, optimizer={}), path)
    write_run_config(folder, 'train', f'{name}.py', cfg.to_dict())
    return path


def make_pictures(folder, number=3, size=48):
    """Write pictures of MiniWorld; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'{index}.png' for index in range(number)]
    for index, path in enumerate(paths):
        Image.fromarray(make_picture(seed=999, index=index, size=size)[1].image).save(path)
    return paths
