import numpy as np
import pytest
from PIL import Image

from qaclims_mm.datasets.transforms.loading import LoadBGRImage, LoadMask, LoadRGBImage
from qaclims_mm.errors import DataError, RecordError
from qaclims_mm.schemas import Manifest, write_mask


def load_image(path):
    return LoadRGBImage().transform(dict(img_path=str(path)))


def test_an_image_becomes_rgb(tmp_path):
    Image.new('L', (5, 4), 90).save(tmp_path / 'a.png')
    results = load_image(tmp_path / 'a.png')
    assert results['img'].dtype == np.uint8
    assert results['img'].shape == (4, 5, 3)
    assert (results['img'] == 90).all()
    assert results['img_shape'] == results['ori_shape'] == results['file_shape'] == (4, 5)


def test_large_images_and_their_masks_are_made_smaller(tmp_path):
    Image.new('RGB', (40, 20)).save(tmp_path / 'a.png')
    mask = np.zeros((20, 40), np.uint8)
    mask[:, 20:] = 3
    write_mask(tmp_path / 'mask.png', mask)
    record = dict(
        img_path=str(tmp_path / 'a.png'), seg_map_path=str(tmp_path / 'mask.png'), num_classes=3
    )
    results = LoadMask().transform(LoadRGBImage(max_side=10).transform(record))
    assert results['img'].shape == (5, 10, 3)
    assert results['ori_shape'] == (5, 10)
    assert results['file_shape'] == (20, 40)
    assert (results['gt_seg_map'] == [[0] * 5 + [3] * 5] * 5).all()
    with pytest.raises(ValueError, match='max_side must be at least 1, but got 0'):
        LoadRGBImage(max_side=0)


def png(path, size=(50, 50)):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (lambda b: b'', r'a\.png cannot be read \(it is empty\)'),
        (lambda b: b'<html>', r'a\.png cannot be read \(it is a web page\)'),
        (lambda b: b[:500], r'a\.png cannot be read \(.*\); replace it or take it off the list$'),
        (lambda b: b[:30] + b[40:], r'a\.png cannot be read \('),
        (None, r'^image \S+a\.png is missing$'),
    ],
)
def test_files_that_are_no_images(tmp_path, content, message):
    path = tmp_path / 'a.png'
    good = png(path)
    path.unlink()
    if content:
        path.write_bytes(content(good))
    with pytest.raises(RecordError, match=message):
        load_image(path)


def test_folder_in_place_of_an_image(tmp_path):
    with pytest.raises(RecordError, match=r'cannot be read \(it is a folder, not a file'):
        load_image(tmp_path)


def test_an_image_too_large_for_memory(tmp_path, monkeypatch):
    png(tmp_path / 'a.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(RecordError, match=r'cannot be read \(it has more than 100 pixels'):
        load_image(tmp_path / 'a.png')


def load_mask(path, size=(4, 5)):
    record = dict(image_id='a', seg_map_path=path and str(path), ori_shape=size, num_classes=20)
    return LoadMask().transform(record)['gt_seg_map']


@pytest.mark.parametrize('mode', ['L', 'P'])
def test_mask(tmp_path, mode):
    mask = np.zeros((4, 5), np.uint8)
    mask[0, :3] = 20, 1, 255
    Image.fromarray(mask).convert('L').save(tmp_path / 'a.png')
    image = Image.fromarray(mask)
    if mode == 'P':
        image = image.convert('P')
        image.putdata(mask.reshape(-1).tolist())
    image.save(tmp_path / 'a.png')
    found = load_mask(tmp_path / 'a.png')
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, mask)


def test_mask_of_ignored_pixels_alone(tmp_path):
    Image.new('L', (5, 4), 255).save(tmp_path / 'a.png')
    assert (load_mask(tmp_path / 'a.png') == 255).all()


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (Image.new('RGB', (5, 4)), r'a\.png must be a palette or grey PNG, but its mode is RGB'),
        (Image.new('L', (4, 5)), r'^mask \S+a\.png has size 4x5, but its image 5x4$'),
        (
            Image.new('L', (5, 4), 21),
            r'^mask \S+a\.png has value 21, but the number of classes is 20 '
            r'\(255 marks pixels that do not count\)$',
        ),
        (
            None,
            r'^mask \S+a\.png of image a is missing; '
            r'take LoadMask and the metric out of the config if there are no masks$',
        ),
    ],
)
def test_bad_masks(tmp_path, image, message):
    if image:
        image.save(tmp_path / 'a.png')
    with pytest.raises(RecordError, match=message):
        load_mask(tmp_path / 'a.png')


def test_a_single_image_has_no_mask():
    assert LoadMask(masks='folder').transform(dict(img_path='a.png')) == dict(img_path='a.png')


def test_dataset_without_masks():
    with pytest.raises(RecordError, match=r'^mask None of image a is missing; take LoadMask'):
        load_mask(None)


