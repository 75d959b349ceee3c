import errno
import os
import pickle
import zipfile

import pytest
import torch
from helpers import served
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file

from qaclims_mm.engine import checkpoints
from qaclims_mm.engine.checkpoints import (
    cached_path,
    checkpoint_hash,
    checkpoint_path,
    hash_weights,
    load_safely,
    weights_in,
)
from qaclims_mm.errors import FormatError
from qaclims_mm.paths import resolve

SHIPPED = 'miniworld://segment/r18-mini.safetensors'


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    """Where downloads are kept: a folder of the test's own."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    return tmp_path / 'hub'


@pytest.fixture
def web(tmp_path):
    """Serve two checkpoints of equal names; give the address and what was asked for."""
    for folder, value in (('one', 1.0), ('two', 2.0)):
        (tmp_path / 'web' / folder).mkdir(parents=True)
        save_file(dict(a=torch.tensor([value])), tmp_path / f'web/{folder}/m.safetensors')
        torch.save(dict(state_dict=dict(a=torch.tensor([value]))), tmp_path / f'web/{folder}/m.pth')
    with served(tmp_path / 'web') as found:
        yield found


@pytest.mark.parametrize('name', ['m.safetensors', 'm.pth'])
def test_an_address_is_downloaded_once(web, name):
    address, asked = web
    for _ in range(2):
        for folder, value in (('one', 1.0), ('two', 2.0)):
            found = CheckpointLoader.load_checkpoint(f'{address}/{folder}/{name}', 'cpu')
            assert found['state_dict']['a'] == value
    assert asked == [f'/one/{name}', f'/two/{name}']
    path = checkpoint_path(f'{address}/two/{name}')
    assert checkpoint_hash(f'{address}/two/{name}') == hash_weights(dict(a=torch.tensor([2.0])))
    assert path.is_file()
    assert len(asked) == 2


def test_names_with_a_hash_are_kept_where_others_keep_them(hub):
    url = 'https://download.pytorch.org/models/resnet18-f37072fd.pth?x=1'
    assert cached_path(url) == hub / 'checkpoints/resnet18-f37072fd.pth'
    assert cached_path(url, 'elsewhere').parts == ('elsewhere', 'resnet18-f37072fd.pth')
    assert cached_path('https://a.org/m.pth') != cached_path('https://b.org/m.pth')
    assert cached_path('https://a.org/').name == 'checkpoint'


def test_addresses_that_lead_nowhere(web, hub):
    address, _ = web
    for url in (f'{address}/no.pth', 'http://127.0.0.1:9/m.pth'):
        with pytest.raises(FormatError, match=rf'^{url} cannot be downloaded \(.*put the file at'):
            CheckpointLoader.load_checkpoint(url)
    assert not [p for p in hub.rglob('*') if p.is_file()]


def test_a_download_cannot_run_code(web, tmp_path):
    torch.save(dict(state_dict=dict(a=print)), tmp_path / 'web/bad.pth')
    with pytest.raises(FormatError, match='cannot be loaded safely'):
        CheckpointLoader.load_checkpoint(f'{web[0]}/bad.pth')


def test_paths_of_names(tmp_path, monkeypatch):
    assert str(checkpoint_path(SHIPPED)) == resolve(SHIPPED)
    shipped = load_safely(resolve(SHIPPED))['state_dict']
    assert checkpoint_hash(SHIPPED) == hash_weights(shipped)
    torch.save(dict(a=torch.ones(1)), tmp_path / 'a.pth')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert checkpoint_path('~/a.pth') == tmp_path / 'a.pth'
    with pytest.raises(FormatError, match=r'^there is no checkpoint nope\.pth\.$'):
        checkpoint_path('nope.pth')
    with pytest.raises(FileNotFoundError, match='is not there; make it with'):
        checkpoint_path('miniworld://nope.safetensors')
    # a zoo has its own rules where it keeps what
    assert checkpoint_hash('torchvision://resnet18') != checkpoint_hash('torchvision://resnet50')


def test_mmengine_loads_as_we_do():
    from mmengine.runner import checkpoint

    assert checkpoint._safe_torch_load is load_safely
    assert checkpoint.load_url is checkpoints.load_url


def test_safetensors_have_a_meta(tmp_path):
    """mmseg's init_model fails for a checkpoint without one."""
    save_file(dict(a=torch.ones(1)), tmp_path / 'a.safetensors')
    found = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.safetensors'), 'cpu')
    assert found == dict(state_dict=dict(a=torch.ones(1)), meta={})


