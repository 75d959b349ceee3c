import numpy as np
import pytest
import torch
from helpers import FakeVQA
from mmengine.structures import BaseDataElement

from qaclims_mm.corpus import builder as builder_module
from qaclims_mm.corpus.answers import process_answer
from qaclims_mm.corpus.builder import VQACorpusBuilder, hash_questions
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.engine.ahead_test_loop import _Ahead
from qaclims_mm.errors import RecordError
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.registry import VQA_MODELS


@pytest.fixture(autouse=True)
def _fake_vqa():
    VQA_MODELS.register_module(module=FakeVQA)
    FakeVQA.seen = []
    yield
    VQA_MODELS._module_dict.pop('FakeVQA')


def build(**options):
    return VQACorpusBuilder(**dict(vqa=dict(type='FakeVQA')) | options)


def batch(*labels, failed=()):
    rng = np.random.default_rng(0)
    inputs = [torch.from_numpy(rng.integers(0, 256, (3, 5, 7), dtype=np.uint8)) for _ in labels]
    samples = [
        BaseDataElement(metainfo=dict(image_id=f'img_{i}', label_names=names))
        for i, names in enumerate(labels)
    ]
    for index in failed:
        samples[index].set_metainfo(dict(failed='image is missing'))
    return inputs, samples


@pytest.mark.parametrize(
    ('options', 'processing', 'questions'),
    [
        ({}, {}, get_questions()),
        (dict(question_set='official'), {}, get_questions('official')),
        (dict(groups=('scene', 'fine')), {}, get_questions(groups=('fine', 'scene'))),
        (dict(lemmatize=True), dict(lemma=True), get_questions()),
        (dict(append_label=False), dict(append_label=False), get_questions()),
        (dict(label_test='substring'), dict(test='substring'), get_questions()),
        (dict(aliases={'thin': ('thing',)}), dict(aliases={'thin': ('thing',)}), get_questions()),
    ],
)
def test_rows(options, processing, questions):
    inputs, samples = batch(('thin', 'tv monitor'), ('dog',))
    returned = build(**options)(inputs, samples)
    assert returned == samples
    for image, sample in zip(inputs, returned, strict=True):
        pixels = image.permute(1, 2, 0).numpy()
        expected = []
        for name in sample.label_names:
            for question in questions:
                asked = question.template.replace('{class}', name)
                answer = FakeVQA().about(pixels, asked)
                expected.append(
                    dict(
                        image_id=sample.image_id,
                        class_name=name,
                        kind=question.kind,
                        question_id=question.id,
                        question=asked,
                        answer=answer.text,
                        text=process_answer(answer.text, question.kind, name, **processing),
                        score=answer.score,
                    )
                )
        assert sample.answers == expected


def test_the_options_change_texts():
    texts = set()
    for options in (dict(), dict(append_label=False), dict(label_test='substring')):
        inputs, samples = batch(('thin',))
        build(**options)(inputs, samples)
        texts.add(tuple(row['text'] for row in samples[0].answers))
    assert len(texts) > 1


def test_a_failed_image_is_not_asked():
    inputs, samples = batch(('dog',), ('cat',), (), failed=[1])
    build()(inputs, samples)
    assert len(FakeVQA.seen) == 2
    assert [s.get('answers') is None for s in samples] == [False, True, False]
    assert len(samples[0].answers) == 16
    assert samples[2].answers == []


def test_all_images_failed():
    inputs, samples = batch(('dog',), failed=[0])
    assert build()(inputs, samples) == samples
    assert FakeVQA.seen == []


def test_a_model_that_gives_texts(monkeypatch):
    asks = lambda self, images, questions: [['grass' for _ in asked] for asked in questions]  # noqa: E731
    monkeypatch.setattr(FakeVQA, 'answer', asks)
    with pytest.raises(TypeError, match=r"FakeVQA.answer must give an Answer .* gave 'grass'\."):
        build()(*batch(('dog',)))


def test_the_model_is_loaded_once_and_late(monkeypatch):
    devices = []
    monkeypatch.setattr(FakeVQA, 'load', lambda self, device: devices.append(device))
    builder = build()
    assert devices == []
    for _ in range(2):
        builder(*batch(('dog',)))
    assert devices == ['cpu']


