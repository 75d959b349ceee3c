from collections import Counter

import pytest
from strategies import ODD_NAMES
from tiny_corpora import make_corpus

from qaclims_mm.corpus.answers_of_others import AnswersOfOthers
from qaclims_mm.errors import ConfigError, DataError

PAIRS = {f'img_{n}': ['dog', 'cat'] if n % 3 else ['cat'] for n in range(9)}
KINDS = ('fg', 'bg')


def edited(corpus, **options):
    """Return {(image id, class): {kind: texts}}."""
    edit = AnswersOfOthers(**options)
    edit.prepare(corpus)
    found = {}
    for _, rows in corpus:
        for row in edit(rows):
            pair = found.setdefault((row['image_id'], row['class_name']), dict(fg=[], bg=[]))
            pair[row['kind']].append(row['text'])
    return found


def donors(texts):
    """Return the (class, image) pairs that the answers are about; none of those that are empty."""
    return {tuple(text.split()[1:]) for text in texts if text}


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path, PAIRS)


def test_each_pair_has_the_answers_about_one_other_image_of_its_class(corpus):
    found = edited(corpus)
    given = Counter()
    for (image_id, name), texts in found.items():
        [(other_name, other)] = donors(texts['fg'] + texts['bg'])
        assert other_name == name
        assert other != image_id
        # the same question, in order
        assert [t.split()[0] for t in texts['bg'][:2]] == ['object_1', 'object_2']
        given[other, other_name] += 1
    # none is lost and none is there twice
    assert given == Counter(dict.fromkeys(found, 1))


def test_only_the_kinds_that_were_named(corpus):
    for (image_id, name), texts in edited(corpus, kinds=['bg']).items():
        assert donors(texts['fg']) == {(name, image_id)}
        assert donors(texts['bg']) != {(name, image_id)}


def test_of_all_pairs(tmp_path):
    # answers that do not name their class
    corpus = make_corpus(tmp_path, PAIRS, say=lambda i, name, q: f'{q.id} {name[::-1]} {i}')
    found = edited(corpus, same_class=False)
    given = Counter()
    for (image_id, name), texts in found.items():
        [(other_name, other)] = donors(texts['fg'] + texts['bg'])
        assert (other, other_name[::-1]) != (image_id, name)
        given[other, other_name[::-1]] += 1
    assert given == Counter(dict.fromkeys(found, 1))
    assert any(
        {c[::-1] for c, _ in donors(texts['bg'])} != {name} for (_, name), texts in found.items()
    )


def test_answers_that_name_the_class_of_the_pair_become_empty(tmp_path):
    pairs = {'a': ['dog'], 'b': ['cat']}
    words = {'a': ['a cat', 'cats', 'catalogue', 'sofa'], 'b': ['lawn'] * 4}
    number = {'object_1': 0, 'object_2': 1, 'object_3': 2, 'object_4': 3}
    corpus = make_corpus(tmp_path, pairs, say=lambda i, _, q: words[i][number.get(q.id, 3)])
    found = edited(corpus, same_class=False, kinds=['bg'])
    assert found['b', 'cat']['bg'][:4] == ['', '', 'catalogue', 'sofa']
    assert set(found['a', 'dog']['bg']) == {'lawn'}
    # within a class they are what answers about it are
    same = make_corpus(tmp_path / 'same', {'a': ['cat'], 'b': ['cat']}, say=lambda *_: 'a cat')
    assert set(edited(same)['a', 'cat']['bg']) == {'a cat'}


def test_who_gives_depends_on_the_seed_and_the_pairs_alone(tmp_path, corpus):
    first = edited(corpus)
    assert edited(corpus) == first
    assert edited(corpus, seed=1) != first
    backwards = {image_id: PAIRS[image_id][::-1] for image_id in reversed(PAIRS)}
    assert edited(make_corpus(tmp_path / 'other', backwards, shards=2)) == first
    # without an image the others keep what they had, but for the one that was given its answers
    left = {image_id: names for image_id, names in PAIRS.items() if image_id != 'img_0'}
    changed = edited(make_corpus(tmp_path / 'left', left))
    assert sum(changed[pair] != first[pair] for pair in changed) == 1


def test_pairs_whose_names_are_alike_when_joined():
    place = AnswersOfOthers()._place
    assert len({place(p) for p in (('a', 'bc'), ('ab', 'c'), ('', 'abc'), ('1:a', 'bc'))}) == 4


def test_bad_input(tmp_path):
    with pytest.raises(ConfigError, match=r"kinds must be among .* but got \['scene'\]"):
        AnswersOfOthers(kinds=['scene'])
    with pytest.raises(ConfigError, match='kinds must be among'):
        AnswersOfOthers(kinds=[])
    alone = make_corpus(tmp_path, {'a': ['dog', 'cat'], 'b': ['cat']})
    with pytest.raises(DataError, match="has only one image with 'dog'"):
        AnswersOfOthers().prepare(alone)
    with pytest.raises(ConfigError, match='call prepare'):
        AnswersOfOthers()(alone['a'])


@pytest.mark.parametrize('name', ODD_NAMES)
def test_names_are_literal(tmp_path, name):
    pairs = {'a': [name], 'b': [name], 'c': ['cat']}
    corpus = make_corpus(tmp_path, pairs, say=lambda image_id, *_: f'near {image_id}')
    found = edited(corpus, same_class=False)
    texts = [t['bg'][0] for t in found.values()]
    assert sorted(texts) == ['near a', 'near b', 'near c']
