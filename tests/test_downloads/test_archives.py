import os
import random
import shutil
import tarfile
import zipfile

import pytest
from tiny_archives import FILES, FOLDER, WANTED, files_below, write_archive

from qaclims_mm.downloads import archives
from qaclims_mm.downloads.archives import is_half_unpacked, unpack
from qaclims_mm.errors import DownloadError, FormatError

KINDS = ('tar', 'tar.gz', 'zip')


@pytest.mark.parametrize('kind', KINDS)
def test_a_folder_of_an_archive_becomes_a_folder(tmp_path, kind):
    archive, to = write_archive(tmp_path / f'x.{kind}'), tmp_path / 'data/VOC2012'
    unpack(archive, FOLDER, to)
    assert files_below(tmp_path / 'data') == {f'VOC2012/{n}': c for n, c in WANTED.items()}
    assert not is_half_unpacked(to)


def test_a_whole_archive_becomes_a_folder(tmp_path):
    unpack(write_archive(tmp_path / 'x.zip'), '', tmp_path / 'data')
    assert files_below(tmp_path / 'data') == FILES


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_there_stays(tmp_path, kind):
    to = tmp_path / 'VOC2012'
    (to / 'JPEGImages').mkdir(parents=True)
    (to / 'JPEGImages/a.jpg').write_bytes(b'mine')
    (to / 'ImageSets').mkdir()
    (to / 'ImageSets/trainaug.txt').write_bytes(b'my list')
    unpack(write_archive(tmp_path / f'x.{kind}'), FOLDER, to)
    mine = {'JPEGImages/a.jpg': b'mine', 'ImageSets/trainaug.txt': b'my list'}
    assert files_below(to) == WANTED | mine


def test_a_link_to_another_disk_is_followed(tmp_path):
    (tmp_path / 'disk').mkdir()
    to = tmp_path / 'data'
    to.symlink_to(tmp_path / 'disk')
    unpack(write_archive(tmp_path / 'x.tar'), FOLDER, to)
    assert to.is_symlink()
    assert files_below(tmp_path / 'disk') == WANTED


@pytest.mark.parametrize('after', range(4))
def test_an_interrupted_call_resumes(tmp_path, monkeypatch, after):
    archive, to = write_archive(tmp_path / 'x.tar'), tmp_path / 'VOC2012'
    real, written = archives._write, []

    def write(path, *more):
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(path)
        real(path, *more)

    monkeypatch.setattr(archives, '_write', write)
    if after < len(WANTED):
        with pytest.raises(KeyboardInterrupt):
            unpack(archive, FOLDER, to)
        assert not to.exists()
        assert is_half_unpacked(to) == bool(after)
        # as a process leaves it that is killed
        if after:
            (tmp_path / '.VOC2012.unpacking/.0123.7.tmp').write_bytes(b'half')
    monkeypatch.setattr(archives, '_write', lambda *a: (written.append(a[0]), real(*a)))
    unpack(archive, FOLDER, to)
    assert len(written) == len(WANTED)
    assert files_below(tmp_path) == {f'VOC2012/{n}': c for n, c in WANTED.items()} | {
        'x.tar': archive.read_bytes()
    }


@pytest.mark.parametrize('after', range(3))
def test_an_interrupted_move_resumes(tmp_path, monkeypatch, after):
    archive, to = write_archive(tmp_path / 'x.tar'), tmp_path / 'VOC2012'
    (to / 'JPEGImages').mkdir(parents=True)
    real, moved = os.replace, []

    def replace(source, target):
        if '.unpacking' in str(source) and '.unpacking' not in str(target):
            if len(moved) == after:
                raise KeyboardInterrupt
            moved.append(target)
        real(source, target)

    monkeypatch.setattr(archives.os, 'replace', replace)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, FOLDER, to)
    assert is_half_unpacked(to)
    monkeypatch.undo()
    unpack(archive, FOLDER, to)
    assert files_below(to) == WANTED
    assert not is_half_unpacked(to)


def tar_link(name, kind, target='/etc/passwd'):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


