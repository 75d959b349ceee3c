"""The files of docs/extend*.md, written as they stand there, and run."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tiny_vlms
import torch
from extend_page import (
    CONFIGS,
    CORPUS,
    FILES,
    PAGE,
    QUICK,
    QUICK_PLAN,
    TESTS,
    TEXT_BANKS,
    records,
    run,
    train,
)
from test_vlms.test_clip.test_hf import make_clip, write_tokenizer
from tiny_runs import ROOT

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.engine.config import read_config
from qaclims_mm.miniworld.generate import generate
from qaclims_mm.registry import DATASETS, MODELS, VQA_MODELS
from qaclims_mm.schemas import Manifest, read_cams, read_mask, strided_size, write_cams
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.suites import rows_of


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Return a folder as a user has it: the configs, MiniWorld, and the files of the page."""
    folder = tmp_path_factory.mktemp('mine')
    (folder / 'configs').symlink_to(ROOT / 'configs')
    generate(folder / 'data/miniworld', num_train=8, num_val=4)
    for name, code in FILES.items():
        (folder / name).write_text(code)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in re.findall(r'register_module\(\)\nclass (\w+)', PAGE):
        for registry in (DATASETS, MODELS, MODELS.parent, VQA_MODELS):
            registry._module_dict.pop(name, None)


@pytest.fixture
def inside(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope='module')
def corpus(place):
    """Ask the page's own model."""
    done = subprocess.run(
        [
            sys.executable, '-m', 'qaclims_mm', 'test', 'my_qape.py', 'none',
            '--cfg-options', 'test_dataloader.num_workers=0',
        ],
        cwd=place, env=os.environ | dict(PYTHONPATH=f'{place}:{ROOT}'),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place / 'work_dirs/miniworld/my_qape/corpus'


def test_every_file_is_complete():
    assert len(FILES) == PAGE.count('```python\n') >= 19
    # each config is run, or read, by a test of this module
    source = (ROOT / 'tests/test_extend.py').read_text()
    assert not [name for name in CONFIGS if name not in source]


def test_the_tests_of_the_page_pass(place):
    assert len(TESTS) == 3
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *TESTS],
        cwd=place, env=os.environ | dict(PYTHONPATH=f'{place}:{ROOT}:{ROOT / "tests"}'),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r'(\d+) passed', done.stdout)[1]) > 30


# ---------------------------------------------------------------------------------------- VQA model


def test_vqa_model(corpus):
    rows = [row for _, image in VQACorpus(corpus) for row in image]
    assert len(rows) >= 8 * 16
    assert {row['answer'] for row in rows} <= {'red', 'green', 'blue'}
    assert all(row['score'] <= 0 for row in rows)


def test_chat_model(inside, capsys, tmp_path):
    tiny_vlms.make_idefics(tmp_path)
    run(
        capsys, 'test', 'chat_qape.py', 'none', '--cfg-options', *QUICK,
        f'model.vqa.model={tmp_path}', 'model.groups=[fine]',
    )  # fmt: skip
    done = VQACorpus('work_dirs/miniworld/chat_qape/corpus')
    assert len([row for _, rows in done for row in rows]) >= 4 * 2


