import errno

import pytest
from download_servers import CONTENT, Served, get, serving

from qaclims_mm.downloads import transfer
from qaclims_mm.errors import DownloadError


@pytest.mark.parametrize('etag', ['', 'W/"weak"'])
@pytest.mark.parametrize('is_checked', [False, True])
def test_without_a_version_only_a_known_checksum_allows_to_resume(tmp_path, etag, is_checked):
    served = Served(CONTENT, cuts=[100_000], etag=etag)
    with serving({'file.bin': served}) as (url, asked):
        assert get(tmp_path, f'{url}/file.bin', is_checked=is_checked) == CONTENT
    assert asked[1][1] == ('bytes=100000-' if is_checked else None)


def test_a_part_that_is_whole_already(tmp_path):
    with serving({'file.bin': Served(CONTENT)}) as (url, asked):
        (tmp_path / 'file.bin.part').write_bytes(CONTENT)
        note = f'{{"url": "{url}/file.bin", "validator": "\\"one\\""}}'
        (tmp_path / 'file.bin.part.json').write_text(note)
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
    assert asked == [('/file.bin', 'bytes=300000-')]


@pytest.mark.parametrize('note', ['', '{', '[]', '{"url": 3, "validator": []}', None])
def test_a_part_with_a_broken_note_is_fetched_anew(tmp_path, note):
    (tmp_path / 'file.bin.part').write_bytes(b'x' * 1000)
    if note is not None:
        (tmp_path / 'file.bin.part.json').write_text(note)
    with serving({'file.bin': Served(CONTENT)}) as (url, asked):
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
    assert asked == [('/file.bin', None)]


def test_a_part_of_another_address_is_not_continued(tmp_path):
    files = {'a/file.bin': Served(bytes(300_000), cuts=[1000, 0, 0, 0, 0])}
    files['b/file.bin'] = Served(CONTENT)
    with serving(files) as (url, asked):
        assert get(tmp_path, f'{url}/a/file.bin', f'{url}/b/file.bin') == CONTENT
    assert asked[-1] == ('/b/file.bin', None)


def test_a_file_that_has_changed_meanwhile_is_fetched_from_its_start(tmp_path):
    served = Served(bytes(len(CONTENT)), cuts=[100_000, 0, 0, 0, 0])
    with serving({'file.bin': served}) as (url, asked):
        with pytest.raises(DownloadError):
            get(tmp_path, f'{url}/file.bin')
        served.cuts.clear()
        served.content, served.etag = CONTENT, '"two"'
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
    assert asked[-1] == ('/file.bin', 'bytes=100000-')


def test_a_disk_that_fills_meanwhile_names_the_file(tmp_path, monkeypatch):
    real = transfer.write_all

    class Full:
        def write(self, view):
            raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(transfer, 'write_all', lambda file, *more: real(Full(), *more))
    with (
        serving({'file.bin': Served(CONTENT)}) as (url, _),
        pytest.raises(OSError, match='No space left') as raised,
    ):
        get(tmp_path, f'{url}/file.bin')
    assert raised.value.filename == str(tmp_path / 'file.bin.part')
