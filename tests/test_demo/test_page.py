"""The page in a browser: from an image to masks, its controls and its looks."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.inference.meaning import OF_MINIWORLD
from qaclims_mm.miniworld.regions import draw_pictures

pytest.importorskip('gradio')
httpx = pytest.importorskip('httpx')
from demo_page import (  # noqa: E402 - an extra
    READ,
    assert_nothing_found,
    checked,
    find,
    in_browser,
    messages_of,
    source_of,
    take_example,
)

from qaclims_mm.demo.pictures import colour_of  # noqa: E402


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
def test_other_examples(browser_page):
    page = browser_page
    shown = page.locator('.examples .caption-label')
    # the pictures come after the page
    shown.nth(5).wait_for()
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
    assert '1 row names an image that is not on the page' in told
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