def test_masks_of_a_stage(tmp_path):
    write_mask(tmp_path / 'sub dir/a.png', np.array([[0, 2], [255, 1]]))
    step = LoadMask(masks=str(tmp_path)).transform
    record = dict(image_id='sub dir/a', ori_shape=(2, 2), num_classes=3, seg_map_path='unused')
    loaded = step(dict(record))
    assert loaded['gt_seg_map'].tolist() == [[0, 2], [255, 1]]
    assert loaded['seg_fields'] == ['gt_seg_map']
    with pytest.raises(
        RecordError, match=r'b\.png of image b is missing; run the stage that fills'
    ):
        step({**record, 'image_id': 'b'})


def test_bgr_is_rgb_turned_round(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (3, 2), (200, 100, 0)).save(path)
    results = LoadBGRImage().transform(dict(img_path=str(path)))
    assert results['img'][0, 0].tolist() == [0, 100, 200]
    assert results['img_shape'] == results['ori_shape'] == (2, 3)
    # OpenCV, which mmseg's transforms call, wants memory in order
    assert results['img'].flags['C_CONTIGUOUS']
    with pytest.raises(RecordError, match='is missing'):
        LoadBGRImage().transform(dict(img_path=str(tmp_path / 'b.png')))


def test_a_mask_may_be_optional():
    record = dict(image_id='a', ori_shape=(2, 2), num_classes=3, seg_map_path=None)
    assert LoadMask(optional=True).transform(dict(record)) == record


def test_masks_of_a_stage_that_have_the_size_of_the_file(tmp_path):
    write_mask(tmp_path / 'a.png', np.array([[0, 0, 2, 2]] * 2))
    record = dict(image_id='a', ori_shape=(1, 2), file_shape=(2, 4), num_classes=3)
    found = LoadMask(masks=str(tmp_path)).transform(record)
    assert found['gt_seg_map'].tolist() == [[0, 2]]


@pytest.mark.parametrize('image_id', ['a', 'sub dir/b.c', 'none'])
def test_a_corrected_mask_takes_the_place_of_the_pseudo_mask(tmp_path, image_id):
    made, corrected = tmp_path / 'made', tmp_path / 'corrected'
    for name in ('a', 'sub dir/b.c', 'none'):
        write_mask(made / f'{name}.png', np.full((4, 5), 1))
    for name in ('a', 'sub dir/b.c'):
        write_mask(corrected / f'{name}.png', np.full((8, 10), 2))
    record = dict(image_id=image_id, ori_shape=(4, 5), file_shape=(8, 10), num_classes=2)
    plain = LoadMask(masks=str(made))
    assert (plain.transform(dict(record))['gt_seg_map'] == 1).all()
    step = LoadMask(masks=str(made), corrected=str(corrected))
    # as small as the image is read
    found = step.transform(dict(record))['gt_seg_map']
    assert found.shape == (4, 5)
    assert (found == (1 if image_id == 'none' else 2)).all()
    assert step.input_folder == str(made)
    absent = LoadMask(masks=str(made), corrected=str(tmp_path / 'absent'))
    assert (absent.transform(dict(record))['gt_seg_map'] == 1).all()


def test_a_corrected_mask_of_another_size_is_named(tmp_path):
    write_mask(tmp_path / 'corrected/a.png', np.ones((3, 3)))
    record = dict(image_id='a', ori_shape=(4, 5), num_classes=2)
    step = LoadMask(masks=str(tmp_path), corrected=str(tmp_path / 'corrected'))
    with pytest.raises(RecordError, match=r'corrected/a\.png has size 3x3, but its image 5x4'):
        step.transform(record)


def test_corrected_masks_of_other_classes_are_refused_when_a_data_set_is_opened(tmp_path):
    from qaclims_mm.datasets.miniworld import MiniWorldDataset
    from qaclims_mm.miniworld import CLASSES, generate

    generate(tmp_path / 'world', num_train=2, num_val=1, size=32)
    folder = tmp_path / 'corrected'
    folder.mkdir()

    def open_dataset():
        steps = [dict(type='LoadBGRImage'), dict(type='LoadMask', corrected=str(folder))]
        values = dict(ann_file='ImageSets/Segmentation/train.txt', pipeline=steps)
        return MiniWorldDataset(data_root=str(tmp_path / 'world'), **values)

    for classes, fits in (
        (list(CLASSES), True),
        (list(CLASSES[:-1]), True),
        (list(CLASSES[::-1]), False),
        ([*CLASSES, 'bus'], False),
    ):
        Manifest('corrected', 'x', extra=dict(classes=classes)).write(folder)
        if fits:
            assert len(open_dataset()) == 2
        else:
            with pytest.raises(DataError, match='numbered by other classes'):
                open_dataset()
