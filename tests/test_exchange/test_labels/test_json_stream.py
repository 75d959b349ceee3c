import json
import tracemalloc

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels import json_stream
from qaclims_mm.exchange.labels.json_stream import Entry, read_entries

CONTENT = {
    'a': [1, 12345, -1.5e3, 'x', None, True, {'b': [1, {'c': '\ud83d"\\'}]}, []],
    'é ': {'list': [1]},
    'none': [],
    'text': 'ü\n',
    'number': 123,
}


def write(tmp_path, text, encoding='utf-8'):
    path = tmp_path / 'x.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def entries_of(content):
    for key, value in content.items():
        if isinstance(value, list) and value:
            yield from (Entry(key, n, item) for n, item in enumerate(value))
        else:
            yield Entry(key, -1, value)


@pytest.mark.parametrize('chunk', [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32'])
@pytest.mark.parametrize('indent', [None, 2])
def test_entries(tmp_path, monkeypatch, chunk, encoding, indent):
    monkeypatch.setattr(json_stream, 'CHUNK', chunk)
    if chunk > 1 or encoding == 'utf-8':
        content = json.dumps(CONTENT, indent=indent)
        path = write(tmp_path, content + '\n ', encoding)
        parts = [path.read_bytes()[k : k + chunk] for k in range(0, path.stat().st_size, chunk)]
        # the encoding is told by the first four bytes
        parts = [b''.join(parts[:4]), *parts[4:]]
        monkeypatch.setattr(json_stream, 'read_chunks', lambda _: iter(parts))
        assert list(read_entries(path)) == list(entries_of(CONTENT))


def test_a_list(tmp_path):
    assert list(read_entries(write(tmp_path, ' [1, {"a": 2}]'))) == [('', 0, 1), ('', 1, {'a': 2})]
    assert list(read_entries(write(tmp_path, '[]'))) == [('', -1, [])]
    assert list(read_entries(write(tmp_path, '{}'))) == []


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', '{ is missing at character 0'),
        ('7', '{ is missing at character 0'),
        ('{"a": 1', ', or } is missing at character 7'),
        ('{"a" 1}', ': is missing at character 5'),
        ('{a: 1}', '" is missing at character 1'),
        ('{"a": 1,}', '" is missing at character 8'),
        ('[1, 2', ', or ] is missing at character 5'),
        ('[1, nul]', 'Expecting value at character 4'),
        ('[1, "x]', 'Unterminated string starting at at character 4'),
        ('[1] [2]', 'there is more after its end'),
        (b'[1, "\xff"]', "codec can't decode byte 0xff"),
        ('[' + '9' * 5000 + ']', 'Exceeds the limit'),
        ('[[' + '[' * 200_000, 'is nested too deeply'),
    ],
)
def test_no_json(tmp_path, text, message):
    with pytest.raises(FormatError) as refused:
        list(read_entries(write(tmp_path, text)))
    assert message in str(refused.value)
    assert str(refused.value).startswith(f'{tmp_path}/x.json is ')


def test_no_more_than_an_entry_is_held(tmp_path):
    entry = json.dumps(dict(image_id=1, segmentation=[[0.5] * 200]))
    path = write(tmp_path, '{"annotations": [' + ', '.join([entry] * 5_000) + ']}')
    size = path.stat().st_size
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_entries(path)) == 5_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size


def test_an_error_is_found_without_reading_the_rest(tmp_path, monkeypatch):
    taken = []

    def chunks(_):
        for part in [b'[{"a" 1}, ' + b' ' * 100, *[b' ' * 100] * 50]:
            taken.append(part)
            yield part

    monkeypatch.setattr(json_stream, 'read_chunks', chunks)
    with pytest.raises(FormatError, match="Expecting ':' delimiter at character 6"):
        list(read_entries(tmp_path))
    assert len(taken) == 1
