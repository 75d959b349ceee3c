import functools
import json
import re

import numpy as np
import pytest
import tiny_vlms
import torch
import transformers
from contracts import VLMContract, noise
from helpers import make_tiny_voc
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image
from tiny_vlms import score_by_hand, write_by_hand

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.vlms.vqa.chat import ChatVQA
from qaclims_mm.vlms.vqa.vqa_text import parse_answer

NAMES = ('llava', 'qwen', 'idefics')
PROMPT = '{} Answer the question using a single word or phrase.'
# what the chat template puts for an image of the contract, worked out by hand
IMAGE = {'llava': '<image>', 'idefics': '<image>', 'qwen': '<|vis|><|image_pad|><|vis|>'}


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    return {name: tiny_vlms.MODELS[name](tmp_path_factory.mktemp(name)) for name in NAMES}


@functools.cache
def loaded(folder, **options):
    model = ChatVQA(str(folder), **options)
    model.load()
    return model


class ChatContract(VLMContract):
    name: str
    options = {}

    @pytest.fixture(autouse=True)
    def _model(self, folders):
        self.make = lambda: loaded(folders[self.name], **self.options)


class TestLlava(ChatContract):
    name = 'llava'


class TestQwen(ChatContract):
    """Its images have different numbers of tokens, so prompts are padded more."""

    name = 'qwen'


class TestIdefics(ChatContract):
    name = 'idefics'


class TestQwenBeams(ChatContract):
    name, options = 'qwen', dict(num_beams=3, question_batch=4)


@torch.no_grad()
def by_transformers(folder, name, image, question, beams=1):
    """Answer one question without chat template, and without generate if it is greedy."""
    network = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    text = f'user : {IMAGE[name]} {PROMPT.format(question)} assistant :'
    inputs = processor(images=[Image.fromarray(image)], text=[text], return_tensors='pt')
    if beams == 1:
        tokens = write_by_hand(network.eval(), inputs, 16)
    else:
        sequence = network.eval().generate(**inputs, num_beams=beams, max_new_tokens=16)
        tokens = sequence[0, inputs['input_ids'].shape[1] :]
    said = processor.tokenizer.decode(tokens, skip_special_tokens=True)
    return parse_answer(said, question), score_by_hand(network, inputs, tokens)


@pytest.mark.parametrize('beams', [1, 3])
@pytest.mark.parametrize('name', NAMES)
def test_equals_transformers(folders, name, beams):
    images, asked = VLMContract.images, VLMContract.questions
    answers = loaded(folders[name], num_beams=beams).answer(images, asked)
    for image, questions, got in zip(images, asked, answers, strict=True):
        for question, answer in zip(questions, got, strict=True):
            text, score = by_transformers(folders[name], name, image, question, beams)
            assert answer.text == text
            assert answer.score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize('name', NAMES)
def test_answers_depend_on_picture_and_question(folders, name):
    model = loaded(folders[name])
    asked = VLMContract.questions[0]
    first, second = model.answer([noise(64, 64), noise(64, 64, seed=5)], [asked] * 2)
    assert all(abs(a.score - b.score) > 1e-4 for a, b in zip(first, second, strict=True))
    assert len({round(a.score, 4) for a in first}) == len(asked)


def test_options_of_the_processor(folders):
    """Fewer pixels are fewer tokens."""
    seen = {}
    for pixels in (1024, 4096):
        model = loaded(folders['qwen'])
        if pixels == 1024:
            options = dict(min_pixels=1024, max_pixels=1024)
            model = ChatVQA(str(folders['qwen']), processor_options=options)
            model.load()
        to_device = model._to_device
        model._to_device = lambda inputs, p=pixels, f=to_device: seen.setdefault(p, f(inputs))
        model.answer([noise(64, 64)], [['What place is it?']])
        del model._to_device
    assert [int(x['image_grid_thw'].prod()) for x in seen.values()] == [16, 64]


