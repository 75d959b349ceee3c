import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS

from qaclims_mm.datasets.collate import list_collate

# two images at two scales, and of two sizes
SAMPLES = [
    dict(inputs=[torch.zeros(3, 4, 5), torch.zeros(3, 2, 2)], data_samples='a'),
    dict(inputs=[torch.ones(3, 6, 7), torch.ones(3, 3, 3)], data_samples='b'),
]


def test_images_stay_together():
    batch = list_collate(SAMPLES)
    assert batch['data_samples'] == ['a', 'b']
    assert batch['inputs'] == [SAMPLES[0]['inputs'], SAMPLES[1]['inputs']]
    assert all(a is b['inputs'] for a, b in zip(batch['inputs'], SAMPLES, strict=True))


def test_single_tensors_and_one_sample():
    image = torch.zeros(3, 4, 5)
    assert list_collate([dict(inputs=image, data_samples='a')]) == dict(
        inputs=[image], data_samples=['a']
    )


def test_configs_find_it():
    assert FUNCTIONS.get('list_collate') is list_collate


def test_mmengine_still_sorts_by_scale():
    by_scale = pseudo_collate(SAMPLES)['inputs']
    assert [x.shape for x in by_scale[0]] != [x.shape for x in SAMPLES[0]['inputs']], (
        "mmengine's pseudo_collate keeps the scales of an image together: "
        'qaclims_mm/datasets/collate.py is not needed any more'
    )
