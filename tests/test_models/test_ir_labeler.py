import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from qaclims_mm.functional.crf import CRFSettings, confident_labels
from qaclims_mm.functional.crf_torch import TorchDenseCRF
from qaclims_mm.models.ir_labeler import IRLabeler


def test_labels_are_those_of_the_function():
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    maps, keys = random.random((2, 20, 24), dtype=np.float32), np.array([3, 14])
    sample = SegDataSample()
    sample.set_field(torch.from_numpy(maps), 'cam_high_res')
    sample.set_field(torch.from_numpy(keys), 'cam_class_indices')
    failed = SegDataSample(metainfo=dict(failed='gone'))
    model = IRLabeler(conf_fg=0.5, conf_bg=0.2, crf=dict(steps=3))
    inputs = [torch.from_numpy(picture).permute(2, 0, 1), torch.zeros(3, 1, 1, dtype=torch.uint8)]
    out = model.test_step(dict(inputs=inputs, data_samples=[sample, failed]))
    settings = CRFSettings(steps=3)
    wanted = confident_labels(maps, keys, picture, 0.5, 0.2, settings, TorchDenseCRF)
    np.testing.assert_array_equal(out[0].ir_label, wanted)
    assert len(np.unique(wanted)) > 1
    assert out[1].failed == 'gone'
    # no field of the library was asked
    library = confident_labels(maps, keys, picture, 0.5, 0.2, settings)
    assert not np.array_equal(wanted, library)


def test_nothing_to_train():
    with pytest.raises(ValueError, match='IRLabeler only predicts'):
        IRLabeler()([], [], mode='loss')
