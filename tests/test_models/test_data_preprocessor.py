import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from qaclims_mm.models.data_preprocessor import WeakDataPreprocessor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def image(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)


def sample(**meta):
    return SegDataSample(metainfo=meta)


def normalised(pixels, mean=MEAN, std=STD):
    values = np.empty(pixels.shape)
    for channel in range(3):
        values[channel] = (pixels[channel].numpy() / 255.0 - mean[channel]) / std[channel]
    return torch.from_numpy(values.astype(np.float32))


def test_every_value_is_computed_in_float64():
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3, 1, 1)
    found = WeakDataPreprocessor().normalise(pixels)
    assert torch.equal(found, normalised(pixels))
    in_float32 = (pixels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert not torch.equal(found, in_float32)


def test_own_mean_and_std():
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    pixels = image(4, 5)
    found = WeakDataPreprocessor(mean, std).normalise(pixels)
    assert torch.equal(found, normalised(pixels, mean, std))


def test_an_image_that_is_not_contiguous():
    pixels = image(4, 5).transpose(1, 2)
    assert torch.equal(WeakDataPreprocessor().normalise(pixels), normalised(pixels))


CANVASES = [
    (None, [None, None], (7, 6)),
    ((9, 8), [None, None], (9, 8)),
    ((9, 8), [(5, 2), (0, 3)], (9, 8)),
    (None, [(1, 1), (2, 0)], (9, 7)),
]


@pytest.mark.parametrize(('size', 'offsets', 'shape'), CANVASES)
def test_training_batch(size, offsets, shape):
    images = [image(4, 6), image(7, 5, seed=1)]
    samples = [sample(**({} if o is None else dict(pad_offset=o))) for o in offsets]
    found = WeakDataPreprocessor(size=size)(
        dict(inputs=images, data_samples=samples), training=True
    )
    assert [s.get('pad_offset') for s in found['data_samples']] == offsets
    expected = torch.zeros(2, 3, *shape)
    for canvas, pixels, offset in zip(expected, images, offsets, strict=True):
        values = normalised(pixels)
        for row in range(pixels.shape[1]):
            for column in range(pixels.shape[2]):
                top, left = offset or (0, 0)
                canvas[:, row + top, column + left] = values[:, row, column]
    assert torch.equal(found['inputs'], expected)


def test_training_batch_without_samples():
    found = WeakDataPreprocessor()(dict(inputs=[image(3, 2), image(2, 3)]), training=True)
    assert found['inputs'].shape == (2, 3, 3, 3)
    assert found['data_samples'] is None


@pytest.mark.parametrize(
    ('shape', 'offset', 'needed'), [((9, 4), (0, 0), '9x4'), ((8, 4), (0, 6), '8x10')]
)
def test_image_that_does_not_fit(shape, offset, needed):
    batch = dict(inputs=[image(*shape)], data_samples=[sample(pad_offset=offset)])
    message = rf'must fit into 8x8, but they need {needed}; give data_preprocessor.size'
    with pytest.raises(ValueError, match=message):
        WeakDataPreprocessor(size=(8, 8))(batch, training=True)


def test_prediction_keeps_every_scale_at_its_size():
    scales = [image(4, 6), image(2, 3), image(8, 12)]
    batch = dict(inputs=[scales, image(5, 5)], data_samples=[sample(), sample()])
    found = WeakDataPreprocessor(size=(512, 512))(batch)
    assert [[tuple(x.shape) for x in xs] for xs in found['inputs']] == [
        [(3, 4, 6), (3, 2, 3), (3, 8, 12)],
        [(3, 5, 5)],
    ]
    assert torch.equal(found['inputs'][0][1], normalised(scales[1]))
    assert len(found['data_samples']) == 2


def test_table_is_no_part_of_a_checkpoint():
    assert WeakDataPreprocessor().state_dict() == {}
