import shutil

import pytest
from tiny_report import IDS, row_of, write_config, write_corpus

from qaclims_mm.report.answers import (
    COMPLETED,
    DOUBLE,
    EMPTY,
    LABEL,
    PRESENT,
    corpus_blocks,
    count_answers,
    fates_of,
)
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import Manifest

ROWS = [
    row_of('a', 'dog', 'fg', 'puppy dog', 'fine_1', 'Puppy.'),
    row_of('a', 'dog', 'fg', 'hot dog', 'fine_2', 'hot dog'),
    row_of('a', 'dog', 'fg', '', 'alias_1', '...'),
    row_of('a', 'dog', 'bg', 'dog', 'object_1'),
    row_of('a', 'dog', 'bg', 'two cats', 'object_2'),
    row_of('a', 'dog', 'bg', 'grass', 'object_3'),
    row_of('a', 'dog', 'bg', 'grass', 'scene_1'),
    # doubles are those of a class
    row_of('a', 'cat', 'bg', 'grass', 'scene_1'),
]


@pytest.mark.parametrize(
    ('bg_filter', 'wanted'),
    [
        ('none', [COMPLETED, EMPTY]),
        ('distinct', [COMPLETED, EMPTY, LABEL, DOUBLE]),
        ('distinct_absent', [COMPLETED, EMPTY, LABEL, PRESENT, DOUBLE]),
    ],
)
def test_fates(bg_filter, wanted):
    assert list(fates_of(ROWS, bg_filter, ('dog', 'cat'))) == wanted


def test_counts(run):
    folder = run / 'qape/corpus'
    write_corpus(folder, {'a': ROWS, 'b': [dict(ROWS[0], image_id='b')]})
    texts, fates, sizes = count_answers(WorkDir(run).corpus, 'none')
    assert sizes == dict(images=2, pairs=3, answers=9)
    assert texts['fine'] == {'puppy dog': 2, 'hot dog': 1}
    assert texts['object'] == {'dog': 1, 'two cats': 1, 'grass': 1}
    assert 'alias' not in texts
    assert fates == {COMPLETED: 2, EMPTY: 1}


def test_blocks(run, finished):
    write_config(run / 'qa_clims_maps', finished.parents[1] / 'world', bg_filter='distinct_absent')
    Manifest('qape', 'c', counts=dict(shards=1), failed=[['x', 'torn']]).write(run / 'qape/corpus')
    text, gallery, table = corpus_blocks(WorkDir(run))
    assert text.text.startswith(f'{16 * len(IDS)} answers about {8 * len(IDS)} pairs')
    assert 'could not be asked about: 1.' in text.text
    assert len(gallery.pictures) == 2
    assert 'of 8 texts from the questions of group fine' in gallery.pictures[0].caption
    fates = {row[0]: row[1:] for row in table.rows}
    assert fates[PRESENT] == ['dropped', str(8 * len(IDS)), '50.0']
    assert fates[COMPLETED] == ['kept', str(8 * len(IDS)), '50.0']
    assert fates[EMPTY] == ['dropped', '0', '0.0']


def test_empty_corpus(run):
    shutil.rmtree(run / 'qape/corpus')
    write_corpus(run / 'qape/corpus', {})
    [text] = corpus_blocks(WorkDir(run))
    assert text.text == 'The corpus is empty: it has no answer.'


def test_no_corpus(run):
    shutil.rmtree(run / 'qape')
    with pytest.raises(MissingError, match='qape/corpus has not been made') as error:
        corpus_blocks(WorkDir(run))
    assert error.value.command.endswith('--to qape')
