import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.sam_prompts import choose_masks, find_regions, spread_over_masks
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.models.refiners.sam import SAMRefiner

TINY = dict(
    vision_config=dict(
        image_size=32, patch_size=8, hidden_size=8, output_channels=8, num_hidden_layers=1,
        num_attention_heads=1, mlp_dim=8, window_size=2, global_attn_indexes=[0], num_pos_feats=4,
    ),
    prompt_encoder_config=dict(
        hidden_size=8, image_size=32, patch_size=8, image_embedding_size=4, mask_input_channels=4
    ),
    mask_decoder_config=dict(
        hidden_size=8, mlp_dim=8, num_attention_heads=1, iou_head_hidden_dim=8
    ),
)  # fmt: skip


def sample(maps, **meta):
    made = SegDataSample(metainfo=meta)
    made.set_field(maps, 'cam_high_res')
    return made


def pixels(height=20, width=30, seed=0):
    return torch.randint(0, 256, (3, height, width), generator=torch.manual_seed(seed)).byte()


class TrueObjects:
    """A SAM that sees: the object below the point, a part of it, and the picture."""

    def __init__(self, mask):
        self.mask = torch.from_numpy(mask.astype(np.int64))

    def load(self, device):
        self.device = device

    def __call__(self, image, boxes, points):
        proposals = []
        for x, y in points.long().tolist():
            whole = self.mask == self.mask[y, x]
            part = whole.clone()
            part[: y + 1] = False
            proposals.append(torch.stack([part, whole, torch.ones_like(whole)]))
        return torch.stack(proposals), torch.full((len(points), 3), 0.9)


def test_maps_take_the_shapes_of_objects():
    """Blurred and shifted maps of drawn objects become the objects."""
    before, after = [], []
    for scene, picture in draw_pictures(3, 12):
        truth = picture.mask
        for key in sorted({int(v) for v in np.unique(truth)} - {0, 255}):
            shape = np.roll((truth == key).astype(np.float32), (3, 3), (0, 1))
            blurred = torch.nn.functional.avg_pool2d(torch.from_numpy(shape)[None, None], 9, 1, 4)[
                0
            ]
            maps = blurred / blurred.max()
            model = SAMRefiner(sam=dict(model='nowhere'), weight=1.0)
            model.sam = TrueObjects(truth)
            image = torch.from_numpy(picture.image.transpose(2, 0, 1).copy())
            [out] = model([[image]], [sample(maps)])
            for found, values in ((maps, before), (out.refined_maps, after)):
                mask = (found[0] > 0.4).numpy()
                true = truth == key
                values.append((mask & true).sum() / (mask | true).sum())
        assert scene.objects
    assert np.mean(after) > np.mean(before) + 0.1
    assert np.mean(after) > 0.9


def test_a_mask_that_does_not_agree_changes_nothing():
    maps = torch.zeros(1, 20, 30)
    maps[0, 2:4, 2:4] = 1.0
    truth = np.zeros((20, 30))
    model = SAMRefiner(sam=dict(model='nowhere'))
    model.sam = TrueObjects(truth)  # the picture is all that it sees
    [out] = model([[pixels()]], [sample(maps)])
    assert torch.equal(out.refined_maps, maps)


def test_with_sam_itself():
    model = SAMRefiner(sam=dict(model='nowhere', config=TINY), min_iou=0.0)
    images = [pixels(), pixels(33, 17, seed=1)]
    maps = [torch.rand(2, 20, 30), torch.rand(1, 33, 17)]
    out = model([[x] for x in images], [sample(m.clone()) for m in maps])
    for image, own, found in zip(images, maps, out, strict=True):
        regions = find_regions(own)
        proposals, quality = model.sam(
            image.numpy().transpose(1, 2, 0), regions.boxes, regions.points
        )
        masks, iou = choose_masks(proposals, quality, regions.masks)
        wanted = spread_over_masks(own, regions, masks, iou >= 0)
        torch.testing.assert_close(found.refined_maps, wanted)
        assert 0 <= found.refined_maps.min() <= found.refined_maps.max() <= 1
        assert found.refined_maps.shape == own.shape
        assert not torch.equal(found.refined_maps, own)
    # its weights are in no checkpoint
    assert not model.state_dict()


def test_samples_without_maps_or_that_failed_are_passed_on():
    model = SAMRefiner(sam=dict(model='nowhere', config=TINY))
    empty, failed = sample(torch.zeros(0, 8, 9)), SegDataSample(metainfo=dict(failed='gone'))
    flat = sample(torch.zeros(1, 20, 30))
    out = model([[pixels(8, 9)], [pixels(1, 1)], [pixels()]], [empty, failed, flat])
    assert [len(out[0].refined_maps), out[1].failed] == [0, 'gone']
    assert not out[2].refined_maps.any()


@pytest.mark.parametrize('name', ['threshold', 'min_area', 'min_iou', 'weight'])
def test_bad_options(name):
    with pytest.raises(ConfigError, match=rf'{name} must be in \[0, 1\], but got 1.5'):
        SAMRefiner(sam=dict(model='nowhere'), **{name: 1.5})


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(threshold=0), r'threshold must be in \(0, 1\], but got 0'),
        (dict(max_regions=0), 'max_regions must be a whole number of at least 1, but got 0'),
        (dict(max_regions=2.5), 'max_regions must be a whole number of at least 1, but got 2.5'),
    ],
)
def test_more_options_out_of_range(options, message):
    with pytest.raises(ConfigError, match=message):
        SAMRefiner(sam=dict(model='nowhere'), **options)
