"""Pages of no class, of many, and of classes with hostile names."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from qaclims_mm.demo.found import Explained, Found
from qaclims_mm.errors import RecordError
from qaclims_mm.inference.pictures import read_picture

gr = pytest.importorskip('gradio')
from demo_page import READ, in_browser, served, source_of  # noqa: E402 - an extra

from qaclims_mm.demo.page import Page  # noqa: E402


def test_many_classes_are_searched_not_ticked(explainer):
    page = Page(explainer)
    assert isinstance(page._classes(), gr.CheckboxGroup)
    many = Page.__new__(Page)
    many.explainer = type('Many', (), dict(class_names=tuple(map(str, range(1000))), can_map=True))
    assert isinstance(many._classes(), gr.Dropdown)


class Named:
    """An explainer of any classes, in which each has a part of the image."""

    can_refine, can_ask, can_map, can_segment, warning = False, True, True, False, '<b>'
    runs_on = (('segmentor', '<i>{{x}}'),)

    def __init__(self, class_names):
        self.class_names = class_names

    def read(self, path):
        if Path(path).name.startswith('Bild'):
            return read_picture(path, {})
        raise RecordError(f'{self.class_names} cannot be read')

    def propose(self, image):
        return list(self.class_names)

    def find(self, image, labels, size=None):
        if not labels:
            raise ValueError('no class was chosen; tick those that are in the image.')
        maps = np.zeros((len(labels), *image.shape[:2]), np.float32)
        for k in range(len(labels)):
            maps[k, :, k :: len(labels)] = 1
        indices = np.array([self.class_names.index(name) for name in labels])
        return Found(image, image.shape[:2], tuple(labels), indices, maps, maps)

    def explain(self, path, labels):
        image = read_picture(path, {}).pixels
        answers = tuple((name, 'the object', f'What is {name}?', name) for name in labels)
        return Explained(self.find(image, labels), answers)


@in_browser
def test_five_hundred_classes(browser_page, picture):
    page, names = browser_page, tuple(f'class {k}' for k in range(500))
    with served(Page(Named(names))) as address:
        page.goto(address)
        page.set_input_files('input[type=file]', str(picture))
        source_of(page, READ)
        for name in ('class 254', 'class 499'):
            page.get_by_label('classes in the image').fill(name)
            page.get_by_role('option', name=name, exact=True).click()
        page.keyboard.press('Escape')
        page.click('button:has-text("Find")')
        source_of(page, 'mask')
        shown = page.locator('.legend').first.locator('li').all_inner_texts()
        assert [text.split('\n')[0] for text in shown] == ['class 254', 'class 499']
        assert [p for p in page.problems if not p.startswith('asked')] == []


@in_browser
def test_no_classes(browser_page, picture):
    page = browser_page
    with served(Page(Named(()))) as address:
        page.goto(address)
        page.set_input_files('input[type=file]', str(picture))
        source_of(page, READ)
        assert page.locator('.examples').count() == 0
        page.click('text=Propose classes')
        page.locator('.notice', has_text='Nothing was proposed.').wait_for()
        page.click('button:has-text("Find")')
        page.locator('.notice.error', has_text='No class was chosen').wait_for()


@in_browser
def test_names_are_shown_literally(browser_page, picture, tmp_path):
    page = browser_page
    page.problems.clear()
    names = (
        '<img src=x onerror="window.ran=1">',
        '</script><b>x',
        '[/b] **bold** $x_1$',
        '{texts}',
        '{{x}}',
        '{{#if x}}',
        '${window.ran=1}',
        '&lt;i&gt;',
        '[l](javascript:window.ran=1)',
        '__proto__',
        'None',
        'x' * 200,
    )
    with served(Page(Named(names))) as address:
        # whatever is asked for besides
        page.on('response', lambda got: got.status >= 400 and page.problems.append(got.url))
        page.goto(address)
        page.set_input_files('input[type=file]', str(picture))
        source_of(page, READ)
        page.click('text=Propose classes')
        page.wait_for_selector('input[type=checkbox]:checked', timeout=20000)
        page.click('button:has-text("Find")')
        source_of(page, 'mask')
        for place in (
            'label:has(input[type=checkbox])',
            'label:has(input[type=radio])',
            '.legend li span:not(.swatch)',
            '.answers caption',
            '.answers td:nth-child(3)',
        ):
            shown = page.locator(place).all_inner_texts()
            assert tuple(text.strip() for text in shown) == names
        assert page.evaluate('document.documentElement.scrollWidth') <= 1280
        other = shutil.copy(picture, tmp_path / 'other.png')
        page.set_input_files('input[type=file]', str(other))
        message = page.locator('.messages li')
        message.wait_for(timeout=20000)
        assert message.inner_text() == f'{names} cannot be read'
        assert page.locator('.warning').inner_text() == '<b>'
        assert page.locator('.overview dd').inner_text() == '<i>{{x}}'
        assert page.evaluate('window.ran') is None
        assert [p for p in page.problems if not p.startswith('asked')] == []
