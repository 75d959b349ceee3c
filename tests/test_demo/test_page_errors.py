"""What the page says of files that it cannot read, of steps left out and of what breaks."""

import re

import pytest

pytest.importorskip('gradio')
from demo_page import (
    READ,
    assert_nothing_found,
    find,
    in_browser,
    messages_of,
    source_of,
    take_example,
)


@in_browser
@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'no image', 'image bad.png cannot be read (it is no image'),
        (None, 'there is no image yet'),
    ],
)
def test_messages_are_seen(browser_page, tmp_path, content, message):
    if content is None:
        browser_page.click('button:has-text("Find")')
    else:
        (tmp_path / 'bad.png').write_bytes(content)
        browser_page.set_input_files('input[type=file]', str(tmp_path / 'bad.png'))
    browser_page.wait_for_selector(f'text=/{re.escape(message)}/i', timeout=20000)
    assert browser_page.locator('.toast-wrap > *').count() == 0


@in_browser
def test_a_bad_file_after_a_good_one(browser_page, picture, drawn, tmp_path, capfd):
    page = browser_page
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    page.get_by_label(drawn[1][0], exact=True).check()
    find(page)
    (tmp_path / 'bad.png').write_bytes(b'no image')
    page.set_input_files('input[type=file]', str(tmp_path / 'bad.png'))
    page.wait_for_selector('text=bad.png cannot be read', timeout=20000)
    assert_nothing_found(page)
    # no word stays over a picture
    assert page.locator('span.error:visible').count() == 0
    # the next is read
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    assert 'Traceback' not in ''.join(capfd.readouterr())


@in_browser
def test_an_error_stands_beside_its_button_until_the_next_good_result(browser_page, capfd):
    page = browser_page
    page.click('button:has-text("Find")')
    error = page.locator('.notice.error')
    error.wait_for()
    assert error.inner_text() == 'There is no image yet; drop one first.'
    take_example(page, 0)
    error.wait_for(state='detached')
    page.get_by_label('sheep', exact=True).uncheck()
    page.click('button:has-text("Find")')
    error.wait_for()
    assert error.inner_text() == 'No class was chosen; tick those that are in the image.'
    buttons, shown = page.locator('button:has-text("Find")').bounding_box(), error.bounding_box()
    assert 0 < shown['y'] - buttons['y'] < 150
    page.get_by_label('sheep', exact=True).check()
    find(page)
    error.wait_for(state='detached')
    # neither a toast nor a badge
    assert page.locator('text=Error').count() == 0
    assert page.locator('span.error').count() == 0
    assert 'Traceback' not in ''.join(capfd.readouterr())


@in_browser
def test_what_breaks_on_the_server_is_one_sentence(browser_page, explainer, monkeypatch, caplog):
    page = browser_page
    take_example(page, 1)
    source_of(page, READ)
    for kind, text in (
        (RuntimeError, 'The server failed (RuntimeError); its log has the details.'),
        (MemoryError, 'The server has too little memory for this image.'),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(explainer, 'explain', lambda *_, kind=kind: _raise(kind))
            page.click('button:has-text("Find")')
            page.locator('.notice.error', has_text=text).wait_for(timeout=20000)
    assert caplog.text.count('Traceback') == 2
    find(page)
    page.locator('.notice.error').wait_for(state='detached')


def _raise(kind):
    raise kind('secret')


@in_browser
def test_files_that_are_no_images_say_what_to_do(browser_page, tmp_path):
    for name in ('a.mp4', 'b.zip', 'c.csv'):
        (tmp_path / name).write_bytes(b'x')
    files = [str(path) for path in sorted(tmp_path.iterdir()) if path.is_file()]
    browser_page.set_input_files('input[type=file]', files)
    told = messages_of(browser_page, 'is a video')
    assert [text.split(';')[0] for text in told] == [
        'a.mp4 is a video',
        'b.zip is an archive',
        'c.csv is no image',
    ]
    assert_nothing_found(browser_page)
    assert browser_page.locator('span.error:visible').count() == 0
