import pytest
import torch
from mmengine.config import ConfigDict
from strategies import ODD_NAMES

from qaclims_mm.errors import ConfigError
from qaclims_mm.models.classifiers.fixed_texts import FixedTexts
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

HEAD = dict(type='CLIPTextHead', model='miniworld://clip')
IMAGE_HEAD = dict(type='CLIPImageHead', model='miniworld://clip')


def words(texts, rows):
    return [texts.prompted[row] for row in rows if row >= 0]


def test_rows_of_each_class():
    texts = FixedTexts(
        ['cat', 'car', 'boat'],
        {'cat': ['sofa', 'car'], 'car': ['road', 'sofa', 'tree']},
        {'boat': 'ship'},
        '{text}!',
    )
    assert words(texts, texts.label_rows) == ['cat!', 'car!', 'ship!']
    assert [words(texts, rows) for rows in texts.background_rows] == [
        ['sofa!', 'car!'],
        ['road!', 'sofa!', 'tree!'],
        [],
    ]
    assert {len(rows) for rows in texts.background_rows} == {3}
    # each text stands once, also one that is a class too
    assert len(texts.prompted) == len(set(texts.prompted)) == 6


@pytest.mark.parametrize(
    ('present', 'wanted'),
    [
        ([0], ['cat!', 'sofa!', 'car!']),
        ([0, 1], ['cat!', 'car!', 'sofa!', 'road!', 'tree!']),
        ([1, 0], ['car!', 'cat!', 'road!', 'sofa!', 'tree!']),
        ([2], ['ship!']),
        ([], []),
    ],
)
def test_texts_that_compete_for_an_image(present, wanted):
    texts = FixedTexts(
        ['cat', 'car', 'boat'],
        {'cat': ['sofa', 'car'], 'car': ['road', 'sofa', 'tree']},
        {'boat': 'ship'},
        '{text}!',
    )
    assert words(texts, texts.competing_rows(present)) == wanted


def test_one_list_is_for_all_classes():
    texts = FixedTexts(['cat', 'car'], ['sky', 'road'])
    assert texts.background_rows[0] == texts.background_rows[1]


def test_encoding():
    texts = FixedTexts(['cat', 'car'], ['road'], prompt='a photo of {text}')
    found = texts.encode(HEAD, MODELS.build(IMAGE_HEAD))
    wanted = CLIPTextHead('miniworld://clip').load()
    torch.testing.assert_close(
        found, wanted.encode([f'a photo of {w}' for w in ('cat', 'car', 'road')]).clone()
    )
    assert not found.is_inference()


def test_encoders_of_two_clips():
    texts = FixedTexts(['cat'], [])
    other = MODELS.build(dict(type='CLIPImageHead', model='ViT-B-32', image_size=32))
    with pytest.raises(ConfigError, match='must be of one CLIP'):
        texts.encode(HEAD, other)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(background_texts={'dog': ['grass']}),
            "background_texts names the class 'dog'",
        ),
        (dict(class_texts={'dog': 'cat'}), "class_texts names the class 'dog', which does"),
        (dict(background_texts={'cat': 'road'}), "must be a list of texts, but got 'road'"),
        (dict(class_names=['tv'], class_texts={'TV': 'x'}), "class 'TV', .* did you mean tv?"),
        (dict(background_texts='road'), "background_texts must be a list of texts, but got 'road'"),
        (dict(prompt='a photo'), "prompt must have {text} in it, but got 'a photo'"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        FixedTexts(**{**dict(class_names=['cat'], background_texts=[]), **options})


@pytest.mark.parametrize('name', ODD_NAMES)
def test_names_are_literal(name):
    # as it comes out of a config
    given = ConfigDict(texts={name: [f'near {name}']}, names={name: f'{name}s'})
    texts = FixedTexts([name, 'cat'], given.texts, given.names, 'a {text}!')
    assert words(texts, texts.label_rows) == [f'a {name}s!', 'a cat!']
    assert words(texts, texts.background_rows[0]) == [f'a near {name}!']
