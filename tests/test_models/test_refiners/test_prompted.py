import pytest
import torch
from mmseg.structures import SegDataSample
from tiny_prompted import painter, sample

from qaclims_mm.errors import ConfigError
from qaclims_mm.models.refiners.prompted import PromptedRefiner
from qaclims_mm.registry import MODELS

IMAGE = torch.zeros(3, 6, 9, dtype=torch.uint8)


def make(boxes, weight=0.8, min_support=0.3, **options):
    prompting = dict(segmenter=painter(boxes), **options)
    return MODELS.build(
        dict(type='PromptedRefiner', prompting=prompting, weight=weight, min_support=min_support)
    )


def maps_of(*rows):
    """Return maps ``(n, 6, 9)`` that are constant in each of the six rows."""
    return torch.tensor(rows, dtype=torch.float32)[:, :, None].expand(-1, -1, 9).clone()


def test_masks_and_maps_are_mixed():
    maps = maps_of([1, 0.5, 0, 0, 0, 0])
    [out] = make({'dog': (slice(0, 3), 0.9)})([[IMAGE]], [sample(['dog'], maps)])
    torch.testing.assert_close(out.refined_maps[0, :, 0], torch.tensor([0.92, 0.82, 0.72, 0, 0, 0]))
    assert 'remark' not in out


def test_parts_that_the_map_does_not_show_are_dropped():
    boxes = {'dog': ([0, 1, 5], 1.0)}
    [out] = make(boxes)([[IMAGE]], [sample(['dog'], maps_of([1, 1, 0, 0, 0, 0.1]))])
    torch.testing.assert_close(out.refined_maps[0, :, 0], torch.tensor([1.0, 1, 0, 0, 0, 0.02]))


def test_maps_decide_between_classes():
    boxes = {'dog': (slice(0, 4), 1.0), 'cat': (slice(0, 4), 1.0)}
    maps = maps_of([1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0])
    [out] = make(boxes)([[IMAGE]], [sample(['dog', 'cat'], maps)])
    assert out.refined_maps[:, :4, 0].argmax(0).tolist() == [0, 0, 1, 1]


def test_background_answers_lower_masks_that_leak():
    boxes = {'dog': (slice(0, 4), 0.6), 'grass': (slice(2, 6), 0.9)}
    made = sample(['dog'], maps_of([1, 1, 0, 0, 0, 0]), answers={'dog': ([], ['grass'])})
    [out] = make(boxes, background_answers=True)([[IMAGE]], [made])
    assert out.refined_maps[0, 1, 0] > 0.6
    assert out.refined_maps[0, 3, 0] < 0.2


@pytest.mark.parametrize('rows', [slice(0, 0), slice(0, 6)])
def test_the_map_decides_where_the_segmenter_cannot_be_right(rows):
    maps = maps_of([1, 0.5, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0])
    boxes = {'dog': (rows, 0.9), 'cat': (slice(3, 5), 1.0)}
    [out] = make(boxes)([[IMAGE]], [sample(['dog', 'cat'], maps)])
    assert torch.equal(out.refined_maps[0], maps[0])
    assert out.remark.startswith('dog ')
    assert out.remark.endswith('; its map decides')
    assert 'cat' not in out.remark


@pytest.mark.parametrize('background', [(), ('grass',)])
def test_the_map_decides_where_nothing_is_left_of_a_mask(background):
    """The class is in the image, so a mask beside its map must not fade the map out."""
    maps = maps_of([0.4, 0.4, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0])
    boxes = {'dog': (slice(4, 6), 0.6), 'cat': (slice(3, 5), 1.0), 'grass': (slice(4, 6), 0.9)}
    answers = {'dog': ([], background), 'cat': ([], [])}
    made = sample(['dog', 'cat'], maps, answers=answers)
    [out] = make(boxes, background_answers=True)([[IMAGE]], [made])
    assert torch.equal(out.refined_maps[0], maps[0])
    assert out.refined_maps[1, 3, 0] == 1
    assert out.remark == 'dog found only where its map does not show it; its map decides'


def test_maps_of_a_class_that_is_no_label_stay():
    maps = maps_of([1, 0.5, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0])
    made = sample(['dog'], maps[:1])
    made.set_field(torch.tensor([7, 0]), 'cam_class_indices')
    made.set_field(maps, 'cam_high_res')
    [out] = make({'dog': (slice(3, 5), 1.0)})([[IMAGE]], [made])
    assert torch.equal(out.refined_maps[0], maps[0])
    torch.testing.assert_close(out.refined_maps[1], maps[1])


def test_samples_without_maps_or_that_failed_are_passed_on():
    empty, failed = sample([], torch.zeros(0, 6, 9)), SegDataSample(metainfo=dict(failed='gone'))
    out = make({})([[IMAGE], [torch.zeros(3, 1, 1)]], [empty, failed])
    assert out[0].refined_maps.shape == (0, 6, 9)
    assert out[1] is failed


def test_an_image_without_masks_fails_alone():
    maps = maps_of([1, 1, 0, 0, 0, 0])
    samples = [sample([name], maps, img_path=f'{name}.jpg') for name in ('dog', 'cat')]
    out = make({'dog': (slice(0, 2), float('nan')), 'cat': (slice(0, 2), 1.0)})(
        [[IMAGE]] * 2, samples
    )
    assert out[0].failed.startswith('dog.jpg: Painter must return masks in [0, 1]')
    assert 'refined_maps' not in out[0]
    assert out[1].refined_maps[0, 0, 0] == 1


@pytest.mark.parametrize('name', ['weight', 'min_support', 'max_evidence'])
@pytest.mark.parametrize('value', [1.5, -0.1, '0.5', None, float('nan')])
def test_options_out_of_range(name, value):
    with pytest.raises(ConfigError, match=rf'{name} must be in \[0, 1\], but got {value!r}'):
        PromptedRefiner(dict(segmenter=painter({})), **{name: value})
