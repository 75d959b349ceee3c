import functools
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import VLMContract, noise
from helpers import limited
from PIL import Image

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.errors import ConfigError
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.paths import resolve
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa import blip
from qaclims_mm.vlms.vqa.blip import BlipVQA, preprocess
from qaclims_mm.vlms.vqa.blip_decoder import BlipDecoder

pytest.importorskip('transformers')
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@functools.cache
def shipped(**changes):
    model = BlipVQA('miniworld://blip', **dict(image_size=None) | changes)
    model.load()
    return model


@functools.cache
def scenes(questions=16):
    """Two pictures of MiniWorld, one of another size, and questions about a class of each."""
    images, asked = [], []
    for index in range(2):
        scene, picture = make_picture(seed=5, index=index, size=112)
        images.append(picture.image)
        chosen = get_questions()[:: 16 // questions]
        asked.append([q.fill(scene.objects[-1].class_name) for q in chosen])
    images[1] = np.asarray(Image.fromarray(images[1]).resize((75, 131)))
    return images, asked


def released_transform(side):
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize((side, side), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


@functools.cache
def transformers_parts():
    from transformers import BertTokenizer, BlipForQuestionAnswering

    folder = resolve('miniworld://blip')
    blip = BlipForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
    return blip, BertTokenizer.from_pretrained(folder)


def by_transformers(images, asked, side=112, beams=3, max_length=10, first_token=None):
    """Answer with transformers alone, one question at a time, in the steps of its generate()."""
    blip, tokenizer = transformers_parts()
    transform = released_transform(side)
    config = blip.config.text_config

    def answer(embeds, question):
        ids = tokenizer(question, return_tensors='pt').input_ids
        if first_token is not None:
            ids[0, 0] = first_token
        hidden = blip.text_encoder(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            encoder_hidden_states=embeds,
            encoder_attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long),
        )[0]
        attended = dict(
            encoder_hidden_states=hidden,
            encoder_attention_mask=torch.ones(hidden.shape[:2], dtype=torch.long),
        )
        sequence = blip.text_decoder.generate(
            input_ids=torch.tensor([[config.bos_token_id]]),
            eos_token_id=config.sep_token_id,
            pad_token_id=config.pad_token_id,
            num_beams=beams,
            max_length=max_length,
            min_length=1,
            do_sample=False,
            **attended,
        )
        # the score from the definition: the answer read once more, the mean over its tokens
        logits = blip.text_decoder(input_ids=sequence[:, :-1], **attended).logits
        made = sequence[:, 1:]
        each = logits.log_softmax(-1).gather(2, made[..., None])
        text = tokenizer.decode(made[0], skip_special_tokens=True)
        return text, float(each.mean())

    with torch.no_grad():
        answers = []
        for image, questions in zip(images, asked, strict=True):
            pixels = transform(Image.fromarray(image))[None]
            embeds = blip.vision_model(pixel_values=pixels, interpolate_pos_encoding=side != 112)[0]
            answers.append([answer(embeds, q) for q in questions])
    return answers


def check_equal(got, wanted):
    assert [[a[0] for a in g] for g in got] == [[a[0] for a in g] for g in wanted]
    for g, w in zip(got, wanted, strict=True):
        np.testing.assert_allclose([a[1] for a in g], [a[1] for a in w], rtol=0, atol=1e-4)


class TestBlipVQA(VLMContract):
    def make(self):
        return shipped()


@pytest.mark.parametrize(
    ('options', 'oracle', 'questions'),
    [
        (dict(), dict(), 16),
        (dict(num_beams=1), dict(beams=1), 16),
        (dict(num_beams=5), dict(beams=5), 4),
        (dict(max_length=3), dict(max_length=3), 4),
        (dict(image_size=64), dict(side=64), 4),
        (dict(encoder_token_id=6), dict(first_token=6), 4),
    ],
)
def test_equals_transformers(options, oracle, questions):
    images, asked = scenes(questions)
    check_equal(shipped(**options).answer(images, asked), by_transformers(images, asked, **oracle))


def test_answers_are_about_the_pictures():
    images, asked = scenes()
    answers = shipped().answer(images, asked)
    assert len({a.text for group in answers for a in group}) > 8
    # answers of one batch end at different steps
    assert {len(a.text.split()) for group in answers for a in group} == {1, 2}
    # the other picture's pixels, the same questions
    assert shipped().answer(images[:1], asked[:1]) != shipped().answer(images[1:2], asked[:1])


def test_images_with_unlike_numbers_of_questions():
    images, asked = scenes()
    unlike = [asked[0][:3], [], asked[1][:5], asked[0][3:6]]
    pictures = [images[0], images[0], images[1], images[0]]
    lengths = {len(shipped()._tokenizer(q)['input_ids']) for group in unlike for q in group}
    assert len(lengths) > 1
    check_equal(shipped().answer(pictures, unlike), by_transformers(pictures, unlike))


@pytest.fixture
def counted(monkeypatch):
    """Count the images and the questions that begin together."""
    counts = dict(images=[], questions=[])
    encode, begin = BlipVQA._encode, BlipDecoder.begin

    def count_images(model, pairs):
        counts['images'].append(len(pairs))
        return encode(model, pairs)

    def count_questions(decoder, start, stop):
        counts['questions'].append(stop - start)
        return begin(decoder, start, stop)

    monkeypatch.setattr(BlipVQA, '_encode', count_images)
    monkeypatch.setattr(BlipDecoder, 'begin', count_questions)
    return counts


def test_batches_fit_the_memory_and_change_no_answer(counted):
    images, asked = scenes(8)
    images, asked = images * 2, asked * 2
    wanted = shipped().answer(images, asked)
    assert counted == dict(images=[4], questions=[32])
    for counts in counted.values():
        counts.clear()
    model = shipped(batch_bytes=2**20)
    check_equal(model.answer(images, asked), wanted)
    assert max(counted['images']) < 4
    room = counted['questions'][0]
    assert 1 < room < 16
    # some are done before the others, and those of the next image begin in their place
    assert counted['questions'][1] < room
    assert sum(counted['questions']) == 32


@pytest.mark.parametrize('batch_bytes', [1, 10**5])
def test_one_item_is_always_taken(counted, batch_bytes):
    images, asked = scenes(4)
    check_equal(
        shipped(batch_bytes=batch_bytes).answer(images, asked), shipped().answer(images, asked)
    )
    assert counted['images'][:2] == [1, 1]
    assert counted['questions'][0] == 1


def test_memory_grows_with_what_is_asked_of_a_model():
    model, larger = shipped(), shipped(image_size=224)
    assert model._images_at_once(16) > model._images_at_once(64) > larger._images_at_once(64)
    assert model._questions_at_once(8) > model._questions_at_once(80)
    assert model._questions_at_once(8) > shipped(num_beams=5)._questions_at_once(8)


def test_first_token_counts():
    images, asked = scenes(4)
    assert shipped(encoder_token_id=6).answer(images, asked) != shipped().answer(images, asked)


def test_preprocess_is_the_released_one():
    image = noise(45, 80)
    pixels = preprocess([image, noise(64, 64)], 64)
    assert pixels.shape == (2, 3, 64, 64)
    assert pixels.dtype == torch.float32
    expected = released_transform(64)(Image.fromarray(image))
    torch.testing.assert_close(pixels[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('part', ['_encode', '_generate'])
def test_out_of_memory_changes_no_answer(monkeypatch, part):
    images, asked = scenes(8)
    model, sizes = shipped(), []
    wanted = model.answer(images, asked)
    monkeypatch.setattr(model, part, limited(getattr(model, part), 1, sizes))
    check_equal(model.answer(images, asked), wanted)
    assert max(sizes) > 1
    assert sizes.count(1) == (2 if part == '_encode' else 16)


@pytest.mark.parametrize('part', ['_encode', '_generate'])
def test_a_single_item_without_memory_raises(monkeypatch, part):
    model = shipped()
    monkeypatch.setattr(model, part, limited(getattr(model, part), 0, []))
    with pytest.raises(torch.OutOfMemoryError):
        model.answer(*scenes(2))


def config():
    values = json.loads(Path(resolve('miniworld://blip'), 'config.json').read_text('utf-8'))
    return {k: values[k] for k in ('text_config', 'vision_config')}


def test_random_weights():
    before = torch.random.get_rng_state()
    first, again, other = (
        BlipVQA('miniworld://blip', config=config(), image_size=None, seed=s) for s in (0, 0, 1)
    )
    states = []
    for model in (first, again, other):
        model.load()
        states.append(model._blip.state_dict())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items())
    assert not all(torch.equal(v, states[2][k]) for k, v in states[0].items())
    images, asked = scenes(2)
    assert first.answer(images, asked) == again.answer(images, asked)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision(dtype):
    images, asked = scenes()
    model = shipped(dtype=dtype)
    assert model._blip.dtype == getattr(torch, dtype)
    answers = model.answer(images, asked)
    wanted = shipped().answer(images, asked)
    pairs = [
        (a, b) for g, w in zip(answers, wanted, strict=True) for a, b in zip(g, w, strict=True)
    ]
    # 98.9% and 99.9% of 784 answers
    assert np.mean([a.text == b.text for a, b in pairs]) > 0.95
    scores = np.array([(a.score, b.score) for a, b in pairs])
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], rtol=0, atol=0.05)
    # probabilities are not rounded to 16 bits
    state = torch.randn(4, model._blip.config.text_config.hidden_size, dtype=model._blip.dtype)
    with torch.no_grad():
        logs = BlipDecoder(model._blip.text_decoder, [state], 5, 3, 9).begin(0, 1)
    torch.testing.assert_close(logs.exp().sum(), torch.tensor(1.0), rtol=0, atol=1e-5)


