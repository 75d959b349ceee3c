import os

import pytest


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    """Let no test ask a proxy of this machine."""
    for name in [n for n in os.environ if n.lower().endswith('_proxy')]:
        monkeypatch.delenv(name)
