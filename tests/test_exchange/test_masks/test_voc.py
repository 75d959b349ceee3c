import numpy as np
import pytest
from PIL import Image
from tiny_masks import CLASSES, shown

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.formats import colour_of
from qaclims_mm.schemas import file_of, voc_palette, write_mask

MAP = '# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:0,128,0::\ndog:128,0,0::\n'


def write(folder, mask, labelmap=MAP):
    write_mask(folder / 'SegmentationClass/p0.png', np.asarray(mask))
    if labelmap is not None:
        (folder / 'labelmap.txt').write_text(labelmap)
    return folder


def test_layout(exported):
    out, masks = exported('voc', copy_images=True)
    for image_id, mask in masks.items():
        with Image.open(file_of(out / 'SegmentationClass', image_id, '.png')) as image:
            assert image.mode == 'P'
            assert image.getpalette() == voc_palette()
            np.testing.assert_array_equal(np.asarray(image), shown(mask))
    ids = (out / 'ImageSets/Segmentation/default.txt').read_text(encoding='utf-8').splitlines()
    assert ids == [*masks]
    lines = (out / 'labelmap.txt').read_text(encoding='utf-8').splitlines()
    names = ['background', *CLASSES]
    assert lines[1:] == [f'{n}:{",".join(map(str, colour_of(v)))}::' for v, n in enumerate(names)]
    assert len([*(out / 'JPEGImages').rglob('*.*')]) == len(masks)


def test_colours_are_those_of_the_label_map(tmp_path, read):
    found, problems = read(write(tmp_path, [[0, 1, 2, 3, 255, 0, 0, 0]] * 6))
    assert not problems
    assert found['p0'][0].tolist() == [0, 2, 1, 255, 255, 0, 0, 0]


def test_colours_without_a_palette(tmp_path, read):
    write(tmp_path, np.zeros((6, 8)))
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[0, :2] = (0, 128, 0), (1, 2, 3)
    Image.fromarray(pixels).save(tmp_path / 'SegmentationClass/p0.png')
    found, _ = read(tmp_path)
    assert found['p0'][0, :3].tolist() == [1, 255, 0]


def test_no_label_map(tmp_path, read):
    write(tmp_path, np.ones((6, 8)), None)
    with pytest.raises(FormatError, match=r'labelmap\.txt is missing\. It says what the colours'):
        read(tmp_path)
    # the folder itself has values of this package
    found, _ = read(tmp_path / 'SegmentationClass')
    assert found['p0'].all()


@pytest.mark.parametrize('line', ['cat', 'cat:1,2', 'cat:1,2,x::', 'cat:a', 'cat:1,2,-3::'])
def test_broken_label_maps(tmp_path, read, line):
    write(tmp_path, np.ones((6, 8)), f'# x\n{line}\n')
    with pytest.raises(FormatError, match=r'labelmap\.txt, line 2: .* is not NAME:RED,GREEN,BLUE'):
        read(tmp_path)


def test_unknown_classes_and_bad_masks(tmp_path, read):
    write(tmp_path, [[1, 2] * 4] * 6, MAP.replace('dog', 'cow'))
    write_mask(tmp_path / 'SegmentationClass/p1.png', np.ones((3, 3)))
    (tmp_path / 'SegmentationClass/p2.png').write_bytes(b'x')
    found, problems = read(tmp_path, ['p0', 'p1', 'p2'])
    assert found['p0'][0, :2].tolist() == [255, 1]
    words = ("line 4: 'cow' is none", '3 x 3 pixels', 'is no readable mask')
    assert all(w in p for w, p in zip(words, problems, strict=True))
