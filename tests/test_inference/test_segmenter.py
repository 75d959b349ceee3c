import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from tiny_runs import ROOT

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, FormatError, RecordError
from qaclims_mm.inference import Segmenter
from qaclims_mm.registry import MODELS

NAME = 'deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112'
CONFIG = ROOT / f'configs/miniworld/{NAME}.py'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(read_config(str(CONFIG)).model)
    path = tmp_path_factory.mktemp('segment') / 'x.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


@pytest.fixture(scope='module')
def segmenter(weights):
    return Segmenter(CONFIG, weights, device='cpu')


def pixels_of(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_paths_folders_and_arrays(segmenter, tmp_path):
    image = pixels_of((112, 96))
    [one] = segmenter(image)
    assert one.mask.shape == (112, 96)
    assert one.mask.dtype == np.uint8
    assert one.mask.max() <= 8
    assert one.classes[0] == 'background'
    assert len(one.classes) == 9
    (tmp_path / 'below').mkdir()
    for name in ('b.png', 'below/a.png', '.hidden.png'):
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('no image')
    several = segmenter([tmp_path, str(tmp_path / 'b.png'), image])
    assert [getattr(r.image, 'name', None) for r in several] == ['b.png', 'a.png', 'b.png', None]
    assert all(np.array_equal(r.mask, one.mask) for r in several)
    assert [r.image.name for r in segmenter(str(tmp_path))] == ['b.png', 'a.png']


def test_a_stream_reads_one_image_at_a_time(segmenter, tmp_path):
    Image.fromarray(pixels_of((16, 16))).save(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_bytes(b'no image')
    results = segmenter.stream(tmp_path)
    assert next(results).image.name == 'a.png'
    with pytest.raises(RecordError, match=r'image .*b\.png cannot be read \(.*\); replace it'):
        next(results)


def test_a_config_that_ships_has_a_short_name(weights):
    image = pixels_of((112, 96))
    [named] = Segmenter(NAME, str(weights), device='cpu')(image)
    [given] = Segmenter(read_config(str(CONFIG)), weights)(image)
    assert np.array_equal(named.mask, given.mask)


def test_a_mask_is_as_large_as_the_file(weights, tmp_path):
    Image.fromarray(pixels_of((100, 60))).save(tmp_path / 'a.png')
    config = read_config(str(CONFIG))
    config.test_dataloader.dataset.pipeline[0].max_side = 50
    [result] = Segmenter(config, weights)(tmp_path / 'a.png')
    assert result.mask.shape == (100, 60)
    # it is seen at half the size
    assert np.array_equal(result.mask[::2, ::2], result.mask[1::2, 1::2])


@pytest.mark.parametrize(
    'image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_image(segmenter, image):
    with pytest.raises(RecordError, match=r'an image must be RGB uint8 \(H, W, 3\), but got'):
        segmenter(image)


def test_files_that_are_not_there(segmenter, weights, tmp_path):
    with pytest.raises(FormatError, match=r'there is no image or folder .*nope\.jpg\.'):
        segmenter(tmp_path / 'nope.jpg')
    with pytest.raises(FormatError, match='there is no image in the folder'):
        segmenter(tmp_path)
    with pytest.raises((ConfigError, FormatError), match=r'config nope\.py does not exist'):
        Segmenter('nope.py', weights)
    with pytest.raises(FormatError, match=r'there is no checkpoint nope\.pth\.'):
        Segmenter(CONFIG, 'nope.pth')


def test_a_generator_of_files_and_folders(segmenter, tmp_path):
    Image.fromarray(pixels_of((16, 16))).save(tmp_path / 'a.png')
    given = (place for place in (tmp_path, tmp_path / 'a.png'))
    assert [r.image.name for r in segmenter(given)] == ['a.png', 'a.png']
    assert segmenter([]) == []


@pytest.mark.parametrize('place', ['folder', 'folder/empty'])
def test_one_image_is_not_a_folder(segmenter, tmp_path, place):
    (tmp_path / 'folder/empty').mkdir(parents=True)
    with pytest.raises(FormatError, match=r'is a folder, and segment takes one image; call the'):
        segmenter.segment(tmp_path / place)


@pytest.mark.parametrize('name', ['', 'x' * 5000, 'a\0b', 'nope/*.jpg'])
def test_paths_that_no_image_has(segmenter, name):
    with pytest.raises(FormatError, match=r'there is no image or folder|path of an image is empty'):
        segmenter(name)
    with pytest.raises(FormatError):
        segmenter([pixels_of((16, 16)), name])
    with pytest.raises((FormatError, RecordError)):
        segmenter.segment(name)


@pytest.mark.parametrize('image', [None, 3, b'a.jpg', Image.new('RGB', (4, 4)), torch.zeros(3)])
def test_what_is_neither_a_path_nor_an_array(segmenter, image):
    wanted = f'must be a path or an RGB uint8 array .* but got {type(image).__name__}'
    for call in (segmenter, segmenter.segment):
        with pytest.raises(TypeError, match=wanted):
            call(image)
    with pytest.raises(TypeError, match=wanted):
        segmenter([image])


def test_names_of_other_datasets(weights):
    config = read_config(str(CONFIG))
    config.test_dataloader.dataset.type = 'ADE20KDataset'
    assert Segmenter(config, weights).classes[:2] == ('wall', 'building')
    config.test_dataloader.dataset.metainfo = dict(classes=('floor', 'ceiling'))
    assert Segmenter(config, weights).classes == ('floor', 'ceiling')
    config.test_dataloader.dataset.classes = ['cat', 'dog']
    assert Segmenter(config, weights).classes == ('background', 'cat', 'dog')


def test_weights_of_another_model(tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'x.pth')
    with pytest.raises(FormatError, match='the checkpoint does not fit DeepLabV2'):
        Segmenter(CONFIG, tmp_path / 'x.pth')


def test_tiles_change_nothing_of_an_image_that_fits(segmenter, weights, tmp_path):
    Image.fromarray(pixels_of((100, 112))).save(tmp_path / 'a.png')
    tiled = Segmenter(CONFIG, weights, device='cpu', tile=112)
    [found], [wanted] = tiled(tmp_path / 'a.png'), segmenter(tmp_path / 'a.png')
    assert np.array_equal(found.mask, wanted.mask)


def test_tiles_of_a_large_image(weights, tmp_path):
    config = read_config(str(CONFIG))
    config.test_dataloader.dataset.pipeline[0].max_side = 64
    tiled = Segmenter(config, weights, device='cpu', tile=64)
    sizes = []
    whole = tiled._labels_of
    tiled._labels_of = lambda pixels: sizes.append(pixels.shape[:2]) or whole(pixels)
    pixels = pixels_of((150, 90))
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    mask = tiled.segment(tmp_path / 'a.png').mask
    assert mask.shape == (150, 90)
    assert sizes == [(64, 64)] * 6
    # at full size: what the first tile says of its corner
    assert np.array_equal(mask[:40, :40], whole(pixels[:64, :64])[:40, :40])
    # whatever network looks at a pixel alone shows no seam
    tiled._labels_of = lambda pixels: pixels[..., 0] // 32
    assert np.array_equal(tiled.segment(pixels).mask, pixels[..., 0] // 32)
