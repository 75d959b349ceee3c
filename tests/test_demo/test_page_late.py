"""Results that come when the page shows another image, or was closed."""

import threading

import pytest
from PIL import Image

pytest.importorskip('gradio')
from demo_page import READ, assert_nothing_found, find, in_browser, source_of, take_example


@in_browser
@pytest.mark.parametrize('follows', ['file', 'example'])
def test_what_comes_late_is_not_shown_beside_the_next_image(
    browser_page, picture, drawn, follows, explainer, monkeypatch, tmp_path
):
    page, begun, may_end = browser_page, threading.Event(), threading.Event()
    # nothing of it is kept by the server
    first_image = tmp_path / f'{follows}.png'
    Image.fromarray(255 - drawn[0]).save(first_image)

    def slow(*args, made=explainer.find):
        begun.set()
        may_end.wait(30)
        return made(*args)

    page.set_input_files('input[type=file]', str(first_image))
    source_of(page, READ)
    first = drawn[1][0]
    page.get_by_label(first, exact=True).check()
    with monkeypatch.context() as patch:
        patch.setattr(explainer, 'find', slow)
        page.click('button:has-text("Find")')
        assert begun.wait(20)
        if follows == 'file':
            page.set_input_files('input[type=file]', str(picture))
            page.wait_for_selector('input[type=checkbox]:checked', state='detached')
        else:
            take_example(page, 5)
            page.wait_for_selector('label:has-text("aeroplane") input[type=checkbox]:checked')
        may_end.set()
        page.wait_for_timeout(2000)
    assert_nothing_found(page, ticked=follows == 'example')
    page.get_by_label(first, exact=True).check()
    find(page)
    source_of(page, 'refined mask')
    assert page.problems == []


@in_browser
def test_a_tab_that_is_closed_while_it_waits(browser_page, url, explainer, monkeypatch):
    page, begun, may_end = browser_page, threading.Event(), threading.Event()

    def slow(*args, made=explainer.explain):
        begun.set()
        may_end.wait(30)
        return made(*args)

    page.click('text=Show other examples')
    page.wait_for_timeout(500)
    take_example(page, 0)
    source_of(page, READ)
    with monkeypatch.context() as patch:
        patch.setattr(explainer, 'explain', slow)
        page.click('button:has-text("Find")')
        assert begun.wait(20)
        page.goto('about:blank')
    page.goto(url)
    take_example(page, 3)
    page.wait_for_selector('label:has-text("boat") input[type=checkbox]:checked')
    page.click('button:has-text("Find")')
    # what was begun is ended first
    may_end.set()
    page.wait_for_selector('text=What kind of boat', timeout=30000)
    assert page.locator('.notice.error').count() == 0
