import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.published import published_meta, read_safetensors, write_published

# a name is data
NAMES = ['background', 'a "quoted" 犬', '{texts}']
COLOURS = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
META = dict(dataset_meta=dict(classes=NAMES, palette=COLOURS))


@pytest.mark.parametrize('name', ['a.safetensors', 'a.pth'])
def test_weights_and_names_come_back(tmp_path, name):
    state = dict(b=torch.rand(3, 4).T, a=torch.tensor(7))
    write_published(tmp_path / name, state, META)
    if name == 'a.pth':
        found = torch.load(tmp_path / name, weights_only=True)
    else:
        found = read_safetensors(tmp_path / name)
        with safe_open(tmp_path / name, 'pt') as file:
            assert json.loads(file.metadata()['meta']) == META
    assert found['meta'] == META
    assert found['state_dict'].keys() == state.keys()
    assert all(torch.equal(found['state_dict'][k], v) for k, v in state.items())
    before = (tmp_path / name).read_bytes()
    for _ in range(5):
        write_published(tmp_path / name, state, META)
        assert (tmp_path / name).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_only_names_and_colours_are_published():
    meta = dict(
        seed=0,
        cfg='work_dir = "/home/somebody"',
        dataset_meta=dict(
            classes=tuple(NAMES), palette=np.array(COLOURS), label_map=None, reduce_zero_label=False
        ),
    )
    found = published_meta(meta)
    assert found == META
    assert type(found['dataset_meta']['palette'][0][0]) is int


@pytest.mark.parametrize('meta', [None, {}, dict(dataset_meta=None), dict(dataset_meta={}), [1]])
def test_without_names_there_is_no_meta(meta):
    assert published_meta(meta) == {}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(classes=['a', 3, 'c']), 'a class name is no text'),
        (dict(palette=COLOURS[:2]), 'it has 3 classes and 2 colours'),
        (dict(palette=[[0, 0]] * 3), 'not of three numbers'),
    ],
)
def test_broken_meta(changes, message):
    with pytest.raises(FormatError, match=f'dataset_meta of the checkpoint is broken: .*{message}'):
        published_meta(dict(dataset_meta={**META['dataset_meta'], **changes}))


def test_metadata_that_is_no_meta(tmp_path):
    path = tmp_path / 'a.safetensors'
    save_file(dict(a=torch.ones(1)), path)
    assert read_safetensors(path)['meta'] == {}
    for text in ('{', '[' * 100000, '{"dataset_meta": {"classes": 3}}'):
        save_file(dict(a=torch.ones(1)), path, metadata={'meta': text})
        with pytest.raises(
            FormatError, match=r'meta in the metadata of .*a\.safetensors is broken'
        ):
            read_safetensors(path)


def test_another_ending(tmp_path):
    with pytest.raises(ConfigError, match=r'must end in \.safetensors or \.pth, but got .*a\.bin'):
        write_published(tmp_path / 'a.bin', {}, {})
