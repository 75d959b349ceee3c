"""``qaclims init`` on the labels that people have: the small files of ``shared/cases``."""

import csv
import json
import os
import shutil

import pytest
from tool_runs import run_tool

from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.project import read_project_tables

# {labels: (classes, exit status, what the terminal shows)}
CASES = {
    'label-studio.csv': (('cat', 'dog'), 0, 'and labels in JSON: 4 images of'),
    'label-studio.json': (('cat', 'dog'), 0, '4 images were found by the end of the path'),
    'cvat-images.xml': (('cat', 'dog'), 0, "CVAT's XML: 4 images of"),
    'coco-export-paths.json': (('cat', 'dog'), 0, 'images/0/p0.jpg is p0.jpg'),
    'coco-ids-as-text.json': (('cat', 'dog'), 0, "COCO's JSON: 4 images of"),
    'coco-one-bad-entry.json': (('cat', 'dog'), 3, 'annotation 4 (id 9): its image_id or category'),
    'voc-gb2312': (('dog', '猫'), 0, "VOC's XML files: 4 images of"),
    'labelme': (('cat', 'dog'), 0, "labelme's JSON files: 4 images of"),
    'yolo': (('cat', 'dog'), 0, 'yolo/classes.txt: 4 images of'),
    'one-hot.csv': (('cat', 'dog'), 0, 'a column of 0 and 1 for each class: 4 images of'),
    'labels-that-look-empty.csv': (('NA', 'None', 'null', 'true'), 0, '4 images of'),
    'labels-as-data.csv': (
        ('[/b]', '[red]dog[/red]', '{texts}', '{{$HOME:x}}'),
        0,
        '[red]dog[/red]',
    ),
    'labels-as-data-2.csv': (
        ('</script><b>x', 'a/b', 'it\'s 100 % "sure"', '{{fileDirname}}'),
        0,
        '</script><b>x',
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_cases(cases_dir, tmp_path, capsys, case):
    classes, status, shown = CASES[case]
    given = ('--images', cases_dir / 'images', '--labels', cases_dir / case, '--preset', 'mini')
    ended = run_tool('init', tmp_path / 'project', *given, capsys=capsys)
    assert ended.status == status, ended.text
    assert shown in ended.text
    assert tuple(read_project_tables(tmp_path / 'project').classes) == classes
    labels = read_labels(tmp_path / 'project/labels.csv')
    assert sorted(labels) == [f'p{n}.jpg' for n in range(4)]
    assert {name for names in labels.values() for name in names} == set(classes)


def test_another_unicode_form(cases_dir, tmp_path, capsys):
    given = ('--images', cases_dir / 'nfd', '--labels', cases_dir / 'nfd.csv', '--preset', 'mini')
    ended = run_tool('init', tmp_path / 'project', *given, '--strict', capsys=capsys)
    assert ended.status == 0, ended.text
    with (tmp_path / 'project/labels.csv').open(encoding='utf-8', newline='') as file:
        images = [row['image'] for row in csv.DictReader(file)]
    assert sorted(images) == sorted(os.listdir(cases_dir / 'nfd'))


def test_a_name_that_no_file_can_have(cases_dir, tmp_path, capsys):
    given = ('--images', cases_dir / 'images', '--labels', cases_dir / 'lone-surrogate.json')
    ended = run_tool('init', tmp_path / 'project', *given, '--preset', 'mini', capsys=capsys)
    assert ended.status == 1
    assert r"image 'bad\ud83d.jpg': it has half of a surrogate pair" in ended.text
    assert 'Traceback' not in ended.text
    assert not (tmp_path / 'project').exists()


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('x.csv', 'Datei;Beschriftung\na.jpg;Kühlturm\n'.encode('cp1252'), "has 'Datei', 'Besch"),
        ('x.zip', b'PK\x03\x04', 'is an archive (zip) and is not read; unpack it'),
        ('x.xml', b'<annotations><track label="cat"/></annotations>', 'is "CVAT for video"'),
    ],
)
def test_labels_that_are_of_no_use(cases_dir, tmp_path, capsys, name, content, message):
    (tmp_path / name).write_bytes(content)
    given = ('--images', cases_dir / 'images', '--labels', tmp_path / name)
    ended = run_tool('init', tmp_path / 'project', *given, capsys=capsys)
    assert ended.status == 1
    assert message in ended.text
    assert not (tmp_path / 'project').exists()


@pytest.mark.parametrize(
    ('name', 'is_guess'), [('metadata.csv', False), ('metadata.jsonl', False), ('', True)]
)
def test_without_labels_only_folders_of_classes_are_a_guess(
    cases_dir, tmp_path, capsys, name, is_guess
):
    images = tmp_path / 'images'
    folder = images if name else images / 'cat'
    shutil.copytree(cases_dir / 'images', folder)
    rows = [dict(file_name=path.name, label='cat') for path in sorted(folder.iterdir())]
    if name.endswith('.csv'):
        lines = ['file_name,label', *(f'{r["file_name"]},{r["label"]}' for r in rows)]
        (images / name).write_text('\n'.join(lines))
    elif name:
        (images / name).write_text('\n'.join(map(json.dumps, rows)))
    given = ('--images', images, '--preset', 'mini')
    ended = run_tool('init', tmp_path / 'project', *given, capsys=capsys)
    assert ended.status == 0, ended.text
    assert ('(no --labels were given' in ended.text) == is_guess