def test_8_bits():
    images, asked = scenes()
    model = shipped(dtype='int8')
    answers, wanted = model.answer(images, asked), shipped().answer(images, asked)
    texts, true = ([a.text for group in g for a in group] for g in (answers, wanted))
    assert np.mean([a == b for a, b in zip(texts, true, strict=True)]) > 0.9
    # something was rounded
    assert answers != wanted
    # and nothing by what was asked beside it
    check_equal([[model.answer([images[0]], [[q]])[0][0] for q in asked[0]]], answers[:1])


def test_8_bits_are_for_a_cpu():
    model = BlipVQA('miniworld://blip', dtype='int8')
    with pytest.raises(ConfigError, match=r"^dtype 'int8' runs on a CPU, but .* 'meta'; use 'bfl"):
        model.load('meta')


def test_frozen():
    blip = shipped()._blip
    assert not blip.training
    assert not any(p.requires_grad for p in blip.parameters())


def test_building_reads_nothing_and_answering_loads():
    BlipVQA('/no/such/folder')
    model = VQA_MODELS.build(
        dict(type='BlipVQA', model='miniworld://blip', image_size=None, _scope_='mmengine')
    )
    check_equal(model.answer(*scenes(2)), shipped().answer(*scenes(2)))


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(resolve('miniworld://blip'), tmp_path / 'blip')
    return tmp_path / 'blip'


