import inspect

import pytest

from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, BusyModel, VQAModel, check_lengths


def test_answer_is_text_and_score():
    text, score = Answer('a tram', -0.5)
    assert (text, score) == ('a tram', -0.5)


@pytest.mark.parametrize('name', ['BlipVQA', 'Blip2VQA', 'ChatVQA', 'ServedVQA'])
@pytest.mark.parametrize('method', ['load', 'answer'])
def test_registered_models_have_the_protocol(name, method):
    wanted, found = (
        list(inspect.signature(getattr(c, method)).parameters)
        for c in (VQAModel, VQA_MODELS.get(name))
    )
    assert found == wanted


def test_lengths():
    check_lengths([], [])
    check_lengths('ab', [[], ['x']])
    with pytest.raises(ValueError, match=r'an image, but got 2 images and 1 list\.'):
        check_lengths('ab', [[]])


def test_the_served_model_is_kept_busy():
    model = VQA_MODELS.get('ServedVQA')('m', dict(base_url='http://localhost/v1'))
    assert isinstance(model, BusyModel)
    for name in ('begin', 'summary', 'close'):
        wanted, found = (inspect.signature(getattr(c, name)) for c in (BusyModel, type(model)))
        assert list(found.parameters) == list(wanted.parameters)
