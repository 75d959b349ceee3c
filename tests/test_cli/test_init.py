import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from real_photographs import class_of, pick_two
from tool_runs import ROOT, run_tool

from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.datasets.voc12 import CLASSES
from qaclims_mm.inference import CAMInferencer, Segmenter
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.projects import machine, presets
from qaclims_mm.schemas import read_cams, read_mask, write_mask
from qaclims_mm.schemas.project import read_project_tables, with_gap
from qaclims_mm.workflow import time_left
from qaclims_mm.workflow.fingerprint import Fingerprints
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.plans import read_plan


@pytest.fixture
def data(tmp_path):
    """Twelve drawn pictures in a folder with an odd name, of kinds that people have, and a CSV."""
    folder, lines = tmp_path / 'été 1', ['image;labels']
    folder.mkdir()
    for number, (scene, picture) in enumerate(draw_pictures(0, 12)):
        image, name = Image.fromarray(picture.image), f'{number}.jpg'
        options = {}
        if number == 1:
            name, image = 'grey.png', image.convert('L')
        elif number == 2:
            name, image = 'cut out.png', image.convert('RGBA')
        elif number == 3:
            name, image = 'print.tif', image.convert('CMYK')
        elif number == 4:
            image, options['exif'] = image.resize((900, 500)), Image.Exif()
            options['exif'][0x0112] = 6
        image.save(folder / name, **options)
        lines.append(f'{name};{",".join(sorted({t.class_name for t in scene.objects}))}')
    lines += ['gone.jpg;cat', '0.jpg;cat;dog;cow']
    (tmp_path / 'labels.csv').write_text('\n'.join(lines) + '\n')
    return tmp_path


def init(data, capsys, *flags):
    given = ('--images', data / 'été 1', '--labels', data / 'labels.csv', '--preset', 'mini')
    return run_tool('init', data / 'project', *given, *flags, capsys=capsys)


def test_problems_have_their_lines_and_the_project_is_made(data, capsys):
    ended = init(data, capsys)
    assert ended.status == 3
    assert f'{data}/labels.csv:14: image {data}/été 1/gone.jpg is missing; left out' in ended.text
    assert f'{data}/labels.csv:15: 4 fields where the first line has 2' in ended.text
    assert "table with ';' between its columns and ',' between labels: 12 images of" in ended.text
    assert f'now run: qaclims run {data}/project\n' in ended.text


def test_strict_stops_at_problems(data, capsys):
    ended = init(data, capsys, '--strict')
    assert ended.status == 1
    assert 'gone.jpg is missing' in ended.text
    assert 'nothing was written (--strict)' in ended.text
    assert not (data / 'project').exists()


def test_strict_lets_a_row_a_label_and_a_choice_of_classes_pass(data, capsys):
    table = data / 'labels.csv'
    *lines, _, _ = table.read_text().splitlines()
    table.write_text('\n'.join([*lines, '5.jpg;bus', '']))
    ended = init(data, capsys, '--strict', '--classes', 'bus')
    assert ended.status == 0, ended.text
    assert f'1 row names an image that stands above (first: {table}:14)' in ended.text
    assert 'labels are none of the classes' in ended.text


def test_masks_of_another_numbering(data, capsys):
    write_mask(data / 'masks/5.png', np.full((112, 112), 1))
    *lines, _, _ = (data / 'labels.csv').read_text().splitlines()
    rows = [*(line for line in lines if not line.startswith('5.')), '5.jpg;cat,zebra', '']
    (data / 'labels.csv').write_text('\n'.join(rows))
    ended = init(data, capsys, '--masks', data / 'masks')
    assert ended.status == 1
    assert f'labelled cat, zebra (first: {data}/masks/5.png); are they numbered diff' in ended.text
    assert not (data / 'project').exists()


@pytest.mark.parametrize('preset', presets.PRESETS)
def test_downloads_are_told_where_there_are_some(data, capsys, preset):
    ended = init(data, capsys, '--preset', preset)
    assert ended.status == 3
    assert ('besides what is downloaded of weights' in ended.text) == (preset == 'full')


