import pytest

from qaclims_mm.models.predict_only import PredictOnly


class Doubler(PredictOnly):
    def predict(self, inputs, data_samples):
        return [2 * x for x in inputs]


def test_it_predicts_and_nothing_else():
    model = Doubler()
    assert model([1, 2], []) == [2, 4]
    assert not list(model.parameters())
    with pytest.raises(ValueError, match=r"Doubler only predicts, but mode is 'loss'"):
        model([], [], mode='loss')
