from collections import Counter

import numpy as np
import pytest

from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.miniworld.regions import (
    OBJECT_SALIENCE,
    OMEGA,
    Region,
    draw_pictures,
    is_background,
    object_mask,
    sample_region,
    sample_text,
    score_texts,
)
from qaclims_mm.miniworld.world import CLASSES, SCENE_FACTS, names_of

SIZE = 48
WORLD = [make_picture(11, i, SIZE) for i in range(24)]


def naive_sums(scene, picture, weight):
    """Add up pixel by pixel: all weight, that on each class and thing, and the things' areas."""
    total = 0.0
    on_class = {o.class_name: 0.0 for o in scene.objects}
    on_thing, area = dict.fromkeys(picture.things, 0.0), dict.fromkeys(picture.things, 0)
    for (y, x), w in np.ndenumerate(weight):
        total += float(w)
        value = picture.mask[y, x]
        if 0 < value < 255:
            on_class[CLASSES[value - 1]] += float(w)
        for name, seen in picture.things.items():
            on_thing[name] += float(w) * bool(seen[y, x])
            area[name] += bool(seen[y, x])
    return total, on_class, on_thing, area


def naive_scores(scene, picture, weight):
    """Score every text from sums over pixels; an object's pixels count more."""
    total, on_class, on_thing, area = naive_sums(scene, picture, weight)
    shares = {c: w / total for c, w in on_class.items()}
    covered = sum(shares.values())
    everything = OBJECT_SALIENCE * covered + (1 - covered)
    background = (1 - covered) / everything
    scored = [(name, background) for name in SCENE_FACTS[scene.name].names]
    for o in scene.objects:
        own = OBJECT_SALIENCE * shares[o.class_name] / everything
        scored += [(name, own) for name in names_of(o.class_name, o.name)]
    for name, pixels in area.items():
        visible = min(1.0, on_thing[name] / max(pixels * weight.max(), 1.0))
        scored.append((name, background * visible))
    # a name that two things have counts for the better one
    names = {name for name, score in scored if score > 0}
    return {name: max(s for n, s in scored if n == name) for name in names}


@pytest.mark.parametrize('index', range(6))
@pytest.mark.parametrize('what', ['object', 'rest', 'all', 'random'])
def test_scores_against_a_naive_loop(index, what):
    scene, picture = WORLD[index]
    own = object_mask(picture, scene.objects[0].class_name)
    weight = {
        'object': own,
        'rest': 1 - own,
        'all': np.ones_like(own),
        'random': np.random.default_rng(index).random(own.shape, dtype=np.float32),
    }[what]
    got, wanted = score_texts(scene, picture, weight), naive_scores(scene, picture, weight)
    assert set(got) == set(wanted)
    for name, score in wanted.items():
        assert got[name] == pytest.approx(score, rel=1e-4, abs=1e-6), name
        assert 0 < score <= 1 + 1e-6


def test_perfect_regions_have_perfect_texts():
    scene, picture = next((s, p) for s, p in WORLD if len(s.objects) == 1)
    thing = scene.objects[0]
    own = object_mask(picture, thing.class_name)
    scores = score_texts(scene, picture, own)
    assert set(scores) == set(names_of(thing.class_name, thing.name))
    assert set(scores.values()) == {1.0}
    scores = score_texts(scene, picture, (picture.mask == 0).astype(np.float32))
    assert scores[scene.name] == pytest.approx(1)
    # captions do not say what is absent
    assert not any(name.startswith('no ') for name in scores)
    assert thing.class_name not in scores


def test_names_of_objects_and_of_backgrounds():
    for scene, picture in WORLD:
        for thing in scene.objects:
            assert not any(map(is_background, names_of(thing.class_name, thing.name)))
        assert all(map(is_background, (*picture.things, *SCENE_FACTS[scene.name].names)))


def test_object_mask_leaves_the_edge_out():
    scene, picture = WORLD[0]
    label = CLASSES.index(scene.objects[0].class_name) + 1
    own = object_mask(picture, scene.objects[0].class_name)
    assert own.dtype == np.float32
    np.testing.assert_array_equal(own == 1, picture.mask == label)
    assert set(np.unique(own).tolist()) == {0.0, 1.0}


@pytest.fixture(scope='module')
def sampled():
    rng = np.random.default_rng(0)
    return [(i, sample_region(rng, *WORLD[i % len(WORLD)])) for i in range(300)]


def test_sampled_regions(sampled):
    for i, region in sampled:
        scene, picture = WORLD[i % len(WORLD)]
        assert region.weight.shape == (SIZE, SIZE)
        assert region.weight.min() >= 0
        assert 0 < region.weight.max() <= 1
        assert region.weight.sum() >= 30
        # what is left is at least a tenth of the peak, as the method keeps it
        assert region.weight[region.weight > 0].min() >= OMEGA * region.weight.max() * (1 - 1e-6)
        assert region.image is picture.image
        assert region.scores == score_texts(scene, picture, region.weight)


def test_regions_are_objects_rests_and_in_between(sampled):
    covered = []
    for i, region in sampled:
        mask = WORLD[i % len(WORLD)][1].mask
        inside = region.weight[(mask > 0) & (mask < 255)].sum()
        covered.append(inside / region.weight.sum())
    covered = np.array(covered)
    assert (covered > 0.8).mean() > 0.08  # the others leak or are rests
    assert (covered < 0.1).mean() > 0.15
    assert ((covered > 0.2) & (covered < 0.8)).mean() > 0.15
    soft = [len(np.unique(r.weight)) > 3 for _, r in sampled]
    assert 0.1 < np.mean(soft) < 0.6


def test_some_regions_are_faint_and_most_are_clear(sampled):
    peaks = np.array([r.weight.max() for _, r in sampled])
    assert (peaks < 0.5).mean() > 0.15
    assert (peaks > 0.7).mean() > 0.4


def test_some_regions_show_everything_a_little(sampled):
    leaking = [r.weight.min() > 0 and r.weight.min() < 0.9 * r.weight.max() for _, r in sampled]
    assert 0.2 < np.mean(leaking) < 0.5


def test_sampling_depends_on_the_generator_alone():
    first, second = (sample_region(np.random.default_rng(5), *WORLD[0]) for _ in range(2))
    np.testing.assert_array_equal(first.weight, second.weight)


def test_texts_are_drawn_by_the_square_of_their_scores():
    region = Region(np.zeros(0), np.zeros(0), {'cat': 0.8, 'sofa': 0.4, 'park': 0.6})
    rng, total = np.random.default_rng(0), 0.64 + 0.16 + 0.36
    drawn = Counter(sample_text(rng, region) for _ in range(4000))
    for name, score in region.scores.items():
        rate = score**2 / total
        # four standard deviations of a binomial
        assert abs(drawn[name] - 4000 * rate) <= 4 * np.sqrt(4000 * rate * (1 - rate))


def test_draw_pictures_is_in_order():
    drawn = draw_pictures(11, 20, SIZE)
    for (scene, picture), (wanted, same) in zip(drawn, WORLD[:20], strict=True):
        assert scene == wanted
        np.testing.assert_array_equal(picture.image, same.image)
