import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.clip.hf_read import read_or_make, read_pretrained, read_weights

transformers = pytest.importorskip('transformers')
SIZES = dict(
    vocab_size=10, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bert')
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / 'bert')


def test_weights_are_read_and_frozen(folder):
    model = read_weights(transformers.AutoModel, str(folder), dtype=torch.bfloat16)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    wanted = load_file(folder / 'model.safetensors')
    assert {k: v.dtype for k, v in model.state_dict().items() if k in wanted} == dict.fromkeys(
        wanted, torch.bfloat16
    )


def test_options_reach_transformers(folder):
    seen = {}
    found = read_pretrained(lambda *args, **options: seen.update(options) or args, 'x', '', a=1)
    assert found == ('x',)
    assert seen == dict(trust_remote_code=False, a=1)


def test_the_shipped_weights_have_a_name():
    config = read_pretrained(transformers.AutoConfig.from_pretrained, 'miniworld://blip', '')
    assert config.model_type == 'blip'


@pytest.mark.parametrize('broken', ['pickled', 'torn', 'other shape', 'no config'])
def test_what_cannot_be_read(folder, broken):
    weights = folder / 'model.safetensors'
    if broken == 'pickled':
        torch.save(load_file(weights), folder / 'pytorch_model.bin')
        weights.unlink()
    elif broken == 'torn':
        weights.write_bytes(weights.read_bytes()[:100])
    elif broken == 'other shape':
        state = load_file(weights) | {'embeddings.word_embeddings.weight': torch.zeros(3, 3)}
        save_file(state, weights, metadata=dict(format='pt'))
    else:
        (folder / 'config.json').unlink()
    with pytest.raises(
        FormatError,
        match=rf"^'{folder}' cannot be read by transformers: .* Give a folder with config\.json "
        r'and model\.safetensors, or a hub id and a network\.$',
    ):
        read_weights(transformers.AutoModel, str(folder))


@pytest.mark.parametrize('name', ['/no/such', './no', '../no/such', 'a/b/c', r'C:\no\such', '~/no'])
def test_a_folder_that_does_not_exist(name):
    with pytest.raises(FormatError) as raised:
        read_weights(transformers.AutoModel, name)
    files = 'config.json and model.safetensors'
    assert str(raised.value) == f'the folder {name!r} does not exist; give a folder with {files}.'


def test_a_hub_id_without_a_network():
    with pytest.raises(FormatError, match=r"^'no/such' cannot .* a hub id and a network\.$"):
        read_weights(transformers.AutoModel, 'no/such')


def test_missing_weights(folder):
    path = folder / 'model.safetensors'
    state = {k: v for k, v in load_file(path).items() if not k.startswith('pooler')}
    save_file(state, path, metadata=dict(format='pt'))
    message = r'lacks 2 weights, such as pooler\.dense\.bias; give the folder of a whole BertModel'
    with pytest.raises(FormatError, match=message):
        read_weights(transformers.AutoModel, str(folder))


def test_code_beside_the_weights_is_not_run(folder):
    path = folder / 'config.json'
    config = json.loads(path.read_text()) | dict(
        model_type='mine', auto_map=dict(AutoConfig='mine.C', AutoModel='mine.M')
    )
    path.write_text(json.dumps(config))
    (folder / 'mine.py').write_text('raise SystemExit("was run")')
    with pytest.raises(FormatError, match=r'cannot be read by transformers: .*code'):
        read_weights(transformers.AutoModel, str(folder))


def test_random_weights_follow_their_seed(written):
    config = transformers.BertConfig(**SIZES)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    made = [read_or_make(transformers.BertModel, 'nowhere', config, seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    weights = [m.pooler.dense.weight for m in made]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not made[0].training
    assert not weights[0].requires_grad
    read = read_or_make(transformers.BertModel, str(written))
    assert not torch.equal(read.pooler.dense.weight, weights[0])
