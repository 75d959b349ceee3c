import pytest

from qaclims_mm.corpus.prompts import fill_prompt
from qaclims_mm.errors import ConfigError


@pytest.mark.parametrize('text', ['cat', '{answer}', '{}', '{texts}', '%s', '', '{{$HOME:x}}'])
def test_a_text_is_data(text):
    assert fill_prompt('a photo of {answer}.', [text]) == [f'a photo of {text}.']


def test_texts_keep_their_order():
    found = fill_prompt('{answer}, or {answer}', ['b', 'a', 'b'])
    assert found == ['b, or b', 'a, or a', 'b, or b']
    assert fill_prompt('{answer}', []) == []


@pytest.mark.parametrize('prompt', ['', 'a photo of {}', 'a photo of {Answer}'])
def test_a_prompt_without_a_place_for_the_text(prompt):
    with pytest.raises(ConfigError, match=r'prompt must hold \{answer\}, but got'):
        fill_prompt(prompt, ['cat'])
