from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

gr = pytest.importorskip('gradio')
from qaclims_mm.demo.actions import Actions, listed, told  # noqa: E402 - an extra
from qaclims_mm.errors import RecordError  # noqa: E402


@pytest.fixture
def files(tmp_path):
    for name in ('a.png', 'b.png'):
        Image.new('RGB', (40, 40), (20, 200, 90)).save(tmp_path / name)
    return [str(tmp_path / name) for name in ('a.png', 'b.png')]


def test_nothing_found_yet(explainer):
    actions = Actions(explainer)
    assert actions.show_map(None, None, 0.5) is None
    assert actions.show_masks(None, 0.25) == (None, None)
    with pytest.raises(gr.Error, match='there is no image yet; drop one first'):
        actions.files(None, [], None, None, 0.25, 'png')
    with pytest.raises(gr.Error, match='there is no image yet'):
        actions.step(None, [], SimpleNamespace(index=0))
    with pytest.raises(gr.Error, match='there is nothing that draws'):
        actions.draw()


def test_no_class_is_ticked_anywhere(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    with pytest.raises(gr.Error, match='no class was chosen; tick those that are in the image'):
        actions.files(album, [], None, None, 0.25, 'png')


def test_a_step_keeps_what_was_ticked(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    album, preview, ticked, *_ = actions.step(album, ['cat'], SimpleNamespace(index=1))
    assert (album.place, ticked) == (1, [])
    assert preview is album.picture.pixels
    album, _, ticked, *_ = actions.step(album, ['car'], SimpleNamespace(index=0))
    assert (album.place, ticked) == (0, ['cat'])
    # a program may send any number
    assert actions.step(album, [], SimpleNamespace(index=99))[0].place == 1
    assert actions.step(album, [], SimpleNamespace(index=-5))[0].place == 0


def test_a_file_that_is_gone(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    album.entries[1].path.unlink()
    with pytest.raises(gr.Error, match=r'image b\.png cannot be read'):
        actions.step(album, [], SimpleNamespace(index=1))


def test_most_images(explainer, files):
    album, *_, messages = Actions(explainer, most=1).read(files, None)
    assert len(album.entries) == 1
    assert '2 images were dropped, but the page takes 1 at once' in messages.value


def test_messages_are_escaped_and_cut():
    shown = listed([f'<b>{k}' for k in range(15)])
    assert shown.value.startswith('<ul><li>&lt;b&gt;0</li>')
    assert shown.value.endswith('<li>and 3 more</li></ul>')
    assert shown.visible
    assert not listed([]).visible


def test_errors_are_told_escaped():
    def fails():
        raise RecordError('<b> & more')

    with pytest.raises(gr.Error) as raised:
        told(fails)()
    assert raised.value.message == '&lt;b&gt; &amp; more'


def test_a_drawn_picture(explainer):
    drawn = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    album = Actions(explainer, lambda: drawn).draw()[0]
    np.testing.assert_array_equal(album.picture.pixels, drawn)
