import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from qaclims_mm.engine.config import read_config
from qaclims_mm.miniworld.backbone_recipe import (
    KINDS,
    MEAN,
    RECIPES,
    STD,
    crop_object,
    train_backbone,
)
from qaclims_mm.miniworld.clip_recipe import MIN_STEPS
from qaclims_mm.miniworld.scene import Object, sample_scene
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENES
from qaclims_mm.paths import config_file
from qaclims_mm.registry import MODELS

TINY = dict(steps=MIN_STEPS, batch_size=4, pictures=8)


def test_crop_holds_the_whole_object():
    """The object's box, marked in pure red, is in the crop and fills a fair part of it."""
    rng, thing = np.random.default_rng(0), Object('jet', (0.3, 0.4, 0.7, 0.6), False, 'aeroplane')
    image = np.zeros((112, 112, 3), np.uint8)
    image[45:67, 34:78, 0] = 255
    red = (1 - MEAN[0]) / STD[0]
    for _ in range(20):
        crop = crop_object(rng, image, thing)
        assert crop.shape == (3, 112, 112)
        inside = crop[0] > 0.9 * red
        # 44 of 112 columns and 22 rows, enlarged by 112 / (44 * 1.1 to 1.9)
        scale = inside.sum() / (44 * 22)
        assert (112 / 44 / 1.95) ** 2 < scale < (112 / 44 / 1.05) ** 2
        edge = torch.cat([inside[:, 0], inside[:, -1], inside[0], inside[-1]])
        assert edge.float().mean() < 0.2


def test_crops_are_mirrored_half_of_the_time():
    rng, thing = np.random.default_rng(0), Object('jet', (0.3, 0.3, 0.7, 0.7), False, 'aeroplane')
    image = np.zeros((112, 112, 3), np.uint8)
    image[:, :56] = 255
    crops = [crop_object(rng, image, thing) for _ in range(60)]
    left = sum(bool(c[0, 56, 40] > c[0, 56, 72]) for c in crops)
    assert 15 < left < 45


def test_kinds_are_finer_than_classes():
    assert len(KINDS) == len(set(KINDS)) == sum(len(f.kinds) for f in CLASS_FACTS.values())


def test_objects_stand_in_any_scene():
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, 1 / len(SCENES)) for _ in range(800)]
    home = [CLASS_FACTS[s.objects[0].class_name].scene == s.name for s in scenes]
    # 100 expected, standard deviation 9
    assert 60 < sum(home) < 140


@pytest.mark.parametrize(
    ('name', 'first'), [('r18-mini', 'conv1.weight'), ('vit-mini', 'patch_embed.proj.weight')]
)
def test_equal_seeds_give_equal_weights(tmp_path, name, first):
    losses = [
        train_backbone(tmp_path / str(i), name, seed=s, **TINY) for i, s in enumerate((0, 0, 1))
    ]
    a, b, c = (load_file(tmp_path / str(i) / f'{name}.safetensors') for i in range(3))
    assert losses[0] == losses[1]
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a[first], c[first])
    assert a[first].dtype == torch.float16


@pytest.mark.parametrize('name', RECIPES)
def test_the_weights_fit_the_backbone_of_the_configs(tmp_path, name):
    train_backbone(tmp_path, name, **TINY)
    stem = dict(
        zip(RECIPES, ('cam_r18-mini_1xb16-3e', 'eomt_vit-mini_full_1xb16-10e'), strict=True)
    )[name]
    cfg = read_config(config_file(f'{stem}_miniworld-112x112')).model.backbone
    assert cfg.init_cfg.checkpoint == f'miniworld://backbone/{name}.safetensors'
    cfg.init_cfg.checkpoint = str(tmp_path / f'{name}.safetensors')
    backbone = MODELS.build(cfg)
    backbone.init_weights()
    wanted = load_file(tmp_path / f'{name}.safetensors')
    found = getattr(backbone, 'network', backbone).state_dict()
    assert all(torch.equal(found[k].half(), v) for k, v in wanted.items() if v.ndim)


def test_loss_falls(tmp_path):
    losses = train_backbone(tmp_path, steps=30, batch_size=8, pictures=4)
    assert np.mean(losses[-5:]) < 0.8 * losses[0]


def test_too_few_steps(tmp_path):
    with pytest.raises(ValueError, match='steps must be at least'):
        train_backbone(tmp_path, steps=1)