def test_captions(inside, capsys, tmp_path):
    tiny_vlms.make_idefics(tmp_path)
    run(
        capsys, 'test', 'caption_qape.py', 'none', '--cfg-options', *QUICK,
        f'model.vqa.model={tmp_path}', 'model.groups=[fine,caption]',
    )  # fmt: skip
    assert read_config('caption_qape.py').model.groups[-1] == 'caption'
    done = VQACorpus('work_dirs/miniworld/caption_qape/corpus')
    for _, rows in done:
        ids = [row['question_id'] for row in rows]
        assert ids == ['fine_1', 'fine_2', 'caption_1'] * (len(ids) // 3)
        assert {row['kind'] for row in rows} == {'fg'}
        captions = [r['question'] for r in rows if r['question_id'] == 'caption_1']
        assert all(q.startswith('Describe the ') for q in captions)
    # it passes the checks of files
    assert 'files' in run(capsys, 'check_files', 'work_dirs/miniworld/caption_qape/corpus')


def test_training_on_its_answers(inside, corpus, capsys):
    assert 'texts of' in run(capsys, 'encode_texts', 'my_train.py')
    train(capsys, 'my_train.py')


# --------------------------------------------------------------------------------------------- CLIP


def test_any_model_of_open_clip(inside):
    cfg = read_config('open_clip_leaf.py')
    assert cfg.model.image_head.pretrained == 'openai'
    # random weights, as there is no network
    cfg.merge_from_dict(
        {'model.image_head.pretrained': None, 'text_encoding.text_head.pretrained': None}
    )
    image, text = (MODELS.build(c) for c in (cfg.model.image_head, cfg.text_encoding.text_head))
    texts = text.load().encode(['a photo of cat'])
    assert image(torch.zeros(1, 3, *image.input_size)).shape == texts.shape == (1, 512)
    assert image.weights_sha256 == text.weights_sha256
    assert cfg.train_dataloader.dataset.pipeline[1].text_bank == cfg.model.text_bank
    assert cfg.model.text_bank == 'work_dirs/qaclims/open_clip_texts/text_bank'


def test_clip_of_transformers(inside, corpus, capsys, tmp_path):
    make_clip().save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    local = (
        f'model.image_head.model={tmp_path}', f'text_encoding.text_head.model={tmp_path}', CORPUS,
    )  # fmt: skip
    run(capsys, 'encode_texts', 'hf_leaf.py', '--cfg-options', *local)
    train(capsys, 'hf_leaf.py', *local)


def test_own_clip(inside, corpus, capsys):
    run(capsys, 'encode_texts', 'my_clip_leaf.py', '--cfg-options', CORPUS)
    weights, _ = train(capsys, 'my_clip_leaf.py', CORPUS)
    assert not [name for name in weights if 'image_head' in name]


# -------------------------------------------------------------------------------- loss and data set


def test_loss(inside, corpus, capsys):
    bank = 'work_dirs/miniworld/texts_of_loss'
    texts = [f'{place}={bank}' for place in TEXT_BANKS]
    run(capsys, 'encode_texts', 'my_loss_leaf.py', '--cfg-options', CORPUS, *texts)
    log = []
    capsys.readouterr()
    train(capsys, 'my_loss_leaf.py', CORPUS, *texts, 'default_hooks.logger.interval=1')
    for path in inside.glob('work_dirs/miniworld/my_loss/*/*.log'):
        log += re.findall(r'loss_frc: (\S+)', path.read_text())
    assert log
    assert all(0 < float(value) < 1e3 for value in log)


def test_dataset(inside, capsys):
    (inside / 'data/mine').symlink_to(inside / 'data/miniworld/JPEGImages')
    lines = [f'{r["image_id"]}\t{",".join(r["label_names"])}' for r in records()]
    (inside / 'data/mine/labels.tsv').write_text('\n'.join(lines) + '\n')
    _, checkpoint = train(capsys, 'my_dataset_leaf.py')
    run(capsys, 'test', 'my_dataset_leaf.py', checkpoint, '--cfg-options', *QUICK)
    maps = sorted((inside / 'work_dirs/miniworld/my_dataset/cams').glob('*.npz'))
    assert [p.stem for p in maps] == [line.split('\t')[0] for line in lines[:4]]
    assert read_cams(maps[0]).high_res.shape[1:] == (112, 112)


# ------------------------------------------------------------------------------------- comparisons


def test_a_row_of_a_comparison(inside, capsys):
    flags = ('--plan', 'my_pipeline.py', '--work-dir', 'work_dirs/x', '--dry-run')
    shown = run(capsys, 'ablate', 'my_suite.py', *flags)
    found = re.findall(r'seed0/([\w-]+) +│.*│ to do', shown)
    mine = ['data', 'my_qape', 'my_texts', 'my_train', 'my_train_maps']
    assert [n for n in found if n in mine] == mine
    assert found[-2:] == ['qa_clims', 'qa_clims_maps']


def test_a_loss_is_compared(inside, capsys):
    flags = ('--plan', 'my_loss_plan.py', '--work-dir', 'work_dirs/x', '--dry-run')
    shown = run(capsys, 'ablate', 'my_loss_suite.py', *flags)
    found = re.findall(r'seed0/([\w-]+) +│.*│ to do', shown)
    rows = [f'my_loss_suite-{row}{part}' for row in ('margin', 'frc') for part in ('', '_maps')]
    assert [n for n in found if n.startswith('my_')] == rows
    plan = read_plan('my_loss_plan.py')
    trained = {
        row.name: (row.stages[0].config, row.stages[-1].checkpoint)
        for row in rows_of(plan, 'my_loss_suite.py')
    }
    assert trained['margin'][0] == 'my_loss_leaf.py' != trained['frc'][0]
    assert all(checkpoint.endswith('/epoch_1.pth') for _, checkpoint in trained.values())


def test_a_value_is_compared(inside, capsys):
    shown = run(capsys, 'ablate', 'my_weights.py', '--work-dir', 'work_dirs/x', '--dry-run')
    found = re.findall(r'seed0/([\w-]+) +│.*│ to do', shown)
    assert [n for n in found if n.startswith('my_')] == [
        'my_weights-light', 'my_weights-light_maps',
    ]  # fmt: skip
    assert found[-2:] == ['qa_clims', 'qa_clims_maps']


def test_a_stage_of_a_plan(inside, capsys):
    flags = ('--to', 'my_sheet', '--work-dir', 'work_dirs/x', '--dry-run')
    shown = run(capsys, 'run', 'my_plan.py', *flags)
    assert re.findall(r'([\w-]+) +│.*│ to do', shown)[-1] == 'my_sheet'


def test_its_stages_run(inside, place, capsys):
    """With pictures, steps and classes of the test's world, in the pipeline's folders."""
    plan = (inside / 'my_pipeline.py').read_text() + QUICK_PLAN
    (inside / 'quick_pipeline.py').write_text(plan)
    suite = "variants = dict(mine=dict(title='M', stage='my_train'))"
    (inside / 'quick.py').write_text(suite)
    done = subprocess.run(
        [
            sys.executable, '-m', 'qaclims_mm', 'ablate', 'quick.py', '--plan',
            'quick_pipeline.py', '--work-dir', 'work_dirs/compared',
        ],
        cwd=place, env=os.environ | dict(PYTHONPATH=f'{place}:{ROOT}'),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '| M |' in (inside / 'work_dirs/compared/ablations/quick.md').read_text()
    assert (inside / 'work_dirs/compared/seed0/my_train_maps/curve.json').is_file()


# ------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize(
    ('config', 'weight', 'shape'),
    [
        ('deeper.py', 'backbone.layer3.5.conv2.weight', (128, 128, 3, 3)),
        ('other_backbone.py', 'cam_head.conv.weight', (8, 160, 1, 1)),
        ('timm_backbone.py', 'cam_head.conv.weight', (8, 256, 1, 1)),
        ('my_backbone_leaf.py', 'cam_head.conv.weight', (8, 64, 1, 1)),
        ('my_segmentor.py', 'decode_head.conv_seg.weight', (9, 32, 1, 1)),
        ('my_eomt.py', 'decode_head.class_layer.weight', (10, 96)),
    ],
)
def test_networks(inside, capsys, config, weight, shape):
    weights, checkpoint = train(capsys, config)
    assert weights[weight].shape == shape
    run(capsys, 'test', config, checkpoint, '--cfg-options', *QUICK)


def test_refiner(inside, capsys):
    rng, folder = np.random.default_rng(0), inside / 'work_dirs/miniworld/qa_clims_maps/cams'
    for record in records():
        keys = np.array(record['class_indices'])
        high = rng.random((len(keys), 112, 112)).astype(np.float32)
        low = rng.random((len(keys), *strided_size(112, 112))).astype(np.float32)
        write_cams(folder / f'{record["image_id"]}.npz', keys, low, high)
    Manifest('cams', 'c').write(folder)
    run(capsys, 'test', 'my_refiner_leaf.py', 'none', '--cfg-options', *QUICK)
    masks = sorted((inside / 'work_dirs/miniworld/my_refiner/pseudo_masks').glob('*.png'))
    assert len(masks) == 4
    for path in masks:
        # noise of 0 to 1 that is averaged is near 0.5, above the background's 0.25, everywhere
        assert (read_mask(path) > 0).all()
