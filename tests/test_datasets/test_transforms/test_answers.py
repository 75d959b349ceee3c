import copy

import numpy as np
import pytest
from helpers import make_tiny_voc

from qaclims_mm.corpus.store import write_shard
from qaclims_mm.datasets.transforms.answers import LoadAnswers
from qaclims_mm.datasets.transforms.formatting import PackWeakInputs
from qaclims_mm.datasets.voc12 import VOC12WeakDataset
from qaclims_mm.errors import DataError, FormatError, RecordError
from qaclims_mm.schemas import Manifest

ANSWERS = {
    ('img_0', 'dog'): dict(fine_1='poodle dog', fine_2='poodle dog', object_2='grass', scene_1=''),
    ('img_1', 'dining table'): dict(fine_1='round dining table', object_1='people', scene_1='room'),
    ('img_1', 'person'): dict(fine_1='woman person', object_1='dining table', object_2='room'),
    ('img_2', 'cat'): dict(alias_1='kitty cat'),
    ('img_2', 'dog'): dict(fine_1='hound dog', scene_1='street'),
    ('img_3', 'train'): dict(fine_1='steam train', scene_2='{x}'),
}


def make_corpus(folder, answers=ANSWERS, failed=()):
    rows_of = {}
    for (image_id, name), texts in answers.items():
        for question_id, text in texts.items():
            kind = 'bg' if question_id.startswith(('object', 'scene')) else 'fg'
            rows_of.setdefault(image_id, []).append(
                dict(
                    image_id=image_id, class_name=name, kind=kind, question_id=question_id,
                    question='?', answer=text, text=text, score=-0.1,
                )
            )  # fmt: skip
    write_shard(folder, 0, rows_of)
    Manifest('qape', 'hash', counts=dict(shards=1), failed=[[i, 'gone'] for i in failed]).write(
        folder
    )
    return str(folder)


def ask(transform, image_id, *names):
    return transform.transform(dict(image_id=image_id, label_names=names))['answers']


def test_answers_of_an_image(tmp_path):
    transform = LoadAnswers(make_corpus(tmp_path))
    # each once, empty ones not, and no background that is a class of the image
    assert ask(transform, 'img_0', 'dog') == {'dog': (['poodle dog'], ['grass'])}
    assert ask(transform, 'img_1', 'dining table', 'person') == {
        'dining table': (['round dining table'], ['people', 'room']),
        'person': (['woman person'], ['room']),
    }
    assert ask(transform, 'img_3', 'train') == {'train': (['steam train'], ['{x}'])}
    assert ask(transform, 'nothing') == {}


def test_groups(tmp_path):
    transform = LoadAnswers(make_corpus(tmp_path), groups=('alias', 'scene'))
    assert ask(transform, 'img_2', 'cat', 'dog') == {
        'cat': (['kitty cat'], []),
        'dog': ([], ['street']),
    }
    with pytest.raises(ValueError, match=r"groups must be among .*, but got \['what'\]"):
        LoadAnswers(str(tmp_path), groups=('what',))


def test_answers_reach_the_sample(tmp_path):
    make_tiny_voc(tmp_path)
    pipeline = [
        dict(type='LoadRGBImage'),
        dict(type='LoadAnswers', corpus=make_corpus(tmp_path / 'corpus')),
        dict(type='PackWeakInputs'),
    ]
    dataset = VOC12WeakDataset(data_root=str(tmp_path), ann_file='train.txt', pipeline=pipeline)
    assert dataset[0]['data_samples'].answers == {'dog': (['poodle dog'], ['grass'])}


def test_images_that_the_corpus_lacks(tmp_path):
    make_tiny_voc(tmp_path)
    few = {k: v for k, v in ANSWERS.items() if k[0] in ('img_0', 'img_1')}
    transform = LoadAnswers(make_corpus(tmp_path / 'corpus', few, failed=['img_2']))
    records = [dict(image_id=f'img_{i}', label_names=('dog',)) for i in range(4)]
    with pytest.raises(DataError, match=r'1 image has no answers in .*corpus:\n  img_3\nRun the'):
        transform.check_records(records)
    transform.check_records([*records[:3], dict(image_id='unlabelled', label_names=())])
    with pytest.raises(RecordError, match=r'no answers about this image; run the qape stage'):
        ask(transform, 'img_3', 'dog')
    with pytest.raises(RecordError, match=r"no answers about 'cat' in this image; run the qape"):
        ask(transform, 'img_0', 'dog', 'cat')


def test_it_goes_to_a_worker_as_a_folder(tmp_path):
    transform = LoadAnswers(make_corpus(tmp_path), groups=('fine',))
    assert transform.__reduce__() == (LoadAnswers, (str(tmp_path), ('fine',)))
    other = copy.copy(transform)
    assert ask(other, 'img_2', 'dog') == {'dog': (['hound dog'], [])}
    assert other.corpus is not transform.corpus
    assert other.input_folder == str(tmp_path)


def test_a_corpus_that_is_not_finished(tmp_path):
    with pytest.raises(FormatError):
        LoadAnswers(str(tmp_path))


def test_packing_keeps_none_where_none_are_loaded():
    image = np.zeros((4, 5, 3), np.uint8)
    record = dict(image_id='a', img=image, class_indices=[], num_classes=2, label_names=())
    assert 'answers' not in PackWeakInputs().transform(record)['data_samples']
