import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData
from released import official_state_dict
from torch.nn import functional as F

from qaclims_mm.convert.networks import IRN_RULES
from qaclims_mm.convert.renaming import rename
from qaclims_mm.functional.irn_losses import affinity_labels
from qaclims_mm.functional.irn_walk import PathIndex, random_walk
from qaclims_mm.models.refiners import irn
from qaclims_mm.registry import MODELS

STAGES = dict(in_channels=(64, 256, 512, 1024, 2048), strides=(4, 4, 8, 16, 16))
R50 = dict(
    type='IRNRefiner',
    backbone=dict(
        type='ResNet', depth=50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 1), norm_eval=True
    ),
    edge_head=dict(type='IRNEdgeHead', **STAGES),
    displacement_head=dict(type='IRNDisplacementHead', **STAGES),
)
TINY_STAGES = dict(in_channels=(8, 8, 16, 32, 64), strides=(4, 4, 8, 16, 16))
TINY = dict(
    type='IRNRefiner',
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=8,
        stem_channels=8,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
    ),
    edge_head=dict(type='IRNEdgeHead', **TINY_STAGES),
    displacement_head=dict(type='IRNDisplacementHead', **TINY_STAGES),
    train_radius=3,
)


@pytest.fixture
def released(goldens_dir, monkeypatch):
    model = MODELS.build(R50)
    state = official_state_dict(goldens_dir, 'irn', monkeypatch)
    model.load_state_dict(rename(state, IRN_RULES, 'goldens').state)
    return model


def labelled(labels):
    """Return a sample whose mask of pixels has these labels, one a cell."""
    mask = labels.repeat_interleave(4, 0).repeat_interleave(4, 1)
    return BaseDataElement(gt_sem_seg=PixelData(data=mask[None]))


def image_of(model, pixels):
    return model.data_preprocessor.normalise(torch.from_numpy(pixels).permute(2, 0, 1))


