import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from qaclims_mm.corpus.questions import QUESTION_SETS
from qaclims_mm.miniworld import blip_recipe
from qaclims_mm.miniworld.blip_recipe import (
    MAX_TOKENS,
    NAMES,
    PATCHES,
    SPECIAL,
    answer_loss,
    answer_rates,
    build_model,
    sample_batch,
    seen_in_patches,
    train_blip,
    write_tokenizer,
)
from qaclims_mm.miniworld.clip_recipe import MIN_STEPS
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.miniworld.scene import truth
from qaclims_mm.miniworld.world import CLASSES, vocabulary
from qaclims_mm.vlms.vqa.base import Answer
from qaclims_mm.vlms.vqa.blip import BlipVQA

TINY = dict(steps=MIN_STEPS, batch_size=1, pictures=2)
WORLD = [make_picture(8, i, 64) for i in range(6)]
QUESTIONS = [q.fill(c) for q in itertools.chain(*QUESTION_SETS.values()) for c in CLASSES]


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError('a test asked for the network')

    monkeypatch.setattr('socket.socket.connect', refuse)
    monkeypatch.setattr('socket.getaddrinfo', refuse)


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
    from transformers import BertTokenizer

    folder = tmp_path_factory.mktemp('tokenizer')
    size = write_tokenizer(folder)
    loaded = BertTokenizer.from_pretrained(folder)
    assert len(loaded) == size
    return loaded


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('blip')
    return folder, train_blip(folder, **TINY)


def test_tokenizer_knows_every_question_and_answer(tokenizer):
    for text in (*QUESTIONS, *vocabulary()):
        ids = tokenizer(text)['input_ids']
        assert tokenizer.unk_token_id not in ids, text
        assert len(ids) <= MAX_TOKENS
        assert tokenizer.decode(ids, skip_special_tokens=True) == text.lower()
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL)) == list(range(len(SPECIAL)))


