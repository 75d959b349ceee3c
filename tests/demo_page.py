"""The page of the demo, served for a test, and what a visitor does with it in a browser."""

import shutil
from contextlib import contextmanager

import pytest

from qaclims_mm.demo.serving import launch

in_browser = pytest.mark.skipif(
    not shutil.which('chromium'), reason='chromium is not installed: apt-get install chromium'
)
# bytes of an upload
LIMIT = 60 * 2**20
READ = 'image as the networks read it'


@contextmanager
def served(page):
    """Serve a page; gives its address."""
    blocks = page.build()
    yield launch(blocks, server_name='127.0.0.1', max_file_size=LIMIT)
    blocks.close()


def checked(page):
    return page.locator('label:has(input[type=checkbox]:checked)').all_inner_texts()


def take_example(page, place):
    page.locator('.examples button.thumbnail-item').nth(place).click()


def find(page):
    page.click('button:has-text("Find")')
    page.wait_for_selector('text=What kind of', timeout=30000)


def source_of(page, place):
    """Return where a picture of the page comes from, once it is there."""
    image = page.locator(f'.block.filled:has(label:text-is("{place}")) img')
    image.wait_for(timeout=20000)
    return image.get_attribute('src')


def messages_of(page, text):
    """Return the messages of the page, once one has a text."""
    page.locator('.messages li', has_text=text).first.wait_for(timeout=20000)
    return page.locator('.messages li').all_inner_texts()


def assert_nothing_found(page, ticked=False):
    """Neither maps, masks, answers nor a download are of an image before.

    What is ticked can be downloaded.
    """
    page.wait_for_selector('.results', state='detached', timeout=20000)
    page.wait_for_selector('text=What kind of', state='detached')
    assert page.locator('.result img').count() == 0
    assert page.get_by_role('radio').count() == 0
    assert page.get_by_role('button', name='Download masks').is_enabled() == ticked
    # the box is empty
    page.wait_for_selector('text=Drop File Here')