def test_missing_folder(tmp_path):
    path = tmp_path / 'absent'
    with pytest.raises(OSError, match=rf"^BLIP '{path}' cannot be read: .* Give a folder with its"):
        BlipVQA(str(path)).load()


def test_missing_weights(folder):
    (folder / 'model.safetensors').unlink()
    with pytest.raises(OSError, match=rf"^BLIP '{folder}' cannot be read: .*model\.safetensors"):
        BlipVQA(str(folder)).load()


def test_missing_vocabulary(folder):
    (folder / 'vocab.txt').unlink()
    with pytest.raises(OSError, match=rf"^BLIP '{folder}' has no vocabulary; add its vocab.txt\.$"):
        BlipVQA(str(folder)).load()


def test_pickled_weights_are_not_read(tmp_path):
    folder = shutil.copytree(resolve('miniworld://blip'), tmp_path / 'blip')
    (folder / 'model.safetensors').unlink()
    (folder / 'pytorch_model.bin').write_bytes(b'cos\nsystem\n(S"touch x"\ntR.')
    for content in (b'cos\nsystem\n(S"touch x"\ntR.', b'', b'text'):
        (folder / 'pytorch_model.bin').write_bytes(content)
        with pytest.raises(OSError, match=rf"^BLIP '{folder}' cannot be read: .*safetensors"):
            BlipVQA(str(folder)).load()
    (folder / 'model.safetensors').write_bytes(b'cut')
    with pytest.raises(OSError, match=rf"^BLIP '{folder}' cannot be read: .*header"):
        BlipVQA(str(folder)).load()


def test_start_token_is_no_part_of_the_answer(folder):
    # without this file [DEC] is a word like others
    (folder / 'tokenizer_config.json').unlink()
    check_equal(
        BlipVQA(str(folder), image_size=None).answer(*scenes(4)), shipped().answer(*scenes(4))
    )


def test_without_transformers(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(
        ImportError, match=r"BLIP needs transformers; run: pip install 'qaclims_mm\[vlm"
    ):
        BlipVQA('miniworld://blip').load()


def test_a_class_may_be_called_like_a_special_token(monkeypatch):
    model = BlipVQA('miniworld://blip')
    model.load()
    seen = []

    def read(encoder, ids, *args, made=blip.read_text, **options):
        seen.append(ids)
        return made(encoder, ids, *args, **options)

    monkeypatch.setattr(blip, 'read_text', read)
    model.answer([noise(32, 32)], [['What is a [SEP] [ENC] [PAD]?']])
    special = torch.tensor(model._tokenizer.all_special_ids)
    unknown = model._tokenizer.unk_token_id
    inner = seen[0][0, 1:-1]
    assert not torch.isin(inner[inner != unknown], special).any()
