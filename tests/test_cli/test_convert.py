import json
import os
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from released import cam_network_cfg, official_state_dict
from released_files import (
    BG_TEMPLATES,
    FG_TEMPLATES,
    answers_of,
    cam_file,
    harmful,
    npy,
)
from shipped_configs import CONFIGS
from tool_runs import run_tool, start_tool

from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import check_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead

KINDS = (
    'cam',
    'qa_clims',
    'irn',
    'mask_clip',
    'blip',
    'wide_resnet38',
    'deeplabv2',
    'efficientnet_lite0',
    'vqa',
    'text_cache',
)


def convert(*args, capsys):
    return run_tool('convert', *args, capsys=capsys)


# --------------------------------------------------------------------------------------- the tool


def test_help_names_every_kind(capsys):
    done = convert('-h', capsys=capsys)
    assert done.status == 0
    assert [k for k in KINDS if not re.search(rf'^    {k}\b', done.text, re.MULTILINE)] == []
    for kind in KINDS:
        done = convert(kind, '-h', capsys=capsys)
        assert done.status == 0
        assert f'qaclims convert {kind} ' in done.text
        assert '--force' in done.text


def test_report_and_checkpoint(tmp_path, capsys):
    wanted = cam_file(tmp_path / 'in.pth')
    done = convert('qa_clims', tmp_path / 'in.pth', tmp_path / 'out.pth', capsys=capsys)
    assert done.status == 0, done.text
    assert re.search(rf'│ used +│ {len(wanted)} of {len(wanted)} │', done.text)
    assert re.search(r'│ left out by name +│ +1 │ resnet50\\\.fc\\\.\.\+ +│', done.text)
    assert re.search(r'│ missing +│ +0 │', done.text)
    assert f'qa_clims: written to {tmp_path}/out.pth' in done.text
    content = torch.load(tmp_path / 'out.pth', weights_only=True)
    assert content['meta']['converted'] == 'qa_clims'
    assert content['state_dict'].keys() == wanted.keys()


def test_nothing_is_written_unless_all_fits(tmp_path, capsys):
    names = ('classifier.weight', 'newly_added.0.weight')
    cam_file(tmp_path / 'in.pth', drop=names, changes={'more.weight': torch.ones(1)})
    done = convert('cam', tmp_path / 'in.pth', tmp_path / 'out.pth', capsys=capsys)
    assert done.status == 1
    assert re.search(r'│ missing +│ +1 │ cam_head\.conv\.weight', done.text)
    assert re.search(r'│ unexpected +│ +1 │ more\.weight', done.text)
    assert re.search(r'error: .*in\.pth does not fit: covered: 318 of 319 weights', done.text)
    assert [p.name for p in tmp_path.iterdir()] == ['in.pth']


def test_an_output_is_replaced_by_force_only(tmp_path, capsys):
    cam_file(tmp_path / 'in.pth')
    args = 'cam', tmp_path / 'in.pth', tmp_path / 'out.pth'
    assert convert(*args, capsys=capsys).status == 0
    first = (tmp_path / 'out.pth').read_bytes()
    done = convert(*args, capsys=capsys)
    assert done.status == 1
    assert 'out.pth exists; choose another output, or --force to replace it.' in done.text
    assert convert(*args, '--force', capsys=capsys).status == 0
    assert (tmp_path / 'out.pth').read_bytes() == first


@pytest.mark.parametrize('name', ['os.system', 'in a tensor, bare pickle'])
def test_nothing_in_a_file_is_run(tmp_path, capsys, name):
    marker = tmp_path / 'marker'
    bad = harmful(str(marker))[name]
    torch.save({'w': bad}, tmp_path / 'in.pth')
    array = np.array({'image': {'cat': bad}}, dtype=object)
    np.save(tmp_path / 'in.npy', array)
    for args in (
        ('cam', 'in.pth', 'out.pth'),
        ('vqa', 'in.npy', 'in.npy', 'out'),
        ('mask_clip', 'in.pth', 'out'),
    ):
        kind, *files = args
        done = convert(kind, *(tmp_path / f for f in files), capsys=capsys)
        assert done.status == 1
        assert 'error: ' in done.text
    assert not marker.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ['in.npy', 'in.pth']


def test_missing_files(tmp_path, capsys):
    for args in (
        ('irn', 'absent.pth', 'out'),
        ('vqa', 'absent.npy', 'absent.npy', 'out'),
        ('vqa', 'absent.npy', 'absent.npy', 'out', '--ids', 'absent.txt'),
    ):
        done = convert(*args, capsys=capsys)
        assert done.status == 1
        assert re.search('error: .*absent', done.text)


