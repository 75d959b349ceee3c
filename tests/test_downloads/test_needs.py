import hashlib
import shutil

import pytest
from download_servers import Served, serving
from tiny_archives import FOLDER, WANTED, files_below, write_archive

from qaclims_mm.downloads import needs as module
from qaclims_mm.downloads.catalogue import Catalogue, Item, Unpack
from qaclims_mm.downloads.checksums import note_of
from qaclims_mm.downloads.needs import (
    BY_HAND,
    FETCHED,
    THERE,
    TO_FETCH,
    WRONG,
    check_disks,
    needs_of,
    obtain_all,
)
from qaclims_mm.errors import DownloadError

LIST = b'a\nb\n'


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Paths of catalogues are seen from the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def archive(tmp_path):
    (tmp_path / 'made').mkdir()
    return write_archive(tmp_path / 'made/voc.tar').read_bytes()


def items(url, archive, **changes):
    """Return an archive, a list that is copied, and weights that a person has to fetch."""
    sha256 = hashlib.sha256(archive).hexdigest()
    voc = dict(
        file='voc.tar',
        urls=(f'{url}/voc.tar',),
        bytes=len(archive),
        sha256=sha256,
        there=('data/voc/JPEGImages', 'data/voc/ImageSets/train.txt'),
        unpack=Unpack(FOLDER, 'data/voc'),
    )
    aug = 'data/voc/ImageSets/aug.txt'
    return [
        Item('images', 'none', 'https://a', **(voc | changes)),
        Item('list', 'MIT', 'https://b', 'aug.txt', (f'{url}/aug.txt',), there=(aug,), copy=aug),
        Item('weights', 'NC', 'https://c', 'w.pth', there=('data/w.safetensors',)),
    ]


def states(found, folder, mirror=''):
    needs = needs_of(Catalogue('T', 'plan', tuple(found), ()), folder, mirror)
    return needs, [need.state for need in needs]


def obtain(needs):
    said = []
    obtain_all(needs, said.append)
    return said


def test_all_is_fetched_once(tmp_path, archive):
    files = {'voc.tar': Served(archive), 'aug.txt': Served(LIST)}
    folder = tmp_path / 'downloads'
    with serving(files) as (url, asked):
        needs, state = states(items(url, archive), folder)
        assert state == [TO_FETCH, TO_FETCH, BY_HAND]
        assert obtain(needs) == ['voc.tar: fetching', 'aug.txt: fetching']
        assert files_below(tmp_path / 'data/voc') == WANTED | {'ImageSets/aug.txt': LIST}
        needs, state = states(items(url, archive), folder)
        assert state == [THERE, THERE, BY_HAND]
        assert obtain(needs) == []
        assert len(asked) == 2
        # put there by a person
        (folder / 'w.pth').write_bytes(b'weights')
        needs, state = states(items(url, archive), folder)
        assert state == [THERE, THERE, FETCHED]
        assert obtain(needs) == ['w.pth: checking']
    assert note_of(folder / 'w.pth').is_file()


def test_without_a_network_files_that_are_there_do(tmp_path, archive):
    folder = tmp_path / 'downloads'
    folder.mkdir()
    (folder / 'voc.tar').write_bytes(archive)
    (folder / 'aug.txt').write_bytes(LIST)
    needs, state = states(items('http://127.0.0.1:9', archive), folder)
    assert state == [FETCHED, FETCHED, BY_HAND]
    obtain(needs)
    assert states(items('http://127.0.0.1:9', archive), folder)[1] == [THERE, THERE, BY_HAND]


def test_unpacked_data_need_no_archive(tmp_path, archive):
    shutil.copytree(unpacked(tmp_path, archive), tmp_path / 'data/voc')
    assert states(items('http://x', archive), tmp_path)[1] == [THERE, TO_FETCH, BY_HAND]


def unpacked(folder, archive):
    from qaclims_mm.downloads.archives import unpack

    (folder / 'mine.tar').write_bytes(archive)
    unpack(folder / 'mine.tar', FOLDER, folder / 'mine')
    return folder / 'mine'


