import os
import pickle

import pytest
import torch
from released_files import harmful, saved
from safetensors import safe_open

from qaclims_mm.convert.files import (
    atomic_folder,
    check_free,
    read_checkpoint,
    read_lines,
    write_checkpoint,
    write_safetensors,
)
from qaclims_mm.errors import ConfigError, FormatError

WEIGHTS = {'a.w': torch.ones(2), 'b': torch.zeros(3)}


@pytest.mark.parametrize(
    'content',
    [
        WEIGHTS,
        {'state_dict': WEIGHTS},
        {'model': WEIGHTS, 'iteration': 3},
        {'module.' + k: v for k, v in WEIGHTS.items()},
        {'state_dict': {'module.' + k: torch.nn.Parameter(v) for k, v in WEIGHTS.items()}},
    ],
)
@pytest.mark.parametrize('zipped', [True, False])
def test_ways_to_store_weights(tmp_path, content, zipped):
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / 'a.pth')
    assert list(found) == list(WEIGHTS)
    assert all(torch.equal(v, WEIGHTS[k]) for k, v in found.items())


@pytest.mark.parametrize('name', harmful(''))
@pytest.mark.parametrize('form', ['zip', 'older format', 'bare pickle'])
def test_nothing_is_run(tmp_path, name, form):
    marker = tmp_path / 'marker'
    value = {'w': harmful(str(marker))[name]}
    content = (
        pickle.dumps(value, protocol=2)
        if form == 'bare pickle'
        else saved(value, _use_new_zipfile_serialization=form == 'zip')
    )
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(
        FormatError, match=rf'^{path} cannot be loaded safely .* Nothing in'
    ) as raised:
        read_checkpoint(path)
    assert 'weights_only' not in str(raised.value)
    if name == 'os.mkdir':
        assert 'GLOBAL posix.mkdir' in str(raised.value)
    assert not marker.exists()
    if not name.startswith('in a tensor'):
        # the file is what it is meant to be
        if form == 'bare pickle':
            pickle.loads(content)  # noqa: S301 - makes the marker
        else:
            torch.load(path, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize('share', [0, 0.1, 0.5, 0.99])
def test_truncated(tmp_path, share):
    content = saved(WEIGHTS)
    path = tmp_path / 'a.pth'
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match=rf'^{path} cannot be loaded safely') as raised:
        read_checkpoint(path)
    assert 'weights_only' not in str(raised.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1], 'holds a list instead of named weights'),
        ({}, 'holds a dict instead of named weights'),
        ({'state_dict': {}}, 'holds a dict instead of named weights'),
        ({'w': torch.ones(1), 'epoch': 3}, 'holds more than weights, such as epoch'),
        ({'w': torch.ones(1), 'module.w': torch.ones(1)}, 'has names twice'),
    ],
)
def test_other_contents(tmp_path, content, message):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(FormatError, match=message):
        read_checkpoint(tmp_path / 'a.pth')


def test_missing_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'absent\.pth does not exist; give the released'):
        read_checkpoint(tmp_path / 'absent.pth')


def test_checkpoint(tmp_path):
    source = tmp_path / 'source.pth'
    source.write_bytes(b'x')
    written = []
    for name in ('a.pth', 'b.pth'):
        write_checkpoint(tmp_path / 'deep' / name, WEIGHTS, 'cam', source)
        written.append((tmp_path / 'deep' / name).read_bytes())
    assert written[0] == written[1]
    found = torch.load(tmp_path / 'deep/a.pth', weights_only=True)
    assert found['meta']['source'] == 'source.pth'
    assert found['meta']['converted'] == 'cam'
    assert torch.equal(found['state_dict']['a.w'], WEIGHTS['a.w'])
    assert sorted(p.name for p in (tmp_path / 'deep').iterdir()) == ['a.pth', 'b.pth']


def test_safetensors_can_be_read_by_others(tmp_path):
    write_safetensors(tmp_path / 'a.safetensors', WEIGHTS)
    assert (tmp_path / 'a.safetensors').stat().st_mode & 0o777 == 0o644
    with safe_open(tmp_path / 'a.safetensors', 'pt') as file:
        assert file.metadata() == {'format': 'pt'}
        assert set(file.keys()) == set(WEIGHTS)


def test_what_may_be_replaced(tmp_path):
    file, empty, ours, other = (tmp_path / n for n in ('file', 'empty', 'ours', 'other'))
    file.write_text('x')
    for folder in (empty, ours, other):
        folder.mkdir()
    (ours / 'manifest.json').touch()
    (other / 'thesis.tex').touch()
    check_free(tmp_path / 'absent', False)
    check_free(file, True)
    check_free(empty, False, 'manifest.json')
    check_free(ours, True, 'manifest.json')
    for path, marker in ((file, None), (ours, 'manifest.json'), (other, 'manifest.json')):
        with pytest.raises(ConfigError, match='exists; choose another output, or --force to repl'):
            check_free(path, False, marker)
    for path, marker in ((other, 'manifest.json'), (file, 'manifest.json'), (ours, None)):
        with pytest.raises(ConfigError, match='is not an older output of this kind'):
            check_free(path, True, marker)


def test_folder_appears_whole(tmp_path):
    with atomic_folder(tmp_path / 'deep/out') as folder:
        (folder / 'a').write_text('1')
        assert not (tmp_path / 'deep/out').exists()
    with atomic_folder(tmp_path / 'deep/out') as folder:
        (folder / 'b').write_text('2')
        assert (tmp_path / 'deep/out/a').exists()
    assert [p.name for p in (tmp_path / 'deep/out').iterdir()] == ['b']
    assert [p.name for p in (tmp_path / 'deep').iterdir()] == ['out']


def test_folder_that_fails_leaves_the_older_one(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a').write_text('1')

    def fail():
        with atomic_folder(tmp_path / 'out') as folder:
            (folder / 'b').write_text('2')
            raise RuntimeError('disk full')

    with pytest.raises(RuntimeError, match='disk full'):
        fail()
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['a']
    assert [p.name for p in tmp_path.iterdir()] == ['out']


def test_folder_that_cannot_be_put_in_place(tmp_path, monkeypatch):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a').write_text('1')
    replace, calls = os.replace, []

    def fail(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise OSError('gone')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='gone'), atomic_folder(tmp_path / 'out'):
        pass
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['a']


def test_lines(tmp_path):
    (tmp_path / 'ids.txt').write_text(' a \n\nb\r\n')
    assert read_lines(tmp_path / 'ids.txt') == ['a', 'b']
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(FormatError, match='is empty; give one image id a line'):
        read_lines(tmp_path / 'empty.txt')
    (tmp_path / 'bad.txt').write_bytes(b'\xff\xfe\xff')
    with pytest.raises(FormatError, match='is no text file'):
        read_lines(tmp_path / 'bad.txt')
