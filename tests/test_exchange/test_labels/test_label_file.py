import subprocess
import sys

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

TABLE = 'image,labels\na.jpg,cat\n'
LINES = '{"image": "a.jpg", "label": "cat"}\n'
XML = '<annotations><image name="a.jpg"><tag label="cat"/></image></annotations>'


@pytest.mark.parametrize('name', ['labels.csv', 'labels.json', 'labels.xml', 'labels'])
@pytest.mark.parametrize(
    'content',
    [
        TABLE.encode(),
        TABLE.replace(',', '\t').encode('utf-16'),
        (LINES + LINES.replace('a.jpg', 'a.jpg ')).encode(),
        f'[{LINES}]'.encode('utf-8-sig'),
        f'\n {XML}'.replace('\n ', '').encode('utf-16'),
        f'\ufeff{XML}'.encode(),
    ],
)
def test_the_content_says_what_it_is_not_the_suffix(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert read_source(tmp_path / name, tmp_path).rows == {'a.jpg': ['cat']}


def test_a_single_line_of_json(tmp_path):
    (tmp_path / 'x.jsonl').write_text(LINES)
    assert read_source(tmp_path / 'x.jsonl', tmp_path).rows == {'a.jpg': ['cat']}


@pytest.mark.parametrize(
    'content', [b'', b'\n', b'\xef\xbb\xbf', b'\0\0\0\0', b'\x89PNG\r\n\x1a\n']
)
def test_files_without_labels(tmp_path, content):
    (tmp_path / 'x.csv').write_bytes(content)
    with pytest.raises(FormatError, match=r'x\.csv'):
        read_source(tmp_path / 'x.csv', tmp_path)


def test_a_wrong_file_is_refused_before_anything_heavy_is_imported(tmp_path):
    (tmp_path / 'x.csv').write_text('picture,what\na.jpg,cat\n')
    code = (
        'import sys\n'
        'from qaclims_mm.exchange.labels.reading import read_source\n'
        'try:\n'
        f'    read_source({str(tmp_path / "x.csv")!r}, {str(tmp_path)!r})\n'
        'except ValueError as error:\n'
        "    heavy = {'torch', 'mmengine', 'mmseg', 'mmcv', 'pandas'}\n"
        '    print(sorted(heavy & set(sys.modules)), error)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "but has 'picture', 'what'" in done.stdout
    assert done.stdout.startswith('[] ')