def run_pipeline(project, *flags, status=0):
    """Run a project's pipeline as users do; returns what it printed."""
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/run.py', project / 'pipeline.py', *flags],
        cwd=ROOT,
        env=os.environ | dict(HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1', COLUMNS='200'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def two_steps(monkeypatch):
    for name in presets.PRESETS['mini'].steps:
        monkeypatch.setitem(presets.PRESETS['mini'].steps, name, 2)


def check_names(project, image):
    """What a trained project says of an image has the classes' names."""
    with (project / 'classes.csv').open(encoding='utf-8', newline='') as file:
        names = tuple(row['class'] for row in csv.DictReader(file))
    configs, work = project / 'configs', project / 'work'
    model = max(work.glob('segment/epoch_*.pth'))
    segmenter = Segmenter(configs / 'segment.py', model, device='cpu')
    assert segmenter.classes[: len(names)] == names
    network = max(work.glob('qa_clims/epoch_*.pth'))
    cams = CAMInferencer(configs / 'qa_clims.py', network, device='cpu')
    assert cams.class_names == names[1:]
    [found] = cams(str(image), labels=[names[1]])['predictions']
    assert found['classes'] == [names[1]]


def test_from_a_folder_to_masks_and_a_model(data, capsys, two_steps):
    assert init(data, capsys).status == 3
    # a photograph that is cut in the meantime
    cut = data / 'été 1/11.jpg'
    cut.write_bytes(cut.read_bytes()[:1500])
    printed = run_pipeline(data / 'project', status=3)
    work = data / 'project/work'
    assert re.search(rf'\nmasks of irn_masks:\s+{work}/irn_masks/pseudo_masks\n', printed)
    assert re.search(rf'model of segment_test:\s+{work}/segment_test/predictions\n', printed)
    assert re.search(rf'values of masks:\s+{data}/project/classes.csv\n', printed)
    assert re.search(rf'\nmaps of qa_clims_maps:\s+{work}/qa_clims_maps/cams\n', printed)
    assert re.search(rf'model segment:\s+{work}/segment/epoch_\d+.pth \(config .*segment', printed)
    assert re.search(rf'report:\s+{work}/report.html', printed)
    check_names(data / 'project', data / 'été 1/0.jpg')
    assert 'left out: 11; see' in printed
    assert re.search(r'1 record was left out:\n  11: image .*11.jpg cannot be read', printed)
    assert 'the same command takes it in' in printed
    again = run_pipeline(data / 'project', status=3)
    assert len(re.findall(r'│ done +│', again)) == 12
    assert 'to do' not in again
    assert '1 record was left out:' in again
    ids = ['0', 'grey', 'cut out', 'print', '4', *map(str, range(5, 11))]
    for image_id in ids:
        read_cams(work / f'qa_clims_maps/cams/{image_id}.npz')
        for folder in ('irn_masks/pseudo_masks', 'segment_test/predictions'):
            mask = read_mask(work / folder / f'{image_id}.png')
            # turned as EXIF says, and as large as the file
            assert mask.shape == ((900, 500) if image_id == '4' else (112, 112))
    assert list((work / 'segment').glob('epoch_*.pth'))
    check_elsewhere(data, capsys)


def check_elsewhere(data, capsys):
    """Copied with its images nothing is to do there, until it is updated; no file is deleted."""
    there = data.with_name('elsewhere') / 'a copy'
    shutil.copytree(data, there)
    assert len(re.findall(r'│ done +│', run_pipeline(there / 'project', '--dry-run'))) == 12
    ended = run_tool('init', there / 'project', capsys=capsys)
    # the photograph that was cut
    assert '\n- 1 image is gone\n' in ended.text
    overview = run_pipeline(there / 'project', '--dry-run')
    assert 'stale' in overview
    assert not re.findall(r'│ done +│', overview)
    assert list((there / 'project/work/segment').glob('epoch_*.pth'))


@pytest.mark.slow
@pytest.mark.parametrize('number', [1, 1000])
def test_one_class_and_many(tmp_path, capsys, two_steps, number):
    lines = ['image,labels']
    for index, (_, picture) in enumerate(draw_pictures(0, 4)):
        Image.fromarray(picture.image).save(tmp_path / f'{index}.png')
        own = {f'kind {(index * 80 + more) % number}' for more in (0, 1)}
        lines.append(f'{index}.png,{";".join(sorted(own))}')
    # the others have no image
    names = [f'kind {k}' for k in range(number)]
    (tmp_path / 'labels.csv').write_text('\n'.join(lines) + '\n')
    given = ('--images', tmp_path, '--labels', tmp_path / 'labels.csv', '--preset', 'mini')
    ended = run_tool('init', tmp_path / 'project', *given, '--classes', *names, capsys=capsys)
    assert ended.status == 0, ended.text
    run_pipeline(tmp_path / 'project')
    work = tmp_path / 'project/work'
    # in alphabetical order, with a gap where a mask's value would be 255
    order = with_gap(sorted(names))
    for index in range(4):
        own = {f'kind {(index * 80 + more) % number}' for more in (0, 1)}
        assert read_cams(work / f'qa_clims_maps/cams/{index}.npz').class_indices.tolist() == sorted(
            order.index(name) for name in own
        )
        mask = read_mask(work / f'irn_masks/pseudo_masks/{index}.png')
        assert set(np.unique(mask)) <= {0, *(order.index(name) + 1 for name in own)}
        assert read_mask(work / f'segment_test/predictions/{index}.png').shape == (112, 112)


@pytest.mark.slow
@pytest.mark.realdata
def test_a_rehearsal_on_photographs(realdata_dir, tmp_path, capsys, monkeypatch):
    """Networks of full size, with small crops; docs/project.md tells of 30 in full."""
    small = replace(
        presets.PRESETS['rehearsal'], crop=128, sides=(96, 160), max_side=160, scales=(1.0,)
    )
    monkeypatch.setitem(presets.PRESETS, 'rehearsal', small)
    voc = realdata_dir / 'VOCdevkit/VOC2012'
    labels = pick_two(voc)
    rows = ['image,labels', *(f'{image}.jpg,{";".join(own)}' for image, own in labels.items())]
    (tmp_path / 'labels.csv').write_text('\n'.join(rows) + '\n')
    names = sorted(class_of(label) for own in labels.values() for label in own)
    renames = [f'{name.replace(" ", "")}={name}' for name in names if ' ' in name]
    given = (
        *('--images', voc / 'JPEGImages', '--labels', tmp_path / 'labels.csv'),
        *('--preset', 'rehearsal', *(['--rename', *renames] if renames else []), '--masks'),
    )
    ended = run_tool('init', tmp_path / 'project', *given, voc / 'SegmentationClass', capsys=capsys)
    assert ended.status == 0, ended.text
    # from VOC's numbers to those of the project, whose classes are in alphabetical order
    values = {CLASSES.index(name): value for value, name in enumerate(names, start=1)} | {255: 255}
    for image_id in labels:
        mask = read_mask(voc / f'SegmentationClass/{image_id}.png')
        wanted = np.vectorize(lambda value: values.get(value, 0))(mask)
        assert np.array_equal(read_mask(tmp_path / f'project/masks/{image_id}.png'), wanted)
    printed = run_pipeline(tmp_path / 'project')
    assert 'best mIoU' in printed
    for image_id in labels:
        with Image.open(voc / f'JPEGImages/{image_id}.jpg') as image:
            for folder in ('irn_masks/pseudo_masks', 'segment_test/predictions'):
                mask = read_mask(tmp_path / f'project/work/{folder}/{image_id}.png')
                assert mask.shape == (image.height, image.width)


def test_names_and_costs(data, capsys, monkeypatch):
    monkeypatch.setattr(time_left, 'measure_slowdown', lambda: 1.0)
    table = data / 'labels.csv'
    table.write_text(table.read_text().replace('train', 'TramTrain'))
    ended = init(data, capsys)
    assert 'label TramTrain: several words in one; better: tram train' in ended.text
    advice = f"to take them: qaclims init {data}/project --rename 'TramTrain=tram train'"
    assert advice in ended.text
    assert re.search(r'about [\d.]+ (minutes|hours) on this machine and 0\.1 GB', ended.text)
    monkeypatch.setattr(time_left, 'measure_slowdown', lambda: 3.0)
    busy = r'about [\d.]+ to [\d.]+ (minutes|hours) \(this machine is busy and takes 3\.0 times as'
    assert re.search(busy, init(data, capsys).text)
    monkeypatch.setattr(time_left, 'measure_slowdown', lambda: 300.0)
    busy = (
        r'about [\d.]+ (minutes|hours) on a quiet machine \(this machine is busy and takes 300\.0'
    )
    assert re.search(busy, init(data, capsys).text)
    overview = run_pipeline(data / 'project', '--dry-run')
    assert re.search(r'qa_clims .* [\d.]+ │ +12 │', overview)
    ended = run_tool('init', *shlex.split(advice)[5:], capsys=capsys)
    assert re.search(r'renamed: TramTrain -> tram train \(value \d\)', ended.text)
    assert 'TramTrain' not in (data / 'project/labels.csv').read_text()
    ended = init(data, capsys, '--rename', 'cow')
    assert ended.status == 1
    assert "given once, as 'label=name', but got 'cow'" in ended.text


@pytest.mark.parametrize('folder', ['file', 'file/below', 'x' * 10_000, 'a/' * 3000, 'a\0b'])
def test_a_project_that_cannot_be_made(data, monkeypatch, capsys, folder):
    """Said before the images are looked at, in one line."""
    monkeypatch.chdir(data)
    (data / 'file').write_text('x')
    given = ('--images', data / 'été 1', '--labels', data / 'labels.csv')
    ended = run_tool('init', folder, *given, capsys=capsys)
    assert ended.status == 1
    assert re.fullmatch(r'error: .* choose another one\.', ended.text)
    assert len(ended.text) < 500


@pytest.mark.parametrize(
    'name', ['x' * 10_000, 'x\nsecond line', 'x\0', 'labels.csv/x', '\x1b[31m']
)
@pytest.mark.parametrize('option', ['--images', '--labels', '--masks'])
def test_folders_and_files_that_are_not_there(data, capsys, option, name):
    given = {'--images': data / 'été 1', '--labels': data / 'labels.csv', option: name}
    words = [word for pair in given.items() for word in pair]
    ended = run_tool('init', data / 'project', *words, '--preset', 'mini', capsys=capsys)
    assert ended.status == 1
    message = ended.text[ended.text.index('error: ') :]
    assert message.count('\n') == 0
    assert '\x1b' not in message
    assert len(message) < 500
    assert not (data / 'project').exists()


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('z' * 10_000 + '=x', "cannot rename 'z{50}...z{27}': no image has that label."),
        ('z\n=x', "cannot rename 'z': no image has that label."),
        ('a\x1b=x', r"cannot rename 'a\\x1b': no image has that label."),
        ('cat', "a new name must be given once, as 'label=name', but got 'cat'."),
        ('=' * 10_000, "a new name must be given once, .* but got '={50}...={27}'."),
        ('cat=a\x1cb', r"class 'a\\x1cb': it has a control character; choose another name."),
    ],
)
def test_renames_that_are_refused(data, capsys, word, message):
    ended = init(data, capsys, '--rename', word)
    assert ended.status == 1
    assert re.search(f'error: {message}$', ended.text)


