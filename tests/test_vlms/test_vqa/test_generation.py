import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_vlms
import torch
import transformers
from contracts import VLMContract
from helpers import limited
from safetensors.torch import load_file, save_file
from strategies import ODD_NAMES

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.blip2 import Blip2VQA
from qaclims_mm.vlms.vqa.chat import ChatVQA
from qaclims_mm.vlms.vqa.generation import mean_scores

ASKED = VLMContract.images, VLMContract.questions
check_equal = VLMContract().check_equal


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    return {
        name: tiny_vlms.MODELS[name](tmp_path_factory.mktemp(name))
        for name in ('blip2-opt', 'blip2-t5', 'llava')
    }


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written['llava'], tmp_path / 'llava')


# ------------------------------------------------------------------------------------------- scores


def mean_of_a_loop(each, tokens, ends):
    """The mean from the definition, a token at a time."""
    means = []
    for row, words in zip(each.tolist(), tokens.tolist(), strict=True):
        made = []
        for value, word in zip(row, words, strict=True):
            made.append(value)
            if word in ends:
                break
        means.append(sum(made) / len(made))
    return means


@pytest.mark.parametrize(
    ('end', 'ends'),
    [
        (3, [3]),
        ([3], [3]),
        ([3, 5], [3, 5]),
        # a model without an end writes all its tokens
        (None, []),
    ],
)
def test_mean_scores(end, ends):
    random = torch.Generator().manual_seed(0)
    each = -torch.rand(40, 6, generator=random)
    tokens = torch.randint(0, 7, (40, 6), generator=random)
    tokens[0], tokens[1] = 3, 4
    found = mean_scores(each, tokens, end)
    np.testing.assert_allclose(found, mean_of_a_loop(each, tokens, ends), rtol=1e-6)


def test_what_comes_after_the_end_may_be_anything():
    each = torch.tensor([[-1.0, -3.0, -torch.inf, torch.nan]])
    assert mean_scores(each, torch.tensor([[5, 3, 0, 0]]), 3).tolist() == [-2.0]


def test_no_score_is_above_zero():
    # float32 rounds a certain token's log-probability up
    assert mean_scores(torch.tensor([[1e-7]]), torch.tensor([[3]]), 3).tolist() == [0.0]


# -------------------------------------------------------------------------------------- generation


def build(folder, **options):
    return (Blip2VQA if 'blip' in str(folder) else ChatVQA)(str(folder), **options)


@pytest.mark.parametrize('name', ['llava', 'blip2-opt', 'blip2-t5'])
def test_the_models_own_sampling_is_not_used(written, tmp_path, name):
    folder = shutil.copytree(written[name], tmp_path / name)
    path = folder / 'generation_config.json'
    values = json.loads(path.read_text()) if path.exists() else {}
    values |= dict(
        do_sample=True, temperature=9.0, top_k=50, repetition_penalty=5.0, max_length=3,
        no_repeat_ngram_size=1, min_new_tokens=9,
    )  # fmt: skip
    path.write_text(json.dumps(values))
    check_equal(build(folder).answer(*ASKED), build(written[name]).answer(*ASKED))


@pytest.mark.parametrize('name', ['llava', 'blip2-opt', 'blip2-t5'])
def test_the_models_own_ends_are_used(written, tmp_path, name):
    """Qwen has two of them, and BLIP-2 of OPT a line's end."""
    folder = shutil.copytree(written[name], tmp_path / name)
    words = list(range(8, len(tiny_vlms.VOCABULARY)))
    (folder / 'generation_config.json').write_text(json.dumps(dict(eos_token_id=[3, *words])))
    model = build(folder)
    model.load()
    assert model._writer.generation_config.eos_token_id == [3, *words]
    for answer in (a for group in model.answer(*ASKED) for a in group):
        # ended by its first word
        assert len(answer.text.split()) <= 1


