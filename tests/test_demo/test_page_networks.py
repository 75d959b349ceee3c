"""What the page shows depends on the networks that are loaded."""

import zipfile
from types import SimpleNamespace

import pytest
from tiny_models import make_stage

from qaclims_mm.demo.model import Explainer
from qaclims_mm.demo.networks import find_networks, network_of_config
from qaclims_mm.inference.meaning import OF_MINIWORLD

pytest.importorskip('gradio')
from demo_page import READ, in_browser, served, source_of

from qaclims_mm.demo.page import Page


@in_browser
def test_a_download_without_answers_and_refiner(browser_page, picture, drawn):
    page, names = browser_page, drawn[1]
    plain = Explainer(network_of_config('clip-cam_clip-mini_miniworld-112x112'))
    with served(Page(plain)) as address:
        page.goto(address)
        page.set_input_files('input[type=file]', str(picture))
        source_of(page, READ)
        page.get_by_label(names[0], exact=True).check()
        page.click('button:has-text("Find")')
        source_of(page, 'mask')
        with page.expect_download(timeout=20000) as downloading:
            page.click('text=Download masks')
        with zipfile.ZipFile(downloading.value.path()) as archive:
            assert {name.split('/')[0] for name in archive.namelist()} == {
                'answers.csv',
                'as_read',
                'classes.csv',
                'masks',
            }
            head = archive.read('answers.csv').decode().split()
            assert head == ['image,class,about,question,answer']


@in_browser
def test_a_page_of_a_segmentor(browser_page, picture, tmp_path):
    make_stage(tmp_path)
    page = browser_page
    with served(Page(Explainer(find_networks(tmp_path), device='cpu'))) as address:
        page.goto(address)
        page.wait_for_selector('text=Find')
        assert page.locator('text=Propose classes').count() == 0
        assert page.locator('.warning').inner_text() == OF_MINIWORLD
        page.set_input_files('input[type=file]', str(picture))
        source_of(page, READ)
        page.click('button:has-text("Find")')
        source_of(page, 'segmentor')
        with page.expect_download(timeout=20000) as downloading:
            page.click('text=Download masks')
        with zipfile.ZipFile(downloading.value.path()) as archive:
            assert f'segmentor/{picture.stem}.png' in archive.namelist()
            assert not any(name.startswith('masks/') for name in archive.namelist())


@pytest.mark.parametrize('can', [True, False])
def test_the_page_speaks_of_what_is_loaded(can):
    loaded = SimpleNamespace(
        class_names=('cat', 'dog'),
        can_map=True,
        can_refine=can,
        can_ask=can,
        can_segment=False,
        warning='',
        runs_on=[],
    )
    parts = Page(loaded).build().config['components']
    intro = next(p['props']['value'] for p in parts if p['type'] == 'markdown')
    assert ('the refined mask follows the edges of the image.' in intro) == can
    assert intro.endswith('.')
    [answers] = [p for p in parts if 'answers' in (p['props'].get('elem_classes') or [])]
    assert answers['props']['visible'] == can
    buttons = [p['props']['value'] for p in parts if p['type'] == 'button']
    assert ('Download masks and answers' in buttons) == can
    assert ('Download masks' in buttons) != can