def init_case(cases, tmp_path, capsys, images, *flags):
    labels = () if images == 'class-folders' else ('--labels', cases / 'one-class.csv')
    given = ('--images', cases / images, *labels, '--preset', 'mini')
    return run_tool('init', tmp_path / 'project', *given, *flags, capsys=capsys)


@pytest.mark.parametrize(
    ('kind', 'said'),
    [
        ('0-255', 'there is one number or colour for an object'),
        ('1-bit', 'the names or the form are put right'),
        ('rgb', "the colours of VOC's palette are the numbers of the classes"),
    ],
)
def test_masks_that_people_have_are_converted(cases_dir, tmp_path, capsys, kind, said):
    masks = cases_dir / f'masks-{kind}'
    ended = init_case(cases_dir, tmp_path, capsys, 'images', '--masks', masks)
    assert ended.status == 0, ended.text
    assert f'4 masks are converted into the folder masks of the project: {said}' in ended.text
    assert read_project_tables(tmp_path / 'project').masks == tmp_path / 'project/masks'
    assert read_mask(tmp_path / 'project/masks/p0.png')[32, 40] == 1


def test_images_that_exif_turns_and_their_masks(cases_dir, tmp_path, capsys):
    flags = '--masks', cases_dir / 'masks-exif'
    ended = init_case(cases_dir, tmp_path, capsys, 'exif', *flags, '--strict')
    assert ended.status == 1
    assert '4 images are turned by EXIF (first: p0.jpg), and so must the mask be' in ended.text
    ended = init_case(cases_dir, tmp_path, capsys, 'exif', *flags, '--strict', '--masks-as-stored')
    assert ended.status == 0, ended.text
    assert '4 masks lie on the pixels as they are stored, and turned' in ended.text
    # the stages read both in the same way
    load = [dict(type='LoadRGBImage', oriented=True), dict(type='LoadMask')]
    read = FolderWeakDataset(project=str(tmp_path / 'project'), pipeline=load)[0]
    stored = read_mask(cases_dir / 'masks-exif/p0.png')
    np.testing.assert_array_equal(read['gt_seg_map'], np.rot90(stored, -1))
    shown, _ = read_image(cases_dir / 'exif/p0.jpg', oriented=True)
    np.testing.assert_array_equal(read['img'], shown)