def test_in_a_process_of_its_own(tmp_path):
    (tmp_path / 'in.npy').write_bytes(npy(b'cos\nmkdir\n(S"x"\ntR.'))
    done = start_tool('convert', 'vqa', 'in.npy', 'in.npy', 'out', cwd=tmp_path)
    assert done.status == 1
    assert done.text.startswith('error: ')
    assert done.text.count('\n') == 1
    assert 'in.npy names os.mkdir, which a file of data does not need' in done.text


# --------------------------------------------------------------------- answers and their features

CONFIG = """
default_scope = 'mmseg'
custom_imports = dict(imports=['qaclims_mm.plugin'], allow_failed_imports=False)
model = dict(text_bank='encoded')
text_encoding = dict(
    corpus='corpus',
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    prompt='a photo of {answer}.',
    bg_filter='distinct',
    groups=('fine', 'alias', 'object', 'scene'),
)
"""


def test_answers_and_caches(tmp_path, capsys, monkeypatch):
    """The way from the released files to a text bank; the same as by encoding the corpus."""
    pytest.importorskip('open_clip')
    from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

    monkeypatch.chdir(tmp_path)
    spec = {'2007_000032': ['train', 'boat'], '2008_000008': ['dog'], '2011_000003': ['cat']}
    fg, bg = (answers_of(spec, t) for t in (FG_TEMPLATES, BG_TEMPLATES))
    head = CLIPTextHead('miniworld://clip').load()

    def features(texts):
        return head.encode([f'a photo of {t}.' for t in texts])

    fg_cache = {
        image: {
            name: {f'{a} {name}': features([f'{a} {name}']) for a in entry['answers']}
            for name, entry in classes.items()
        }
        for image, classes in fg.items()
    }
    feats = {
        image: {
            name: dict(answers=entry['answers'], answer_feats=features(entry['answers']))
            for name, entry in classes.items()
        }
        for image, classes in bg.items()
    }
    bg_cache = dict(profile=dict(prompt='a photo of {}.', dtype=torch.float32), feats=feats)
    for name, content in dict(fg=fg, bg=bg, fg_cache=fg_cache, bg_cache=bg_cache).items():
        np.save(f'{name}.npy', content)
    (tmp_path / 'ids.txt').write_text('2008_000008\n2007_000032\n')
    (tmp_path / 'config.py').write_text(CONFIG)

    done = convert('vqa', 'fg.npy', 'bg.npy', 'corpus', '--ids', 'ids.txt', capsys=capsys)
    assert done.status == 0, done.text
    assert 'vqa: written to corpus (images: 2, answers: 48, empty: 0, shards: 1)' in done.text
    done = convert(
        'text_cache', 'corpus', 'fg_cache.npy', 'bg_cache.npy', 'texts', '--config', 'config.py',
        capsys=capsys,
    )  # fmt: skip
    assert done.status == 0, done.text
    assert re.search(
        r'text_cache: written to texts \(texts: \d+, pairs: 3, cached: \d+\)', done.text
    )
    done = run_tool('encode_texts', 'config.py', capsys=capsys)
    assert done.status == 0, done.text
    for name in ('texts.json', 'index.parquet'):
        assert (tmp_path / 'texts' / name).read_bytes() == (
            tmp_path / 'encoded' / name
        ).read_bytes()
    found, encoded = (check_text_bank(tmp_path / n) for n in ('texts', 'encoded'))
    assert found.metadata == encoded.metadata
    torch.testing.assert_close(found.embeddings, encoded.embeddings, atol=1e-3, rtol=0)
    assert run_tool('check_files', tmp_path, capsys=capsys).status == 0


# ---------------------------------------------------------------- numbers of the released networks


def converted(kind, weights, out, goldens_dir, monkeypatch, capsys, wrap=lambda state: state):
    """Write a network of the goldens in the released format and convert it; return the report."""
    source = out.parent / 'in.pth'
    torch.save(wrap(official_state_dict(goldens_dir, weights, monkeypatch)), source)
    done = convert(kind, source, out, capsys=capsys)
    source.unlink()
    assert done.status == 0, done.text
    return done.text


def load(model, path):
    load_checkpoint(model, str(path), 'cpu', strict=True)
    path.unlink()
    return model.eval()