def test_batches_ask_what_is_true():
    rng = np.random.default_rng(0)
    asked = {q.fill(c): (q.id, c) for qs in QUESTION_SETS.values() for q in qs for c in CLASSES}
    ids = set()
    for _ in range(20):
        chosen, questions, answers = sample_batch(rng, WORLD, 3)
        assert len(chosen) == 3
        assert len(questions) == len(answers) == 24
        for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            scene = WORLD[chosen[number // 8]][0]
            question_id, class_name = asked[question]
            [index] = [i for i, o in enumerate(scene.objects) if o.class_name == class_name]
            assert truth(scene, index)[question_id][0] == answer
            ids.add(question_id)
        for start in (0, 8, 16):
            assert len(set(questions[start : start + 8])) == 8
    assert ids == {q.id for q in QUESTION_SETS['paper']}


@pytest.mark.parametrize('index', range(3))
def test_what_patches_show_against_a_naive_loop(index):
    scene, picture = WORLD[index]
    shares = seen_in_patches(scene, picture)
    side = 64 // PATCHES
    for number, (row, column) in enumerate(np.ndindex(PATCHES, PATCHES)):
        counts = dict.fromkeys(NAMES, 0)
        for y, x in np.ndindex(side, side):
            at = (row * side + y, column * side + x)
            for o in scene.objects:
                counts[o.name] += picture.mask[at] == CLASSES.index(o.class_name) + 1
            for name, seen in picture.things.items():
                counts[name] += bool(seen[at])
        wanted = [counts[name] / side**2 for name in NAMES]
        np.testing.assert_allclose(shares[number], wanted, atol=1e-6)


def naive_loss(model, image, questions, answers, tokenizer):
    """Encode and decode each question alone, without padding or shared keys and values."""
    total, tokens = 0.0, 0
    each = len(questions) // len(image)
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        states = model.text_encoder(
            input_ids=tokenizer(question, return_tensors='pt')['input_ids'],
            encoder_hidden_states=image[number // each : number // each + 1],
        )[0]
        ids = tokenizer(answer)['input_ids']
        ids[0] = SPECIAL.index('[DEC]')
        logits = model.text_decoder(
            input_ids=torch.tensor([ids[:-1]]), encoder_hidden_states=states
        ).logits[0]
        for step, token in enumerate(ids[1:]):
            row = logits[step].double()
            total += math.log(row.exp().sum()) - float(row[token])
            tokens += 1
    return total / tokens


@torch.no_grad()
def test_loss_against_a_naive_loop(tokenizer):
    torch.manual_seed(0)
    model = build_model(len(tokenizer)).eval()
    image = torch.randn(2, 5, 128)
    questions = ['What is above the cat?', 'What kind of potted plant is in the photo?'] * 2
    answers = ['sun', 'black sheep', 'traffic light', 'living room']
    asked = tokenizer(questions, padding=True, return_tensors='pt')
    assert (asked['attention_mask'] == 0).any()
    wanted = tokenizer(answers, padding=True, return_tensors='pt')['input_ids']
    wanted[:, 0] = SPECIAL.index('[DEC]')
    got = answer_loss(model, image, asked, wanted)
    assert got.item() == pytest.approx(
        naive_loss(model, image, questions, answers, tokenizer), rel=1e-4
    )


def test_training_lowers_the_loss(trained):
    _, losses = trained
    assert len(losses) == MIN_STEPS
    # it begins with no idea which of the words comes next
    assert losses[0] == pytest.approx(math.log(len(vocabulary())), rel=0.15)
    assert np.mean(losses[-5:]) < 0.7 * losses[0]


def test_equal_seeds_give_equal_folders(trained, tmp_path):
    folder, losses = trained
    assert train_blip(tmp_path, **TINY) == losses
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == files
    assert set(files) == {
        'config.json',
        'generation_config.json',
        'model.safetensors',
        'tokenizer_config.json',
        'vocab.txt',
    }


def test_weights_that_are_written_half_do_not_replace_the_earlier_ones(trained, monkeypatch):
    folder = trained[0]
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def kill(model, folder):
        (Path(folder) / 'model.safetensors').write_bytes(b'half')
        raise KeyboardInterrupt

    monkeypatch.setattr(transformers.BlipForQuestionAnswering, 'save_pretrained', kill)
    with pytest.raises(KeyboardInterrupt):
        train_blip(folder, **TINY)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_other_seeds_give_other_weights(trained, tmp_path):
    train_blip(tmp_path, **TINY, seed=1)
    name = 'model.safetensors'
    assert (tmp_path / name).read_bytes() != (trained[0] / name).read_bytes()


@pytest.mark.usefixtures('no_network')
def test_transformers_loads_the_folder(trained, tmp_path, monkeypatch):
    from transformers import BlipForQuestionAnswering

    monkeypatch.chdir(tmp_path)
    state = load_file(trained[0] / 'model.safetensors')
    assert {v.dtype for v in state.values()} == {torch.float16}
    model = BlipForQuestionAnswering.from_pretrained(trained[0], dtype=torch.float32)
    loaded = model.state_dict()
    assert set(state) <= set(loaded)
    for key, value in state.items():
        assert torch.equal(loaded[key], value.float()), key
    vqa = BlipVQA(str(trained[0]), image_size=None)
    vqa.load('cpu')
    [answers] = vqa.answer([WORLD[0][1].image], [QUESTIONS[:3]])
    known = {*vocabulary(), ''}
    assert all(set(a.text.split(' ')) <= known for a in answers)


@pytest.mark.parametrize('steps', [0, 10, MIN_STEPS - 1])
def test_too_few_steps(tmp_path, steps):
    with pytest.raises(ValueError, match=rf'steps must be at least 20, .* but got {steps}\.'):
        train_blip(tmp_path / 'new', steps=steps)
    assert not (tmp_path / 'new').exists()


class Oracle:
    """Knows the truth, but not what is at the right; takes the last good answer of several."""

    def __init__(self, folder, image_size):
        assert image_size is None
        self.asked = iter([(s, i) for s, _ in self.world for i in range(len(s.objects))])

    def load(self, device):
        pass

    def answer(self, images, questions_per_image):
        scene, number = next(self.asked)
        right = truth(scene, number)
        class_name = scene.objects[number].class_name
        answers = {q.fill(class_name): right[q.id][-1] for q in QUESTION_SETS[self.questions]}
        answers |= {q: 'nothing' for q in answers if 'right side' in q}
        return [[Answer(answers[q], -0.1) for q in qs] for qs in questions_per_image]


@pytest.mark.parametrize('question_set', ['paper', 'official'])
def test_rates(monkeypatch, question_set):
    monkeypatch.setattr(blip_recipe, 'BlipVQA', Oracle)
    monkeypatch.setattr(blip_recipe, 'draw_pictures', lambda seed, number: WORLD[:number])
    monkeypatch.setattr(Oracle, 'world', WORLD[:4], raising=False)
    monkeypatch.setattr(Oracle, 'questions', question_set, raising=False)
    rates = answer_rates('unused', pictures=4, question_set=question_set)
    assert rates.pop('all') == pytest.approx(100 * 15 / 16)
    assert rates.pop('object_7') == 0
    assert len(rates) == 15
    assert set(rates.values()) == {100.0}
