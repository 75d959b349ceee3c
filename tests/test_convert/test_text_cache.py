import numpy as np
import pytest
import torch
from mmengine.config import Config
from released_files import BG_TEMPLATES, FG_TEMPLATES, answers_of
from torch.nn import functional as F

from qaclims_mm.checks.files import check_files, find_files
from qaclims_mm.convert.text_cache import convert_text_cache, embeddings_of, read_caches
from qaclims_mm.convert.vqa import convert_vqa
from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.datasets.transforms.texts import LoadTextRows
from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.schemas import Manifest, check_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

IMAGES = {'2007_000032': ['train', 'boat'], '2008_000008': ['dog']}
PROMPT = 'a photo of {answer}.'
TEXT_BANK = Config(
    dict(
        text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
        prompt=PROMPT,
        bg_filter='distinct',
        groups=('fine', 'alias', 'object', 'scene'),
    )
)


@pytest.fixture(scope='module')
def encode():
    pytest.importorskip('open_clip')
    return CLIPTextHead('miniworld://clip').load().encode


def features(encode, texts, prompt='a photo of {}.'):
    """Return the released features: one a text, each of norm 1."""
    return encode([prompt.format(t) for t in texts])


def caches_of(fg, bg, encode, prompt='a photo of {}.'):
    """Return what the released code caches of two files of answers."""
    cached_fg, cached_bg = {}, {}
    for image_id, classes in fg.items():
        for name, entry in classes.items():
            texts = [a if name in a else f'{a} {name}' for a in entry['answers']]
            both = dict(zip(texts, features(encode, texts, prompt), strict=True))
            cached_fg.setdefault(image_id, {})[name] = {t: v[None].half() for t, v in both.items()}
    for image_id, classes in bg.items():
        for name, entry in classes.items():
            texts = sorted(set(entry['answers']) - {str(name)}, reverse=True)
            feats = features(encode, texts, prompt) if texts else None
            cached = dict(answers=texts, answer_feats=feats)
            cached_bg.setdefault(image_id, {})[name] = cached
    profile = dict(
        clip_name='ViT-L-14',
        dtype=torch.float32,
        device='cuda:0',
        prompt=prompt,
        vqa_file_path='bg.npy',
        cache_file_path='cache.npy',
        questions=list(BG_TEMPLATES),
    )
    return cached_fg, dict(profile=profile, feats=cached_bg)


@pytest.fixture
def files(tmp_path, encode):
    """Write answers, their corpus and their caches."""
    fg, bg = answers_of(IMAGES, FG_TEMPLATES), answers_of(IMAGES, BG_TEMPLATES)
    # six answers of which five are alike, and none that is left of the background
    fg['2008_000008']['dog']['answers'] = ['puppy'] * 5 + ['dog']
    bg['2008_000008']['dog']['answers'] = ['dog'] * 10
    caches = caches_of(fg, bg, encode)
    for name, content in (('fg', fg), ('bg', bg), ('fg_cache', caches[0]), ('bg_cache', caches[1])):
        np.save(tmp_path / f'{name}.npy', content)
    convert_vqa(tmp_path / 'fg.npy', tmp_path / 'bg.npy', tmp_path / 'corpus')
    return [tmp_path / n for n in ('corpus', 'fg_cache.npy', 'bg_cache.npy')], tmp_path / 'texts'


def test_text_bank(files, encode):
    sources, out = files
    counts = convert_text_cache(*sources, out, TEXT_BANK)
    bank = check_text_bank(out)
    # two images, three classes: all answers come from the caches; the labels and "no ..." do not,
    # but "dog" was an answer
    assert counts == dict(texts=len(bank.texts), pairs=3, cached=len(bank.texts) - 5)
    assert counts['cached'] == 2 * 6 + 10 + 2
    wanted = features(encode, bank.texts)
    torch.testing.assert_close(bank.embeddings.float(), wanted, atol=1e-3, rtol=0)
    rows = TextBank(out).rows('2008_000008', ['dog'])
    assert [bank.texts[r] for r in rows.fg_rows[0]] == ['puppy dog'] * 5 + ['dog', 'dog']
    assert set(rows.bg_rows[0].tolist()) == {-1}
    assert bank.texts[rows.no_rows[0, 0]] == 'no dog'
    loader = LoadTextRows(str(out))
    loader.check_records([dict(image_id=i, label_names=n) for i, n in IMAGES.items()])


