import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from qaclims_mm import schemas
from qaclims_mm.schemas.files import atomic_files


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.json'
    schemas.write_json(path, 1)

    def fail():
        with schemas.atomic_path(path) as temporary:
            temporary.write_text('half')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert schemas.read_json(path) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('image_id', ['/etc/passwd', '../x', 'a/../../x', '', 'a//b', 'a\0'])
def test_image_id_stays_below_its_folder(tmp_path, image_id):
    with pytest.raises(ValueError, match='must be a path below its folder'):
        schemas.file_of(tmp_path, image_id, '.png')


def test_image_id():
    assert schemas.image_id_of('/data/sub dir/a.b.jpg', '/data') == 'sub dir/a.b'
    assert schemas.file_of('/out', 'sub dir/a.b', '.png').as_posix() == '/out/sub dir/a.b.png'


@pytest.mark.parametrize(
    ('problems', 'shown', 'message'),
    [
        (['a'], 10, '1 image is bad:\n  a'),
        (['a', 'b'], 2, '2 images are bad:\n  a\n  b'),
        (['a', 'b', 'c', 'd'], 2, '4 images are bad:\n  a\n  b\n  ... and 2 more'),
    ],
)
def test_join_problems(problems, shown, message):
    assert schemas.join_problems(problems, 'image', 'are bad', shown) == message


def test_temporary_names_are_short(tmp_path):
    # the longest name that the file system takes, of letters of three bytes
    path = tmp_path / ('人' * 83 + '.json')
    schemas.write_json(path, 1)
    assert schemas.read_json(path) == 1
    with schemas.atomic_path(path) as temporary:
        assert len(temporary.name) <= 40
        temporary.write_text('2')
        assert list(tmp_path.rglob('.*.tmp')) == [temporary]
    assert schemas.temporary_path(path) != schemas.temporary_path(tmp_path / 'b.json')
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_utf8_whatever_the_locale(tmp_path):
    values = {'größer': '人', 'half': '\ud800'}
    code = (
        'import sys; from qaclims_mm.schemas import read_json, write_json\n'
        'write_json(sys.argv[2], read_json(sys.argv[1]))'
    )
    schemas.write_json(tmp_path / 'a.json', values)
    environment = os.environ | dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')
    paths = [str(tmp_path / name) for name in ('a.json', 'b.json')]
    subprocess.run([sys.executable, '-c', code, *paths], env=environment, check=True)
    assert schemas.read_json(tmp_path / 'b.json') == values
    assert '"größer": "人"' in (tmp_path / 'b.json').read_text(encoding='utf-8')


@strategies.fast
@given(st.dictionaries(strategies.names, st.dictionaries(strategies.names, st.integers())))
def test_names_of_metrics_come_back_as_they_were_written(metrics):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'metrics.json'
        schemas.write_json(path, {})
        for stage, values in metrics.items():
            schemas.update_metrics(path, stage, values)
        assert schemas.read_metrics(path) == metrics


@strategies.fast
@given(strategies.image_ids)
def test_files_of_images_are_below_their_folder(image_id):
    root = Path('/out/cams')
    path = schemas.file_of(root, image_id, '.npz')
    assert os.path.normpath(path) == str(path)
    assert path.is_relative_to(root)
    assert schemas.image_id_of(path, root) == image_id


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_write_that_fails_names_the_file_that_was_meant(tmp_path, number):
    path = tmp_path / 'a.json'
    for name in (None, str(schemas.temporary_path(path))):
        with pytest.raises(OSError, match=str(path)) as caught, schemas.atomic_path(path):
            raise OSError(number, os.strerror(number), name)
        assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'error',
    [OSError(errno.EIO, 'Input/output error', '/x/mask'), OSError('cannot write mode F as PNG')],
)
def test_a_write_that_fails_for_another_file_or_reason_keeps_its_words(tmp_path, error):
    words, name = str(error), error.filename
    with pytest.raises(OSError, match=r'mask|mode F') as caught:
        fail_with(error, tmp_path / 'a')
    assert (str(caught.value), caught.value.filename) == (words, name)


def fail_with(error, path):
    with schemas.atomic_path(path):
        raise error


def test_the_first_of_two_writers_wins(tmp_path):
    path = tmp_path / 'sub dir/a.json'
    assert schemas.files.create_json(path, dict(a='\udce9')) is True
    assert schemas.files.create_json(path, 2) is False
    assert schemas.read_json(path) == dict(a='\udce9')
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('code', [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_links(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, 'link', refuse)
    schemas.files.create_json(tmp_path / 'a.json', 1)
    assert schemas.read_json(tmp_path / 'a.json') == 1
    assert list(tmp_path.iterdir()) == [tmp_path / 'a.json']


def test_a_full_disk_is_no_missing_link(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'link', refuse)
    with pytest.raises(OSError, match='No space'):
        schemas.files.create_json(tmp_path / 'a.json', 1)
    assert not list(tmp_path.iterdir())


def test_machines_that_share_a_folder_have_names_of_their_own(tmp_path, monkeypatch):
    here = schemas.files.temporary_path(tmp_path / 'a.json')
    monkeypatch.setattr(schemas.files, '_HOST', b'another')
    assert schemas.files.temporary_path(tmp_path / 'a.json') != here


def test_files_of_a_library_appear_whole_and_others_stay(tmp_path):
    folder = tmp_path / 'weights'
    folder.mkdir()
    for name in ('config.json', 'mine.txt'):
        (folder / name).write_text('old')
    with atomic_files(folder) as temporary:
        (temporary / 'config.json').write_text('new')
        (temporary / 'sub').mkdir()
        (temporary / 'sub/model.bin').write_text('weights')
        assert (folder / 'config.json').read_text() == 'old'
    found = {p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()}
    assert found == {'config.json', 'mine.txt', 'sub/model.bin'}
    assert (folder / 'config.json').read_text() == 'new'
    assert [p.name for p in folder.iterdir() if p.name.startswith('.')] == []


def test_files_of_a_library_that_fails_do_not_appear(tmp_path):
    def fail():
        with atomic_files(tmp_path / 'new') as temporary:
            (temporary / 'model.bin').write_text('half')
            raise OSError('disk full')

    with pytest.raises(OSError, match='disk full'):
        fail()
    assert list((tmp_path / 'new').iterdir()) == []
