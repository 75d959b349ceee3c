import numpy as np
import pytest
import torch
from mmengine.config import Config

from qaclims_mm.checks.upper_bound import clip_upper_bound, true_maps
from qaclims_mm.errors import DataError
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.miniworld.clip_quality import recognition_rates
from qaclims_mm.schemas import write_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

CONFIG = 'configs/miniworld/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
PICTURES = 24


def test_true_maps_are_the_share_of_each_cell():
    mask = torch.tensor([[1, 1, 0, 2], [1, 0, 2, 255]])
    maps = true_maps(mask, torch.tensor([0, 1]), (1, 2))
    assert maps.tolist() == [[[0.75, 0.0]], [[0.0, 0.5]]]


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    return generate(tmp_path_factory.mktemp('world') / 'mini', PICTURES, 1)


def config(world, folder, names=CLASSES):
    head = CLIPTextHead('miniworld://clip').load()
    embeddings = head.encode([f'a photo of {n}' for n in names]).numpy()
    index = {k: [] for k in ('image_id', 'class_name', 'label', 'fg', 'bg', 'no')}
    metadata = dict(clip=head.model, weights_sha256=head.weights_sha256)
    write_text_bank(folder, embeddings, list(names), index, metadata)
    cfg = Config.fromfile(CONFIG)
    cfg.model.text_bank = str(folder)
    cfg.test_dataloader.dataset.data_root = str(world)
    return cfg


def test_bound_of_the_shipped_clip(world, tmp_path):
    metrics = clip_upper_bound(config(world, tmp_path))
    # another way through the same pictures: the measure of the recipe, on regions without CAMs
    expected = recognition_rates(pictures=PICTURES)['class']
    assert metrics['cam/recognised'] == pytest.approx(expected, abs=5)
    assert metrics['cam/mIoU@0.15'] < metrics['cam/mIoU'] < 100
    # a blurred truth loses edges only
    assert metrics['cam/mIoU'] > 0.75 * metrics['cam/recognised']


def test_a_clip_that_knows_nothing_has_no_bound(world, tmp_path):
    cfg = config(world, tmp_path, [*CLASSES[1:], CLASSES[0]])
    bank = np.roll(CLIPTextHead('miniworld://clip').load().encode(CLASSES).numpy(), 1, axis=0)
    head = CLIPTextHead('miniworld://clip').load()
    index = {k: [] for k in ('image_id', 'class_name', 'label', 'fg', 'bg', 'no')}
    write_text_bank(tmp_path, bank, list(CLASSES), index, dict(
        clip=head.model, weights_sha256=head.weights_sha256
    ))  # fmt: skip
    assert clip_upper_bound(cfg)['cam/recognised'] < 20


def test_class_without_a_text(world, tmp_path):
    with pytest.raises(DataError, match=rf"has no text for the classes \['{CLASSES[0]}'\]"):
        clip_upper_bound(config(world, tmp_path, CLASSES[1:]))