UNSAFE = [
    ('tar', {'/etc/x': b''}, (), 'it is absolute'),
    ('tar', {'VOCdevkit/../../x': b''}, (), 'it leads out of the folder'),
    ('zip', {'../x': b''}, (), 'it leads out of the folder'),
    ('zip', {'C:/x': b''}, (), 'it is absolute'),
    ('zip', {'a\\..\\..\\x': b''}, (), 'it leads out of the folder'),
    ('tar', {'a\x1b[31m': b''}, (), 'it has a control character'),
    ('tar', {}, (tar_link('VOCdevkit/VOC2012/l', tarfile.SYMTYPE),), 'it is a link'),
    ('tar', {}, (tar_link('VOCdevkit/VOC2012/l', tarfile.LNKTYPE),), 'it is a link'),
    ('tar', {}, (tar_link('VOCdevkit/VOC2012/d', tarfile.CHRTYPE),), 'it is a link or a device'),
    ('tar', {}, (tar_link('VOCdevkit/VOC2012/p', tarfile.FIFOTYPE),), 'it is a link or a device'),
    ('zip', {}, (zip_link('VOCdevkit/VOC2012/l'),), 'it is a link'),
]


@pytest.mark.parametrize(('kind', 'more', 'links', 'problem'), UNSAFE)
def test_what_is_unsafe_is_refused_before_anything_is_written(tmp_path, kind, more, links, problem):
    folder = tmp_path / 'deep/deeper'
    folder.mkdir(parents=True)
    archive = write_archive(folder / f'x.{kind}', FILES | more, links)
    before = files_below(tmp_path)
    with pytest.raises(FormatError, match=f'1 member is unsafe in .*:\n.*: {problem}') as raised:
        unpack(archive, FOLDER, folder / 'VOC2012')
    assert '\x1b' not in str(raised.value)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize('content', [b'', b'<html>', b'PK\x03\x04', b'\x1f\x8b\x08' + b'0' * 50])
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / 'x.tar'
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r'x\.tar (is damaged or no archive|has no files)'):
        unpack(path, FOLDER, tmp_path / 'VOC2012')
    assert not (tmp_path / 'VOC2012').exists()


def test_an_archive_without_the_folder(tmp_path):
    archive = write_archive(tmp_path / 'x.tar')
    with pytest.raises(FormatError, match='has no files in VOCdevkit/VOC2007'):
        unpack(archive, 'VOCdevkit/VOC2007', tmp_path / 'to')


@pytest.mark.parametrize('kind', ['tar.gz', 'zip'])
@pytest.mark.parametrize('seed', range(40))
def test_a_flipped_or_cut_archive_gives_its_files_or_an_error(tmp_path, kind, seed):
    """Both kinds have checksums; where one does not look, the files are as they were."""
    archive, chance = write_archive(tmp_path / f'x.{kind}'), random.Random(seed)
    content = bytearray(archive.read_bytes())
    if seed % 2:
        del content[chance.randrange(len(content)) :]
    else:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    archive.write_bytes(content)
    to = tmp_path / 'to'
    try:
        unpack(archive, FOLDER, to)
    except FormatError as error:
        message = str(error)
    else:
        message = ''
    if message:
        assert str(archive) in message
        assert not to.exists()
    else:
        assert files_below(to).items() <= WANTED.items()


def test_a_disk_without_room(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=3000)
    monkeypatch.setattr(archives.shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(DownloadError, match=r'its disk has 0\.0 GB free; make room, or'):
        unpack(write_archive(tmp_path / 'x.tar'), FOLDER, tmp_path / 'to')
    assert not (tmp_path / 'to').exists()


def test_a_file_where_a_folder_must_be(tmp_path):
    to = tmp_path / 'VOC2012'
    to.mkdir()
    (to / 'JPEGImages').write_bytes(b'')
    with pytest.raises(FormatError, match='JPEGImages is a file where a folder must be'):
        unpack(write_archive(tmp_path / 'x.tar'), FOLDER, to)
