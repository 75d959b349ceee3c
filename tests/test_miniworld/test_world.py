import itertools

import pytest

from qaclims_mm.miniworld import grounds, things
from qaclims_mm.miniworld.objects import PAINTERS as OBJECT_PAINTERS
from qaclims_mm.miniworld.world import (
    CLASS_FACTS,
    CLASSES,
    SCENE_FACTS,
    SCENES,
    THINGS,
    label_with,
    names_of,
    vocabulary,
)


def test_every_class_has_two_or_more_kinds_two_aliases_and_a_scene():
    for facts in CLASS_FACTS.values():
        assert len(set(facts.kinds)) == len(facts.kinds) >= 2
        assert len(set(facts.aliases)) == 2
        assert facts.scene in SCENE_FACTS


def test_no_class_shares_its_scene():
    homes = [facts.scene for facts in CLASS_FACTS.values()]
    assert sorted(homes) == sorted(SCENES)


def test_a_name_means_one_class_only():
    names = [n for c, f in CLASS_FACTS.items() for n in {c, *f.kinds, *f.aliases}]
    assert len(set(names)) == len(names)
    # and no object is called as a thing or a scene
    places = {n for f in SCENE_FACTS.values() for n in f.names}
    assert not set(names) & {*THINGS, *places}


def test_scenes_can_be_told_by_their_names():
    for a, b in itertools.combinations(SCENE_FACTS.values(), 2):
        assert not set(a.names) & set(b.names)
        assert a.under != b.under


def test_everything_has_a_painter_and_no_painter_is_idle():
    assert set(things.PAINTERS) == set(THINGS)
    assert set(grounds.BACKDROPS) == set(SCENES)
    assert set(OBJECT_PAINTERS) == {k for f in CLASS_FACTS.values() for k in f.kinds}


@pytest.mark.parametrize(
    ('answer', 'class_name', 'label'),
    [
        ('jet', 'aeroplane', 'jet aeroplane'),
        ('black cat', 'cat', 'black cat'),
        ('steam train', 'train', 'steam train'),
        ('fern', 'potted plant', 'fern potted plant'),
    ],
)
def test_label_with(answer, class_name, label):
    assert label_with(answer, class_name) == label


def test_names_of():
    assert names_of('cat', 'tabby') == ('cat', 'tabby', 'tabby cat', 'kitty', 'feline')


def test_vocabulary_has_every_word_once():
    words = vocabulary()
    assert words == sorted(set(words))
    for phrase in (
        *CLASSES,
        *THINGS,
        *(n for f in SCENE_FACTS.values() for n in f.names),
        *(n for c, f in CLASS_FACTS.items() for k in f.kinds for n in names_of(c, k)),
    ):
        assert set(phrase.split()) <= set(words), phrase
