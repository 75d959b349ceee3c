import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.hugging_face import is_metadata
from qaclims_mm.exchange.labels.reading import read_source


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
    return path


ROWS = {
    'metadata.csv': 'file_name,label\na.jpg,cat\n"sub/b.jpg","cat,dog"\n',
    'metadata.jsonl': '{"file_name": "a.jpg", "label": "cat"}\n\n'
    '{"file_name": "sub/b.jpg", "label": ["cat", "dog"]}\n',
}


@pytest.mark.parametrize('name', ROWS)
@pytest.mark.parametrize('given', ['', 'file'])
def test_metadata(tmp_path, name, given):
    write(tmp_path / name, ROWS[name])
    found = read_source(tmp_path / (name if given else ''), tmp_path)
    assert found.rows == {'a.jpg': ['cat'], 'sub/b.jpg': ['cat', 'dog']}
    assert found.kind.startswith("Hugging Face's imagefolder (")


def test_parquet_with_names_of_classes(tmp_path):
    feature = dict(names=['cat', 'dog'], _type='ClassLabel')
    features = dict(label=feature, labels=dict(feature=feature, _type='Sequence'))
    table = pa.table(dict(file_name=['a.jpg', 'b.jpg', 'c.jpg'], label=[0, 1, None]))
    info = json.dumps(dict(info=dict(features=features)))
    pq.write_table(
        table.replace_schema_metadata(dict(huggingface=info)), tmp_path / 'metadata.parquet'
    )
    assert read_source(tmp_path, tmp_path).rows == {'a.jpg': ['cat'], 'b.jpg': ['dog'], 'c.jpg': []}


def test_metadata_of_several_folders(tmp_path):
    for split, label in (('train', 'cat'), ('test', 'dog')):
        lines = f'file_name,label\na.jpg,{label}\n,x\n'
        write(tmp_path / split / 'metadata.csv', lines)
    found = read_source(tmp_path, tmp_path)
    assert found.rows == {'test/a.jpg': ['dog'], 'train/a.jpg': ['cat']}
    [problem] = found.problems
    assert problem.startswith(f'{tmp_path}/test/metadata.csv:3: no image is named')
    assert problem.endswith('(1 more of this kind: metadata.csv:3)')
    one = read_source(tmp_path / 'train/metadata.csv', tmp_path)
    assert one.rows == {'train/a.jpg': ['cat']}


def test_captions_are_no_labels(tmp_path):
    write(tmp_path / 'metadata.csv', 'file_name,text\na.jpg,a cat sits\n')
    with pytest.raises(
        FormatError, match="needs the columns image and labels, but has 'file_name'"
    ):
        read_source(tmp_path, tmp_path)


def test_names(tmp_path):
    assert is_metadata(tmp_path / 'metadata.jsonl')
    assert not is_metadata(tmp_path / 'labels.csv')
