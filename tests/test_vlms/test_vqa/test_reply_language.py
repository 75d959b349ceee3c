import pytest

from qaclims_mm.vlms.vqa.reply_language import is_foreign


@pytest.mark.parametrize(
    'reply',
    [
        '草地',
        'собака на траве',
        'کتاب',
        '犬です。',
        'ein Hund auf dem Gras',
        'Das ist eine Wiese.',  # codespell:ignore ist
        "un chien dans l'herbe",
        'le ciel est bleu et la mer',
        'el cielo y las nubes',
        'um cão no jardim da casa',
        'il cane è nel giardino',
        'een hond op het gras',
        # "in", "an", "on" and "is" are words of these languages too
        'ein Hund in dem Gras',
        'eine Frau an dem Strand',
        'de hond is in het gras',
        'il gatto in un prato',
        'les enfants on la plage',
    ],
)
def test_foreign(reply):
    assert is_foreign(reply, 'What is under the dog?')


@pytest.mark.parametrize(
    'reply',
    [
        '',
        '12',
        '?!',
        'grass',
        'A Golden Retriever.',
        'des moines',
        'la jolla',
        'Playa de Palma',
        'the Café de Flore in Paris',
        'São Paulo',
        'a shih tzu (狮子狗)',
        'die cast model',
        'Sorry, I cannot tell.',
        'No, I do not see one.',
        'the van is red',
        'van is red',
        'in an inn',
    ],
)
def test_english_and_names(reply):
    assert not is_foreign(reply, 'What is under the dog?')


def test_a_question_in_another_script_may_be_answered_in_it():
    assert not is_foreign('草地', 'What is under the 犬?')