@pytest.mark.goldens
@pytest.mark.parametrize(('kind', 'network'), [('cam', 'CAMClassifier'), ('qa_clims', 'RITC')])
@torch.no_grad()
def test_golden_cam(tmp_path, goldens_dir, monkeypatch, capsys, kind, network):
    golden = np.load(goldens_dir / 'cam.npz')
    converted(kind, 'clims', tmp_path / 'out.pth', goldens_dir, monkeypatch, capsys)
    cfg = cam_network_cfg(type=network)
    if network == 'CAMClassifier':
        keys = ('backbone', 'cam_head', 'data_preprocessor', 'type')
        cfg = {k: v for k, v in cfg.items() if k in keys}
    else:
        cfg.image_head = dict(type='CLIPImageHead', model='none')
    model = load(MODELS.build(cfg), tmp_path / 'out.pth')
    image = model.data_preprocessor.normalise(torch.tensor(golden['img']).permute(2, 0, 1))
    found = model.logits(image[None]).sigmoid()
    assert found.shape == golden['sigmoid'].shape
    np.testing.assert_allclose(found, golden['sigmoid'], atol=1e-5)


@pytest.mark.goldens
@torch.no_grad()
def test_golden_irn(tmp_path, goldens_dir, monkeypatch, capsys):
    golden = np.load(goldens_dir / 'irn.npz')
    converted('irn', 'irn', tmp_path / 'out.pth', goldens_dir, monkeypatch, capsys)
    cfg = Config.fromfile(CONFIGS / '_base_/models/irn_r50.py').model
    model = load(MODELS.build(cfg), tmp_path / 'out.pth')
    image = model.data_preprocessor.normalise(torch.tensor(golden['img2']).permute(2, 0, 1))
    [edge], [displacement] = model.edges([image]), model(image[None])[1]
    np.testing.assert_allclose(edge[None], golden['edge2'], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(displacement, golden['dp2'], rtol=1e-4, atol=1e-4)


@pytest.mark.goldens
@torch.no_grad()
def test_golden_mask_clip(tmp_path, goldens_dir, monkeypatch, capsys):
    open_clip = pytest.importorskip('open_clip')
    golden = np.load(goldens_dir / 'mask_clip.npz')

    def wrap(state):
        rest = {'backbone.patch_embed.proj.weight': torch.ones(4), 'criterion.w': torch.ones(1)}
        return {'model': rest | {f'clip_adapter.clip_model.{k}': v for k, v in state.items()}}

    out = tmp_path / 'weights'
    said = converted('mask_clip', 'mask_clip', out, goldens_dir, monkeypatch, capsys, wrap)
    assert said.count('CC BY-NC 4.0') == 1
    assert len(re.findall(r'│ left out by name +│ +1 │', said)) == 2
    config = dict(
        embed_dim=64,
        quick_gelu=True,
        vision_cfg=dict(image_size=56, patch_size=14, width=128, layers=4, head_width=64),
        text_cfg=dict(context_length=77, vocab_size=49408, width=64, heads=1, layers=2),
    )
    (tmp_path / 'qaclims-golden.json').write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    adapted, prompt = sorted(out.iterdir())
    head = CLIPImageHead('qaclims-golden', str(adapted), mask_prompt=str(prompt))
    x, mask = torch.tensor(golden['x']), torch.tensor(golden['m'])
    np.testing.assert_allclose(head(x, mask), golden['feat_masked'], atol=1e-4)
    np.testing.assert_allclose(head(x), golden['feat'], atol=1e-4)
    clip = open_clip.create_model('qaclims-golden', pretrained=str(adapted)).eval()
    text = clip.encode_text(torch.tensor(golden['tokens']))
    np.testing.assert_allclose(text, golden['text'], atol=1e-4)


@pytest.mark.goldens
@torch.no_grad()
def test_golden_deeplab_v2(tmp_path, goldens_dir, monkeypatch, capsys):
    golden = np.load(goldens_dir / 'segmentors.npz')
    converted('deeplabv2', 'deeplabv2', tmp_path / 'out.pth', goldens_dir, monkeypatch, capsys)
    cfg = Config.fromfile(CONFIGS / '_base_/models/deeplabv2_r101.py').model
    model = load(MODELS.build(cfg), tmp_path / 'out.pth')
    found, wanted = model.pyramid(torch.tensor(golden['x']))[-1], torch.tensor(golden['v2_msc'])
    assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()


@pytest.mark.goldens
@torch.no_grad()
def test_golden_deeplab_v1(tmp_path, goldens_dir, monkeypatch, capsys):
    golden = np.load(goldens_dir / 'segmentors.npz')
    out = tmp_path / 'out.pth'
    converted('wide_resnet38', 'deeplabv1_wr38', out, goldens_dir, monkeypatch, capsys)
    cfg = Config.fromfile(CONFIGS / '_base_/models/deeplabv1_wr38.py').model
    model = load(MODELS.build(cfg), out)
    images = torch.tensor(golden['x'])
    found = model.encode_decode(images, [dict(img_shape=images.shape[-2:])])[..., ::4, ::4]
    wanted = torch.tensor(golden['v1'])
    assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()
    assert os.listdir(tmp_path) == []