@pytest.mark.parametrize('where', ['tokenizer', 'processor', 'nowhere'])
def test_chat_template(folders, tmp_path, where):
    """It may lie in a file of its own, or in the tokenizer's."""
    folder = tmp_path / 'copied'
    network = transformers.AutoModelForImageTextToText.from_pretrained(folders['llava'])
    network.save_pretrained(folder)
    processor = transformers.AutoProcessor.from_pretrained(folders['llava'])
    template = processor.chat_template
    processor.chat_template = processor.tokenizer.chat_template = None
    processor.save_pretrained(folder)
    if where == 'processor':
        (folder / 'chat_template.json').write_text(json.dumps(dict(chat_template=template)))
    elif where == 'tokenizer':
        path = folder / 'tokenizer_config.json'
        values = json.loads(path.read_text()) | dict(chat_template=template)
        path.write_text(json.dumps(values))
    else:
        with pytest.raises(
            FormatError,
            match=r'has no chat template; put the chat_template\.jinja .* use Blip2VQA\.$',
        ):
            ChatVQA(str(folder)).load()
        return
    images, asked = VLMContract.images[:1], VLMContract.questions[:1]
    VLMContract().check_equal(
        loaded(folder).answer(images, asked), loaded(folders['llava']).answer(images, asked)
    )


def test_a_corpus_is_written(folders, tmp_path):
    make_tiny_voc(tmp_path / 'voc')
    config = dict(
        default_scope='mmseg',
        work_dir=str(tmp_path / 'work'),
        model=dict(
            type='VQACorpusBuilder',
            vqa=dict(type='ChatVQA', model=str(folders['llava'])),
            groups=('fine', 'scene'),
        ),
        test_dataloader=dict(
            batch_size=3,
            num_workers=0,
            sampler=dict(type='ShardSampler', shard_size=4),
            batch_sampler=dict(type='ShardBatchSampler'),
            collate_fn=dict(type='list_collate'),
            dataset=dict(
                type='VOC12WeakDataset',
                data_root=str(tmp_path / 'voc'),
                ann_file='train.txt',
                pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')],
                test_mode=True,
            ),
        ),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=[dict(type='CorpusWriter', out_dir=str(tmp_path / 'corpus'))],
        custom_hooks=[dict(type='FailedRecordsHook'), dict(type='ResumeTestHook')],
        log_level='ERROR',
    )
    Runner.from_cfg(Config(config)).test()
    corpus = VQACorpus(tmp_path / 'corpus')
    # six labels on four images, each asked two fine questions and three about the scene
    assert corpus.manifest.counts['answers'] == 6 * 5
    assert corpus.manifest.failed == []
    model = loaded(folders['llava'])
    for image_id, rows in corpus:
        path = tmp_path / f'voc/JPEGImages/{image_id}.jpg'
        pixels = np.asarray(Image.open(path).convert('RGB'))
        [answers] = model.answer([pixels], [[row['question'] for row in rows]])
        assert [row['answer'] for row in rows] == [a.text for a in answers]
        assert [row['score'] for row in rows] == pytest.approx([a.score for a in answers], abs=1e-4)


def test_an_image_of_an_extreme_shape_costs_that_image(folders):
    """Qwen's processor takes no aspect ratio of 200 or more."""
    model = loaded(folders['qwen'])
    questions = ['What is above the dog?', 'What is below the dog?', 'What is it?']
    images = [noise(40, 60), noise(2, 600), noise(60, 40)]
    first, refused, last = model.answer(images, [questions] * 3)
    assert isinstance(refused, RecordError)
    assert re.match(r'the model cannot use the image \(.*aspect ratio', str(refused))
    # in a batch of other sizes scores differ by rounding
    alone = model.answer([images[0], images[2]], [questions] * 2)
    for found, wanted in zip([first, last], alone, strict=True):
        assert [a.text for a in found] == [a.text for a in wanted]
        assert [a.score for a in found] == pytest.approx([a.score for a in wanted], abs=1e-4)
    assert model.answer([images[1]], [[]]) == [[]]


@pytest.mark.parametrize('kind', [torch.OutOfMemoryError, ValueError])
@pytest.mark.parametrize('works', [True, False])
def test_an_error_with_every_image_ends_the_run(folders, monkeypatch, kind, works):
    """One with this image alone does not: the model is asked about a plain one."""
    model = ChatVQA(str(folders['llava']))
    model.load()
    generate, tried = model._generate, []

    def failing(pictures, prompts):
        tried.append(pictures)
        if works and {p.size for p in pictures} == {(64, 64)}:
            return generate(pictures, prompts)
        raise kind('no place for it\nin detail')

    monkeypatch.setattr(model, '_generate', failing)
    if not works:
        with pytest.raises(kind, match='no place for it'):
            model.answer([noise(20, 30)], [['What?', 'Where?']])
        return
    [refused] = model.answer([noise(20, 30)], [['What?', 'Where?']])
    assert str(refused) == 'the model cannot use the image (no place for it).'
    # two questions, one, a plain image; the other question is not tried
    assert [len(pictures) for pictures in tried] == [2, 1, 1]
