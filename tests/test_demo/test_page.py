"""The page in a browser, and what others may send to its server."""

import io
import json
import re
import shutil
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CHROMIUM_FLAGS
from PIL import Image
from tiny_models import make_stage

from qaclims_mm.demo.found import Explained, Found
from qaclims_mm.demo.model import Explainer
from qaclims_mm.demo.networks import find_networks, network_of_config
from qaclims_mm.errors import RecordError
from qaclims_mm.inference.meaning import OF_MINIWORLD
from qaclims_mm.inference.pictures import read_picture
from qaclims_mm.miniworld.regions import draw_pictures

gr = pytest.importorskip('gradio')
httpx = pytest.importorskip('httpx')
from qaclims_mm.demo.page import Page  # noqa: E402 - an extra
from qaclims_mm.demo.pictures import colour_of  # noqa: E402
from qaclims_mm.demo.serving import launch  # noqa: E402

CHROMIUM = shutil.which('chromium')
in_browser = pytest.mark.skipif(
    not CHROMIUM, reason='chromium is not installed: apt-get install chromium'
)
LIMIT = 60 * 2**20
# seconds that an answer may take, of a hundred at once on a busy machine
PATIENCE = 900


@contextmanager
def served(page):
    """Serve a page; gives its address."""
    blocks = page.build()
    yield launch(blocks, server_name='127.0.0.1', max_file_size=LIMIT)
    blocks.close()


