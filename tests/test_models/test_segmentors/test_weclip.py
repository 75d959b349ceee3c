import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmseg.structures import SegDataSample
from test_models.test_classifiers.test_cam_network import sample
from torch.nn import functional as F

from qaclims_mm.functional.attention import attention_affinity, box_masks, refine_by_affinity
from qaclims_mm.functional.cam import merge_multiscale_cams
from qaclims_mm.functional.par import pixel_adaptive_refinement
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.attention import watch_blocks
from qaclims_mm.vlms.clip.grad_cam import text_grad_cams

CONFIG = dict(
    type='WeCLIP',
    image_head=dict(type='CLIPImageHead', model='miniworld://clip'),
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    class_names=['cat', 'car', 'boat', 'bird'],
    background_texts=['carpet', 'road', 'water'],
    prompt='a photo of {text}',
    decode_head=dict(
        type='FrozenFeatureHead',
        in_channels=128,
        num_blocks=2,
        num_classes=5,
        channels=16,
        num_heads=2,
        num_layers=1,
    ),
    dilations=(1, 2),
    par_steps=3,
)
RANDOM = torch.Generator().manual_seed(0)
IMAGES = torch.randn(3, 3, 96, 96, generator=RANDOM)
SAMPLES = [sample([2, 0]), sample([]), sample([1])]


def build(**options):
    torch.manual_seed(0)
    # a step's random channels are not what is compared
    return MODELS.build({**CONFIG, **options}).eval()


@pytest.fixture
def progress():
    """Set the share of the training that is done."""
    hub = MessageHub.get_current_instance()

    def at(step):
        hub.update_info('iter', step)
        hub.update_info('max_iters', 100)

    yield at
    for name in ('iter', 'max_iters'):
        hub.runtime_info.pop(name, None)


def mean(maps):
    return sum(maps) / len(maps)


def attention_by_hand(blocks, affinity, trusted):
    """The released code's: all blocks at first, then those that agree, times the affinity."""
    if not trusted:
        return mean(blocks)
    sums = [(affinity - block).sum() for block in blocks]
    return mean([b for b, s in zip(blocks, sums, strict=True) if s <= mean(sums)]) * affinity


def masks_by_hand(model, images, trusted):
    """One image at a time; returns masks and the decoder's affinities."""
    head, masks, affinities = model.image_head, [], []
    texts = model.fixed_texts.encode(model.text_head, head)
    for image, one in zip(images, SAMPLES, strict=True):
        present = one.class_indices.tolist()
        seen = watch_blocks(head.encoder, image[None])
        _, fused = model.decode_head(seen.feature_maps())
        flat = fused[0].flatten(1)
        affinity = torch.sigmoid(flat.T @ flat)
        affinities.append(affinity)
        if not present:
            masks.append(torch.zeros(96, 96, dtype=torch.long))
            continue
        rows = [model.fixed_texts.label_rows[k] for k in present]
        rows += model.fixed_texts.background_rows[0]
        cams = text_grad_cams(head.encoder, image[None], texts[rows], len(present))[0]
        walk = attention_affinity(attention_by_hand([*seen.attention[0]], affinity, trusted))
        maps = refine_by_affinity(cams, walk, box_masks(cams, 0.4))
        large = F.interpolate(maps[None], (96, 96), mode='bilinear')[0]
        layers = torch.cat([1 - large.max(0, keepdim=True)[0], large])
        refined = pixel_adaptive_refinement(image[None], layers[None], (1, 2), 3)[0]
        masks.append(torch.tensor([0, *(k + 1 for k in present)])[refined.argmax(0)])
    return torch.stack(masks), torch.stack(affinities)


@pytest.mark.parametrize(('step', 'trusted'), [(0, False), (49, False), (50, True), (99, True)])
def test_losses_equal_a_loop(step, trusted, progress):
    model = build()
    progress(step)
    found = model(IMAGES, SAMPLES, mode='loss')
    with torch.no_grad():
        # both are normalised by ImageNet's and CLIP's own constants
        images = model.look(IMAGES, model.image_head).images
        masks, affinities = masks_by_hand(model, images, trusted)
        logits = model(IMAGES, mode='tensor')
    scores = F.interpolate(logits, (96, 96), mode='bilinear').log_softmax(1)
    nats = -scores.gather(1, masks[:, None])[:, 0]
    wanted = (nats[masks == 0].mean() + nats[masks > 0].mean()) / 2
    torch.testing.assert_close(found['loss_decode'], wanted, rtol=1e-2, atol=1e-3)
    together, apart = [], []
    cells = masks[:, 4::8, 4::8]
    for one, affinity in zip(cells, affinities, strict=True):
        rows, columns = torch.meshgrid(torch.arange(12), torch.arange(12), indexing='ij')
        rows, columns, labels = rows.flatten(), columns.flatten(), one.flatten()
        near = ((rows[:, None] - rows).abs() <= 8) & ((columns[:, None] - columns).abs() <= 8)
        equal = labels[:, None] == labels
        together.append(1 - affinity[near & equal])
        apart.append(affinity[near & ~equal])
    terms = [torch.cat(x).sum() / (len(torch.cat(x)) + 1) for x in (together, apart)]
    torch.testing.assert_close(found['loss_affinity'], 0.1 * mean(terms), rtol=1e-2, atol=1e-4)