def test_the_format_check_accepts_it(files, tmp_path):
    sources, out = files
    convert_text_cache(*sources, out, TEXT_BANK)
    assert check_files(find_files(tmp_path)).problems == []
    first = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(ConfigError, match='--force'):
        convert_text_cache(*sources, out, TEXT_BANK)
    convert_text_cache(*sources, out, TEXT_BANK, force=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == first
    assert Manifest.read(out).stage == 'text_bank'


def test_caches_are_used(encode):
    texts, cached = ['dog', 'cat', 'boat'], F.normalize(torch.randn(2, 64), dim=1)
    seen = []

    def slightly_off(prompts):
        seen.extend(prompts)
        return F.normalize(torch.stack([*cached, cached[0] + 1])[: len(prompts)] + 1e-3, dim=1)

    found = embeddings_of(texts, dict(zip(texts, cached, strict=False)), slightly_off, PROMPT)
    np.testing.assert_array_equal(found[:2], cached)
    assert seen == ['a photo of dog.', 'a photo of cat.', 'a photo of boat.']


def test_another_clip(files, tmp_path):
    (corpus, fg, bg), out = files
    other = {
        image: {name: {t: torch.randn(1, 64) for t in texts} for name, texts in classes.items()}
        for image, classes in np.load(fg, allow_pickle=True).item().items()
    }
    np.save(tmp_path / 'other.npy', other)
    with pytest.raises(ConfigError, match=r'^the cache was made by another CLIP or prompt: of 24'):
        convert_text_cache(corpus, tmp_path / 'other.npy', bg, out, TEXT_BANK)
    assert not out.exists()


def test_another_dimension():
    with pytest.raises(ConfigError, match=r'another CLIP or prompt.*dimensions 5 and 64'):
        embeddings_of(['a'], {'a': torch.ones(5)}, lambda t: torch.ones(1, 64), PROMPT)


def test_other_answers():
    with pytest.raises(DataError, match='the caches have no text of the corpus'):
        embeddings_of(['a'], {'b': torch.ones(5)}, lambda t: torch.ones(1, 5), PROMPT)


def write_caches(folder, fg, bg):
    np.save(folder / 'f.npy', fg)
    np.save(folder / 'b.npy', bg)
    return folder / 'f.npy', folder / 'b.npy', PROMPT


def bg_of(feats, prompt='a photo of {}.'):
    return dict(profile=dict(prompt=prompt), feats=feats)


def test_two_embeddings_of_a_text(tmp_path):
    unit = F.normalize(torch.randn(1, 8), dim=1)
    noisy = (unit + 1e-4).half()
    background = bg_of({'i': {'c': dict(answers=['a'], answer_feats=noisy)}})
    args = write_caches(tmp_path, {'i': {'c': {'a': unit}}, 'j': {'d': {'a': noisy}}}, background)
    torch.testing.assert_close(read_caches(*args)['a'], unit[0])
    other = F.normalize(unit + torch.tensor([0.01] + [0] * 7), dim=1)
    for fg, bg in (
        ({'i': {'c': {'a': unit}}, 'j': {'d': {'a': other}}}, background),
        ({'i': {'c': {'a': other}}}, background),
        ({'i': {'c': {'a': torch.ones(1, 5)}}}, background),
    ):
        with pytest.raises(DataError, match=r"^1 text has two embeddings:\n  'a': .*image i"):
            read_caches(*write_caches(tmp_path, fg, bg))


def test_another_prompt(tmp_path):
    args = write_caches(tmp_path, {}, bg_of({}, 'a clean origami {}.'))
    with pytest.raises(
        ConfigError, match=r"made with the prompt 'a clean origami \{\}\.', the con"
    ):
        read_caches(*args)


VECTOR = torch.ones(1, 8)


@pytest.mark.parametrize(
    ('fg', 'bg', 'message'),
    [
        (None, bg_of({}), 'f.npy is not {image: {class: ...}}'),
        ({'i': 1}, bg_of({}), 'image i is not {class: ...}'),
        ({'i': {'c': 1}}, bg_of({}), 'image i, class c is not a dict'),
        ({'i': {'c': {'a': 'x'}}}, bg_of({}), 'image i, class c must have 1 embedding (T, D)'),
        ({'i': {'c': {'a': VECTOR[0]}}}, bg_of({}), 'image i, class c must have 1 embedding'),
        ({'i': {'c': {'a': VECTOR / 0}}}, bg_of({}), 'class c has embeddings that are not finite'),
        ({}, {'feats': {}}, "is not {'profile': ..., 'feats': ...}"),
        ({}, dict(profile=1, feats={}), 'was made with the prompt None'),
        ({}, bg_of({'i': {'c': {}}}), 'image i, class c has no list of answers'),
        ({}, bg_of({'i': {'c': dict(answers=[1])}}), 'image i, class c has no list of answers'),
        (
            {},
            bg_of({'i': {'c': dict(answers=['a', 'b'], answer_feats=VECTOR)}}),
            'image i, class c must have 2 embeddings',
        ),
        (
            {},
            bg_of({'i': {'c': dict(answers=['a'], answer_feats=None)}}),
            'image i, class c must have 1 embedding',
        ),
    ],
)
def test_other_nestings(tmp_path, fg, bg, message):
    kind = ConfigError if 'prompt' in message else FormatError
    with pytest.raises(kind) as raised:
        read_caches(*write_caches(tmp_path, fg, bg))
    assert message in str(raised.value)
