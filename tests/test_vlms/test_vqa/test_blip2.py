import functools

import numpy as np
import pytest
import tiny_vlms
import torch
import transformers
from contracts import VLMContract, noise
from PIL import Image
from tiny_vlms import score_by_hand, write_by_hand, written_key

from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.vqa.blip2 import Blip2VQA, repeat_images
from qaclims_mm.vlms.vqa.vqa_text import parse_answer

NAMES = [name for name in tiny_vlms.MODELS if 'blip' in name]


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    return {name: tiny_vlms.MODELS[name](tmp_path_factory.mktemp(name)) for name in NAMES}


class Blip2Contract(VLMContract):
    name: str
    options = {}

    @pytest.fixture(autouse=True)
    def _model(self, folders):
        self.make = lambda: loaded(folders[self.name], **self.options)


class TestBlip2T5(Blip2Contract):
    name = 'blip2-t5'


class TestBlip2OPT(Blip2Contract):
    name = 'blip2-opt'


class TestInstructBlipLlama(Blip2Contract):
    name = 'instructblip-llama'


class TestInstructBlipT5(Blip2Contract):
    name, options = 'instructblip-t5', dict(num_beams=3, length_penalty=-1.0)


@functools.cache
def loaded(folder, **options):
    model = Blip2VQA(str(folder), **options)
    model.load()
    return model


@functools.cache
def transformers_parts(folder):
    network = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    return network.eval(), transformers.AutoProcessor.from_pretrained(folder)


@torch.no_grad()
def by_transformers(folder, image, question, beams=1, side=32, penalty=1.0):
    """Answer one question with transformers alone; the score is of the answer read once more."""
    network, processor = transformers_parts(folder)
    inputs = processor(
        images=Image.fromarray(image),
        text=f'Question: {question} Short answer:',
        size=dict(height=side, width=side),
        return_tensors='pt',
    )
    inputs['interpolate_pos_encoding'] = True
    if beams == 1:
        tokens = write_by_hand(network, inputs, 10)
    else:
        start = inputs['input_ids'].shape[1] if written_key(network) == 'input_ids' else 1
        tokens = network.generate(
            **inputs, num_beams=beams, max_new_tokens=10, length_penalty=penalty
        )[0, start:]
    text = processor.tokenizer.decode(tokens, skip_special_tokens=True)
    return parse_answer(text, question), score_by_hand(network, inputs, tokens)


@pytest.mark.parametrize(
    ('options', 'oracle'),
    [
        (dict(), dict()),
        (dict(num_beams=3), dict(beams=3)),
        (dict(num_beams=4, length_penalty=-1.0), dict(beams=4, penalty=-1.0)),
        (dict(image_size=48), dict(side=48)),
    ],
)
@pytest.mark.parametrize('name', NAMES)
def test_equals_transformers(folders, name, options, oracle):
    answers = loaded(folders[name], **options).answer(VLMContract.images, VLMContract.questions)
    lengths = set()
    for image, asked, got in zip(VLMContract.images, VLMContract.questions, answers, strict=True):
        for question, answer in zip(asked, got, strict=True):
            text, score = by_transformers(folders[name], image, question, **oracle)
            assert answer.text == text
            assert answer.score == pytest.approx(score, abs=1e-4)
            lengths.add(len(text.split()))
    # answers of one batch end at different steps
    assert len(lengths) > 1


@pytest.mark.parametrize('name', NAMES)
def test_answers_depend_on_picture_and_question(folders, name):
    model = loaded(folders[name])
    first, second = VLMContract.images[:2]
    asked = VLMContract.questions[0]
    scores = np.array([[a.score for a in g] for g in model.answer([first, second], [asked] * 2)])
    assert (np.abs(scores[0] - scores[1]) > 1e-4).all()
    assert len(set(scores[0].round(4))) == len(asked)


@pytest.mark.parametrize('name', NAMES)
def test_an_image_is_encoded_once(folders, name, monkeypatch):
    model, seen = loaded(folders[name]), []
    hook = model._network.vision_model.embeddings.register_forward_pre_hook(
        lambda module, args: seen.append(len(args[0]))
    )
    model.answer(VLMContract.images, VLMContract.questions)
    assert seen == [3]
    # no trace of the repeating is left
    assert not model._network.vision_model._forward_hooks
    hook.remove()


def test_repeating_ends_with_an_error():
    encoder = torch.nn.Identity()
    with pytest.raises(AttributeError), repeat_images(encoder, torch.tensor([0])):
        encoder(torch.zeros(1))  # gives no last_hidden_state
    assert not encoder._forward_hooks


def test_prompt_is_asked(folders):
    image, question = noise(20, 20), 'What is above the dog?'
    scores = {
        prompt: loaded(folders['blip2-t5'], prompt=prompt).answer([image], [[question]])[0][0].score
        for prompt in ('Question: {question} Short answer:', '{question}')
    }
    assert scores['{question}'] != pytest.approx(
        scores['Question: {question} Short answer:'], abs=1e-4
    )


def test_a_processor_that_knows_no_query_tokens(folders, tmp_path):
    """Folders of older versions do not say how many tokens an image has."""
    network, processor = transformers_parts(folders['blip2-t5'])
    network.save_pretrained(tmp_path)
    transformers.Blip2Processor(processor.image_processor, processor.tokenizer).save_pretrained(
        tmp_path
    )
    asked = VLMContract.images[:1], VLMContract.questions[:1]
    assert loaded(tmp_path).answer(*asked) == loaded(folders['blip2-t5']).answer(*asked)


def test_config_without_an_image_token(folders, tmp_path):
    network, processor = transformers_parts(folders['blip2-t5'])
    processor.save_pretrained(tmp_path)
    network.save_pretrained(tmp_path)
    path = tmp_path / 'config.json'
    path.write_text(path.read_text().replace('"image_token_index": 4', '"image_token_index": null'))
    with pytest.raises(FormatError, match=r'no image_token_index .*; fetch the newest files'):
        Blip2VQA(str(tmp_path)).load()
