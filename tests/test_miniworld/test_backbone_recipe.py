import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from qaclims_mm.miniworld.backbone_recipe import FILE, NAMES, names_in, train_backbone
from qaclims_mm.miniworld.clip_recipe import MIN_STEPS
from qaclims_mm.miniworld.scene import sample_scene, truth
from qaclims_mm.miniworld.world import CLASS_FACTS, SCENES

TINY = dict(steps=MIN_STEPS, batch_size=4, pictures=8)


def test_names_of_a_picture():
    scene = sample_scene(np.random.default_rng(3))
    present = {NAMES[i] for i in names_in(scene).nonzero().flatten()}
    assert {t.name for t in scene.objects} <= present
    asked = truth(scene, 0)
    assert {asked[f'object_{i}'][0] for i in (1, 2, 3)} <= present
    kinds = {k for facts in CLASS_FACTS.values() for k in facts.kinds}
    assert len(present & kinds) == len(scene.objects)


def test_objects_stand_in_any_scene():
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, 1 / len(SCENES)) for _ in range(800)]
    home = [CLASS_FACTS[s.objects[0].class_name].scene == s.name for s in scenes]
    # 100 expected, standard deviation 9
    assert 60 < sum(home) < 140


def test_equal_seeds_give_equal_weights(tmp_path):
    losses = [train_backbone(tmp_path / str(i), seed=s, **TINY) for i, s in enumerate((0, 0, 1))]
    a, b, c = (load_file(tmp_path / str(i) / FILE) for i in range(3))
    assert losses[0] == losses[1]
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a['conv1.weight'], c['conv1.weight'])
    assert a['conv1.weight'].dtype == torch.float16


def test_loss_falls(tmp_path):
    losses = train_backbone(tmp_path, steps=25, batch_size=8, pictures=8)
    assert np.mean(losses[-5:]) < 0.7 * losses[0]


def test_too_few_steps(tmp_path):
    with pytest.raises(ValueError, match='steps must be at least'):
        train_backbone(tmp_path, steps=1)
