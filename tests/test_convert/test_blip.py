import json
import re
import shutil

import pytest
import torch
from contracts import noise

from qaclims_mm.convert.blip import convert_blip
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.vlms.vqa.blip import BlipVQA

transformers = pytest.importorskip('transformers')
# BERT's first ones and some of BLIP's words
WORDS = [
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    '[MASK]',
    'what',
    'kind',
    'of',
    'type',
    'dog',
    'cat',
    'is',
    'in',
    'the',
    'photo',
    '?',
    '##s',
    'a',
]
DEC, ENC = len(WORDS), len(WORDS) + 1


def tiny_blip():
    """Return transformers' model with the numbers that a released one would have."""
    torch.manual_seed(0)
    vision = dict(
        hidden_size=128,  # the decoder reads both as one width
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=48,
        patch_size=16,
        layer_norm_eps=1e-6,
        initializer_range=0.2,
    )
    text = dict(
        vocab_size=len(WORDS) + 2,
        hidden_size=128,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=20,
        bos_token_id=DEC,
        sep_token_id=3,
        eos_token_id=3,
        pad_token_id=0,
        initializer_range=0.2,
        hidden_dropout_prob=0.0,
    )
    config = transformers.BlipConfig(text_config=text, vision_config=vision)
    blip = transformers.BlipForQuestionAnswering(config).eval()
    for name, value in blip.named_parameters():
        # normalisations and biases too
        if 'weight' not in name or value.ndim == 1:
            torch.nn.init.normal_(value, std=0.3)
    return blip


RELEASED = (
    (r'vision_model\.embeddings\.class_embedding', 'visual_encoder.cls_token'),
    (r'vision_model\.embeddings\.position_embedding', 'visual_encoder.pos_embed'),
    (r'vision_model\.embeddings\.patch_embedding', 'visual_encoder.patch_embed.proj'),
    (r'vision_model\.post_layernorm', 'visual_encoder.norm'),
    (r'vision_model\.encoder\.layers', 'visual_encoder.blocks'),
    (r'layer_norm(\d)', r'norm\1'),
    (r'self_attn\.projection', 'attn.proj'),
    (r'self_attn\.qkv', 'attn.qkv'),
)


def released_state(blip):
    """Rename a model's weights as BLIP's own code has them."""
    state = {}
    for name, value in blip.state_dict().items():
        for ours, theirs in RELEASED:
            name = re.sub(ours, theirs, name)
        state[name] = value.clone()
    for part in ('text_encoder', 'text_decoder.bert'):
        state[f'{part}.embeddings.position_ids'] = torch.arange(20)[None]
    return state


@pytest.fixture
def files(tmp_path):
    """Write a released file and BERT's vocabulary; return the model and a function."""
    blip = tiny_blip()
    (tmp_path / 'bert').mkdir()
    (tmp_path / 'bert/vocab.txt').write_text('\n'.join(WORDS) + '\n')

    def convert(changes=None, **options):
        state = released_state(blip) | (changes or {})
        state = {k: v for k, v in state.items() if v is not None}
        torch.save({'model': state, 'epoch': 3}, tmp_path / 'in.pth')
        out = tmp_path / 'out'
        convert_blip(tmp_path / 'in.pth', out, tmp_path / 'bert', **options)
        return out

    return blip, convert


def test_transformers_loads_the_same_model(files):
    blip, convert = files
    found = transformers.BlipForQuestionAnswering.from_pretrained(convert()).eval()
    wanted = blip.state_dict()
    assert found.state_dict().keys() == wanted.keys()
    assert all(torch.equal(v, wanted[k]) for k, v in found.state_dict().items())
    images, ids = torch.randn(2, 3, 48, 48), torch.tensor([[2, 5, 6, 7, 9, 15, 3]] * 2)
    inputs = dict(pixel_values=images, input_ids=ids, attention_mask=torch.ones_like(ids))
    decoded = dict(inputs, decoder_input_ids=torch.tensor([[DEC, 9]] * 2))
    with torch.no_grad():
        for get in (
            lambda m: m.vision_model(images)[0],
            lambda m: (
                m.get_text_features(ids)
                if hasattr(m, 'text_model')
                else m.text_encoder(ids, encoder_hidden_states=m.vision_model(images)[0])[0]
            ),
            lambda m: m(**decoded, labels=decoded['decoder_input_ids']).loss,
        ):
            torch.testing.assert_close(get(found), get(blip))
        torch.testing.assert_close(found.generate(**inputs), blip.generate(**inputs))