def test_pseudo_masks_hold_the_classes_of_the_image_alone():
    model = build()
    look = model.look(IMAGES, model.image_head)
    present = [s.class_indices.tolist() for s in SAMPLES]
    maps = model.refined_maps(look, None, present)
    masks = model.pseudo_masks(look.images, maps, present)
    assert [len(m) for m in maps] == [2, 0, 1]
    assert set(masks[0].unique().tolist()) <= {0, 1, 3}
    assert masks[0].any()
    assert not masks[1].any()
    assert set(masks[2].unique().tolist()) <= {0, 2}


def test_only_the_decoder_learns():
    model = build().train()
    losses = model(IMAGES, SAMPLES, mode='loss')
    sum(losses.values()).backward()
    assert all(n.startswith('decode_head.') for n, _ in model.named_parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert set(model.state_dict()) == {n for n, _ in model.named_parameters()}
    encoder = model.image_head.encoder
    assert all(p.grad is None and not p.requires_grad for p in encoder.parameters())


def test_a_batch_without_any_class_trains_the_background():
    model = build()
    losses = model(IMAGES, [sample([])] * 3, mode='loss')
    assert all(value.isfinite() for value in losses.values())
    assert losses['loss_decode'] > 0


def test_mixed_precision_trains_almost_the_same():
    wanted = build()(IMAGES, SAMPLES, mode='loss')
    with torch.autocast('cpu', torch.bfloat16):
        found = build()(IMAGES, SAMPLES, mode='loss')
    for name, value in wanted.items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], value, rtol=0.05, atol=1e-3)


def test_it_learns_what_the_maps_show():
    model = build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    values = []
    for _ in range(25):
        losses = model(IMAGES, SAMPLES, mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        values.append(float(losses['loss_decode'].detach()))
    assert np.mean(values[-3:]) < 0.5 * values[0]


def test_prediction_merges_mirror_images_and_copies():
    model = build()
    copies = [IMAGES[0], IMAGES[0, :, :64, :80]]
    [found] = model([copies], [sample([2, 0])], mode='predict')
    logits, maps = [], []
    for copy in copies:
        for turn in (False, True):
            image = copy.flip(-1) if turn else copy
            look = model.look(image[None], model.image_head)
            scores, affinity = model.decode(look)
            [cams] = model.refined_maps(look, affinity, [[2, 0]])
            logits.append(scores[0].flip(-1) if turn else scores[0])
            maps.append(cams.flip(-1) if turn else cams)
    scores = F.interpolate(mean(logits)[None], (32, 48), mode='bilinear')[0]
    agree = found.pred_sem_seg.data[0] == scores.argmax(0)
    assert found.pred_sem_seg.data.shape == (1, 32, 48)
    assert agree.float().mean() > 0.99
    pairs = [maps[0] + maps[1], maps[2] + maps[3]]
    strided, high_res = merge_multiscale_cams(pairs, (32, 48))
    torch.testing.assert_close(found.cam_strided, strided, rtol=1e-2, atol=2e-3)
    torch.testing.assert_close(found.cam_high_res, high_res, rtol=1e-2, atol=2e-3)
    assert found.cam_class_indices.tolist() == [2, 0]


def test_prediction_of_masks_alone_needs_no_labels():
    model = build(with_maps=False)
    unlabelled = SegDataSample(metainfo=dict(ori_shape=(20, 30)))
    failed = SegDataSample(metainfo=dict(failed='gone'))
    found, passed = model(
        [[IMAGES[0]], [torch.zeros(3, 1, 1)]], [unlabelled, failed], mode='predict'
    )
    assert found.pred_sem_seg.data.shape == (1, 20, 30)
    assert 'cam_high_res' not in found
    assert passed.failed == 'gone'


def test_another_size_when_predicting():
    """The size of training is not read then, and the decoder is the same."""
    model = build(test_image_size=128)
    [found] = model([[IMAGES[0]]], [sample([1], (40, 40))], mode='predict')
    assert found.cam_high_res.shape == (1, 40, 40)
    assert model.test_head.input_size == (128, 128)
    assert model.image_head._frozen is None
    assert set(model.state_dict()) == set(build().state_dict())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(image_head=dict(CONFIG['image_head'], mask_prompt='random')),
            "WeCLIP cannot use mask prompts, but image_head.mask_prompt is 'random'",
        ),
        (dict(prompt='a photo'), 'prompt must have {text} in it'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode must be tensor, loss or predict, but got 'z'"):
        build()(IMAGES, SAMPLES, mode='z')


def test_a_decoder_for_another_encoder_is_refused():
    head = {**CONFIG['decode_head'], 'num_blocks': 11}
    with pytest.raises(ValueError, match='for 11 feature maps, but got 2'):
        build(decode_head=head)(IMAGES, mode='tensor')
