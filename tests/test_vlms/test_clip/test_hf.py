import json
import shutil
import sys

import pytest
import torch
from contracts import ImageHeadContract, TextHeadContract
from mmengine.structures import BaseDataElement
from safetensors.torch import load_file, save_file
from test_models.test_classifiers.test_cam_network import TINY

from qaclims_mm.corpus.text_bank import TextIndex, encode_index
from qaclims_mm.errors import ConfigError, FormatError, StageError
from qaclims_mm.models.classifiers.region_network import to_clip_input
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import write_text_bank
from qaclims_mm.vlms.clip.hf import HFImageHead, HFTextHead, load_dual_encoder

transformers = pytest.importorskip('transformers')
SPECIAL = ('[PAD]', '[UNK]', '[BOS]', '[EOS]')
WORDS = ['a', 'photo', 'of', 'no', 'dog', 'cat', 'train', 'boat', 'grass', 'rails']
TEXTS = [
    'a photo of dog',
    'a photo of no dog',
    'cat',
    '',
    'a photo of grass boat train cat dog a a a',
]
TEXT = dict(
    vocab_size=len(SPECIAL + tuple(WORDS)), hidden_size=16, intermediate_size=32,
    num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=9,
    pad_token_id=0, bos_token_id=2, eos_token_id=3,
)  # fmt: skip
VISION = dict(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
    image_size=32, patch_size=8,
)  # fmt: skip


def make_clip():
    vision = VISION | dict(hidden_act='quick_gelu')
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=vision, projection_dim=8)
    return transformers.CLIPModel(config)


def make_siglip():
    text = TEXT | dict(projection_size=16)
    config = transformers.SiglipConfig(text_config=text, vision_config=VISION)
    return transformers.SiglipModel(config)


