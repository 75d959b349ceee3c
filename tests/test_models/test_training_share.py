import pytest
from mmengine.logging import MessageHub

from qaclims_mm.models.training_share import training_share


@pytest.mark.parametrize(
    ('info', 'share'),
    [
        ({}, 0.0),
        (dict(iter=3), 0.0),
        (dict(iter=3, max_iters=None), 0.0),
        (dict(iter=0, max_iters=12), 0.0),
        (dict(iter=3, max_iters=12), 0.25),
        (dict(iter=12, max_iters=12), 1.0),
    ],
)
def test_training_share(monkeypatch, info, share):
    hub = MessageHub(f'test_training_share of {info}')
    monkeypatch.setattr(MessageHub, 'get_current_instance', lambda: hub)
    for key, value in info.items():
        hub.update_info(key, value)
    assert training_share() == share
