import json
import os
import tempfile

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from qaclims_mm import schemas
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import Manifest


def test_manifest_round_trip_and_bytes(tmp_path):
    manifest = Manifest('qape', 'abc', {'x': 'y'}, {'images': 3}, [['a', 'broken']], {'q': 1})
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    first = schemas.manifest_hash(tmp_path)
    manifest.write(tmp_path)
    assert schemas.manifest_hash(tmp_path) == first


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, r'manifest.json is missing: the stage that fills .* has not finished'),
        ('{', 'is not valid JSON'),
        ('[]', 'has no schema'),
        (json.dumps(dict(schema=99)), 'has schema 99, but this version reads 1'),
        (json.dumps(dict(schema=1, stage='a')), 'is no manifest'),
    ],
)
def test_bad_manifest(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'manifest.json').write_text(content)
    with pytest.raises(FormatError, match=message):
        Manifest.read(tmp_path)


def test_the_log_of_a_stage_that_has_not_finished_is_named(tmp_path):
    log = tmp_path / 'logs/qape.log'
    log.parent.mkdir()
    log.write_text('')
    with pytest.raises(FormatError, match=rf'not finished \(its log: {log}\); run it'):
        Manifest.read(tmp_path / 'qape/corpus')
    with pytest.raises(FormatError, match='not finished; run it'):
        Manifest.read(tmp_path / 'texts/text_bank')


def test_config_hash_ignores_how_a_run_is_carried_out():
    config = dict(model=dict(type='A', lr=0.1), work_dir='x', launcher='none')
    same = dict(model=dict(type='A', lr=0.1), work_dir='y', launcher='pytorch')
    other = dict(model=dict(type='A', lr=0.2), work_dir='x', launcher='none')
    assert schemas.hash_config(config) == schemas.hash_config(same)
    assert schemas.hash_config(config) != schemas.hash_config(other)


@pytest.mark.parametrize('root', ['work_dirs/a', '/elsewhere/b'])
def test_config_hash_of_a_moved_chain(root):
    def config(root, bank):
        return dict(
            work_dir=f'{root}/ritc', model=dict(bank=f'{root}/{bank}', own=f'{root}/ritc/x')
        )

    first = schemas.hash_config(config('work_dirs/first', 'qape'))
    assert schemas.hash_config(config(root, 'qape')) == first
    assert schemas.hash_config(config(root, 'other')) != first


@strategies.fast
@given(
    st.lists(st.tuples(strategies.image_ids, st.text(max_size=20)), max_size=3),
    st.dictionaries(strategies.names, strategies.names, max_size=3),
)
def test_names_come_back_as_they_were_written(failed, extra):
    written = Manifest('qape', 'hash', failed=[list(f) for f in failed], extra=extra)
    with tempfile.TemporaryDirectory() as folder:
        written.write(folder)
        assert Manifest.read(folder) == written


@pytest.mark.parametrize('content', ['[]', '3', '"x"', 'null', '{', '[' * 200_000])
def test_a_claim_that_is_none(tmp_path, content):
    (tmp_path / 'run.json').write_text(content)
    message = r'run\.json is .*; delete .* and run its stage again\.'
    with pytest.raises(FormatError, match=message):
        schemas.claim_folder(tmp_path, {'config': 'x'})


def test_a_claim_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'run.json')
    with pytest.raises(FormatError, match='is not a regular file'):
        schemas.claim_folder(tmp_path, {'config': 'x'})