def test_every_suffix_of_a_folder_a_class(cases_dir, tmp_path, capsys):
    ended = init_case(cases_dir, tmp_path, capsys, 'class-folders')
    assert ended.status == 0, ended.text
    assert 'one folder a class: 4 images' in ended.text


def test_colours_that_a_table_explains(data, capsys):
    colours = np.zeros((112, 112, 3), np.uint8)
    colours[:50] = 9, 8, 7
    (data / 'masks').mkdir()
    Image.fromarray(colours).save(data / 'masks/5.png')
    *lines, _, _ = (data / 'labels.csv').read_text().splitlines()
    rows = [*(line for line in lines if not line.startswith('5.')), '5.jpg;zebra,cat', '']
    (data / 'labels.csv').write_text('\n'.join(rows))
    ended = init(data, capsys, '--masks', data / 'masks')
    assert ended.status == 1
    assert '0,0,0 (1), 9,8,7 (1)' in ended.text
    assert not (data / 'project/masks').exists()
    (data / 'colours.csv').write_text('colour,class\n#090807,zebra\n')
    table = '--masks-colours', data / 'colours.csv'
    ended = init(data, capsys, '--masks', data / 'masks', *table)
    assert ended.status == 0, ended.text
    value = with_gap(read_project_tables(data / 'project').classes).index('zebra') + 1
    assert read_mask(data / 'project/masks/5.png')[0, 0] == value
    # the table is remembered with the masks
    again = run_tool('init', data / 'project', capsys=capsys)
    assert again.status == 0, again.text
    assert '- nothing has changed' in again.text