@pytest.mark.parametrize('name', ['llava', 'blip2-opt'])
def test_question_batch_changes_no_answer(written, name):
    wanted = build(written[name]).answer(*ASKED)
    for size in (1, 4):
        check_equal(build(written[name], question_batch=size).answer(*ASKED), wanted)


@pytest.mark.parametrize('name', ['llava', 'blip2-t5'])
def test_out_of_memory_changes_no_answer(written, name, monkeypatch):
    model, sizes = build(written[name]), []
    wanted = model.answer(*ASKED)
    monkeypatch.setattr(model, '_answer_together', limited(model._answer_together, 2, sizes))
    check_equal(model.answer(*ASKED), wanted)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]


def test_max_new_tokens(written):
    for answer in build(written['llava'], max_new_tokens=2).answer(*ASKED)[0]:
        assert len(answer.text.split()) <= 2


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
@pytest.mark.parametrize('name', ['llava', 'blip2-opt'])
def test_half_precision(written, name, dtype):
    model = build(written[name], dtype=dtype, max_new_tokens=1)
    answers = model.answer(*ASKED)
    assert model._writer.dtype == getattr(torch, dtype)
    # probabilities are not rounded to 16 bits: those of one token are those of float32, nearly
    wanted = build(written[name], max_new_tokens=1).answer(*ASKED)
    for got, true in zip(answers, wanted, strict=True):
        np.testing.assert_allclose([a.score for a in got], [a.score for a in true], atol=0.1)


def test_frozen(written):
    model = build(written['llava'])
    model.load()
    assert not model._network.training
    assert not any(p.requires_grad for p in model._network.parameters())


@pytest.mark.parametrize('name', ['Blip2VQA', 'ChatVQA'])
def test_building_reads_nothing(name):
    model = VQA_MODELS.build(dict(type=name, model='/no/such', _scope_='mmengine'))
    assert model._network is None


@pytest.mark.parametrize('kind', [Blip2VQA, ChatVQA])
@pytest.mark.parametrize('prompt', ['Answer!', '{question} {answer}'])
def test_prompts_are_checked(kind, prompt):
    with pytest.raises(ValueError, match=r'the prompt must have the field \{question\} once'):
        kind('x', prompt=prompt)


# ----------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize('kind', [Blip2VQA, ChatVQA])
def test_missing_folder(kind, tmp_path):
    path = tmp_path / 'absent'
    with pytest.raises(FormatError, match=rf"^the folder '{path}' does not exist; give a"):
        kind(str(path)).load()


@pytest.mark.parametrize('kind', [Blip2VQA, ChatVQA])
def test_hub_id_without_a_network(kind):
    with pytest.raises(
        FormatError, match=r"^'no/such-model' cannot .*or a hub id and a network\.$"
    ):
        kind('no/such-model').load()


def test_pickled_weights_are_not_read(folder):
    torch.save(load_file(folder / 'model.safetensors'), folder / 'pytorch_model.bin')
    (folder / 'model.safetensors').unlink()
    with pytest.raises(FormatError, match=r'cannot be read by transformers: .*safetensors'):
        ChatVQA(str(folder)).load()


def test_missing_weights(folder):
    path = folder / 'model.safetensors'
    state = {k: v for k, v in load_file(path).items() if 'projector' not in k}
    save_file(state, path, metadata=dict(format='pt'))
    with pytest.raises(
        FormatError, match=r'lacks 4 weights, such as .*projector.*; give the folder'
    ):
        ChatVQA(str(folder)).load()


def test_missing_processor(folder):
    (folder / 'processor_config.json').unlink()
    with pytest.raises(FormatError, match=r'preprocessor_config\.json'):
        ChatVQA(str(folder)).load()


def test_missing_tokenizer(folder):
    for path in folder.glob('token*'):
        path.unlink()
    with pytest.raises(FormatError, match=r'tokenizer\.json'):
        ChatVQA(str(folder)).load()


