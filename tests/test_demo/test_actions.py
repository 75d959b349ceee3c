import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('gradio')
from qaclims_mm.demo.actions import EXAMPLES, NOTHING_PROPOSED, Actions
from qaclims_mm.demo.examples import draw_examples
from qaclims_mm.errors import DataError, RecordError


@pytest.fixture
def files(tmp_path):
    for name in ('a.png', 'b.png'):
        Image.new('RGB', (40, 40), (20, 200, 90)).save(tmp_path / name)
    return [str(tmp_path / name) for name in ('a.png', 'b.png')]


def test_nothing_found_yet(explainer):
    actions = Actions(explainer)
    assert actions.show_map(None, None, 0.5) is None
    assert actions.show_masks(None, 0.25) == (None, '', None, '')
    with pytest.raises(DataError, match='there is no image yet; drop one first'):
        actions.files(None, [], None, 0.25, 'png')
    with pytest.raises(DataError, match='there is no image yet'):
        actions.step(None, [], SimpleNamespace(index=0))


def test_no_class_is_ticked_anywhere(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    with pytest.raises(DataError, match='no class was chosen; tick those that are in the image'):
        actions.files(album, [], None, 0.25, 'png')


def test_a_step_keeps_what_was_ticked(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    album, preview, ticked, *_ = actions.step(album, ['cat'], SimpleNamespace(index=1))
    assert (album.place, ticked) == (1, [])
    assert preview['value'].shape == (40, 40, 3)
    album, _, ticked, *_ = actions.step(album, ['car'], SimpleNamespace(index=0))
    assert (album.place, ticked) == (0, ['cat'])
    # a program may send any number
    assert actions.step(album, [], SimpleNamespace(index=99))[0].place == 1
    assert actions.step(album, [], SimpleNamespace(index=-5))[0].place == 0


def test_a_file_that_is_gone(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    album.entries[1].path.unlink()
    with pytest.raises(RecordError, match=r'image b\.png cannot be read'):
        actions.step(album, [], SimpleNamespace(index=1))


def test_most_images(explainer, files):
    album, *_, messages = Actions(explainer, most=1).read(files, None)
    assert len(album.entries) == 1
    assert '2 images were dropped, but the page takes 1 at once' in messages['value']


def test_an_example_comes_with_its_classes(explainer):
    actions = Actions(explainer)
    album, preview, ticked, *_ = actions.take_example(0, SimpleNamespace(index=4))
    example = draw_examples(0, EXAMPLES)[4]
    assert ticked == list(example.classes) == list(album.current.labels)
    np.testing.assert_array_equal(preview['value'], example.pixels)
    assert Path(album.current.path).name == f'miniworld_{example.index}.png'
    # a program may send any number
    assert actions.take_example(0, SimpleNamespace(index=-9))[2] == list(
        draw_examples(0, EXAMPLES)[0].classes
    )
    start, update = actions.more_examples(0)
    assert start > EXAMPLES - 1
    assert len(update['value']) == EXAMPLES


def test_a_dropped_result_is_made_again(explainer, files):
    actions = Actions(explainer)
    actions.shelf._budget = 1
    album = actions.read(files, None)[0]
    asked, *found = actions.find(album, ['cat'], 0.5, 0.25)
    actions.find(replace(album, place=1), ['car'], 0.5, 0.25)
    assert (asked.path, asked.labels) not in actions.shelf
    np.testing.assert_array_equal(actions.show_map(asked, 'cat', 0.5), found[3])


def test_sessions_share_results_and_hold_none(explainer, files):
    actions = Actions(explainer)
    for _ in range(3):
        album = actions.read(files, None)[0]
        asked, *_ = actions.find(album, ['cat'], 0.5, 0.25)
    assert len(actions.shelf._kept) == 1
    # what a session holds has no pixels
    assert len(pickle.dumps((album, asked))) < 2000


def test_a_download_says_what_is_left_out(explainer, files):
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    path, remark = actions.files(album, ['cat'], None, 0.25, 'png')
    assert remark == 'Left out, as no class is ticked: 1 image.'
    with zipfile.ZipFile(path) as archive:
        assert 'masks/a.png' in archive.namelist()


def test_nothing_is_proposed(explainer, files, monkeypatch):
    monkeypatch.setattr(explainer, 'propose', lambda pixels: [])
    actions = Actions(explainer)
    album = actions.read(files, None)[0]
    assert actions.propose(album) == ([], NOTHING_PROPOSED)