def test_images_in_an_archive(data, capsys):
    with zipfile.ZipFile(data / 'images.zip', 'w') as archive:
        archive.writestr('a.jpg', b'')
    given = '--images', data / 'images.zip', '--labels', data / 'labels.csv'
    ended = run_tool('init', data / 'project', *given, capsys=capsys)
    assert ended.status == 1
    assert 'images.zip is an archive; unpack it and give the folder of its images' in ended.text


@pytest.fixture
def whole(tmp_path, capsys):
    """A project whose images are inside its folder."""
    folder = tmp_path / "it's {mine}"
    for number, (_, picture) in enumerate(draw_pictures(0, 4)):
        path = folder / f'images/{("cat", "dog")[number % 2]}/{number}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.image).save(path)
    ended = run_tool('init', folder, '--images', folder / 'images', *MINI, capsys=capsys)
    assert ended.status == 0, ended.text
    return folder


MINI = ('--preset', 'mini')


def origins(folder):
    """Return from what each stage would be made."""
    plan = read_plan(folder / 'pipeline.py')
    known = Fingerprints(folder.parent / 'known.json')
    return [known.origin_of(stage, plan.root, 0) for stage in plan.stages]


def test_a_project_is_sent(whole, tmp_path, capsys, monkeypatch):
    before = origins(whole)
    packed = shutil.make_archive(tmp_path / 'sent', 'zip', whole)
    there = tmp_path / 'another machine/{{fileDirname}}'
    shutil.unpack_archive(packed, there)
    shutil.rmtree(whole)
    (tmp_path / 'cwd').mkdir()
    monkeypatch.chdir(tmp_path / 'cwd')
    assert origins(there) == before
    checked = run_tool('check_dataset', there / 'pipeline.py', capsys=capsys)
    assert checked.status == 0
    assert 'nothing is missing' in checked.text
    ended = run_tool('init', os.path.relpath(there), capsys=capsys)
    assert ended.status == 0
    assert '- nothing has changed' in ended.text
    assert origins(there) == before


