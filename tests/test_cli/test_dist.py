"""Two CPU ranks, started by the scripts users start, against one process."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import make_tiny_voc
from rank_runs import (
    LIMIT,
    MARKS,
    files_of,
    flags_from_start,
    moved_alike,
    read_weights,
    run_ranks,
    run_tools,
    train_alone,
)
from tiny_runs import ROOT, build_tiny_runner, write_tiny_config

from qaclims_mm.datasets.voc12 import CLASSES, VOC12WeakDataset
from qaclims_mm.schemas import Manifest, read_cams, write_text_bank
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

pytestmark = MARKS
# with two ranks the first one gets every other image; in the first step of two images a rank, the
# second rank has no label at all, and ranks that were out of step would be found in the second
LABELS = {
    'img_0': ('dog',),
    'img_1': (),
    'img_2': ('cat', 'dog'),
    'img_3': (),
    'img_4': ('cat',),
    'img_5': ('person', 'diningtable'),
    'img_6': ('person',),
    'img_7': ('train',),
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with a classifier that two ranks have trained."""
    folder = tmp_path_factory.mktemp('ranks')
    make_tiny_voc(folder / 'voc', labels=LABELS)
    # seven images: one rank has more, and none may count twice
    more = "test_dataloader['dataset']['ann_file'] = 'seven.txt'\n"
    (folder / 'voc/seven.txt').write_text('\n'.join(list(LABELS)[:7]) + '\n')
    config = write_tiny_config(folder / 'cam.py', folder / 'voc', more)
    code, output = run_ranks('dist_train.sh', config, 2, '--work-dir', folder / 'cam')
    assert code == 0, output
    return folder


def test_two_ranks_train_an_epoch(trained):
    checkpoint = torch.load(trained / 'cam/epoch_1.pth', weights_only=False)
    # eight images, two on each of two ranks
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (1, 2)
    assert all(torch.isfinite(v).all() for v in checkpoint['state_dict'].values())
    [log] = (trained / 'cam').glob('*/*.log')
    assert 'Distributed launcher: pytorch' in log.read_text()
    assert 'GPU number: 2' in log.read_text()


