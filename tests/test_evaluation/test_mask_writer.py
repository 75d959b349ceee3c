import os
import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from qaclims_mm.errors import TrainingError
from qaclims_mm.evaluation.mask_writer import PseudoMaskWriter, SegMaskWriter
from qaclims_mm.schemas import read_mask


def test_masks_show_the_highest_map(tmp_path):
    maps = torch.tensor([[[0.9, 0.3, 0.1]], [[0.2, 0.4, 0.24]]])
    samples = [
        dict(image_id='a', cam_class_indices=torch.tensor([2, 6]), refined_maps=maps),
        dict(
            image_id='b', cam_class_indices=torch.zeros(0).long(), refined_maps=torch.zeros(0, 1, 3)
        ),
    ]
    for threshold, wanted in ((0.25, [3, 7, 0]), (0.2, [3, 7, 7]), (0.5, [3, 0, 0])):
        writer = PseudoMaskWriter(str(tmp_path / str(threshold)), threshold)
        writer.process(None, samples)
        writer.evaluate(2)
        assert read_mask(writer.out_dir / 'a.png').tolist() == [wanted]
        assert read_mask(writer.out_dir / 'b.png').tolist() == [[0, 0, 0]]


def test_the_first_one_wins_where_two_are_highest(tmp_path):
    maps = torch.tensor([[[0.25, 0.5, 0.5]], [[0.0, 0.5, 0.25]], [[0.25, 0.5, 0.5]]])
    writer = PseudoMaskWriter(str(tmp_path))
    writer.process(
        None, [dict(image_id='a', cam_class_indices=torch.tensor([2, 6, 7]), refined_maps=maps)]
    )
    writer.evaluate(1)
    assert read_mask(tmp_path / 'a.png').tolist() == [[0, 3, 3]]


def test_maps_with_nan_name_their_image(tmp_path):
    maps = torch.tensor([[[0.25, torch.nan]]])
    writer = PseudoMaskWriter(str(tmp_path))
    sample = dict(image_id='a', cam_class_indices=torch.tensor([2]), refined_maps=maps)
    with pytest.raises(TrainingError, match=r'^a: the maps of the class indices \[2\] have NaN'):
        writer.process(None, [sample])
    assert not (tmp_path / 'a.png').exists()


def test_predictions_and_the_zip_file_of_a_test_server(tmp_path):
    writer = SegMaskWriter(str(tmp_path / 'masks'), zip_folder='results/VOC2012')
    writer.begin({}, ['a', 'b', 'gone'])
    masks = {'a': [[0, 20]], 'b': [[3, 3]]}
    writer.process(
        None,
        [
            dict(image_id=i, pred_sem_seg=dict(data=torch.tensor(mask)[None]))
            for i, mask in masks.items()
        ]
        + [dict(image_id='gone', failed='is missing')],
    )
    assert writer.evaluate(3) == {'predictions/images': 2.0, 'predictions/failed': 1.0}
    with zipfile.ZipFile(tmp_path / 'masks.zip') as archive:
        assert sorted(archive.namelist()) == ['results/VOC2012/a.png', 'results/VOC2012/b.png']
        for i, mask in masks.items():
            with Image.open(BytesIO(archive.read(f'results/VOC2012/{i}.png'))) as image:
                assert (image.mode, np.asarray(image).tolist()) == ('P', mask)
    assert read_mask(tmp_path / 'masks/a.png').tolist() == masks['a']
    # masks that were written at another time make the same file
    before = (tmp_path / 'masks.zip').read_bytes()
    os.utime(tmp_path / 'masks/a.png', (10**9, 10**9))
    writer.evaluate(3)
    assert (tmp_path / 'masks.zip').read_bytes() == before


def test_no_zip_file_unless_asked(tmp_path):
    writer = SegMaskWriter(str(tmp_path / 'masks'))
    writer.process(None, [dict(image_id='a', pred_sem_seg=dict(data=torch.zeros(1, 2, 2)))])
    writer.evaluate(1)
    assert not list(tmp_path.glob('*.zip'))


@pytest.mark.parametrize('kind', [PseudoMaskWriter, SegMaskWriter])
def test_masks_of_the_size_of_the_file(tmp_path, kind):
    labels = torch.tensor([[0, 300], [3, 0]])
    sample = dict(
        image_id='a',
        file_shape=(4, 6),
        cam_class_indices=torch.tensor([299, 2]),
        refined_maps=torch.stack([labels == 300, labels == 3]).float(),
        pred_sem_seg=dict(data=labels[None]),
    )
    for full_size in (False, True):
        writer = kind(str(tmp_path / str(full_size)), full_size=full_size)
        writer.process(None, [sample])
        writer.evaluate(1)
    np.testing.assert_array_equal(read_mask(tmp_path / 'False/a.png'), labels)
    wanted = labels.numpy().repeat(2, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(read_mask(tmp_path / 'True/a.png'), wanted)
