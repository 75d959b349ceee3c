import hashlib
import os
import subprocess

import pytest

from qaclims_mm.downloads import checksums
from qaclims_mm.downloads.checksums import check_file, check_part, note_of
from qaclims_mm.errors import DownloadError

CONTENT = b'weights'
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b'changed').hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'x.pth'
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize('known', [SHA256, SHA256[:8], ''])
def test_a_right_file_is_read_once(file, known, monkeypatch):
    check_file(file, known, len(CONTENT))
    assert note_of(file).read_text() == f'{SHA256}  x.pth\n'
    done = subprocess.run(['sha256sum', '-c', 'x.pth.sha256'], cwd=file.parent, check=False)
    assert done.returncode == 0
    monkeypatch.setattr(checksums, 'hash_file', lambda path: pytest.fail('read again'))
    check_file(file, known, len(CONTENT))


@pytest.mark.parametrize('known', [OTHER, OTHER[:8]])
def test_a_wrong_file(file, known):
    with pytest.raises(
        DownloadError, match=f'has the sha256 {SHA256}, but its known one is {known}'
    ):
        check_file(file, known)
    assert not note_of(file).exists()


def test_a_file_of_another_size_is_not_read(file, monkeypatch):
    monkeypatch.setattr(checksums, 'hash_file', lambda path: pytest.fail('read'))
    with pytest.raises(DownloadError, match=r'x\.pth has 7 bytes, not 8; delete it'):
        check_file(file, SHA256, 8)


def change(file):
    """Change a file, later than its note."""
    file.write_bytes(b'changed')
    later = note_of(file).stat().st_mtime_ns + 10
    os.utime(file, ns=(later, later))


def test_a_later_change_is_noticed_without_a_known_checksum(file):
    check_file(file, '')
    change(file)
    with pytest.raises(DownloadError, match=r'noted in .*x\.pth\.sha256 is .* delete the note if'):
        check_file(file, '')
    # as the message says
    note_of(file).unlink()
    check_file(file, '')
    assert note_of(file).read_text().startswith(OTHER)


def test_a_later_change_is_noticed_with_a_known_checksum(file):
    check_file(file, SHA256)
    change(file)
    with pytest.raises(DownloadError, match='its known one'):
        check_file(file, SHA256)


def test_another_known_checksum_goes_before_the_note(file):
    check_file(file, '')
    with pytest.raises(DownloadError, match='its known one'):
        check_file(file, OTHER)


@pytest.mark.parametrize('note', [b'', b'\n', b'no checksum', b'\xff\xfe', SHA256[:63].encode()])
def test_a_broken_note_is_written_again(file, note):
    note_of(file).write_bytes(note)
    check_file(file, '')
    assert note_of(file).read_text().startswith(SHA256)


def test_a_part_gets_the_note_of_the_file(tmp_path, monkeypatch):
    part, path = tmp_path / 'x.pth.part', tmp_path / 'x.pth'
    part.write_bytes(CONTENT)
    with pytest.raises(DownloadError, match='is another file, or was changed on its way'):
        check_part(part, path, OTHER)
    assert not note_of(path).exists()
    check_part(part, path, SHA256)
    part.replace(path)
    monkeypatch.setattr(checksums, 'hash_file', lambda path: pytest.fail('read again'))
    check_file(path, SHA256)


def test_another_file_of_the_same_address_is_noticed(tmp_path):
    part, path = tmp_path / 'x.pth.part', tmp_path / 'x.pth'
    part.write_bytes(CONTENT)
    check_part(part, path, '')
    part.write_bytes(b'changed')
    with pytest.raises(DownloadError, match=f'{SHA256} of an earlier download; delete that note'):
        check_part(part, path, '')
    note_of(path).unlink()
    check_part(part, path, '')
    part.write_bytes(CONTENT)
    # what is known goes before what was noted
    check_part(part, path, SHA256)
