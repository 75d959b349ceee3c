import json

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import MANIFEST, Manifest, write_claim, write_json
from qaclims_mm.workflow.state import Origin, StageFolder, differences, is_same


@pytest.fixture
def folder(tmp_path):
    """A stage that is done, with a record that was left out."""
    found = StageFolder(tmp_path / 'maps', (str(tmp_path / 'page.html'),))
    write_claim(found.path, Origin('maps', 'c', 'd', 7).claim(dict(cam='i')))
    Manifest('cams', 'c', failed=[['x', 'is broken']]).write(found.path / 'cams')
    for name in ('cams/a.npz', 'cams/sub dir/b.npz', '20260101_000000/run.log', 'epoch_1.pth'):
        path = found.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'123')
    write_json(found.path / 'metrics.json', dict(maps={'cam/mIoU': 12.5}))
    (tmp_path / 'page.html').write_text('page')
    found.write_manifest(found.finish(3))
    return found


def test_what_is_noted(folder, tmp_path):
    outputs = folder.read_outputs()
    page = str(tmp_path / 'page.html')
    names = ['cams/a.npz', f'cams/{MANIFEST}', 'cams/sub dir/b.npz', 'epoch_1.pth']
    assert list(outputs.files) == sorted([*names, 'metrics.json', page])
    assert (outputs.status, outputs.failed) == (3, [['x', 'is broken']])
    hashed = {n for n, entry in outputs.files.items() if len(entry) == 2}
    assert hashed == {f'cams/{MANIFEST}', 'epoch_1.pth', 'metrics.json'}
    manifest = Manifest.read(folder.path)
    assert (manifest.stage, manifest.config_hash, manifest.inputs) == ('maps', 'c', dict(cam='i'))
    assert (manifest.extra['seed'], manifest.extra['data']) == (7, 'd')
    assert manifest.counts['files'] == 6
    assert manifest.failed == [['x', 'is broken']]


def test_a_done_stage_is_sound(folder):
    outputs = folder.read_outputs()
    assert folder.has_right_manifest(outputs)
    assert folder.damage(outputs) == folder.foreign(outputs) == []


def test_any_file_that_goes_or_changes_is_named(folder, tmp_path):
    outputs = folder.read_outputs()
    for name in outputs.files:
        path = folder.path / name
        before = path.read_bytes()
        path.unlink()
        assert folder.damage(outputs) == [f'{name} is missing']
        path.write_bytes(before[:-1])
        assert folder.damage(outputs) == [f'{name} is not as it was written']
        path.write_bytes(before)
        assert folder.damage(outputs) == []


def test_foreign_files_are_named(folder):
    (folder.path / 'cams/note.txt').write_text('mine')
    (folder.path / '20260101_000000/more.log').write_text('a log is nobody else')
    (folder.path / 'cams/.a.tmp').write_text('left by a kill')
    assert folder.foreign(folder.read_outputs()) == ['cams/note.txt']


def test_any_flipped_bit_of_a_manifest_is_seen(folder):
    path, outputs, name = folder.path / MANIFEST, folder.read_outputs(), folder.manifest_hash()
    before = path.read_bytes()
    for place in range(len(before)):
        flipped = bytearray(before)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        assert not folder.has_right_manifest(outputs), place
    folder.write_manifest(outputs)
    assert path.read_bytes() == before
    # by which others name it, whatever is on the disk
    path.write_text('{')
    assert folder.manifest_hash() == name


def test_a_manifest_says_what_was_made(folder):
    """The weights too: two of one size are not the same."""
    before = folder.manifest_hash()
    (folder.path / 'epoch_1.pth').write_bytes(b'124')
    folder.finish(3)
    assert folder.manifest_hash() != before


@pytest.mark.parametrize('text', ['', '[]', '{"files": {}}', '{"a": {}, "b": [], "c": 3}', '{'])
def test_outputs_that_are_something_else(folder, text):
    (folder.path / 'outputs.json').write_text(text)
    with pytest.raises(FormatError, match=r'outputs\.json is (not|no)'):
        folder.read_outputs()


@pytest.mark.parametrize('files', [[], {'a': 3}, {'a': []}, {'a': ['3']}, {'a': [3, 4]}])
def test_lists_of_files_that_are_something_else(folder, files):
    value = json.loads((folder.path / 'outputs.json').read_text()) | dict(files=files)
    write_json(folder.path / 'outputs.json', value)
    with pytest.raises(FormatError, match=r'outputs\.json is (not|no)'):
        folder.read_outputs()


def test_a_stage_that_has_not_ended(tmp_path):
    folder = StageFolder(tmp_path)
    assert (folder.is_begun, folder.read_claim()) == (False, {})
    with pytest.raises(FormatError, match='has not ended; run it'):
        folder.manifest_hash()
    (tmp_path / 'run.json').write_text('{')
    assert folder.is_begun
    assert folder.read_claim() == {}


def test_claims_differ_in_words():
    claim = Origin('a', 'c', 'd', 0).claim(dict(x='1'))
    assert differences(claim, claim) == ''
    assert is_same(claim, dict(claim))
    for change, words in [
        (dict(config='e'), 'another config'),
        (dict(data='e'), 'other images or labels'),
        (dict(seed=3), 'seed 3'),
        (dict(inputs=dict(x='2')), 'another x'),
        (dict(inputs={}), 'another x'),
        (dict(version='0.0.1'), 'version 0.0.1'),
        (dict(stage='b'), 'something else'),
        (dict(config='e', inputs=dict(y='1')), 'another config and another x, y'),
    ]:
        assert differences(claim | change, claim) == words
        assert not is_same(claim | change, claim)
    # broken
    assert differences({}, claim)
