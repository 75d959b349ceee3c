from qaclims_mm.exchange.labels import chunks


def test_chunks(tmp_path, monkeypatch):
    path = tmp_path / 'x'
    content = bytes(range(256)) * 10
    path.write_bytes(content)
    monkeypatch.setattr(chunks, 'CHUNK', 1000)
    assert [len(part) for part in chunks.read_chunks(path)] == [1000, 1000, 560]
    tracked = []

    def track(items, text, total):
        tracked.append((text, total))
        return items

    monkeypatch.setattr(chunks, 'track', track)
    assert b''.join(chunks.read_chunks(path)) == content
    assert tracked == []
    monkeypatch.setattr(chunks, '_LONG', 2000)
    assert b''.join(chunks.read_chunks(path)) == content
    assert tracked == [('reading megabytes', 3)]
    path.write_bytes(b'')
    assert list(chunks.read_chunks(path)) == []
