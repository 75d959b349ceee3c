import copy

import numpy as np
import pytest
import torch
from helpers import make_tiny_voc
from mmengine.structures import BaseDataElement
from test_models.test_classifiers.test_cam_network import TINY, sample
from tiny_runs import build_tiny_runner, write_tiny_config

from qaclims_mm.datasets.voc12 import CLASSES
from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.cam import merge_multiscale_cams
from qaclims_mm.models.classifiers import clims
from qaclims_mm.models.classifiers.region_network import to_clip_input
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

NAMES = ['cat', 'person', 'sofa', 'car']
BACKGROUNDS = {'cat': ['carpet', 'sofa'], 'car': ['road', 'street', 'cat']}
CONFIG = dict(
    TINY,
    type='CLIMS',
    image_head=dict(type='CLIPImageHead', model='miniworld://clip'),
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    class_names=NAMES,
    background_texts=BACKGROUNDS,
    class_texts=dict(person='dog'),
    loss_otm=dict(type='OTMLoss', loss_weight=10.0),
    loss_btm=dict(type='BTMLoss', loss_weight=24.0),
    loss_cbs=dict(type='CBSLoss', loss_weight=1.0, threshold=0.1),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
)
SAMPLES = [
    BaseDataElement(class_indices=torch.tensor(p, dtype=torch.int64))
    for p in ([0, 3], [], [1], [3])
]


def build(**changes):
    """Build after a seed, and leave the caller's config as it is."""
    torch.manual_seed(0)
    cfg = CONFIG | changes
    before = copy.deepcopy(cfg)
    model = MODELS.build(cfg)
    assert cfg == before
    return model


def encoded(*texts):
    return CLIPTextHead('miniworld://clip').load().encode(texts).clone()


def texts_of(model, rows):
    return [[model.fixed_texts.prompted[i] for i in own if i >= 0] for own in rows]


def test_texts_of_each_class():
    model = build()
    assert [model.fixed_texts.prompted[i] for i in model.label_rows] == [
        f'a photo of {name}.' for name in ('cat', 'dog', 'sofa', 'car')
    ]
    assert texts_of(model, model.background_rows) == [
        ['a photo of carpet.', 'a photo of sofa.'],
        [],
        [],
        ['a photo of road.', 'a photo of street.', 'a photo of cat.'],
    ]
    # each text is encoded once, also one that is a class and a background
    assert len(set(model.fixed_texts.prompted)) == len(model.fixed_texts.prompted) == 7


def test_one_list_is_for_all_classes():
    model = build(background_texts=['tree', 'water'], prompt='{text}')
    assert texts_of(model, model.background_rows) == [['tree', 'water']] * 4


def test_texts_are_encoded_when_training_starts():
    model = build()
    assert len(model.text_embeddings) == 0
    model.init_weights()
    torch.testing.assert_close(model.text_embeddings, encoded(*model.fixed_texts.prompted))
    # nothing of CLIP or of the texts is in a checkpoint, and no text encoder is kept
    assert set(model.state_dict()) == {*MODELS.build(TINY).state_dict()}
    assert not [m for m in vars(model).values() if isinstance(m, CLIPTextHead)]


def test_losses_equal_a_loop_over_pairs():
    """The released step: one CLIP call a region and plain logarithms."""
    model = build(loss_cbs=dict(type='CBSLoss', loss_weight=1.5, threshold=0.1))
    images = torch.randn(4, 3, 32, 48)
    losses = model(images, SAMPLES, mode='loss')
    cams = model.logits(images).sigmoid()
    head, names = model.image_head, ('cat', 'dog', 'sofa', 'car')
    grown = torch.nn.functional.interpolate(
        to_clip_input(images, model.data_preprocessor, model.image_head),
        (96, 96),
        mode='bilinear',
        align_corners=True,
    )
    otm, btm, cbs, counted = [], [], 0.0, 0
    for image, one in enumerate(SAMPLES):
        for k in one.class_indices.tolist():
            cam = torch.nn.functional.interpolate(
                cams[image, k][None, None], (96, 96), mode='bilinear', align_corners=True
            )
            inside, outside = (head(grown[image] * a)[0] for a in (cam, 1 - cam))
            inside, outside = inside / inside.norm(), outside / outside.norm()
            [text] = encoded(f'a photo of {names[k]}.')
            otm.append(-torch.log((inside @ text).clamp(0.0001, 0.9999)))
            btm.append(-torch.log(1 - (outside @ text).clamp(0.0001, 0.9999)))
            for word in BACKGROUNDS.get(NAMES[k], []):
                similarity = inside @ encoded(f'a photo of {word}.')[0]
                if similarity > 0.1:
                    cbs, counted = cbs - torch.log(1 - similarity), counted + 1
    assert counted > 1
    close = dict(rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses['loss_otm'], 10 * torch.stack(otm).mean(), **close)
    torch.testing.assert_close(losses['loss_btm'], 24 * torch.stack(btm).mean(), **close)
    # four images on the rank, the weight made for sixteen
    torch.testing.assert_close(losses['loss_cbs'], 16 / 4 * 1.5 * cbs, **close)
    torch.testing.assert_close(losses['loss_reg'], 0.2 * cams.mean())


