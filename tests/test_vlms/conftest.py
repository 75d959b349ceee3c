"""A server for the tests of clients and of served models."""

import pytest

from benchmarks.chat_server import Behaviour, serving
from qaclims_mm.vlms.endpoint import pacing


@pytest.fixture
def server(monkeypatch):
    """Give what a server does, with its ``url``; waits after errors are short."""
    monkeypatch.setattr(pacing, 'FIRST_DELAY', 0.001)
    behaviour = Behaviour()
    with serving(behaviour) as behaviour.url:
        yield behaviour
