import pytest

from qaclims_mm.registry import MODELS


def test_samples_pass_through():
    samples = [object(), object()]
    model = MODELS.build(dict(type='PassThrough'))
    assert model(None, samples) == samples
    assert list(model.parameters())


def test_there_is_nothing_to_train():
    with pytest.raises(ValueError, match="only predicts, but mode is 'loss'"):
        MODELS.build(dict(type='PassThrough'))(None, [], mode='loss')