def test_two_parts_average_to_the_whole(monkeypatch):
    """What two ranks of DDP average is the objective of one rank with all images."""
    model = build().train()
    images = torch.randn(4, 3, 32, 48)
    whole = model(images, SAMPLES, mode='loss')
    # four pairs: two of the first two images and two of the others; then three and one
    for order in ([0, 1, 2, 3], [0, 2, 1, 3]):
        calls = []

        def average_two_ranks(number, op, calls=calls):
            calls.append(op)
            number.fill_(4 / 2)

        monkeypatch.setattr(clims, 'all_reduce', average_two_ranks)
        parts = [
            model(images[half], [SAMPLES[i] for i in half], mode='loss')
            for half in (order[:2], order[2:])
        ]
        assert calls == ['mean', 'mean']
        for name, loss in whole.items():
            mean = (parts[0][name] + parts[1][name]) / 2
            torch.testing.assert_close(mean, loss, rtol=1e-5, atol=1e-5)


def test_gradient_reaches_the_network_and_not_clip():
    model = build()
    sum(model(torch.randn(4, 3, 32, 48), SAMPLES, mode='loss').values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.cam_head.parameters())
    assert not [p for p in model.image_head._frozen.parameters() if p.grad is not None]


def test_batch_without_a_label_has_a_graph_and_meets_the_other_ranks(monkeypatch):
    calls = []
    monkeypatch.setattr(clims, 'all_reduce', lambda number, op: calls.append(float(number)))
    model = build(loss_reg=None)
    losses = model(torch.randn(1, 3, 32, 48), SAMPLES[1:2], mode='loss')
    assert {name: x.item() for name, x in losses.items()} == dict.fromkeys(
        ('loss_otm', 'loss_btm', 'loss_cbs'), 0
    )
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    assert calls == [0]


@pytest.mark.parametrize('name', ['loss_otm', 'loss_btm', 'loss_cbs', 'loss_reg'])
def test_a_loss_is_left_out(name):
    losses = build(**{name: None})(torch.randn(4, 3, 32, 48), SAMPLES, mode='loss')
    assert set(losses) == {'loss_otm', 'loss_btm', 'loss_cbs', 'loss_reg'} - {name}


@pytest.mark.parametrize('activation', ['sigmoid', 'relu'])
def test_predict_needs_no_texts(activation):
    model = build(activation=activation).eval()
    image = torch.randn(3, 32, 48)
    [found] = model.predict([[image]], [sample([1, 3])])
    maps = getattr(torch, activation)(model.logits(torch.stack([image, image.flip(-1)])))
    strided, _ = merge_multiscale_cams([(maps[0] + maps[1].flip(-1))[[1, 3]]], (32, 48))
    torch.testing.assert_close(found.cam_strided, strided)
    assert len(model.text_embeddings) == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(class_names=NAMES[:3]), 'must name the 4 classes of cam_head, but names 3'),
        (
            dict(background_texts={'dog': ['grass']}),
            "^background_texts names the class 'dog'",
        ),
        (dict(class_texts={'dog': 'cat'}), "^class_texts names the class 'dog', which does"),
        (dict(background_texts={'car': 'road'}), "must be a list of texts, but got 'road'"),
        (dict(prompt='a photo'), "prompt must have {text} in it, but got 'a photo'"),
        (
            dict(image_head=dict(CONFIG['image_head'], mask_prompt='random')),
            "CLIMS makes no masks, but image_head.mask_prompt is 'random'",
        ),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)


def test_encoders_of_two_clips_are_refused(monkeypatch):
    model = build()
    load = CLIPTextHead.load

    def load_another(head):
        load(head).weights_sha256 = '0' * 64
        return head

    monkeypatch.setattr(CLIPTextHead, 'load', load_another)
    with pytest.raises(ConfigError, match=r'text_head .* \(00000000\) and image_head .* one CLIP'):
        model.init_weights()


def test_training_of_a_few_steps(tmp_path):
    """A runner trains it from the config alone: no corpus, no text bank."""
    make_tiny_voc(tmp_path / 'voc')
    more = dict(CONFIG, class_names=list(CLASSES[1:]), background_texts=['grass', 'carpet'])
    more = {k: v for k, v in more.items() if k not in ('backbone', 'cam_head')}
    more['class_texts'] = None
    config = write_tiny_config(tmp_path / 'clims.py', tmp_path / 'voc', f'model.update({more!r})\n')
    changes = {'train_cfg.max_epochs': 4, 'optim_wrapper.optimizer.lr': 0.01}
    runner = build_tiny_runner(config, tmp_path / 'clims', 'train', **changes)
    runner.train()
    scalars = runner.message_hub.log_scalars
    for name in ('otm', 'btm', 'cbs', 'reg'):
        values = scalars[f'train/loss_{name}']._log_history
        assert len(values) == 8
        assert np.isfinite(values).all()
    total = scalars['train/loss']._log_history
    assert total[-2:].mean() < total[:2].mean()
    saved = torch.load(tmp_path / 'clims/epoch_4.pth', weights_only=False)['state_dict']
    assert set(saved) == set(runner.model.state_dict())
