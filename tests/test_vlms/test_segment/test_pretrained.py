import pytest
import torch
from tiny_segmenters import SAM, make_sam

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.vlms.segment.pretrained import Pretrained

pytest.importorskip('transformers')


def read(*args, **options):
    return Pretrained(*args, **options).read('SamModel', 'SamConfig', 'cpu')


def test_weights_are_read_frozen(tmp_path):
    make_sam(tmp_path)
    network = read(str(tmp_path), dtype='bfloat16')
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training


def test_random_weights_come_from_the_seed():
    first, again, other = (read('nowhere', SAM, seed=seed).state_dict() for seed in (0, 0, 1))
    assert {w.dtype for w in first.values()} == {torch.float32}
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


def test_a_folder_that_is_missing():
    with pytest.raises(FormatError, match=r"^the folder '/no/such' does not exist"):
        read('/no/such')


@pytest.mark.parametrize('dtype', ['float8', 'float64', 'cuda', 16, torch.float16])
def test_unknown_number_formats(dtype):
    with pytest.raises(ConfigError, match=r"dtype must be one of \('float32', .*, but got"):
        Pretrained('nowhere', dtype=dtype)


@pytest.mark.parametrize('seed', [-1, 0.5, '3', None])
def test_seeds_out_of_range(seed):
    with pytest.raises(ConfigError, match='seed must be a whole number of at least 0, but got'):
        Pretrained('nowhere', seed=seed)
