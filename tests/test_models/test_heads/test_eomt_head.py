import torch

from qaclims_mm.registry import MODELS


def build(**options):
    torch.manual_seed(0)
    return MODELS.build(dict(type='EoMTHead', in_channels=8, num_classes=5, **options))


def test_masks_are_products_of_queries_and_cells():
    head = build(num_queries=3, upscalings=1)
    queries, features = torch.randn(2, 3, 8), torch.randn(2, 8, 4, 5)
    classes, masks = head.read(queries, features)
    assert classes.shape == (2, 3, 6)
    assert masks.shape == (2, 3, 8, 10)
    cells, vectors = head.upscale(features), head.mask_layers(queries)
    torch.testing.assert_close(masks[1, 2, 7, 3], cells[1, :, 7, 3] @ vectors[1, 2])


def test_each_upscaling_doubles_the_sides():
    for number in (0, 1, 2):
        masks = build(upscalings=number).read(torch.zeros(1, 100, 8), torch.zeros(1, 8, 3, 4))[1]
        assert masks.shape == (1, 100, 3 * 2**number, 4 * 2**number)


def test_mmsegs_initialisation_finds_its_layers():
    head = build()
    before = {k: v.clone() for k, v in head.state_dict().items()}
    head.init_weights()
    assert all(torch.equal(before[k], v) for k, v in head.state_dict().items())
