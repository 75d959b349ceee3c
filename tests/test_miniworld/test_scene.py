import math
from collections import Counter

import numpy as np
import pytest

from qaclims_mm.corpus.questions import QUESTION_SETS
from qaclims_mm.miniworld.scene import Item, Object, Scene, paint, sample_scene, truth
from qaclims_mm.miniworld.world import (
    CLASS_FACTS,
    CLASSES,
    CONTEXT_RATE,
    SCENE_FACTS,
    SCENES,
    SECOND_OBJECT_RATE,
    THINGS,
    vocabulary,
)

NUMBER = 600


@pytest.fixture(scope='module')
def scenes():
    return [sample_scene(np.random.default_rng([7, i])) for i in range(NUMBER)]


def assert_rate(hits, number, rate):
    # four standard deviations of a binomial: wrong once in 15 000 worlds
    assert abs(hits - number * rate) <= 4 * math.sqrt(number * rate * (1 - rate))


def test_context_is_right_nine_times_in_ten(scenes):
    at_home = sum(CLASS_FACTS[s.objects[0].class_name].scene == s.name for s in scenes)
    assert_rate(at_home, NUMBER, CONTEXT_RATE)
    assert CONTEXT_RATE == 0.9


def test_second_objects(scenes):
    two = [s for s in scenes if len(s.objects) == 2]
    assert_rate(len(two), NUMBER, SECOND_OBJECT_RATE)
    assert all(a.class_name != b.class_name for a, b in (s.objects for s in two))
    # the second one takes the place of what is beside
    for s in two:
        first, second = ((o.box[0] + o.box[2]) / 2 for o in s.objects)
        assert (s.left is None) == (second < first)
        assert (s.right is None) == (second > first)
    assert all(s.left and s.right for s in scenes if len(s.objects) == 1)


def test_everything_occurs(scenes):
    assert {s.name for s in scenes} == set(SCENES)
    classes = Counter(s.objects[0].class_name for s in scenes)
    for name in CLASSES:
        assert_rate(classes[name], NUMBER, 1 / len(CLASSES))
    kinds = {o.name for s in scenes for o in s.objects}
    assert kinds == {k for f in CLASS_FACTS.values() for k in f.kinds}
    assert {t.name for s in scenes for t in s.things} == set(THINGS)
    assert {o.flip for s in scenes for o in s.objects} == {True, False}


def test_things_are_those_of_the_scene(scenes):
    for s in scenes:
        facts = SCENE_FACTS[s.name]
        assert s.under.name == facts.under
        assert s.above.name in facts.above
        assert s.behind.name in facts.behind
        assert all(t.name in facts.beside for t in (s.left, s.right) if t)


def test_things_are_where_the_answers_say(scenes):
    for s in scenes:
        assert s.above.box[3] < s.behind.box[3]
        assert s.under.box[1] == s.horizon
        for o in s.objects:
            centre = (o.box[0] + o.box[2]) / 2
            assert o.box[3] > s.horizon  # it stands on what is under it
            assert s.left is None or (s.left.box[0] + s.left.box[2]) / 2 < centre
            assert s.right is None or (s.right.box[0] + s.right.box[2]) / 2 > centre


def test_truth_answers_every_question_in_known_words(scenes):
    ids = {q.id for q in QUESTION_SETS['paper']}
    assert len(ids) == 16
    known = set(vocabulary())
    for s in scenes:
        for number in range(len(s.objects)):
            answers = truth(s, number)
            assert set(answers) == ids
            for texts in answers.values():
                assert texts
                assert all(t and set(t.split()) <= known for t in texts)


def item(name, x=0.5):
    return Item(name, (x - 0.1, 0.1, x + 0.1, 0.3))


def thing(class_name, kind, x):
    return Object(kind, (x - 0.1, 0.5, x + 0.1, 0.7), class_name=class_name)


ALONE = Scene(
    name='meadow',
    horizon=0.6,
    behind=item('barn'),
    above=item('sun'),
    left=item('rock', 0.1),
    right=item('haystack', 0.9),
    objects=(thing('sheep', 'ram', 0.5),),
)
# a car takes the place of the thing at the left
TWO = Scene(
    name='meadow',
    horizon=0.6,
    behind=item('barn'),
    above=item('sun'),
    left=None,
    right=item('haystack', 0.9),
    objects=(thing('sheep', 'ram', 0.7), thing('car', 'van', 0.2)),
)