def write_tokenizer(folder, words=WORDS):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {w: i for i, w in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[BOS] $A [EOS]', special_tokens=[('[BOS]', 2), ('[EOS]', 3)]
    )
    names = ('pad_token', 'unk_token', 'bos_token', 'eos_token')
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(names, SPECIAL, strict=True))
    ).save_pretrained(folder)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Folders of a CLIP and a SigLIP of random weights with their tokenizers."""
    found = {}
    for name, make in (('clip', make_clip), ('siglip', make_siglip)):
        torch.manual_seed(0)
        found[name] = tmp_path_factory.mktemp(name)
        model = make()
        for parameter in model.parameters():
            # the first weights are so small that all inputs have nearly the same features
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(found[name])
        write_tokenizer(found[name])
    return found


@pytest.fixture
def copied(folders, tmp_path):
    return {k: shutil.copytree(v, tmp_path / k) for k, v in folders.items()}


def whole_model(folder):
    return transformers.AutoModel.from_pretrained(folder).eval()


class HFContract:
    """Sets the folder of the tiny model."""

    name: str

    @pytest.fixture(autouse=True)
    def _folder(self, folders):
        self.folder = str(folders[self.name])


class TestCLIPText(HFContract, TextHeadContract):
    name, texts = 'clip', TEXTS

    def make(self, **options):
        return HFTextHead(self.folder, **options)


class TestSiglipText(TestCLIPText):
    name = 'siglip'


class TestCLIPImage(HFContract, ImageHeadContract):
    name, side, larger, width = 'clip', 32, 48, 8

    def make(self, **options):
        return HFImageHead(self.folder, **options)

    def make_text(self):
        return HFTextHead(self.folder)


class TestSiglipImage(TestCLIPImage):
    name, width = 'siglip', 16
    stats = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


# --------------------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize('name', ['clip', 'siglip'])
@torch.no_grad()
def test_texts_are_those_of_the_model(folders, name):
    model = whole_model(folders[name])
    ids = []
    for text in TEXTS:
        # by hand: the words, cut and filled up to the length of the positions
        known = [len(SPECIAL) + WORDS.index(w) for w in text.split()][: 9 - 2]
        row = [2, *known, 3]
        ids.append(row + [0] * (9 - len(row)))
    pixels = torch.zeros(1, 3, 32, 32)
    wanted = model(input_ids=torch.tensor(ids), pixel_values=pixels).text_embeds
    found = HFTextHead(str(folders[name])).load().encode(TEXTS)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize('name', ['clip', 'siglip'])
@torch.no_grad()
def test_images_are_those_of_the_model(folders, name):
    model, head = whole_model(folders[name]), HFImageHead(str(folders[name]))
    images = torch.randn(2, 3, 32, 32)
    wanted = model(input_ids=torch.tensor([[2, 5, 3, 0, 0, 0, 0, 0, 0]]), pixel_values=images)
    found = torch.nn.functional.normalize(head(images), dim=-1)
    torch.testing.assert_close(found, wanted.image_embeds, atol=1e-5, rtol=0)
    # another size, not square
    wide = torch.randn(2, 3, 48, 64)
    larger = HFImageHead(str(folders[name]), image_size=(48, 64))
    assert larger.input_size == (48, 64)
    wanted = model.get_image_features(wide, interpolate_pos_encoding=True).pooler_output
    torch.testing.assert_close(larger(wide), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('name', ['clip', 'siglip'])
def test_the_image_head_keeps_no_text_encoder(folders, name):
    weights = HFImageHead(str(folders[name])).load()._frozen.state_dict()
    assert weights
    assert not [k for k in weights if k.startswith('text')]


def test_a_tensor_is_taken_too(folders, monkeypatch):
    """Before transformers 5 the features came without an object around them."""
    head, images = HFImageHead(str(folders['clip'])), torch.randn(2, 3, 32, 32)
    wanted, new = head(images), head._frozen.get_image_features
    monkeypatch.setattr(head._frozen, 'get_image_features', lambda **x: new(**x).pooler_output)
    assert torch.equal(head(images), wanted)


@pytest.mark.parametrize(
    ('file', 'nested'),
    [('preprocessor_config.json', False), ('processor_config.json', True)],
)
def test_constants_of_the_image_processor(copied, file, nested):
    values = dict(image_mean=[0.1, 0.2, 0.3], image_std=[1, 2, 3])
    values = dict(image_processor=values) if nested else values
    (copied['clip'] / file).write_text(json.dumps(values))
    head = HFImageHead(str(copied['clip'])).load()
    assert head.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert head.std.flatten().tolist() == [1, 2, 3]


@pytest.mark.parametrize('name', ['clip', 'siglip'])
def test_pixels_are_those_of_the_image_processor(copied, name):
    kind = dict(clip='CLIPImageProcessor', siglip='SiglipImageProcessor')[name]
    processor = getattr(transformers, kind)(do_resize=False, do_center_crop=False)
    processor.save_pretrained(copied[name])
    image = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    wanted = processor(images=image, return_tensors='pt')['pixel_values'][0]
    found = HFImageHead(str(copied[name])).normalise(image)[0]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


# -------------------------------------------------------------------------------------- same model


def test_hash_is_of_the_text_tower(copied):
    before = HFTextHead(str(copied['clip'])).load().weights_sha256
    path = copied['clip'] / 'model.safetensors'
    state = load_file(path)
    for key, changes in (('visual_projection.weight', False), ('text_projection.weight', True)):
        save_file(state | {key: state[key] + 1}, path, metadata=dict(format='pt'))
        assert (HFImageHead(str(copied['clip'])).load().weights_sha256 != before) is changes


@pytest.mark.parametrize('name', ['clip', 'siglip'])
def test_a_training_step_of_ritc(folders, tmp_path, name):
    index = TextIndex()
    rows = [
        dict(image_id='i', class_name='cat', kind=k, question_id=q, text=t)
        for k, q, t in (('fg', 'fine_1', 'train cat'), ('bg', 'object_1', 'grass'))
    ]
    index.add_image(rows)
    text_head = MODELS.build(dict(type='HFTextHead', model=str(folders[name]))).load()
    embeddings = encode_index(index, text_head.encode, 'a photo of {answer}')
    metadata = dict(clip=text_head.model, weights_sha256=text_head.weights_sha256)
    write_text_bank(tmp_path, embeddings, index.texts, index.columns, metadata)
    config = TINY | dict(
        type='RITC',
        image_head=dict(type='HFImageHead', model=str(folders[name])),
        text_bank=str(tmp_path),
        threshold=dict(type='ForegroundAdaptiveThreshold', omega=0.1),
        loss_frc=dict(type='FRCLoss', loss_weight=10.0),
        loss_brc=dict(type='BRCLoss', loss_weight=8.0),
        loss_reg=dict(type='REGLoss', loss_weight=0.2),
    )
    model = MODELS.build(config)
    # the pixels that the encoder was trained with, even if nothing was read before
    pixels = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    found = to_clip_input(
        model.data_preprocessor.normalise(pixels)[None], model.data_preprocessor, model.image_head
    )
    wanted = HFImageHead(str(folders[name])).normalise(pixels)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    bank_rows = [[c[0]] if isinstance(c[0], int) else c[0] for c in index.columns.values()][2:]
    label, fg, bg, no = (torch.tensor([r]) for r in bank_rows)
    sample = BaseDataElement(
        class_indices=torch.tensor([0]), fg_rows=torch.cat([fg, label], 1), bg_rows=bg, no_rows=no
    )
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.01)
    images = torch.randn(1, 3, 32, 48)
    losses = []
    for _ in range(3):
        loss = sum(model(images, [sample], mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad.abs().sum() > 0 for p in model.cam_head.parameters())
    assert not [p for p in model.image_head._frozen.parameters() if p.grad is not None]
    assert not [k for k in model.state_dict() if 'image_head' in k]


def test_text_bank_of_another_model_is_refused(folders, tmp_path):
    head = HFTextHead(str(folders['siglip'])).load()
    index = TextIndex()
    index.add_image([])
    embeddings = head.encode(['cat']).numpy()
    columns = dict(image_id=['i'], class_name=['cat'], label=[0], fg=[[]], bg=[[]], no=[0])
    metadata = dict(clip=head.model, weights_sha256=head.weights_sha256)
    write_text_bank(tmp_path, embeddings, ['cat'], columns, metadata)
    model = MODELS.build(
        TINY
        | dict(
            type='RITC',
            image_head=dict(type='HFImageHead', model=str(folders['clip'])),
            text_bank=str(tmp_path),
            threshold=dict(type='ForegroundAdaptiveThreshold', omega=0.1),
            loss_frc=None,
            loss_brc=None,
            loss_reg=None,
        )
    )
    with pytest.raises(StageError, match=r'was made by CLIP .*siglip.*but the image encoder'):
        model.load_texts()


# ----------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize('head', [HFTextHead, HFImageHead])
def test_missing_folder(head, tmp_path):
    path = tmp_path / 'absent'
    message = rf"^the folder '{path}' does not exist; give a folder with config\.json"
    with pytest.raises(FormatError, match=message):
        head(str(path)).load()


def test_pickled_weights_are_not_read(copied):
    folder = copied['clip']
    torch.save(load_file(folder / 'model.safetensors'), folder / 'pytorch_model.bin')
    (folder / 'model.safetensors').unlink()
    with pytest.raises(FormatError, match=r'cannot be read by transformers: .*safetensors'):
        HFImageHead(str(folder)).load()


def test_broken_weights(copied):
    (copied['clip'] / 'model.safetensors').write_bytes(b'no safetensors at all')
    with pytest.raises(FormatError, match='cannot be read by transformers'):
        HFImageHead(str(copied['clip'])).load()


def test_weights_of_another_shape(copied):
    path = copied['clip'] / 'model.safetensors'
    state = load_file(path) | {'text_projection.weight': torch.zeros(3, 3)}
    save_file(state, path, metadata=dict(format='pt'))
    with pytest.raises(FormatError, match='cannot be read by transformers'):
        HFImageHead(str(copied['clip'])).load()


def test_missing_weights(copied):
    path = copied['clip'] / 'model.safetensors'
    state = {k: v for k, v in load_file(path).items() if not k.startswith('text')}
    save_file(state, path, metadata=dict(format='pt'))
    message = r'lacks \d+ weights, such as text_.*; give the folder of a whole CLIPModel\.$'
    with pytest.raises(FormatError, match=message):
        HFImageHead(str(copied['clip'])).load()


def test_code_beside_the_weights_is_not_run(copied):
    path = copied['clip'] / 'config.json'
    config = json.loads(path.read_text()) | dict(
        model_type='mine', auto_map=dict(AutoConfig='mine.C', AutoModel='mine.M')
    )
    path.write_text(json.dumps(config))
    (copied['clip'] / 'mine.py').write_text('raise SystemExit("was run")')
    with pytest.raises(FormatError, match=r'cannot be read by transformers: .*code'):
        HFImageHead(str(copied['clip'])).load()


@pytest.mark.parametrize('head', [HFTextHead, HFImageHead])
def test_one_encoder_only(head, tmp_path):
    config = transformers.SiglipVisionConfig(**VISION)
    transformers.SiglipVisionModel(config).save_pretrained(tmp_path)
    message = 'is a SiglipVisionModel, which does not encode both texts and images; give a dual'
    with pytest.raises(ConfigError, match=message):
        head(str(tmp_path)).load()


def test_images_of_many_sizes(tmp_path):
    vision = {k: v for k, v in VISION.items() if k != 'image_size'} | dict(num_patches=16)
    text = TEXT | dict(projection_size=16)
    config = transformers.Siglip2Config(text_config=text, vision_config=vision)
    transformers.Siglip2Model(config).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match='is a Siglip2Model without one size of images'):
        HFImageHead(str(tmp_path)).load()


def test_features_that_are_no_vector(folders, monkeypatch):
    head = HFImageHead(str(folders['clip'])).load()
    tokens = torch.zeros(2, 5, 8)
    monkeypatch.setattr(head._frozen, 'get_image_features', lambda **_: tokens)
    with pytest.raises(ConfigError, match=r'one vector an input, but gives \(2, 5, 8\)'):
        head(torch.zeros(2, 3, 32, 32))


def test_missing_tokenizer(copied):
    for path in copied['clip'].glob('*token*'):
        path.unlink()
    with pytest.raises(FormatError, match=r'tokenizer'):
        HFTextHead(str(copied['clip'])).load()


def test_tokenizer_without_words(copied):
    write_tokenizer(copied['clip'], words=[])
    with pytest.raises(FormatError, match=r'has no vocabulary; add its tokenizer\.json\.$'):
        HFTextHead(str(copied['clip'])).load()


def test_broken_image_processor(copied):
    (copied['clip'] / 'preprocessor_config.json').write_text('{')
    with pytest.raises(FormatError, match=r'preprocessor_config\.json is no JSON \(.*\); write it'):
        HFImageHead(str(copied['clip'])).load()


def test_without_transformers(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match=r"needs transformers; run: pip install 'qaclims_mm\[vlm"):
        load_dual_encoder('x')


@torch.no_grad()
def test_special_tokens_in_a_text_are_letters(folders):
    head = HFTextHead(str(folders['clip'])).load()
    end = head._tokenizer.eos_token
    short, long = head.encode([WORDS[0], f'{WORDS[0]} {end} {WORDS[1]}'])
    assert (short - long).abs().max() > 1e-3