def test_code_beside_the_weights_is_not_run(folder):
    for name in ('config.json', 'processor_config.json'):
        values = json.loads((folder / name).read_text()) | dict(
            model_type='mine', processor_class='Mine',
            auto_map=dict(AutoConfig='mine.C', AutoProcessor='mine.P'),
        )  # fmt: skip
        (folder / name).write_text(json.dumps(values))
    (folder / 'mine.py').write_text('raise SystemExit("was run")')
    with pytest.raises(FormatError, match=r'cannot be read by transformers: .*code'):
        ChatVQA(str(folder)).load()


@pytest.mark.parametrize(
    ('kind', 'model', 'message'),
    [
        # chats, but its image tokens are not Blip2VQA's to place
        (Blip2VQA, 'llava', r"of type 'llava', but Blip2VQA takes BLIP-2 .* ChatVQA takes models"),
        # knows texts alone
        (ChatVQA, 'bert', r"type 'bert', but ChatVQA takes a model that writes about images, such"),
        (Blip2VQA, 'bert', r"type 'bert', but Blip2VQA takes BLIP-2 and InstructBLIP, such as"),
        # writes about images, but does not chat
        (
            ChatVQA,
            'blip2-opt',
            r'has no chat template; .* BLIP-2 and InstructBLIP do not chat: use',
        ),
        # BLIP is read by BlipVQA
        (Blip2VQA, 'miniworld', r"^'miniworld://blip' is a model of type 'blip', but Blip2VQA"),
    ],
)
def test_models_of_another_kind(written, tmp_path, kind, model, message):
    names = {**written, 'bert': tmp_path, 'miniworld': 'miniworld://blip'}
    transformers.BertConfig().save_pretrained(tmp_path)
    error = FormatError if 'chat template' in message else ConfigError
    with pytest.raises(error, match=message):
        kind(str(names[model])).load()


@pytest.mark.parametrize('kind', [Blip2VQA, ChatVQA])
def test_without_transformers(monkeypatch, kind):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    message = rf"{kind.__name__} needs transformers; run: pip install 'qaclims_mm\[vlm"
    with pytest.raises(ImportError, match=message):
        kind('x').load()


@pytest.mark.parametrize('kind', [ChatVQA, Blip2VQA])
def test_questions_are_literal(kind, monkeypatch):
    class Stop(Exception):
        pass

    def generate(self, pictures, prompts):
        raise Stop(prompts)

    monkeypatch.setattr(kind, '_generate', generate)
    model = kind('nowhere', prompt='{{Q}} {question}!')
    model._network = object()
    tokenizer = SimpleNamespace(added_tokens_decoder={})
    model._processor = SimpleNamespace(tokenizer=tokenizer)
    with pytest.raises(Stop) as stopped:
        model.answer([np.zeros((4, 4, 3), np.uint8)], [ODD_NAMES])
    asked = stopped.value.args[0]
    assert asked == [f'{{Q}} {name}!' for name in ODD_NAMES][: len(asked)]


@pytest.mark.parametrize('name', ['llava', 'blip2-opt', 'blip2-t5'])
def test_a_class_may_be_called_like_a_special_token(written, name):
    model = (ChatVQA if name == 'llava' else Blip2VQA)(str(written[name]))
    model.load()
    image = np.zeros((32, 32, 3), np.uint8)
    answers = model.answer([image], [['What is a cat?', 'What is a <image>?', 'a </s> or <pad>?']])
    assert len(answers[0]) == 3
    special = set(model._processor.tokenizer.all_special_ids)
    text = model._as_text('a <image> </s> <pad> {class}')
    assert text == 'a < image> < /s> < pad> {class}'
    ids = model._processor.tokenizer(text, add_special_tokens=False)['input_ids']
    unknown = {model._processor.tokenizer.unk_token_id}
    assert not (special - unknown) & set(ids)
