import inspect

import pytest

from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, VQAModel, check_lengths


def test_answer_is_text_and_score():
    text, score = Answer('a tram', -0.5)
    assert (text, score) == ('a tram', -0.5)


@pytest.mark.parametrize('name', ['BlipVQA', 'Blip2VQA', 'ChatVQA'])
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
    with pytest.raises(ValueError, match='an image, but got 2 images and 1 lists'):
        check_lengths('ab', [[]])
