import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

EMPTY_LOOKING = ['NA', 'null', 'true', 'None', 'nan', '', '007', '1e3']


def write(path, text):
    path.write_text(text, encoding='utf-8')
    return path


@pytest.mark.parametrize('kind', ['jsonl', 'json', 'parquet'])
def test_texts_stay_texts(tmp_path, kind):
    path = tmp_path / f'labels.{kind}'
    images = [f'{n}.jpg' for n in range(len(EMPTY_LOOKING))]
    records = [dict(image=i, label=n) for i, n in zip(images, EMPTY_LOOKING, strict=True)]
    if kind == 'parquet':
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        lines = [json.dumps(record) for record in records]
        write(path, '\n'.join(lines) if kind == 'jsonl' else f'[{", ".join(lines)}]')
    found = read_source(path, tmp_path)
    expected = [[name] if name else [] for name in EMPTY_LOOKING]
    assert found.rows == dict(zip(images, expected, strict=True))


@pytest.mark.parametrize(
    ('label', 'labels'),
    [
        (None, []),
        (['cat', 'dog'], ['cat', 'dog']),
        ('cat;dog', ['cat;dog']),
        (3, ['3']),
        (True, ['true']),
        ({'bbox': [[1, 2, 3, 4]], 'categories': ['cat']}, ['cat']),
    ],
)
@pytest.mark.parametrize('column', ['labels', 'objects', 'Category'])
def test_values_of_records(tmp_path, column, label, labels):
    record = {'File_Name': 'a.jpg', 'width': 80, column: label}
    path = write(tmp_path / 'x.json', json.dumps([record]))
    assert read_source(path, tmp_path).rows == {'a.jpg': labels}


def test_bad_records_cost_themselves(tmp_path):
    lines = ['{"image": "a.jpg", "label": "cat"}', '{"image": "b.jpg"', '[1]', '\ufeff']
    lines += ['{"image": 3, "label": "cat"}', '{"image": "c.jpg", "label": {"x": 1}}', '{}']
    found = read_source(write(tmp_path / 'x.jsonl', '\n'.join(lines)), tmp_path)
    assert found.rows == {'a.jpg': ['cat']}
    text = '\n'.join(found.problems)
    assert 'x.jsonl, line 2: no valid JSON (' in text
    assert 'x.jsonl, line 3: is a list, not an object; left out' in text
    assert 'x.jsonl, line 5: no image is named; the row is left out (1 more of this kind' in text
    assert 'x.jsonl, line 6: labels are a dict, not texts; left out' in text


def test_parquet_with_images_in_it(tmp_path):
    image = dict(bytes=b'x' * 1000, path='a.jpg')
    pq.write_table(pa.Table.from_pylist([dict(image=image, label='cat')]), tmp_path / 'x.parquet')
    assert read_source(tmp_path / 'x.parquet', tmp_path).rows == {'a.jpg': ['cat']}


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('x.jsonl', '{"picture": "a.jpg"}\n{"x": 1}', r'x\.jsonl, line 1: needs the columns image'),
        ('x.json', '[{"image": "a.jpg", "text": "x"}]', "but has 'image', 'text'; image may"),
        ('x.parquet', 'PAR1', 'x.parquet is no Parquet that can be read'),
    ],
)
def test_no_records(tmp_path, name, content, message):
    with pytest.raises(FormatError, match=message):
        read_source(write(tmp_path / name, content), tmp_path)


@pytest.mark.parametrize(
    ('part', 'other'), [(b'image', b'im\xc1ge'), (b'PAR1', b'PAR2'), (b'\x15', b'\x0e')]
)
def test_parquet_that_is_broken(tmp_path, part, other):
    path = tmp_path / 'x.parquet'
    pq.write_table(pa.table(dict(image=['a.jpg'], label=['x'])), path)
    head, *rest = path.read_bytes().partition(b'PAR1')[2].partition(part)
    content = b'PAR1' + head + b''.join(rest).replace(part, other)
    path.write_bytes(content)
    with pytest.raises(FormatError, match='is no Parquet that can be read') as refused:
        read_source(path, tmp_path)
    assert '\n' not in str(refused.value)


def test_parquet_without_labels(tmp_path):
    pq.write_table(pa.table(dict(image=['a.jpg'], text=['x'])), tmp_path / 'x.parquet')
    with pytest.raises(
        FormatError, match="needs the columns image and labels, but has 'image', 't"
    ):
        read_source(tmp_path / 'x.parquet', tmp_path)
