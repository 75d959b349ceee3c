import pytest

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import claim_folder, claim_path, read_claim, write_claim, write_json


def test_a_folder_is_held_by_one_run(tmp_path):
    claim_folder(tmp_path / 'cams', dict(config='a', checkpoint='x'))
    assert read_claim(tmp_path / 'cams') == dict(config='a', checkpoint='x')
    claim_folder(tmp_path / 'cams', dict(checkpoint='x', config='a'))
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