@pytest.mark.parametrize('content', [[1], torch.ones(1), {1: torch.ones(1)}, dict(state_dict=None)])
def test_what_holds_no_weights(content):
    with pytest.raises(FormatError, match=r'^a\.pth has no state_dict of weights\.$'):
        weights_in(content, 'a.pth')
    assert weights_in(dict(a=torch.ones(1)), 'a.pth') == dict(a=torch.ones(1))


OTHERS = {
    'list': ([1], 'it holds a list instead of named weights'),
    'tensor': (torch.ones(1), 'it holds a Tensor instead of named weights'),
    'number as a name': ({1: torch.ones(1)}, 'a name in it is a int instead of a text'),
    'no state_dict': (dict(state_dict=None), 'its state_dict is a NoneType instead of named'),
    'number in state_dict': (dict(state_dict={1: torch.ones(1)}), 'a name in it is a int'),
    'nothing': (None, 'it holds a NoneType instead of named weights'),
}


@pytest.mark.parametrize('older', [False, True])
@pytest.mark.parametrize(('content', 'message'), OTHERS.values(), ids=OTHERS)
def test_checkpoints_of_another_kind(tmp_path, content, message, older):
    path = tmp_path / 'a.pth'
    torch.save(content, path, _use_new_zipfile_serialization=not older)
    with pytest.raises(FormatError, match=rf'^{path} is no checkpoint: {message}'):
        CheckpointLoader.load_checkpoint(str(path), 'cpu')


@pytest.mark.timeout(20)
@pytest.mark.parametrize('older', [False, True])
@pytest.mark.parametrize('place', ['key', 'value', 'state_dict'])
def test_values_that_never_end(tmp_path, place, older):
    # pickled by hand, since hashing a key of its own would not end
    head = dict(key=b'}', value=b'}X\x01\x00\x00\x00a', state_dict=b'}X\x0a\x00\x00\x00state_dict')
    value = b')' + b'2\x86' * 60 + (b'K\x01s' if place == 'key' else b's')
    path, good = tmp_path / 'a.pth', tmp_path / 'good.pth'
    torch.save({}, good, _use_new_zipfile_serialization=not older)
    replace_pickle(good, path, b'\x80\x02' + head[place] + value + b'.')
    with pytest.raises(FormatError, match=r'cannot be loaded safely \(it repeats a value within'):
        load_safely(path)


def replace_pickle(good, path, content):
    """Write a checkpoint of torch with other values."""
    if not zipfile.is_zipfile(good):
        empty = pickle.dumps({}, protocol=2)
        before, after = good.read_bytes().rsplit(empty, 1)
        path.write_bytes(before + content + after)
        return
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, 'w') as new:
        for name in old.namelist():
            new.writestr(name, content if name.endswith('data.pkl') else old.read(name))


def test_no_message_says_how_to_run_the_code_of_a_file(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(a=os.getcwd, b=print), path)
    with pytest.raises(FormatError) as raised:
        load_safely(path)
    assert 'weights_only' not in str(raised.value)
    assert 'False' not in str(raised.value)


def test_files_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    torch.save({}, path)

    def refuse(file):
        raise PermissionError(errno.EACCES, 'Permission denied', str(file))

    # whoever runs the tests may be allowed everything
    monkeypatch.setattr(checkpoints, 'check_pickles', refuse)
    with pytest.raises(FormatError) as raised:
        load_safely(path)
    assert str(raised.value) == (
        f'{path} cannot be loaded safely (Permission denied). Check the path and its permissions.'
    )
    monkeypatch.undo()
    with pytest.raises(FormatError, match=r'\(Is a directory\)\. Check the path'):
        load_safely(tmp_path)


def test_dates_do_not_count(tmp_path):
    weights = dict(a=torch.ones(2, 3), b=torch.tensor(7), c=torch.zeros(0).half())
    torch.save(dict(state_dict=weights, meta=dict(time='20260101')), tmp_path / 'a.pth')
    torch.save(dict(meta=dict(time='20260102'), state_dict=weights), tmp_path / 'b.pth')
    save_file(weights, tmp_path / 'c.safetensors')
    torch.save(dict(reversed(weights.items())), tmp_path / 'd.pth')
    names = ('a.pth', 'b.pth', 'c.safetensors', 'd.pth')
    assert len({checkpoint_hash(str(tmp_path / name)) for name in names}) == 1


def test_whatever_is_of_the_weights_counts():
    ones = torch.ones(2, 3)
    others = [dict(a=ones), dict(b=ones), dict(a=ones.T), dict(a=ones.double()), dict(a=-ones), {}]
    others.append(dict(a=ones, b=torch.zeros(0)))
    assert len({hash_weights(weights) for weights in others}) == len(others)
    assert hash_weights(dict(a=ones.T)) == hash_weights(dict(a=torch.ones(3, 2)))
