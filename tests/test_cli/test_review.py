import csv
import json
import shutil

import pytest
from PIL import Image
from tiny_report import IDS, make_run
from tiny_review import square, write_masks
from tool_runs import run_tool

from qaclims_mm.miniworld import CLASSES
from qaclims_mm.schemas import read_mask, update_metrics, write_mask, write_run_config
from qaclims_mm.schemas.labels import write_labels
from qaclims_mm.schemas.project import ProjectTables, write_classes, write_project_tables


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A work dir with maps; pseudo masks are the ground truth, but one that is empty."""
    root = tmp_path_factory.mktemp('review')
    run = make_run(root)
    masks = {i: read_mask(root / f'world/SegmentationClass/{i}.png') for i in IDS}
    masks[IDS[1]][:] = 0
    write_masks(run, 'irn_masks', 'pseudo_masks', masks)
    shutil.copy(run / 'qa_clims_maps/test_config.json', run / 'irn_masks/test_config.json')
    return run


@pytest.fixture
def work(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / 'work')


def rows_of(path):
    with path.open(newline='', encoding='utf-8') as file:
        return [*csv.DictReader(file)]


def test_page_table_and_terminal(work, capsys):
    ended = run_tool('review', work, capsys=capsys)
    assert ended.status == 0, ended.text
    rows = rows_of(work / 'review/review.csv')
    assert {r['image'] for r in rows} == {*IDS}
    assert rows[0]['image'] == IDS[1]
    assert rows[0]['reason'] in ended.text
    page = (work / 'review/index.html').read_text(encoding='utf-8')
    assert page.count('<article') == len(IDS)
    assert f'page: {work}/review/index.html' in ended.text
    assert f'qaclims run PLAN --work-dir {work} --corrected DIR' in ended.text


def test_no_more_rows_than_asked_for(work, capsys):
    ended = run_tool('review', work, '--top', 1, capsys=capsys)
    assert IDS[1] in ended.text
    assert not any(i in ended.text for i in IDS if i != IDS[1])
    assert f'and {len(IDS) - 1} more images in the table' in ended.text


def test_help_names_all_formats(capsys):
    from qaclims_mm.exchange.masks.export import FORMATS

    text = run_tool('review', '--help', capsys=capsys).text
    assert all(name in text for name in FORMATS)


def test_a_project_without_masks(tmp_path, capsys):
    project = tmp_path / 'my project'
    update_metrics(project / 'work/metrics.json', 'qape', {})
    (tmp_path / 'images').mkdir()
    write_project_tables(project, ProjectTables(tmp_path / 'images', ['dog']))
    ended = run_tool('review', project, capsys=capsys)
    assert ended.status == 1
    assert f"run qaclims run '{project}' --to irn_masks" in ended.text


@pytest.mark.parametrize('name', ['cvat', 'label-studio', 'png'])
def test_the_first_images_are_exported(work, tmp_path, capsys, name):
    flags = (work, '--out', tmp_path / 'out', '--top', 2, '--format', name)
    for place in (name, f'{name}-2'):
        # people may be correcting masks in the first one
        ended = run_tool('review', *flags, capsys=capsys)
        assert ended.status == 0, ended.text
        assert f'export of 2 masks to correct: {tmp_path}/out/{place}' in ended.text
        files = [p for p in (tmp_path / 'out' / place).rglob('*') if p.is_file()]
        assert files
    assert not (work / 'review').exists()
    if name == 'label-studio':
        [tasks] = [p for p in files if p.name == 'tasks.json']
        assert len(json.loads(tasks.read_text(encoding='utf-8'))) == 2


def test_corrected_images_are_left_out(work, capsys):
    for image_id in IDS[:2]:
        write_mask(work / f'corrected/{image_id}.png', square(size=(48, 48)))
    ended = run_tool('review', work, capsys=capsys)
    assert '2 images are left out, since a corrected mask is there' in ended.text
    assert {r['image'] for r in rows_of(work / 'review/review.csv')} == {*IDS[2:]}


def test_all_are_corrected(work, capsys):
    for image_id in IDS:
        write_mask(work / f'corrected/{image_id}.png', square(size=(48, 48)))
    ended = run_tool('review', work, capsys=capsys)
    assert ended.status == 1
    assert 'there is nothing to review: no image is left' in ended.text


def test_a_work_dir_that_stopped_after_the_maps(work, capsys):
    shutil.rmtree(work / 'irn_masks')
    ended = run_tool('review', work, '--format', 'png', capsys=capsys)
    assert ended.status == 0, ended.text
    mask = read_mask(work / f'review/png/{IDS[0]}.png')
    assert 0 < mask.max() <= len(CLASSES)


@pytest.mark.parametrize(
    ('change', 'flags', 'message'),
    [
        (None, ['--format', 'cvatt'], '--format must be one of '),
        (None, ['--top', '0'], '--top must be at least 1, but got 0'),
        ('cams', [], 'has made masks yet; run qaclims run PLAN'),
        ('config', [], 'test_config.json, which says where the images are, is not there'),
    ],
)
def test_what_cannot_be_reviewed(work, capsys, change, flags, message):
    if change == 'cams':
        for folder in [
            *work.glob('*/cams'),
            *work.glob('*/pseudo_masks'),
            *work.glob('*/predictions'),
        ]:
            shutil.rmtree(folder)
    if change == 'config':
        (work / 'irn_masks/test_config.json').unlink()
    ended = run_tool('review', work, *flags, capsys=capsys)
    assert ended.status in (1, 2)
    assert message in ended.text
    assert 'Traceback' not in ended.text


def test_no_work_dir(tmp_path, capsys):
    ended = run_tool('review', tmp_path / 'gone', capsys=capsys)
    assert ended.status == 1
    assert 'there is no folder' in ended.text


HOSTILE = [
    '</script><script>alert(1)</script>',
    '[/b]',
    '=1+1',
    'a/b',
    '{{ x }} $_{',
    'Katze, grün',
]


def test_names_are_data(tmp_path, capsys):
    """A project whose classes and images are called like code, markup, formulas and paths."""
    project, images = tmp_path / 'p', tmp_path / 'images'
    names = ["it's {x}", '<b>', '=1+1', 'sub dir/#100%']
    for name, label in zip(names, HOSTILE, strict=False):
        path = images / f'{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (48, 40)).save(path)
        mask = square(1 + HOSTILE.index(label), size=(40, 48))
        write_masks(project / 'work', 'irn_masks', 'pseudo_masks', {name: mask})
        write_masks(project / 'work', 'segment_test', 'predictions', {name: 0 * mask})
    labels = {f'{name}.png': [label] for name, label in zip(names, HOSTILE, strict=False)}
    write_labels(project / 'labels.csv', labels)
    write_project_tables(project, ProjectTables(images, HOSTILE))
    dataset = dict(type='FolderWeakDataset', project=str(project), num_classes=len(HOSTILE))
    values = dict(test_dataloader=dict(dataset=dataset | dict(pipeline=[])))
    write_run_config(project / 'work/irn_masks', 'test', 'irn.py', values)
    update_metrics(project / 'work/metrics.json', 'irn_masks', {})
    # the config of the run names another place
    project = project.rename(tmp_path / 'a moved project')
    ended = run_tool('review', project, '--format', 'png', capsys=capsys)
    assert ended.status == 0, ended.text
    rows = rows_of(project / 'work/review/review.csv')
    assert {r['image'] for r in rows} == {*names}
    for row in rows:
        [name] = json.loads(row['areas of IRN'])
        assert name == HOSTILE[names.index(row['image'])]
        assert f'the segmentor marks nothing, but the image has {name}' in row['reason']
        assert row['reason'] in ended.text
    page = (project / 'work/review/index.html').read_text(encoding='utf-8')
    assert '<script' not in page
    assert '&lt;/script&gt;' in page
    assert len([*(project / 'work/review/png').rglob('*.png')]) == len(names)
    assert f"qaclims run '{project}' --corrected DIR" in ended.text


@pytest.mark.parametrize('stage', ['irn_masks', 'qa_clims_maps'])
def test_masks_of_other_classes_are_refused(work, capsys, stage):
    write_classes(work / stage, CLASSES)
    assert run_tool('review', work, capsys=capsys).status == 0
    write_classes(work / stage, ('hound', *CLASSES[1:]))
    ended = run_tool('review', work, '--format', 'png', '--out', work / 'out', capsys=capsys)
    assert ended.status == 1
    assert 'was made before classes were changed; run first: qaclims run PLAN' in ended.text
    assert not (work / 'out').exists()
