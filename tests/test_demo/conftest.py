import shutil

import pytest
from helpers import CHROMIUM_FLAGS
from PIL import Image

from qaclims_mm.demo.model import Explainer
from qaclims_mm.demo.networks import shipped_networks
from qaclims_mm.miniworld.regions import draw_pictures


@pytest.fixture(scope='session')
def explainer():
    return Explainer(shipped_networks(), device='cpu')


@pytest.fixture(scope='session')
def drawn():
    """Return a picture and its classes, two."""
    for scene, picture in draw_pictures(5, 20):
        names = sorted({thing.class_name for thing in scene.objects})
        if len(names) == 2:
            return picture.image, names
    raise LookupError


@pytest.fixture(scope='module')
def url(explainer, tmp_path_factory):
    """Return the address of a page that a test file shares."""
    # gradio is an extra
    from demo_page import served

    from qaclims_mm.demo.page import Page

    folder = tmp_path_factory.mktemp('uploads')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_TEMP_DIR', str(folder))
        with served(Page(explainer)) as address:
            yield address


@pytest.fixture(scope='module')
def picture(drawn, tmp_path_factory):
    """Return the file of the picture."""
    path = tmp_path_factory.mktemp('pictures') / 'Bild größer 1.png'
    image = Image.fromarray(drawn[0])
    # larger than what the networks read
    image.resize((336, 336), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def browser_page(url):
    """Give the page in a browser, with its ``problems``: errors, and what it asks of others."""
    playwright = pytest.importorskip('playwright.sync_api')
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which('chromium'), args=list(CHROMIUM_FLAGS)
        )
        page = browser.new_page(viewport=dict(width=1280, height=900))
        page.problems = []
        page.on('pageerror', lambda error: page.problems.append(str(error)))
        page.on(
            'console',
            lambda said: page.problems.append(said.text) if said.type == 'error' else None,
        )
        page.on(
            'request',
            lambda sent: (
                None
                if sent.url.startswith((url, 'data:', 'blob:'))
                else page.problems.append(f'asked {sent.url}')
            ),
        )
        page.goto(url)
        page.wait_for_selector('text=Propose classes')
        yield page
        browser.close()