@pytest.mark.goldens
def test_step_of_the_released_code(released, goldens_dir):
    golden = np.load(goldens_dir / 'irn.npz')
    images = torch.stack([image_of(released, x) for x in golden['imgs']])
    labels = torch.from_numpy(golden['label'])
    index = PathIndex(10, (32, 40))
    for name, mask in affinity_labels(labels, index)._asdict().items():
        np.testing.assert_array_equal(mask, golden[name])

    samples = [labelled(label) for label in labels]
    losses = released.train()(images, samples, mode='loss')
    *terms, total = golden['losses'].tolist()
    assert [2 * v.item() for v in losses.values()] == pytest.approx(terms, rel=1e-4)
    assert sum(losses.values()).item() == pytest.approx(total, rel=1e-4)
    sum(losses.values()).backward()
    heads = released.edge_head, released.displacement_head
    for layer, name in ((heads[0].fuse, 'grad_edge6'), (heads[1].fuse[3], 'grad_dp7')):
        wanted = torch.from_numpy(golden[name])
        assert (layer.weight.grad - wanted).abs().max() <= 1e-4 * wanted.abs().max()

    edge, displacement = released.eval()(images)
    torch.testing.assert_close(edge, torch.from_numpy(golden['edge']), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(displacement, torch.from_numpy(golden['dp']), rtol=1e-4, atol=1e-4)


@pytest.mark.goldens
def test_prediction_of_the_released_code(released, goldens_dir):
    golden = np.load(goldens_dir / 'irn.npz')
    image = image_of(released.eval(), golden['img2'])
    [edge] = released.edges([image])
    torch.testing.assert_close(edge[None], torch.from_numpy(golden['edge2']), rtol=1e-4, atol=1e-5)
    [displacement] = released(image[None])[1]
    torch.testing.assert_close(displacement, torch.from_numpy(golden['dp2']), rtol=1e-4, atol=1e-4)


def test_nothing_of_the_backbone_moves():
    torch.manual_seed(0)
    model = MODELS.build(TINY).train()
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    samples = [labelled(torch.randint(0, 3, (10, 12)))]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(15):
        loss = sum(model(torch.ones(1, 3, 40, 48), samples, mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_masks_smaller_than_the_canvas_are_unsure_beyond():
    torch.manual_seed(0)
    model = MODELS.build(TINY)
    labels = torch.randint(0, 3, (10, 12))
    padded = torch.full((10, 12), 255)
    padded[:8, :9] = labels[:8, :9]
    images = torch.rand(1, 3, 40, 48)
    small, same = (model(images, [labelled(x)], mode='loss') for x in (labels[:8, :9], padded))
    assert small == same


def test_masks_lie_where_their_image_does():
    torch.manual_seed(0)
    model = MODELS.build(TINY)
    labels = torch.randint(0, 3, (8, 9))
    placed = torch.full((10, 12), 255)
    placed[2:, 3:] = labels
    images = torch.rand(1, 3, 40, 48)
    moved = labelled(labels)
    moved.set_field((8, 12), 'pad_offset', field_type='metainfo')
    losses = [model(images, [sample], mode='loss') for sample in (moved, labelled(placed))]
    assert losses[0] == losses[1]


def test_padding_to_a_side_does_as_irn_does():
    torch.manual_seed(0)
    image = torch.rand(3, 41, 50)
    padded_model = MODELS.build({**TINY, 'pad_to': 64}).eval()
    model = MODELS.build(TINY).eval()
    model.load_state_dict(padded_model.state_dict())
    both = torch.zeros(2, 3, 64, 64)
    both[0, :, :41, :50], both[1, :, :41, :50] = image, image.flip(-1)
    logits = model(both)[0][..., :11, :13]
    wanted = ((logits[0, 0] + logits[1, 0].flip(-1)) / 2).sigmoid()
    # a larger image is not padded
    large = torch.rand(3, 72, 80)
    found, same = padded_model.edges([image, large])
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(same, model.edges([large])[0])


def test_displacements_are_centred_but_in_training():
    model = MODELS.build(TINY)
    head = model.displacement_head
    stages = model.stages(torch.rand(1, 3, 40, 48))
    head.mean.copy_(torch.tensor([3.0, -1.0]))
    difference = head.train()(stages) - head.eval()(stages)
    torch.testing.assert_close(difference.mean((0, 2, 3)), head.mean)


@pytest.mark.parametrize('normalise', ['image', 'class'])
def test_prediction_spreads_maps_over_the_edges(normalise):
    torch.manual_seed(0)
    model = MODELS.build({**TINY, 'normalise': normalise}).eval()
    # 41 pixels are 11 cells, of which the stages give one more
    image, cams = (
        torch.rand(3, 41, 50),
        torch.rand(2, 11, 13) * torch.tensor([1, 0.2])[:, None, None],
    )
    sample = BaseDataElement(cam_strided=cams)
    failed = BaseDataElement(failed='unreadable')
    [out, same] = model([[image], [image]], [sample, failed], mode='predict')
    assert same.get('refined_maps') is None
    walked = random_walk(cams, model.edges([image])[0][:11, :13])
    for number, refined in enumerate(out.refined_maps):
        big = F.interpolate(walked[None], scale_factor=4, mode='bilinear')[0, :, :41, :50]
        peak = big.max() if normalise == 'image' else big[number].max()
        torch.testing.assert_close(refined, big[number] / peak)


@pytest.mark.parametrize('cells', [1, 300, 2**20])
def test_images_together_are_refined_as_one_by_one(cells, monkeypatch):
    monkeypatch.setattr(irn, '_CELLS', dict(cpu=cells, cuda=cells))
    torch.manual_seed(0)
    model = MODELS.build(TINY).eval()
    # images of two sizes in turn, and some of no, one, two and three classes
    sizes = [(41, 50), (48, 36), (41, 50), (41, 50), (48, 36), (41, 50)]
    images = [torch.rand(3, *size) for size in sizes]
    samples = [
        BaseDataElement(cam_strided=torch.rand(n, -(-h // 4), -(-w // 4)))
        for n, (h, w) in zip((2, 1, 0, 1, 1, 3), sizes, strict=True)
    ]
    alone = [
        model([[x]], [s.clone()], mode='predict')[0] for x, s in zip(images, samples, strict=True)
    ]
    together = model([[x] for x in images], samples, mode='predict')
    assert [len(s.refined_maps) for s in together] == [2, 1, 0, 1, 1, 3]
    for found, wanted in zip(together, alone, strict=True):
        torch.testing.assert_close(found.refined_maps, wanted.refined_maps, rtol=0, atol=1e-5)


def test_a_batch_of_bad_records():
    samples = [BaseDataElement(failed='unreadable')]
    assert MODELS.build(TINY)([[torch.zeros(3, 1, 1)]], samples, mode='predict') == samples


def test_prediction_of_an_image_without_a_class():
    model = MODELS.build(TINY).eval()
    sample = BaseDataElement(cam_strided=torch.zeros(0, 11, 13))
    [out] = model([[torch.rand(3, 41, 50)]], [sample], mode='predict')
    assert out.refined_maps.shape == (0, 41, 50)


def test_unknown_normalisation():
    with pytest.raises(ValueError, match="but got 'all'"):
        MODELS.build({**TINY, 'normalise': 'all'})


def test_a_backbone_of_four_stages_without_a_stem():
    model = MODELS.build({**TINY, 'stem': None})
    with pytest.raises(ValueError, match='the heads read 5 stages, but backbone and stem give 4'):
        model(torch.rand(1, 3, 40, 48))


def test_unknown_mode():
    with pytest.raises(ValueError, match="but got 'train'"):
        MODELS.build(TINY)(torch.rand(1, 3, 40, 48), mode='train')
