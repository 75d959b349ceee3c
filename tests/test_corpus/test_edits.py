import pytest
from tiny_corpora import make_corpus

import qaclims_mm.plugin  # noqa: F401
from qaclims_mm.corpus.edits import edited_rows, rows_by_class
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.errors import ConfigError

PAIRS = {'b': ['dog', 'cat'], 'a': ['cat'], 'c': ['dog']}


def test_rows_by_class_keeps_the_order_of_classes_and_rows():
    rows = [dict(class_name=name, n=n) for n, name in enumerate(['dog', 'cat', 'dog', '{cat}'])]
    found = [[row['n'] for row in of_class] for of_class in rows_by_class(rows)]
    assert found == [[0, 2], [1], [3]]
    assert rows_by_class([]) == []


def test_without_an_edit_the_rows_are_those_of_the_corpus(tmp_path):
    corpus = make_corpus(tmp_path, PAIRS)
    assert list(edited_rows(corpus)) == [rows for _, rows in corpus.by_shard()]


@pytest.mark.parametrize(
    'edit',
    [
        dict(type='ListedBackgrounds', lists=dict(dog=['lawn'], cat=['sofa', 'house'])),
        dict(type='AnswersOfOthers'),
        dict(type='AnswersOfOthers', same_class=False, kinds=['bg']),
    ],
    ids=lambda edit: '-'.join(map(str, edit.values())),
)
def test_edits_keep_pairs_and_questions_and_the_shards_do_not_matter(tmp_path, edit):
    one = make_corpus(tmp_path / 'one', PAIRS)
    before = {rows[0]['image_id']: rows for rows in edited_rows(one)}
    after = {rows[0]['image_id']: rows for rows in edited_rows(one, edit)}
    assert one.image_ids == sorted(after)
    for image_id, rows in after.items():
        for name in ('image_id', 'class_name', 'kind', 'question_id', 'question'):
            assert [r[name] for r in rows] == [r[name] for r in before[image_id]]
    assert before != after
    # the corpus is as it was
    assert before == {rows[0]['image_id']: rows for rows in edited_rows(VQACorpus(one.folder))}
    two = make_corpus(tmp_path / 'two', PAIRS, shards=2)
    assert {rows[0]['image_id']: rows for rows in edited_rows(two, edit)} == after


def test_an_edit_that_nobody_has_registered(tmp_path):
    with pytest.raises(KeyError, match='AnswersOfOther is not in the'):
        list(edited_rows(make_corpus(tmp_path, PAIRS), dict(type='AnswersOfOther')))


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        ('AnswersOfOthers', "edit is 'AnswersOfOthers', but it must be the config of an edit"),
        ([], r'edit is \[\], but'),
        (dict(lists={}), r"edit is {'lists': {}}, but .* such as dict\(type='AnswersOfOthers'\)"),
        (dict(type='RandomFlip', prob=0.5), 'edit is a RandomFlip, but it must be'),
        (dict(type='ListedBackgrounds', lists=dict(dog=[])), "but 'dog' has none"),
    ],
)
def test_what_is_no_edit(tmp_path, edit, message):
    with pytest.raises(ConfigError, match=message):
        list(edited_rows(make_corpus(tmp_path, PAIRS), edit))