def test_what_was_interrupted_while_it_was_unpacked_is_not_there(tmp_path, archive):
    shutil.copytree(unpacked(tmp_path, archive), tmp_path / 'data/voc')
    (tmp_path / 'data/.voc.unpacking').mkdir()
    (tmp_path / 'voc.tar').write_bytes(archive)
    needs, state = states(items('http://x', archive), tmp_path)
    assert state[0] == FETCHED
    obtain(needs[:1])
    assert states(items('http://x', archive), tmp_path)[1][0] == THERE


def test_a_mirror_serves_all_files_also_those_that_a_person_fetches(tmp_path, archive):
    files = {'voc.tar': archive, 'aug.txt': LIST, 'w.pth': b'weights'}
    served = {f'deep/{name}': Served(content) for name, content in files.items()}
    with serving(served) as (url, asked):
        needs, state = states(items('http://x', archive), tmp_path / 'd', f'{url}/deep/')
        assert state == [TO_FETCH] * 3
        obtain(needs)
    assert [path for path, _ in asked] == ['/deep/voc.tar', '/deep/aug.txt', '/deep/w.pth']
    assert (tmp_path / 'd/w.pth').read_bytes() == b'weights'


def test_one_that_fails_does_not_end_the_others(tmp_path, archive):
    broken = archive[:700] + bytes([archive[700] ^ 1]) + archive[701:]
    files = {'voc.tar': Served(broken), 'aug.txt': Served(LIST)}
    with serving(files) as (url, _):
        needs, _ = states(items(url, archive), tmp_path / 'd')
        with pytest.raises(DownloadError, match=r'voc\.tar cannot be fetched:\n.*is another file'):
            obtain(needs)
    assert sorted(p.name for p in (tmp_path / 'd').iterdir()) == ['aug.txt', 'aug.txt.sha256']
    assert files_below(tmp_path / 'data') == {'voc/ImageSets/aug.txt': LIST}


def test_one_that_is_optional_may_fail(tmp_path, archive):
    with serving({'aug.txt': Served(LIST)}) as (url, _):
        needs, _ = states(items(url, archive, optional=True), tmp_path / 'd')
        said = obtain(needs)
    assert said[0] == 'voc.tar: fetching'
    assert 'the server answers 404' in said[1]
    assert said[1].endswith('The plan runs without it.')
    assert said[2] == 'aug.txt: fetching'


@pytest.mark.parametrize('content', [b'<html>', b''])
def test_a_wrong_file_that_a_person_has_put_there(tmp_path, archive, content):
    (tmp_path / 'voc.tar').write_bytes(content)
    needs, state = states(items('http://x', archive), tmp_path)
    assert state[0] == WRONG
    with pytest.raises(DownloadError, match=r'voc\.tar has \d bytes, not \d+; delete it'):
        obtain(needs[:1])
    assert f'{len(content)} bytes, not {len(archive)}' in needs[0].why
    # it is the person's
    assert (tmp_path / 'voc.tar').read_bytes() == content


def test_an_archive_without_what_is_promised(tmp_path, archive):
    (tmp_path / 'voc.tar').write_bytes(archive)
    found = items('http://x', archive, there=('data/voc/Annotations',))
    with pytest.raises(DownloadError, match='data/voc/Annotations is missing: it is another arch'):
        obtain(states(found, tmp_path)[0][:1])


def test_bytes_that_are_left(tmp_path, archive):
    needs, _ = states(items('http://x', archive), tmp_path)
    size = len(archive)
    assert [n.bytes_left for n in needs] == [size, 0, 0]
    assert [n.bytes_to_unpack for n in needs] == [size, 0, 0]
    (tmp_path / 'voc.tar.part').write_bytes(b'x' * 1000)
    assert needs[0].bytes_left == size - 1000


def test_a_disk_without_room_is_told_before_anything_is_fetched(tmp_path, archive, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    needs, _ = states(items('http://x', archive, bytes=2 * 10**9), tmp_path)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: usage._replace(free=4 * 10**9))
    check_disks(needs)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: usage._replace(free=3 * 10**9))
    with pytest.raises(DownloadError, match=r'take 4\.0 GB, but the disk of .* has 3\.0 GB free'):
        check_disks(needs)
    # the run needs room, too
    with pytest.raises(DownloadError, match=r'take 5\.0 GB'):
        check_disks(needs, tmp_path / 'work', 10**9)