def test_truth_of_one_object():
    assert truth(ALONE, 0) == dict(
        fine_1=('ram',),
        fine_2=('ram',),
        alias_1=('livestock', 'ewe'),
        alias_2=('ewe', 'livestock'),
        alias_3=('livestock', 'ewe'),
        alias_4=('ewe', 'livestock'),
        object_1=('sun',),
        object_2=('grass',),
        object_3=('barn',),
        object_4=('grass', 'barn'),
        object_5=('rock', 'haystack'),
        object_6=('rock',),
        object_7=('haystack',),
        scene_1=('meadow', 'field', 'farm'),
        scene_2=('field', 'meadow', 'farm'),
        scene_3=('farm', 'meadow', 'field'),
    )


@pytest.mark.parametrize(
    ('index', 'left', 'right'),
    [(0, 'car', 'haystack'), (1, 'barn', 'sheep')],
    ids=['first', 'second'],
)
def test_truth_of_two_objects(index, left, right):
    answers = truth(TWO, index)
    assert (answers['object_6'], answers['object_7']) == ((left,), (right,))
    assert answers['object_5'] == (left, right)


@pytest.fixture(scope='module')
def pictures(scenes):
    return [(s, paint(s, np.random.default_rng(i), 64)) for i, s in enumerate(scenes[:40])]


def test_pictures(pictures):
    for scene, picture in pictures:
        assert picture.image.shape == (64, 64, 3)
        assert picture.image.dtype == picture.mask.dtype == np.uint8
        # nearer objects may hide a part of the first one, but never all of it
        labels = {CLASSES.index(o.class_name) + 1 for o in scene.objects}
        assert set(np.unique(picture.mask).tolist()) - {0, 255} == labels
        assert set(picture.things) == {t.name for t in scene.things}


def test_masks_lie_in_the_boxes(pictures):
    for scene, picture in pictures:
        for number, o in enumerate(scene.objects):
            rows, columns = np.nonzero(picture.mask == CLASSES.index(o.class_name) + 1)
            left, top, right, bottom = (64 * v for v in o.box)
            # tails and wheels may leave the box by a little
            slack = 0.08 * 64
            assert left - slack <= columns.min()
            assert columns.max() <= right + slack
            assert top - slack <= rows.min()
            assert rows.max() <= bottom + slack
            if number == len(scene.objects) - 1:
                inside = max(0, min(right, 64) - max(left, 0)) * (bottom - top)
                assert len(rows) > 0.1 * inside


def test_edges_are_ignored_and_thin(pictures):
    for _, picture in pictures:
        edge = picture.mask == 255
        assert 0 < edge.sum() < 0.25 * 64 * 64
        inside = (picture.mask > 0) & ~edge
        padded = np.pad(inside, 2)
        near = np.zeros_like(inside)
        for y in range(5):
            for x in range(5):
                near |= padded[y : y + 64, x : x + 64]
        # an edge pixel has the object within two pixels, or is a part as thin as a line
        assert (near | ~edge).mean() > 0.97


def test_visible_things_do_not_lie_under_objects(pictures):
    for _, picture in pictures:
        objects = (picture.mask > 0) & (picture.mask < 255)
        for seen in picture.things.values():
            assert seen.dtype == bool
            assert not (seen & objects).any()


def test_paint_depends_on_its_generator_alone():
    def pixels(seed):
        return paint(ALONE, np.random.default_rng(seed), 64).image

    np.testing.assert_array_equal(pixels(0), pixels(0))
    assert not np.array_equal(pixels(0), pixels(1))


def test_an_object_looks_the_same_in_every_scene():
    # colours may vary, the outline may not: what is around must not tell the mask
    street = Scene(**{**vars(ALONE), 'name': 'street', 'behind': item('building')})
    masks = [paint(s, np.random.default_rng(0), 64).mask for s in (ALONE, street)]
    np.testing.assert_array_equal(*masks)
