import hashlib
import os
from pathlib import Path

import pytest

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import (
    Manifest,
    manifest_hash,
    read_json,
    write_claim,
    write_json,
    write_run_config,
)
from qaclims_mm.schemas.stage_folder import Origin, StageFolder, differences, is_same


def make_stage(path, made=()):
    """Write a stage of three files, one of which lies elsewhere, as a run leaves it."""
    folder = StageFolder(path)
    write_claim(path, Origin('cam', 'c0', 'd0', 7).claim({'data': 'h0'}))
    (path / 'epoch_1.pth').write_bytes(b'weights')
    write_json(path / 'cams/run.json', dict(config='x'))
    for word in made:
        Path(word.replace('{work_dir}', str(path.parent))).write_text('page', encoding='utf-8')
    folder.write_manifest(folder.finish(0, made))
    return folder


@pytest.fixture
def folder(tmp_path):
    return make_stage(tmp_path / 'work/cam', ['{work_dir}/page.html'])


def test_a_stage_that_has_ended(folder):
    outputs = folder.read_outputs()
    assert set(outputs.files) == {'cams/run.json', 'epoch_1.pth', '{work_dir}/page.html'}
    assert outputs.files['epoch_1.pth'] == [7, hashlib.sha256(b'weights').hexdigest()]
    assert (outputs.failed, outputs.status) == ([], 0)
    assert folder.damage(outputs) == folder.foreign(outputs) == []
    assert folder.has_right_manifest(outputs)
    assert folder.manifest_hash() == manifest_hash(folder.path)
    manifest = Manifest.read(folder.path)
    assert (manifest.stage, manifest.config_hash, manifest.inputs) == ('cam', 'c0', {'data': 'h0'})
    assert manifest.counts['files'] == 3
    assert manifest.extra['seed'] == 7


def test_records_that_were_left_out_of_what_it_wrote(folder):
    Manifest('cams', 'c', failed=[['b', 'cut'], ['a', 'cut']]).write(folder.path / 'cams')
    assert folder.finish(3).failed == [['a', 'cut'], ['b', 'cut']]
    assert folder.read_outputs().status == 3


def test_logs_and_left_overs_are_no_outputs(folder):
    for name in ('20260101_000000/x.log', 'last_checkpoint', 'cams/.a.npz.7.tmp'):
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).touch()
    assert folder.foreign(folder.read_outputs()) == []


def test_damage(folder):
    outputs = folder.read_outputs()
    (folder.path / 'epoch_1.pth').write_bytes(b'cut')
    (folder.path / 'cams/run.json').unlink()
    (folder.path / 'more.txt').touch()
    assert folder.damage(outputs) == [
        'cams/run.json is missing',
        'epoch_1.pth is not as it was written',
    ]
    assert folder.foreign(outputs) == ['more.txt']


def test_a_digit_of_json_counts(folder):
    path = folder.path / 'cams/run.json'
    path.write_text(path.read_text().replace('x', 'y'))
    assert folder.damage(folder.read_outputs()) == ['cams/run.json is not as it was written']


def test_content_of_the_same_size(folder):
    (folder.path / 'epoch_1.pth').write_bytes(b'Weights')
    outputs = folder.read_outputs()
    # a run does not read gigabytes before it begins
    assert folder.damage(outputs) == []
    assert folder.damage(outputs, by_content=True) == ['epoch_1.pth is not as it was written']


def test_outputs_of_an_earlier_version_have_sizes_alone(folder):
    outputs = folder.read_outputs()
    outputs.files = {name: entry[:1] for name, entry in outputs.files.items()}
    assert folder.damage(outputs, by_content=True) == []
    (folder.path / 'epoch_1.pth').write_bytes(b'cut')
    assert folder.damage(outputs, by_content=True) == ['epoch_1.pth is not as it was written']


def test_a_manifest_that_was_edited(folder):
    path, wanted = folder.path / 'manifest.json', folder.manifest_hash()
    write_json(path, read_json(path) | dict(counts={}))
    assert not folder.has_right_manifest(folder.read_outputs())
    assert folder.manifest_hash() == wanted


def test_a_manifest_of_an_older_version_is_right(folder):
    write_claim(folder.path, folder.read_claim() | dict(version='0.0.1'))
    folder.write_manifest(folder.read_outputs())
    assert Manifest.read(folder.path).version == '0.0.1'
    assert folder.has_right_manifest(folder.read_outputs())


