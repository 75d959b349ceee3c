from mmengine.registry import MODELS as ROOT_MODELS
from mmseg.registry import MODELS as MMSEG_MODELS

from qaclims_mm.vlms.registry import MODELS, PROMPTED_SEGMENTERS, VQA_MODELS


def test_root_registry_is_found_from_the_scope_of_mmseg():
    assert MODELS is ROOT_MODELS
    assert MMSEG_MODELS.get('CLIPImageHead') is ROOT_MODELS.get('CLIPImageHead')


def test_vqa_models_are_apart():
    assert 'BlipVQA' in VQA_MODELS
    assert 'BlipVQA' not in ROOT_MODELS


def test_prompted_segmenters_are_apart():
    assert 'CLIPSegSegmenter' in PROMPTED_SEGMENTERS
    assert 'CLIPSegSegmenter' not in ROOT_MODELS
    assert 'CLIPSegSegmenter' not in VQA_MODELS
