"""What is read at all, and the small files that people really have (``shared/cases``)."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.projects.checks import check_source

TWO_OF_EACH = ({'cat': 2, 'dog': 2}, 0)
# {labels: (images of each class, records that are left out)}; images are p0 to p3
CASES = {
    'label-studio.csv': ({'cat': 2, 'dog': 3}, 0),
    'label-studio.json': ({'cat': 3, 'dog': 2}, 0),
    'cvat-images.xml': ({'cat': 3, 'dog': 2}, 0),
    'coco-export-paths.json': TWO_OF_EACH,
    'coco-ids-as-text.json': TWO_OF_EACH,
    'coco-one-bad-entry.json': ({'cat': 2, 'dog': 2}, 1),
    'voc-gb2312': ({'猫': 1, 'dog': 3}, 0),
    'labelme': TWO_OF_EACH,
    'yolo': TWO_OF_EACH,
    'yolo/labels': TWO_OF_EACH,
    'yolo/classes.txt': TWO_OF_EACH,
    'one-hot.csv': ({'cat': 3, 'dog': 2}, 0),
    'one-class.csv': ({'cat': 4}, 0),
    'lone-surrogate.json': ({}, 1),
    'labels-that-look-empty.csv': (dict.fromkeys(['NA', 'None', 'null', 'true'], 1), 0),
    'labels-as-data.csv': (
        dict.fromkeys(['{{$HOME:x}}', '{texts}', '[/b]', '[red]dog[/red]'], 1),
        0,
    ),
    'labels-as-data-2.csv': (
        dict.fromkeys(['{{fileDirname}}', 'a/b', '</script><b>x', 'it\'s 100 % "sure"'], 1),
        0,
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_cases(cases_dir, case):
    counts, left_out = CASES[case]
    source = read_source(cases_dir / case, cases_dir / 'images')
    checked = check_source(source, cases_dir / 'images')
    assert checked.counts == counts
    assert len(source.problems) == left_out
    assert checked.left_out == bool(left_out)
    images = sorted(path.name for path in (cases_dir / 'images').iterdir())
    assert sorted(checked.rows) == (images if counts else [])


def test_the_case_of_another_unicode_form(cases_dir):
    source = read_source(cases_dir / 'nfd.csv', cases_dir / 'nfd')
    checked = check_source(source, cases_dir / 'nfd')
    assert sorted(checked.rows) == sorted(os.listdir(cases_dir / 'nfd'))
    assert checked.counts == {'cat': 1, 'dog': 1}
    assert checked.problems == checked.notes == []


def test_the_case_of_a_lone_surrogate_is_escaped(cases_dir):
    source = read_source(cases_dir / 'lone-surrogate.json', cases_dir / 'images')
    [problem] = source.problems
    assert "image 'bad\\ud83d.jpg': it has half of a surrogate pair" in problem
    assert problem.encode('utf-8')


def test_a_source_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'pipe.csv')
    with pytest.raises(FormatError, match=r'pipe\.csv is not a regular file; give a file'):
        read_source(tmp_path / 'pipe.csv', tmp_path)
    for name in ('x' * 10_000, 'x\0', 'x\ny', '/dev/null/x'):
        with pytest.raises(FormatError, match='there is no folder ') as refused:
            read_source(tmp_path, name)
        assert len(str(refused.value)) < 200
        with pytest.raises(FormatError, match=r'of labels|with labels') as refused:
            read_source(name, tmp_path)
        assert '\n' not in str(refused.value)


def test_folders_without_images(tmp_path):
    (tmp_path / 'cat').mkdir()
    with pytest.raises(ConfigError, match=r'has no images\.'):
        read_source(tmp_path, tmp_path)
    with pytest.raises(FormatError, match='has no files of labels'):
        read_source(tmp_path / 'cat', tmp_path)
    with pytest.raises(FormatError, match='there is no file or folder'):
        read_source(tmp_path / 'x.csv', tmp_path)


def test_no_folder_of_images(tmp_path):
    with pytest.raises(FormatError, match=r'there is no folder .*gone with images\.'):
        read_source(tmp_path / 'gone', tmp_path / 'gone')


# root may read everything, so another user does it
AS_NOBODY = """
import os, sys
from qaclims_mm.exchange.labels.reading import read_source
if os.getuid() == 0:
    os.setuid(65534)
try:
    read_source(*sys.argv[1:])
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize('forbidden', ['labels.csv', 'images', 'xml'])
def test_files_and_folders_that_may_not_be_read(forbidden):
    # the parents of tmp_path are another user's too
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for folder in ('images', 'xml'):
            (root / folder).mkdir()
        (root / 'labels.csv').write_text('image,labels\na.jpg,cat\n')
        labels = root / ('xml' if forbidden == 'xml' else 'labels.csv')
        (root / forbidden).chmod(0)
        command = [sys.executable, '-c', AS_NOBODY, labels, root / 'images']
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        (root / forbidden).chmod(0o755)
    assert done.stdout.startswith(f'{root}/{forbidden} may not be read; change its permissions')
