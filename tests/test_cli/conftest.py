"""What tests of ranks share."""

import pytest
import torch


@pytest.fixture(scope='module')
def one_thread():
    """As torchrun gives its ranks, since sums over threads differ in the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