@pytest.fixture(scope='module')
def url(explainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp('uploads')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_TEMP_DIR', str(folder))
        with served(Page(explainer)) as address:
            yield address


def upload(url, path):
    """Upload a file; returns the answer."""
    with open(path, 'rb') as file:
        return httpx.post(f'{url}/gradio_api/upload', files=dict(files=file), timeout=60)


def call(url, name, *data, session='test'):
    """Call an event of the page as a program does; returns its event and its data."""
    body = dict(data=list(data), session_hash=session)
    started = httpx.post(f'{url}/gradio_api/call/{name}', json=body, timeout=60)
    assert started.status_code == 200, started.text
    event = started.json()['event_id']
    kind, said, deadline = '', None, time.monotonic() + PATIENCE
    # to its end: a session whose stream is left early loses what it asks next
    with httpx.stream('GET', f'{url}/gradio_api/call/{name}/{event}', timeout=120) as lines:
        for line in lines.iter_lines():
            assert time.monotonic() < deadline, f'{name} has no answer after {PATIENCE} s'
            if line.startswith('event:'):
                kind = line.removeprefix('event:').strip()
            elif line.startswith('data:') and kind in ('complete', 'error'):
                said = kind, json.loads(line.removeprefix('data:'))
    assert said, kind
    return said


def as_file(path):
    return dict(path=str(path), meta=dict(_type='gradio.FileData'))


@pytest.fixture(scope='module')
def picture(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp('pictures') / 'Bild größer 1.png'
    image = Image.fromarray(drawn[0])
    # larger than what the networks read
    image.resize((336, 336), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def browser_page(url):
    playwright = pytest.importorskip('playwright.sync_api')
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
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


READ = 'image as the networks read it'


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


@in_browser
def test_from_a_photo_to_a_download(browser_page, picture, drawn):
    page, names = browser_page, drawn[1]
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    for name in names:
        page.get_by_label(name, exact=True).check()
    find(page)
    shown = source_of(page, 'map')
    # the table shows the rows that fit
    for question in ('What kind of {} is', 'What is above the {}?'):
        assert page.locator(f'text={question.format(names[0])}').count() == 1
    # another class gives another map
    page.get_by_role('radio', name=names[1]).check()
    page.wait_for_function(
        'old => ![...document.images].some(i => i.src === old)', arg=shown, timeout=20000
    )
    with page.expect_download(timeout=20000) as downloading:
        page.click('text=Download masks and answers')
    with zipfile.ZipFile(downloading.value.path()) as archive:
        assert f'refined/{picture.stem}.png' in archive.namelist()
        mask = Image.open(io.BytesIO(archive.read(f'masks/{picture.stem}.png')))
        assert mask.size == (336, 336)
        before = (np.asarray(mask) > 0).mean()
        assert archive.read('answers.csv').decode().count('\n') == 33
    # a higher threshold marks less
    slider = page.get_by_label('number input for threshold of the masks')
    slider.fill('0.6')
    slider.press('Enter')
    slider.blur()
    page.wait_for_timeout(2000)
    with page.expect_download(timeout=20000) as downloading:
        page.click('text=Download masks and answers')
    with zipfile.ZipFile(downloading.value.path()) as archive:
        after = (
            np.asarray(Image.open(io.BytesIO(archive.read(f'masks/{picture.stem}.png')))) > 0
        ).mean()
    assert 0 < after < before
    assert page.problems == []


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
def test_proposals_and_an_example(browser_page, picture):
    page = browser_page
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    page.click('text=Propose classes')
    page.wait_for_selector('input[type=checkbox]:checked', timeout=20000)
    find(page)
    source_of(page, 'refined mask')
    # another image: its classes are ticked, and what was found is gone; the box takes the next
    take_example(page, 5)
    page.wait_for_selector('label:has-text("aeroplane") input[type=checkbox]:checked')
    assert_nothing_found(page, ticked=True)
    assert checked(page) == ['aeroplane']
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    assert page.problems == []


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
@pytest.mark.parametrize(('typed', 'taken', 'covered'), [('7', '1', False), ('-3', '0', True)])
def test_numbers_that_the_sliders_have_not(browser_page, picture, drawn, typed, taken, covered):
    page = browser_page
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    page.get_by_label(drawn[1][0], exact=True).check()
    find(page)
    before = source_of(page, 'refined mask')
    for slider in ('threshold of the masks', 'opacity of the map'):
        box = page.get_by_label(f'number input for {slider}')
        box.fill(typed)
        box.blur()
        assert box.input_value() == taken
    page.wait_for_function(
        'old => ![...document.images].some(i => i.src === old)', arg=before, timeout=20000
    )
    with page.expect_download(timeout=20000) as downloading:
        page.click('text=Download masks and answers')
    with zipfile.ZipFile(downloading.value.path()) as archive:
        mask = np.asarray(Image.open(io.BytesIO(archive.read(f'masks/{picture.stem}.png'))))
    assert (mask > 0).mean() > 0.9 if covered else (mask > 0).mean() < 0.01
    assert page.locator('text=Error').count() == 0
    assert page.problems == []


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
def test_other_examples(browser_page):
    page = browser_page
    shown = page.locator('.examples .caption-label')
    first = shown.all_inner_texts()
    assert len(set(first)) == 6
    page.click('text=Show other examples')
    page.wait_for_function(
        'old => [...document.querySelectorAll(".examples .caption-label")]'
        '.map(c => c.innerText).join() !== old',
        arg=','.join(first),
    )
    names = shown.nth(2).inner_text().split(', ')
    take_example(page, 2)
    source_of(page, READ)
    assert sorted(checked(page)) == sorted(names)
    # the same one again, after an image of one's own
    find(page)
    take_example(page, 2)
    assert_nothing_found(page, ticked=True)


@in_browser
def test_ticks_legends_and_masks_have_the_same_colours(browser_page):
    page = browser_page
    take_example(page, 4)
    source_of(page, READ)
    names = checked(page)
    assert names == ['cat', 'sheep']
    find(page)
    legends = page.locator('.legend').all()
    assert [legend.locator('li span:not(.swatch)').all_inner_texts() for legend in legends] == [
        names
    ] * 2
    colour = '(e, pseudo) => getComputedStyle(e, pseudo).backgroundColor'
    swatches = [e.evaluate(colour) for e in legends[0].locator('.swatch').all()]
    ticks = [
        page.locator('.ticks label', has=page.get_by_label(name, exact=True)).evaluate(
            colour, '::after'
        )
        for name in names
    ]
    assert swatches == ticks == [f'rgb{colour_of(value)}' for value in (5, 7)]
    shown = httpx.get(source_of(page, 'mask')).content
    pixels = np.asarray(Image.open(io.BytesIO(shown)).convert('RGB')).reshape(-1, 3).astype(int)
    # the line around each mask has its colour
    for value in (5, 7):
        assert (np.abs(pixels - colour_of(value)).max(1) < 24).sum() > 100
    # a class without pixels is not in the legend
    box = page.get_by_label('number input for threshold of the masks')
    box.fill('1')
    box.blur()
    page.wait_for_selector('text=No class is in the mask', timeout=20000)


@in_browser
@pytest.mark.parametrize('width', [390, 1280])
def test_the_banner_says_what_runs(browser_page, width):
    page = browser_page
    page.set_viewport_size(dict(width=width, height=844))
    assert page.locator('.warning').inner_text() == OF_MINIWORLD
    assert page.locator('.overview dt').all_inner_texts() == [
        'activation maps',
        'VQA model',
        'refiner',
        'device',
    ]
    shown = page.locator('.overview dd').all_inner_texts()
    assert shown[0] == 'RITC with ResNet-18, weights qa_clims/r18-mini.safetensors of MiniWorld'
    assert shown[-1] == 'CPU'
    assert page.locator('.overview').bounding_box()['x'] >= 0
    assert page.evaluate('document.documentElement.scrollWidth') <= width


@in_browser
def test_on_a_phone(browser_page, picture, drawn):
    page = browser_page
    page.set_viewport_size(dict(width=390, height=844))
    page.set_input_files('input[type=file]', str(picture))
    source_of(page, READ)
    page.get_by_label(drawn[1][0], exact=True).check()
    find(page)
    assert page.evaluate('document.documentElement.scrollWidth') <= 390


def test_a_file_of_50_megabytes(url, tmp_path):
    path = tmp_path / 'large.bmp'
    Image.fromarray(np.full((4200, 4000, 3), 90, np.uint8)).save(path)
    assert path.stat().st_size > 50e6
    [stored] = upload(url, path).json()
    kind, data = call(url, 'read', [as_file(stored)], None, session='large')
    assert kind == 'complete'
    shown = next(d['value'] for d in data if isinstance(d, dict) and d.get('visible'))
    answer = httpx.get(f'{url}/gradio_api/file={shown["path"]}')
    assert max(Image.open(io.BytesIO(answer.content)).size) == 224


def test_a_larger_file_is_refused(url, tmp_path):
    path = tmp_path / 'larger.bmp'
    with path.open('wb') as file:
        file.truncate(LIMIT + 2**20)
    assert upload(url, path).status_code == 413


@pytest.mark.parametrize('where', ['beside', 'below', 'device', 'relative'])
def test_no_path_of_a_client_is_opened(url, tmp_path, where, picture):
    path = {
        'beside': picture,
        'below': Path(upload(url, picture).json()[0]).parent / '../../..' / picture,
        'device': '/dev/zero',
        'relative': 'tests/../docs/results/iou-of-each-class-1.png',
    }[where]
    kind, data = call(url, 'read', [as_file(path)], None)
    assert kind == 'error'
    assert 'iVBOR' not in json.dumps(data)
    assert httpx.get(f'{url}/gradio_api/file={path}').status_code in (403, 404)


def test_no_address_of_a_client_is_asked(url):
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(('127.0.0.1', 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}/secret.png'
    kind, _ = call(url, 'read', [as_file(address)], None)
    assert kind == 'error'
    kind, _ = call(url, 'read', [as_file(address) | dict(url=address)], None)
    assert kind == 'error'
    server.shutdown()
    assert asked == []


def test_a_hundred_at_once(url, picture, drawn):
    """Each session has its own image and gets its own answer; none is lost."""
    names = drawn[1]
    [stored] = upload(url, picture).json()
    kinds, masks = {}, {}

    def ask(number):
        session = f'many-{number}'
        kind, _ = call(url, 'read', [as_file(stored)], None, session=session)
        assert kind == 'complete'
        # half of them tick another class
        chosen = [names[number % 2]]
        kind, data = call(url, 'find', chosen, 0.5, 0.25, session=session)
        kinds[number] = kind
        masks[number] = [d for d in data if isinstance(d, str) and 'legend' in d]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds == dict.fromkeys(range(100), 'complete')
    for number, found in masks.items():
        assert len(found) == 2
        assert all(f'<span>{names[number % 2]}</span>' in legend for legend in found)
        assert not any(names[1 - number % 2] in legend for legend in found)


@pytest.fixture
def several(tmp_path):
    """Four images, one of which is none, and a table of labels."""
    folder, rows = tmp_path / 'several', ['image,labels']
    folder.mkdir()
    pictures = iter(draw_pictures(5, 9))
    for name in ('a.png', 'b.jfif', 'ü c.tif'):
        scene, made = next(pictures)
        image = Image.fromarray(made.image)
        image.save(folder / name, format='PNG' if name == 'a.png' else None)
        names = sorted({thing.class_name for thing in scene.objects})
        rows.append(f'images/{name},{";".join(names)}')
    (folder / 'bad.png').write_bytes(b'no image')
    (tmp_path / 'labels.csv').write_text('\n'.join([*rows, 'gone.png,cat']))
    return sorted(folder.iterdir()), tmp_path / 'labels.csv'


def messages_of(page, text):
    """Return the messages of the page, once one has a text."""
    page.locator('.messages li', has_text=text).first.wait_for(timeout=20000)
    return page.locator('.messages li').all_inner_texts()


@in_browser
def test_several_images_a_table_and_one_download(browser_page, several):
    page, (files, labels) = browser_page, several
    page.set_input_files('input[type=file]', [str(path) for path in files])
    [message] = messages_of(page, 'cannot be read')
    assert message.startswith('image bad.png cannot be read (it is no image')
    images = page.locator('.album button.thumbnail-item')
    images.nth(2).wait_for(timeout=20000)
    assert images.count() == 3
    page.click('text=Labels of many images')
    # the box is shown before it listens
    page.wait_for_timeout(1000)
    page.locator('input[type=file]').nth(1).set_input_files(str(labels))
    told = messages_of(page, 'not on the page')
    assert '1 rows name images that are not on the page' in told
    page.wait_for_selector('input[type=checkbox]:checked')
    first = checked(page)
    # what is ticked is kept for each image
    images.nth(1).click()
    page.wait_for_function(
        'old => [...document.querySelectorAll("label:has(input[type=checkbox]:checked)")]'
        '.map(label => label.innerText).join() !== old',
        arg=','.join(first),
        timeout=20000,
    )
    page.get_by_label('car', exact=True).check()
    second = checked(page)
    images.nth(0).click()
    page.wait_for_function(
        'old => [...document.querySelectorAll("label:has(input[type=checkbox]:checked)")]'
        '.map(label => label.innerText).join() === old',
        arg=','.join(first),
        timeout=20000,
    )
    # nothing was found yet, and all are downloaded in the chosen format
    page.get_by_label('format of the masks').click()
    page.get_by_role('option', name='coco').click()
    with page.expect_download(timeout=60000) as downloading:
        page.click('text=Download masks and answers')
    with zipfile.ZipFile(downloading.value.path()) as archive:
        [name] = [name for name in archive.namelist() if name.startswith('masks/')]
        made = json.loads(archive.read(name))
        answers = archive.read('answers.csv').decode()
    assert sorted(image['file_name'] for image in made['images']) == ['a.png', 'b.jfif', 'ü c.tif']
    assert 'car' in second
    number = sum(len(labels) for labels in (first, second)) + 1
    assert answers.count('\n') >= 16 * number
    assert page.problems == []


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


def test_many_classes_are_searched_not_ticked(explainer):
    page = Page(explainer)
    assert isinstance(page._classes(), gr.CheckboxGroup)
    many = Page.__new__(Page)
    many.explainer = type('Many', (), dict(class_names=tuple(map(str, range(1000))), can_map=True))
    assert isinstance(many._classes(), gr.Dropdown)


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