def test_our_model_answers(files):
    blip, convert = files
    out = convert()
    blip.save_pretrained(out.parent / 'wanted')
    for path in out.glob('token*'):
        shutil.copy(path, out.parent / 'wanted')
    images = [noise(60, 40), noise(48, 48)]
    questions = [['what kind of dog is in the photo?', 'what type?'], ['what is in the photo?']]
    answers, wanted = (
        BlipVQA(str(path), image_size=None, encoder_token_id=ENC).answer(images, questions)
        for path in (out, out.parent / 'wanted')
    )
    assert answers == wanted
    assert len({a.score for group in answers for a in group}) == 3
    tokenizer = transformers.BertTokenizer.from_pretrained(out)
    assert tokenizer.convert_tokens_to_ids(['[DEC]', '[ENC]', 'dog']) == [DEC, ENC, 9]
    assert tokenizer('What kind of dogs?')['input_ids'] == [2, 5, 6, 7, 9, 16, 15, 3]


def test_config_is_read_from_the_weights(files):
    _, convert = files
    config = json.loads((convert() / 'config.json').read_text())
    assert config['architectures'] == ['BlipForQuestionAnswering']
    vision, text = config['vision_config'], config['text_config']
    assert (vision['image_size'], vision['patch_size'], vision['num_attention_heads']) == (
        48,
        16,
        2,
    )
    assert (text['num_attention_heads'], text['num_hidden_layers']) == (2, 2)
    assert (text['bos_token_id'], text['sep_token_id'], text['vocab_size']) == (DEC, 3, ENC + 1)
    assert vision['layer_norm_eps'] == 1e-6
    assert text['layer_norm_eps'] == 1e-12


def test_coverage_and_repeated_runs(files):
    blip, convert = files
    seen = []
    out = convert(on_coverage=seen.append)
    first = {p.name: p.read_bytes() for p in out.iterdir()}
    assert seen[0].used == seen[0].wanted == len(blip.state_dict())
    assert list(seen[0].ignored.values()) == [2]
    with pytest.raises(ConfigError, match='--force'):
        convert()
    convert(force=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == first


HEAD = 'text_decoder.cls.predictions'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'visual_encoder.norm.bias': None}, r'missing \(1\): vision_model\.post_layernorm\.bias'),
        ({'visual_encoder.blocks.0.gamma': torch.ones(1)}, r'unexpected \(1\): visual_encoder\.b'),
        ({'itm_head.weight': torch.ones(1)}, r'unexpected \(1\): itm_head\.weight'),
        ({f'{HEAD}.bias': torch.ones(3)}, r'of another shape \(1\): text_decoder'),
        (
            {f'{HEAD}.decoder.bias': torch.ones(ENC + 1)},
            rf'has another {HEAD}\.decoder\.bias than {HEAD}\.bias, which BLIP shares',
        ),
    ],
)
def test_weights_that_do_not_fit(files, tmp_path, changes, message):
    with pytest.raises(FormatError, match=message):
        files[1](changes)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['bert', 'in.pth']


def test_another_vocabulary(files, tmp_path):
    (tmp_path / 'bert/vocab.txt').write_text('\n'.join([*WORDS, 'more']) + '\n')
    with pytest.raises(
        FormatError, match=r'has 21 tokens with \[DEC\] and \[ENC\], but .* knows 20'
    ):
        files[1]()
    (tmp_path / 'bert/vocab.txt').unlink()
    with pytest.raises(FormatError, match=r'has no (vocabulary|readable tokenizer)'):
        files[1]()
    (tmp_path / 'bert').rmdir()
    with pytest.raises(FileNotFoundError, match="bert does not exist; give a folder with BERT's"):
        files[1]()
    assert not (tmp_path / 'out').exists()


def test_a_vocabulary_that_has_both_tokens(files, tmp_path):
    (tmp_path / 'bert/vocab.txt').write_text('\n'.join([*WORDS, '[DEC]', '[ENC]']) + '\n')
    tokenizer = transformers.BertTokenizer.from_pretrained(files[1]())
    assert tokenizer.bos_token_id == DEC