def test_a_plan_gives_its_stages_ranks(trained):
    config = trained / 'cam.py'
    (trained / 'plan.py').write_text(
        "work_dir = 'unused'\n"
        f"stages = [dict(name='cam', command='train', config={str(config)!r}, seeded=True)]\n"
    )
    command = [sys.executable, ROOT / 'tools/run.py', trained / 'plan.py']
    flags = ['--work-dir', trained / 'plan', '--ranks', '2']
    done = subprocess.run(
        [*map(str, command), *map(str, flags)],
        env=os.environ | dict(OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [log] = (trained / 'plan/cam').glob('*/*.log')
    assert 'GPU number: 2' in log.read_text()
    mine, wanted = (
        torch.load(trained / folder / 'epoch_1.pth', weights_only=False)['state_dict']
        for folder in ('plan/cam', 'cam')
    )
    for name, value in wanted.items():
        torch.testing.assert_close(mine[name], value)


def test_two_ranks_test_to_the_same_bytes_as_one_process(trained):
    (trained / 'voc/JPEGImages/img_5.jpg').unlink()  # a bad record of the second rank
    config, checkpoint = trained / 'cam.py', trained / 'cam/epoch_1.pth'
    two, one = trained / 'two/cam', trained / 'one/cam'
    code, output = run_ranks('dist_test.sh', config, checkpoint, 2, '--work-dir', two)
    assert code == 3, output
    assert '1 record could not be used:\n  img_5: image ' in output
    runner = build_tiny_runner(config, one, 'test', load_from=str(checkpoint))
    runner.test()
    assert files_of(two / 'cams') == files_of(one / 'cams')
    assert len(files_of(two / 'cams')) == 6 + len(['manifest.json', 'run.json'])
    assert [i for i, _ in Manifest.read(two / 'cams').failed] == ['img_5']
    for name in ('metrics.json', 'curve.json'):
        assert (two / name).read_bytes() == (one / name).read_bytes()
    assert json.loads((two / 'metrics.json').read_text())['cam']['cams/images'] == 6
    # each rank has counted its own
    assert len(list((two / 'journal').glob('part-*.npz'))) == 2
    # an image without a label has a file without a map
    assert read_cams(two / 'cams/img_1.npz').high_res.shape == (0, 32, 40)


RITC = """
train_dataloader['dataset']['pipeline'].insert(1, dict(type='LoadTextRows', text_bank='{bank}'))
backbone['norm_eval'] = True
model.update(
    type='RITC',
    activation='sigmoid',
    image_head=dict(
        type='CLIPImageHead',
        model='miniworld://clip',
        mask_prompt='miniworld://clip/mask_prompt.safetensors',
    ),
    text_bank='{bank}',
    threshold=dict(type='ForegroundAdaptiveThreshold', omega=0.1),
    loss_frc=dict(type='FRCLoss', loss_weight=10.0),
    loss_brc=dict(type='BRCLoss', loss_weight=8.0),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
)
optim_wrapper['optimizer']['lr'] = 0.01
"""


CLIMS = """
backbone['norm_eval'] = True
model.update(
    type='CLIMS',
    image_head=dict(type='CLIPImageHead', model='miniworld://clip'),
    text_head=dict(type='CLIPTextHead', model='miniworld://clip'),
    class_names={classes},
    background_texts=['grass', 'water', 'road'],
    loss_otm=dict(type='OTMLoss', loss_weight=10.0),
    loss_btm=dict(type='BTMLoss', loss_weight=24.0),
    loss_cbs=dict(type='CBSLoss', loss_weight=1.0, threshold=0.0),
    loss_reg=dict(type='REGLoss', loss_weight=0.2),
)
optim_wrapper['optimizer']['lr'] = 0.01
"""


def make_text_bank(folder, root):
    """Encode two answers and three backgrounds about each image and class."""
    records = VOC12WeakDataset(data_root=str(root), ann_file='train.txt').iterate_records()
    pairs = sorted((r['image_id'], name) for r in records for name in r['label_names'])
    classes = sorted({name for _, name in pairs})
    backgrounds = ['grass', 'water', 'road', 'sky']
    texts = [*classes, *(f'no {c}' for c in classes), *(f'small {c}' for c in classes)]
    row = {text: i for i, text in enumerate(texts + backgrounds)}
    index = dict(
        image_id=[i for i, _ in pairs],
        class_name=[c for _, c in pairs],
        label=[row[c] for _, c in pairs],
        fg=[[row[f'small {c}']] for _, c in pairs],
        bg=[[row[b] for b in backgrounds[: 1 + n % 4]] for n in range(len(pairs))],
        no=[row[f'no {c}'] for _, c in pairs],
    )
    head = CLIPTextHead('miniworld://clip').load()
    metadata = dict(clip='miniworld://clip', weights_sha256=head.weights_sha256)
    write_text_bank(folder, head.encode(list(row)).numpy(), list(row), index, metadata)


MODELS = dict(
    RITC=RITC,
    # whose losses are all zero where there is no label
    RITC_without_REG=f"{RITC}model['loss_reg'] = None\n",
    CLIMS=CLIMS,
)


@pytest.fixture(scope='module')
def stepped(tmp_path_factory):
    """{name: weights before, after the steps of one process, and after those of two ranks}."""
    folder = tmp_path_factory.mktemp('steps')
    make_tiny_voc(folder / 'voc', labels=LABELS)
    make_text_bank(folder / 'bank', folder / 'voc')
    alone, calls = {}, []
    for name, model in MODELS.items():
        more = model.format(bank=folder / 'bank', classes=CLASSES[1:])
        config = write_tiny_config(folder / f'{name}.py', folder / 'voc', more)
        alone[name] = train_alone(config, folder / name, **{'train_dataloader.batch_size': 4})
        calls.append(('train.py', config, *flags_from_start(folder / name, 'two')))
    run_tools(*calls)
    return {n: (*alone[n], read_weights(folder / n / 'two', steps=2)) for n in MODELS}


@pytest.mark.parametrize('name', MODELS)
def test_two_ranks_take_the_steps_of_one_with_the_whole_batch(stepped, name):
    moved = moved_alike(*stepped[name])
    # the steps are much larger than what is allowed between them
    assert moved['cam_head.conv.weight'] > 1e-3
    assert np.median([m for n, m in moved.items() if n.endswith('weight')]) > 1e-4
