import contextlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import (
    claim_folder,
    claim_path,
    claimed,
    claims,
    files,
    read_claim,
    read_json,
    write_claim,
    write_json,
)


def test_a_folder_is_held_by_one_run(tmp_path):
    claim_folder(tmp_path / 'cams', dict(config='a', checkpoint='x'))
    assert read_claim(tmp_path / 'cams') == dict(config='a', checkpoint='x')
    claim_folder(tmp_path / 'cams', dict(checkpoint='x', config='a'))
    (tmp_path / 'cams/sub').mkdir()
    (tmp_path / 'cams/sub/a.npz').write_bytes(b'x')
    with pytest.raises(StageError, match=r'cams holds files of another run \(config differ\)'):
        claim_folder(tmp_path / 'cams', dict(config='b', checkpoint='x'))
    # nothing has changed
    assert read_claim(tmp_path / 'cams')['config'] == 'a'


@pytest.mark.parametrize(
    ('fingerprint', 'names'),
    [
        (dict(config='a'), 'checkpoint'),
        (dict(config='a', checkpoint='x', more='y'), 'more'),
        ({}, 'checkpoint, config'),
    ],
)
def test_what_is_there_or_lacks_differs_too(tmp_path, fingerprint, names):
    write_claim(tmp_path, dict(config='a', checkpoint='x'))
    with pytest.raises(StageError, match=rf'\({names} differ\)'):
        claim_folder(tmp_path, fingerprint)


def test_the_mark_of_a_killed_run_is_named(tmp_path):
    write_claim(tmp_path, dict(config='a'))
    (tmp_path / '.a.png.12.tmp').touch()
    with pytest.raises(
        StageError, match=r'\(config differ\), which was killed .* delete \S+run\.json'
    ):
        claim_folder(tmp_path, dict(config='b'))


@pytest.mark.parametrize(
    ('written', 'is_part', 'stays'),
    [('', False, False), ('.a.png.12.tmp', False, False), ('a.png', False, True), ('', True, True)],
)
def test_a_block_that_fails_gives_an_empty_folder_back(tmp_path, written, is_part, stays):
    def run():
        with claimed(tmp_path, dict(config='a'), is_part):
            if written:
                (tmp_path / written).touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert claim_path(tmp_path).is_file() == stays


def test_the_mark_of_an_earlier_run_stays(tmp_path):
    """That run may still work."""
    assert claim_folder(tmp_path, dict(config='a'))
    with pytest.raises(KeyError), claimed(tmp_path, dict(config='a'), is_part=False):
        raise KeyError
    assert read_claim(tmp_path) == dict(config='a')
    with claimed(tmp_path / 'new', dict(config='a'), is_part=False):
        pass
    assert read_claim(tmp_path / 'new') == dict(config='a')


def test_no_claim_is_an_empty_one(tmp_path):
    assert read_claim(tmp_path / 'absent') == {}
    assert claim_path(tmp_path) == tmp_path / 'run.json'


@pytest.mark.parametrize(
    'value', [[], ['config'], 'a', 1, None, dict(inputs=['a']), dict(inputs={'a': 1})]
)
def test_another_file_is_told_in_one_line(tmp_path, value):
    write_json(claim_path(tmp_path), value)
    for read in (lambda: read_claim(tmp_path), lambda: claim_folder(tmp_path, dict(config='a'))):
        with pytest.raises(
            FormatError, match=r'run\.json is not {what: hash}; delete \S+ and run its'
        ):
            read()


@pytest.mark.parametrize('content', [b'', b'{', b'{"config": "a', b'\xff', b'[' * 100_000])
def test_a_cut_file(tmp_path, content):
    claim_path(tmp_path).write_bytes(content)
    with pytest.raises(FormatError, match=r'run\.json is (not valid JSON|nested too deeply)'):
        read_claim(tmp_path)


def test_two_processes_that_claim_at_the_same_moment(tmp_path, monkeypatch):
    """One looks, the other claims, the first goes on."""
    for other, error in ((dict(config='a'), None), (dict(config='b'), StageError)):
        folder = tmp_path / other['config']

        def look(path, other=other, folder=folder):
            write_claim(folder, other)
            return 'is missing'

        with monkeypatch.context() as patch:
            patch.setattr(claims, 'problem_of_file', look)
            # what is read afterwards is looked at as ever
            patch.setattr(claims, 'read_claim', lambda folder: read_json(claim_path(folder)))
            with pytest.raises(error) if error else contextlib.nullcontext():
                assert claim_folder(folder, dict(config='a')) is False
        assert read_claim(folder) == other
        assert [p.name for p in folder.iterdir()] == ['run.json']


def test_many_processes_that_claim_at_once(tmp_path):
    """All of one run get in, of two runs but one."""
    fingerprints = [dict(config=str(n % 2)) for n in range(16)]
    barrier = threading.Barrier(len(fingerprints))
    first = []

    def claim(fingerprint):
        barrier.wait()
        try:
            if claim_folder(tmp_path / 'cams', fingerprint):
                first.append(fingerprint)
        except StageError:
            return None
        return fingerprint['config']

    # threads have one number of a process, so names of their own
    counter = itertools.count()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(16) as pool:
        patch.setattr(files, 'temporary_path', lambda p: p.with_name(f'.{next(counter)}.tmp'))
        taken = list(pool.map(claim, fingerprints))
    # only one may take it back
    assert first == [read_claim(tmp_path / 'cams')]
    winner = read_claim(tmp_path / 'cams')['config']
    assert taken == [w if w == winner else None for w in (f['config'] for f in fingerprints)]
