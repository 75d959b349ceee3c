import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from tiny_runs import ROOT

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.inference import segment
from qaclims_mm.registry import MODELS

CONFIG = ROOT / 'configs/miniworld/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(read_config(str(CONFIG)).model)
    path = tmp_path_factory.mktemp('segment') / 'x.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def test_paths_and_arrays(weights, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (112, 96, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / 'a.png')
    [one] = segment(image, CONFIG, weights)
    assert one.shape == (112, 96)
    assert one.dtype == np.uint8
    assert one.max() <= 8
    two = segment([tmp_path / 'a.png', str(tmp_path / 'a.png')], CONFIG, weights)
    assert all(np.array_equal(mask, one) for mask in two)


def test_a_mask_is_as_large_as_the_file(weights, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (100, 60, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / 'a.png')
    config = read_config(str(CONFIG))
    config.test_dataloader.dataset.pipeline[0].max_side = 50
    [mask] = segment(tmp_path / 'a.png', config, weights)
    assert mask.shape == (100, 60)
    # it is seen at half the size
    assert np.array_equal(mask[::2, ::2], mask[1::2, 1::2])


def test_files_that_are_not_there(weights):
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(FormatError, match=r'config nope\.py does not exist'):
        segment(image, 'nope.py', weights)
    with pytest.raises(FormatError, match=r'there is no checkpoint nope\.pth\.'):
        segment(image, CONFIG, 'nope.pth')


def test_weights_of_another_model(tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'x.pth')
    with pytest.raises(FormatError, match='the checkpoint does not fit DeepLabV2'):
        segment(np.zeros((8, 8, 3), np.uint8), CONFIG, tmp_path / 'x.pth')