def test_test_step():
    inputs, samples = batch(('dog',))
    [sample] = build().test_step(dict(inputs=inputs, data_samples=samples))
    assert len(sample.answers) == 16


@pytest.mark.parametrize('mode', ['loss', 'tensor'])
def test_nothing_to_train(mode):
    with pytest.raises(ValueError, match=rf'only predicts, but mode is {mode!r}; use test\.py\.$'):
        build()(*batch(('dog',)), mode=mode)


def test_question_hash():
    hashes = {
        build(**options).question_hash
        for options in (
            dict(),
            dict(question_set='official'),
            dict(groups=('fine',)),
            dict(groups=('alias',)),
        )
    }
    assert len(hashes) == 4
    assert build().question_hash == hash_questions(get_questions('paper'))
    assert build(lemmatize=True).question_hash == build().question_hash


def test_registered():
    assert isinstance(
        MODELS.build(dict(type='VQACorpusBuilder', vqa=dict(type='FakeVQA'))), VQACorpusBuilder
    )


def test_unknown_vqa_model():
    with pytest.raises(KeyError, match='NoSuchVQA'):
        build(vqa=dict(type='NoSuchVQA'))


def test_a_refused_image_is_failed(monkeypatch):
    error = RecordError('the server refuses the image (status 400).')
    answer = FakeVQA.answer

    def refusing(self, images, questions):
        answers = answer(self, images, questions)
        return [error if 'cat' in q[0] else a for a, q in zip(answers, questions, strict=True)]

    monkeypatch.setattr(FakeVQA, 'answer', refusing)
    inputs, samples = batch(('dog',), ('cat',), ('cow',), ('dog',), failed=[0])
    for sample in samples:
        sample.set_metainfo(dict(img_path=f'images/{sample.image_id}.jpg'))
    build()(inputs, samples)
    assert samples[0].failed == 'image is missing'
    assert samples[1].failed == f'images/img_1.jpg: {error}'
    assert [len(s.get('answers') or ()) for s in samples] == [0, 0, 16, 16]


def test_batches_that_are_begun_ahead():
    """The fake model is not one that begins ahead: it answers when it is the turn of the batch."""
    builder = build()
    first, second = batch(('dog',), ('cat',)), batch(('cow',))
    second[1][0].set_metainfo(dict(image_id='other'))
    for inputs, samples in (first, second):
        assert not FakeVQA.seen
        builder.begin(dict(inputs=inputs, data_samples=samples))
        assert builder.is_busy
    for inputs, samples in (second, first):
        builder(inputs, samples)
    assert not builder.is_busy
    plain = batch(('dog',), ('cat',))
    build()(*plain)
    assert [s.answers for s in first[1]] == [s.answers for s in plain[1]]
    assert builder.finish() == []


class IdleVQA(FakeVQA):
    """A served model whose slots are never all in use."""

    is_busy = False

    def begin(self, images, questions):
        return lambda: self.answer(images, questions)

    def summary(self):
        return []

    def close(self):
        pass


@pytest.mark.parametrize(('side', 'most'), [(10, 14), (20, 4), (50, 1), (300, 1)])
def test_the_pixels_of_images_that_wait_are_bounded(monkeypatch, side, most):
    """4,000 bytes are reached by the 14th image of 10 x 10 pixels, and by one of 50 x 50."""
    monkeypatch.setattr(builder_module, 'MOST_BYTES', 4000)
    builder = build()
    builder.vqa, held, highest, seen = IdleVQA(), 0, 0, []

    def loader():
        nonlocal held, highest
        for number in range(20):
            samples = [BaseDataElement(metainfo=dict(image_id=f'{number}', label_names=('dog',)))]
            held += 1
            highest = max(highest, held)
            yield dict(inputs=[torch.zeros(3, side, side, dtype=torch.uint8)], data_samples=samples)

    for one in _Ahead(loader(), builder):
        builder.test_step(one)
        seen.append(one['data_samples'][0].image_id)
        held -= 1
    assert seen == [str(n) for n in range(20)]
    assert highest == most


def test_no_model_is_loaded_for_images_without_questions(monkeypatch):
    monkeypatch.setattr(FakeVQA, 'load', lambda self, device: 1 / 0)
    inputs, samples = batch((), ('dog',), failed=[1])
    build()(inputs, samples)
    assert [s.get('answers') for s in samples] == [[], None]