def test_a_stage_that_has_not_ended(tmp_path):
    folder = StageFolder(tmp_path / 'cam')
    assert not folder.is_begun
    assert folder.read_claim() == {}
    write_claim(folder.path, dict(stage='cam'))
    assert folder.is_begun
    with pytest.raises(FormatError, match=r'outputs.json is missing: the stage has not ended'):
        folder.read_outputs()


@pytest.mark.parametrize(
    'value',
    [
        [],
        {},
        dict(files=[], failed=[], status=0, made=[]),
        dict(files={'a': 1}, failed=[], status=0, made=[]),
        dict(files={'a': ['x']}, failed=[], status=0, made=[]),
        dict(files={'a': [1, 'h', 2]}, failed=[], status=0, made=[]),
        dict(files={}, failed=['a'], status=0, made=[]),
        dict(files={}, failed=[['a']], status=0, made=[]),
        dict(files={}, failed=[], status='0', made=[]),
        dict(files={}, failed=[], status=0, made=[3]),
    ],
)
def test_outputs_that_are_none(folder, value):
    write_json(folder.path / 'outputs.json', value)
    with pytest.raises(
        FormatError, match=r'outputs.json is not (as it was written|{files, failed, status, made})'
    ):
        folder.read_outputs()


def test_a_pipe_is_not_opened(folder):
    (folder.path / 'outputs.json').unlink()
    os.mkfifo(folder.path / 'outputs.json')
    with pytest.raises(FormatError, match=r'outputs.json is not a regular file'):
        folder.read_outputs()


def test_differences():
    wanted = Origin('cam', 'c', 'd', 0).claim({'data': 'h'})
    assert differences(wanted, wanted) == ''
    assert is_same(wanted, wanted)
    other = wanted | dict(config='x', data='x', seed=1, inputs={'texts': 'h'}, version='0')
    assert not is_same(other, wanted)
    assert differences(other, wanted) == (
        'another config and other images or labels and seed 1 and another data, texts and version 0'
    )
    # work dirs of before have no such entry, and neither have stages that read no corrected masks
    assert 'corrected' not in wanted
    taken_in = Origin('cam', 'c', 'd', 0, 'm').claim({'data': 'h'})
    assert differences(wanted, taken_in) == differences(taken_in, wanted) == 'other corrected masks'
    assert not is_same(wanted, taken_in)
    assert differences(wanted | dict(stage='x'), wanted) == 'something else'
    assert differences({}, wanted)


def test_any_flipped_bit_of_a_manifest_is_seen(folder):
    path, outputs = folder.path / 'manifest.json', folder.read_outputs()
    before = path.read_bytes()
    for place in range(len(before)):
        flipped = bytearray(before)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        assert not folder.has_right_manifest(outputs), place
    folder.write_manifest(outputs)
    assert path.read_bytes() == before


def test_a_manifest_says_what_was_made(folder):
    """The weights too: two of one size are not the same."""
    before = folder.manifest_hash()
    (folder.path / 'epoch_1.pth').write_bytes(b'Weights')
    folder.finish(0)
    assert folder.manifest_hash() != before


def test_what_lies_elsewhere_moves_along(folder, tmp_path):
    (tmp_path / 'work').rename(tmp_path / 'moved')
    moved = StageFolder(tmp_path / 'moved/cam')
    outputs = moved.read_outputs()
    assert moved.damage(outputs) == []
    (tmp_path / 'moved/page.html').unlink()
    assert moved.damage(outputs) == [f'{tmp_path}/moved/page.html is missing']


def test_what_a_command_writes_before_it_begins_is_no_loss(tmp_path):
    """As qaclims test whose weights are missing; a run of a plan may then take the folder."""
    folder = StageFolder(tmp_path)
    write_run_config(tmp_path, 'test', 'par.py', {})
    for name in ('par.py', 'classes.csv', '20261130_093110/run.log'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert not folder.is_foreign
    folder.check_is_ours()
    for name in ('metrics.json', 'mine.py', 'sub/par.py'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        with pytest.raises(StageError, match='holds files that no run of a plan has made'):
            folder.check_is_ours()
        path.unlink()
    (tmp_path / 'metrics.json').touch()
    write_claim(tmp_path, dict(config='a'))
    folder.check_is_ours()
