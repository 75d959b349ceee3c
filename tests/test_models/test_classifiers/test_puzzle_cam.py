import pytest
import torch
from mmengine.logging import MessageHub
from test_models.test_classifiers.test_cam_network import TINY, sample

from qaclims_mm.models.classifiers.puzzle_cam import cut_quarters, join_quarters
from qaclims_mm.registry import MODELS

SAMPLES = [sample([0, 3]), sample([]), sample([1])]


def build(**options):
    torch.manual_seed(0)
    # batch norm must not see which images come together
    return MODELS.build({**TINY, 'type': 'PuzzleCAM', **options}).eval()


def test_losses_equal_a_loop():
    model = build(re_weight=4.0).double()
    images = torch.randn(3, 3, 64, 96, dtype=torch.float64)
    found = model(images, SAMPLES, mode='loss')
    whole, pieces = model.logits(images), []
    for image in images:
        quarters = [
            model.logits(image[None, :, y : y + 32, x : x + 48])[0]
            for y in (0, 32)
            for x in (0, 48)
        ]
        top, bottom = (torch.cat(quarters[i : i + 2], dim=2) for i in (0, 2))
        pieces.append(torch.cat([top, bottom], dim=1))
    wanted = dict(loss_cls=[], loss_pcls=[], loss_re=[])
    for one, parts, labelled in zip(whole, pieces, SAMPLES, strict=True):
        for k, label in enumerate(labelled.image_labels):
            for name, maps in (('loss_cls', one[k]), ('loss_pcls', parts[k])):
                score = maps.mean()
                wanted[name].append(torch.log1p(torch.exp(-score if label else score)))
            wanted['loss_re'].append(4 * (one[k] - parts[k]).abs().mean() * label)
    for name, values in wanted.items():
        # scores are float32 inside
        torch.testing.assert_close(
            found[name].double(), torch.stack(values).mean(), rtol=1e-5, atol=1e-7
        )


def test_joining_undoes_cutting():
    images = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6)
    quarters = cut_quarters(images)
    assert quarters.shape == (8, 3, 2, 3)
    assert torch.equal(quarters[2], images[0, :, :2, 3:])
    assert torch.equal(join_quarters(quarters), images)


@pytest.mark.parametrize(('step', 'share'), [(0, 0.0), (25, 0.5), (50, 1.0), (99, 1.0)])
def test_the_comparison_rises_through_the_first_half(step, share):
    model = build()
    images = torch.randn(3, 3, 64, 96)
    full = model(images, SAMPLES, mode='loss')
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', step)
    hub.update_info('max_iters', 100)
    try:
        found = model(images, SAMPLES, mode='loss')
    finally:
        hub.pop_info('iter')
        hub.pop_info('max_iters')
    torch.testing.assert_close(found['loss_re'], share * full['loss_re'])
    torch.testing.assert_close(found['loss_cls'], full['loss_cls'])


@pytest.mark.parametrize(
    ('size', 'message'),
    [
        ((31, 48), 'images must have even sides to be cut, but are 31 x 48'),
        ((36, 48), r'maps of quarters of \(36, 48\) make \(\d+, \d+\) cells, but the whole'),
    ],
)
def test_sizes_that_cannot_be_cut(size, message):
    with pytest.raises(ValueError, match=message):
        build()(torch.randn(3, 3, *size), SAMPLES, mode='loss')