def test_options_alone_make_nothing_stale(whole, capsys):
    before = origins(whole)
    table = whole / 'same.csv'
    shutil.copy(whole / 'labels.csv', table)
    ended = run_tool('init', whole, '--labels', table, capsys=capsys)
    assert '- nothing has changed' in ended.text
    assert origins(whole) == before
    assert '"labels": "same.csv"' in (whole / 'init.json').read_text()


def epochs_of(folder):
    texts = {p.stem: p.read_text() for p in (folder / 'configs').glob('*.py')}
    found = {name: re.search(r'^epochs = (\d+) ', text, re.M) for name, text in texts.items()}
    return {name: int(match[1]) for name, match in found.items() if match}


def test_a_trial_with_few_epochs_becomes_a_project(whole, capsys):
    own = epochs_of(whole)
    assert sorted(own) == ['cam', 'irn', 'qa_clims', 'segment']
    ended = run_tool('init', whole, '--epochs', 3, capsys=capsys)
    assert '- epochs of each training: those of the preset mini -> 3' in ended.text
    assert epochs_of(whole) == dict.fromkeys(own, 3)
    # further images are trained as long
    shutil.copy(whole / 'images/cat/0.png', whole / 'images/cat/new.png')
    assert run_tool('init', whole, capsys=capsys).status == 0
    assert epochs_of(whole) == dict.fromkeys(own, 3)
    # the command that the report gives
    ended = run_tool('init', whole, '--preset', 'full', capsys=capsys)
    assert ended.status == 0, ended.text
    assert '- epochs of each training: 3 -> those of the preset full' in ended.text
    assert min(epochs_of(whole).values()) > 3
    ended = run_tool('init', whole, *MINI, '--epochs', 5, capsys=capsys)
    assert epochs_of(whole) == dict.fromkeys(own, 5)
    ended = run_tool('init', whole, '--epochs', capsys=capsys)
    assert epochs_of(whole) == own
    assert 'epochs' not in (whole / 'init.json').read_text()


def test_two_at_once(whole, capsys):
    with hold(whole / 'work/logs/.lock', 'it'):
        ended = run_tool('init', whole, '--rename', 'dog=wolf', capsys=capsys)
    assert ended.status == 1
    assert re.search(r'is in use by process \d+', ended.text)
    assert 'dog' in (whole / 'classes.csv').read_text()


def test_changed_while_it_was_read(whole, capsys, monkeypatch):
    def measure(device):
        (whole / 'labels.csv').write_text('image,labels\ncat/0.png,cow\n')
        return 1e11

    monkeypatch.setattr(machine, 'quiet_rate', measure)
    ended = run_tool('init', whole, '--rename', 'dog=wolf', capsys=capsys)
    assert ended.status == 1
    assert 'was changed in the meantime; run this again.' in ended.text
    assert 'cow' in (whole / 'labels.csv').read_text()


def test_a_project_of_an_earlier_version(whole, capsys):
    (whole / 'init.json').unlink()
    before = origins(whole)
    ended = run_tool('init', whole, capsys=capsys)
    assert ended.status == 1
    assert re.search(r'error: .* did not note its options; give those .* --preset\.$', ended.text)
    ended = run_tool('init', whole, '--images', whole / 'images', *MINI, capsys=capsys)
    assert ended.status == 0
    assert origins(whole) == before


