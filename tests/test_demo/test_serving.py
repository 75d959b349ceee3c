import signal

import pytest

pytest.importorskip('gradio')
httpx = pytest.importorskip('httpx')
from page_soak import soak, started  # noqa: E402 - an extra

# MB that the server may grow between 200 and 1,000 requests. Until then the cache of results fills,
# up to its budget; measured: GROWN.
GROWTH = 60


def test_a_hundred_requests_leave_nothing(tmp_path):
    with started(tmp_path) as server:
        soak(server, 100)
        assert len(server.files()) > 100
        status, text = server.stop(signal.SIGTERM)
    assert (status, text) == (0, '')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_is_flat_over_a_thousand_requests(tmp_path):
    with started(tmp_path) as server:
        measured = soak(server, 1000)
        status, text = server.stop(signal.SIGINT)
    assert (status, text) == (0, '')
    assert list(tmp_path.iterdir()) == []
    after = [megabytes for done, megabytes in measured.items() if done >= 200]
    assert max(after) - after[0] < GROWTH, measured


def test_a_signal_while_networks_load(tmp_path):
    with started(tmp_path, wait=False) as server:
        server.wait_for_folder()
        status, text = server.stop(signal.SIGTERM)
    assert status == 0, text
    assert 'Traceback' not in text
    assert list(tmp_path.iterdir()) == []
