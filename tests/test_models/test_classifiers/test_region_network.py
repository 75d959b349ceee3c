import pytest
import torch
from mmengine.model import ExponentialMovingAverage, StochasticWeightAverage
from mmengine.structures import BaseDataElement
from test_models.test_classifiers.test_cam_network import TINY

from qaclims_mm.models.classifiers.region_network import (
    Pairs,
    RegionNetwork,
    collect_indices,
    to_clip_input,
)

NONE = torch.zeros(0, dtype=torch.int64)


class Distance(RegionNetwork):
    """A network with two region losses, of which one may be left out."""

    REGION_LOSSES = ('loss_a', 'loss_b')

    def __init__(self, with_b=True, **kwargs):
        head = dict(type='CLIPImageHead', model='miniworld://clip')
        tiny = {k: v for k, v in TINY.items() if k != 'type'}
        defaults = dict(
            image_head=head, threshold=None, loss_reg=None, region_image='soft',
            reference_batch_size=6,
        )  # fmt: skip
        super().__init__(**tiny | defaults | kwargs)
        self.loss_a, self.loss_b = torch.nn.Identity(), torch.nn.Identity() if with_b else None

    def load_texts(self):
        self.text_embeddings = torch.eye(4)

    def collect(self, data_samples):
        image, label = collect_indices(data_samples)
        return Pairs(image, label, label, label[:, None])

    def match(self, regions, pairs):
        features = dict(loss_a=regions[0].sum(), loss_b=regions[1].sum())
        return {name: features[name] for name in self.configured()}


def samples(*pairs):
    return [BaseDataElement(class_indices=torch.tensor(p, dtype=torch.int64)) for p in pairs]


def test_pairs_are_in_image_and_class_order():
    image, label = collect_indices(samples([0, 2], [], [1]))
    assert image.tolist() == [0, 0, 2]
    assert label.tolist() == [0, 2, 1]


@pytest.mark.parametrize('with_b', [True, False])
def test_losses_are_scaled_by_the_images_of_the_rank(with_b):
    torch.manual_seed(0)
    model = Distance(with_b)
    images, batch = torch.randn(3, 3, 32, 48), samples([0, 2], [], [1])
    found = model(images, batch, mode='loss')
    assert set(found) == {'loss_a', 'loss_b'} if with_b else {'loss_a'}
    pairs = model.collect(batch)
    cams = model.logits(images).sigmoid()
    inside, _ = model.encode_regions(images, cams[[0, 0, 2], [0, 2, 1]][:, None], pairs.image_index)
    torch.testing.assert_close(found['loss_a'], 6 / 3 * inside.sum())


def test_without_a_threshold_no_mask_is_made(monkeypatch):
    model = Distance()
    given = []
    head = model.image_head.forward
    monkeypatch.setattr(
        model.image_head, 'forward', lambda images, mask: given.append(mask) or head(images)
    )
    images, cams = torch.randn(1, 3, 32, 32), torch.zeros(1, 1, 4, 4)
    inside, outside = model.encode_regions(images, cams, torch.tensor([0]))
    assert given == [None]
    # a map of 0: nothing inside, the whole picture outside
    whole = head(
        torch.nn.functional.interpolate(
            to_clip_input(images, model.data_preprocessor, model.image_head),
            (96, 96),
            mode='bilinear',
            align_corners=True,
        )
    )
    torch.testing.assert_close(outside, whole)
    torch.testing.assert_close(inside, head(torch.zeros(1, 3, 96, 96)))


def test_batch_without_a_label_has_a_graph_to_every_weight():
    model = Distance()
    losses = model(torch.randn(1, 3, 32, 48), samples([]), mode='loss')
    assert {name: loss.item() for name, loss in losses.items()} == dict(loss_a=0, loss_b=0)
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_texts_are_read_when_training_starts_or_first_used():
    model = Distance()
    assert len(model.text_embeddings) == 0
    model.init_weights()
    assert len(model.text_embeddings) == 4
    assert 'text_embeddings' not in model.state_dict()
    embeddings, valid = Distance()._lookup(torch.tensor([[1, -1]]))
    assert torch.equal(embeddings[0, 0], torch.eye(4)[1])
    assert valid.tolist() == [[True, False]]


@pytest.mark.parametrize('update_buffers', [False, True])
@pytest.mark.parametrize('average', [ExponentialMovingAverage, StochasticWeightAverage])
def test_weights_can_be_averaged(average, update_buffers):
    model = Distance()
    # EMAHook copies the model before its weights and texts are read
    averaged = average(model, update_buffers=update_buffers)
    model.init_weights()
    averaged.update_parameters(model)
    before = model.cam_head.conv.weight.detach().clone()
    torch.nn.init.ones_(model.cam_head.conv.weight)
    averaged.update_parameters(model)
    found = averaged.module.cam_head.conv.weight
    assert ((found > before) & (found < 1)).all()


def test_texts_follow_the_model():
    model = Distance()
    model.init_weights()
    assert model.to(torch.bfloat16).text_embeddings.dtype == torch.bfloat16
    assert model.to('meta').text_embeddings.device.type == 'meta'