def test_a_folder_of_something_else(tmp_path, capsys):
    (tmp_path / 'pipeline.py').write_text('stages = []')
    ended = run_tool('init', tmp_path, '--images', tmp_path, capsys=capsys)
    assert ended.status == 1
    assert 'has a pipeline.py that qaclims init has not made; choose another folder' in ended.text


def test_a_folder_that_cannot_be_written(whole, capsys, monkeypatch):
    def refuse(path, content):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr('pathlib.Path.write_bytes', refuse)
    ended = run_tool('init', whole, '--rename', 'dog=wolf', capsys=capsys)
    assert ended.status == 1
    assert re.search(
        r'error: .*init\.json.*choose a folder that you may read and write', ended.text
    )


WITHOUT = """
import sys
for name in ('torch', 'mmengine', 'mmcv', 'mmseg'):
    sys.modules[name] = None
from qaclims_mm.cli import main
main(['init', *sys.argv[1:]])
"""


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--images', 'gone'], 'there is no folder gone'),
        (['--images', '.', '--labels', 'gone.csv'], 'gone.csv'),
        (['--images', '.', '--labels', 'header.csv'], 'header.csv:1 needs the columns'),
        (['--labels', 'header.csv'], 'a new project needs its images'),
        (['--images', '.', '--rename', 'cat'], 'a new name must be given once'),
        (['--images', '.', '--labels', 'good.csv', '--rename', 'x=y'], "cannot rename 'x'"),
        (['--images', '.', '--labels', 'good.csv', '--classes', 'x'], 'can be used with a label'),
        (['--images', '.', '--labels', 'good.csv', '--masks', 'gone'], 'no folder gone with masks'),
        (['--images', '.', '--preset', 'big'], 'invalid choice'),
        (['--images', '.', '--epochs', '0'], "must be a whole number above 0, but got '0'"),
    ],
)
def test_mistakes_are_told_before_slow_imports(tmp_path, words, message):
    (tmp_path / 'header.csv').write_text('a,b\nx.png,cat\n')
    (tmp_path / 'good.csv').write_text('image,labels\nx.png,cat\n')
    Image.new('RGB', (40, 40)).save(tmp_path / 'x.png')
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT, 'project', *words],
        cwd=tmp_path,
        env=os.environ | dict(PYTHONPATH=str(ROOT), COLUMNS='200'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    assert message in done.stdout + done.stderr
    assert not (tmp_path / 'project').exists()


def test_class_folders_and_masks_of_another_mapping(tmp_path, capsys):
    for name in ('cat', 'dog'):
        (tmp_path / f'images/{name}').mkdir(parents=True)
        Image.new('RGB', (60, 40)).save(tmp_path / f'images/{name}/{name}.png')
        path = tmp_path / f'masks/{name}/{name}.png'
        write_mask(path, np.repeat([[0, 7]], 40, axis=0).repeat(30, axis=1))
    table = tmp_path / 'colours.csv'
    given = ('--images', tmp_path / 'images', '--masks', tmp_path / 'masks', '--preset', 'mini')
    flags = ('init', tmp_path / 'project', *given, '--masks-colours', table)
    lines = []
    for other in ('ignore', 'ignore', 'background'):
        table.write_text(f'value,class\n0,{other}\n7,cat\n')
        ended = run_tool(*flags, '--rename', 'dog=cat', capsys=capsys)
        assert ended.status == 0, ended.text
        assert 'no --labels were given' in ended.text
        lines.append(
            [t for t in ended.text.splitlines() if 'nothing has' in t or 'masks change' in t]
        )
    assert lines == [[], ['- nothing has changed'], ['- 2 converted masks change']]
    assert read_mask(tmp_path / 'project/masks/dog/dog.png')[0].tolist() == [0] * 30 + [1] * 30
    # changed by hand, so that the preset stays
    (tmp_path / 'project/configs/cam.py').write_text('# mine')
    ended = run_tool('init', tmp_path / 'project', '--preset', 'rehearsal', capsys=capsys)
    assert ended.status == 1
    assert 'the preset cannot become rehearsal: configs/cam.py of the preset mini' in ended.text
