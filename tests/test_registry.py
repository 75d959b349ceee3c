import pytest
from mmengine import registry as mmengine_registry
from mmseg import registry as mmseg_registry
from mmseg.registry import MODELS

from qaclims_mm import registry
from qaclims_mm.vlms import registry as vlms_registry

OURS = ['PROMPTED_SEGMENTERS', 'VQA_MODELS']
MMSEG = [name for name in registry.__all__ if name not in OURS]


@pytest.mark.parametrize('name', MMSEG)
def test_registries_are_those_of_mmseg(name):
    assert getattr(registry, name) is getattr(mmseg_registry, name)


def test_registries_of_our_own():
    for name in OURS:
        assert getattr(registry, name) is getattr(vlms_registry, name)
        assert getattr(registry, name).parent is None
    assert [name for name in registry.__all__ if not hasattr(mmseg_registry, name)] == OURS


def test_what_the_light_layers_register_lies_in_the_root_and_mmseg_finds_it():
    assert vlms_registry.MODELS is mmengine_registry.MODELS
    for name in ('CLIPTextHead', 'CLIPImageHead', 'VQACorpusBuilder'):
        assert name in mmengine_registry.MODELS.module_dict
        assert name not in MODELS.module_dict
        assert MODELS.get(name) is mmengine_registry.MODELS.module_dict[name]


def test_mmseg_scope_of_an_inherited_base_finds_our_parts():
    head = MODELS.build(dict(type='CAMHead', _scope_='mmseg', in_channels=4, num_classes=2))
    assert head.conv.out_channels == 2


def test_unknown_name():
    with pytest.raises(KeyError, match=r'CAMHaed is not in the mmseg::model registry'):
        registry.MODELS.build(dict(type='CAMHaed'))
    with pytest.raises(KeyError, match=r'BlipVqa is not in the mmengine::vqa model registry'):
        registry.VQA_MODELS.build(dict(type='BlipVqa'))
