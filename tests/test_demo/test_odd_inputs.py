"""Files and classes that nobody wishes for: each gives a result or one sentence."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('gradio')
from qaclims_mm.demo.actions import Actions
from qaclims_mm.demo.controls import Outputs
from qaclims_mm.demo.examples import draw_example
from qaclims_mm.demo.pictures import SIDE


@pytest.fixture(scope='module')
def cat():
    return Image.fromarray(draw_example(1).pixels)


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


# {file: (how it is written, size of what is read, message)}
READ = {
    'one.png': (lambda cat, path: cat.resize((1, 1)).save(path), (1, 1), ''),
    'wide.png': (lambda cat, path: cat.resize((20000, 40)).save(path), (1, 224), ''),
    'tall.webp': (lambda cat, path: cat.resize((3, 3000)).save(path), (224, 1), ''),
    'turned.jpg': (
        lambda cat, path: cat.resize((300, 200)).save(path, exif=turned()),
        (224, 149),
        '1 image is turned as EXIF says (first: turned.jpg)',
    ),
    'moving.gif': (
        lambda cat, path: cat.save(path, save_all=True, append_images=[cat.rotate(90)]),
        (112, 112),
        '1 image has several pages or frames; the first one is read (first: moving.gif)',
    ),
    'printed.jpg': (lambda cat, path: cat.convert('CMYK').save(path), (112, 112), ''),
    'deep.png': (
        lambda cat, path: Image.fromarray(np.asarray(cat.convert('L'), np.uint16) * 257).save(path),
        (112, 112),
        '',
    ),
    'clear.png': (lambda cat, path: cat.convert('RGBA').save(path), (112, 112), ''),
    '<b>x.png': (lambda cat, path: cat.save(path), (112, 112), ''),
    '{{x}}.png': (lambda cat, path: cat.save(path), (112, 112), ''),
    '100% #1?.png': (lambda cat, path: cat.save(path), (112, 112), ''),
    'l' * 240 + '.png': (lambda cat, path: cat.save(path), (112, 112), ''),
}


@pytest.mark.parametrize('name', READ)
def test_a_file_is_read_and_segmented(explainer, cat, tmp_path, name):
    write, size, message = READ[name]
    write(cat, tmp_path / name)
    actions = Actions(explainer)
    album, preview, *_, messages = actions.read([str(tmp_path / name)], None)
    assert preview['value'].shape == (*size, 3)
    assert messages['value'] == (
        f'<div role="status"><ul><li>{message}</li></ul></div>' if message else messages['value']
    )
    assert messages['visible'] == bool(message)
    found = dict(zip(Outputs._fields, actions.find(album, ['cat'], 0.55, 0.25), strict=True))
    assert found['heat'].shape == (*size, 3)
    assert max(found['mask'].shape) == max(found['refined'].shape) == SIDE
    path, remark = actions.files(album, ['cat'], found['asked'], 0.25, 'coco')
    assert path.endswith('.zip')
    assert remark == ''


@pytest.mark.parametrize('name', ['text.png', 'empty.png', 'cut.png', 'folder.png'])
def test_what_is_no_image_is_one_sentence(explainer, cat, tmp_path, name):
    path = tmp_path / name
    if name == 'folder.png':
        path.mkdir()
    elif name == 'cut.png':
        cat.save(path)
        path.write_bytes(path.read_bytes()[:1000])
    else:
        path.write_text('hello' if name == 'text.png' else '')
    album, *_, messages = Actions(explainer).read([str(path)], None)
    assert album is None
    assert messages['value'].startswith(f'<div role="status"><ul><li>image {name} cannot be read (')
    assert messages['value'].count('<li>') == 1
    assert str(tmp_path) not in messages['value']
