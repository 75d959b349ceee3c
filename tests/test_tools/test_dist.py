"""Two CPU ranks, started by the scripts users start, against one process."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import make_tiny_voc
from tiny_runs import ROOT, build_tiny_runner, write_tiny_config

from qaclims_mm.datasets.voc12 import CLASSES, VOC12WeakDataset
from qaclims_mm.schemas import Manifest, read_cams, write_text_bank
from qaclims_mm.vlms.clip import CLIPTextHead

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason='the ranks would take the GPUs'),
]
# with two ranks the first one gets every other image; in the second step of two images a rank, the
# second rank has no label at all
LABELS = {
    'img_0': ('dog',),
    'img_1': ('person', 'diningtable'),
    'img_2': ('cat', 'dog'),
    'img_3': ('train',),
    'img_4': ('cat',),
    'img_5': (),
    'img_6': ('person',),
    'img_7': (),
}
LIMIT = 150


def run_ranks(script, *arguments):
    """Run a script of tools/ with two ranks and return its exit status; what hangs is killed."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    with subprocess.Popen(
        ['bash', str(ROOT / 'tools' / script), *map(str, arguments)],
        env=os.environ | dict(PATH=path, PORT=str(port), OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f'{script} hangs; killed after {LIMIT} s')
    return process.returncode, output


@pytest.fixture(scope='module', autouse=True)
def _one_thread():
    """As torchrun gives its ranks, since sums over threads differ in the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def test_a_pipeline_gives_its_stages_ranks(trained):
    config = trained / 'cam.py'
    (trained / 'plan.py').write_text(
        "work_dir = 'unused'\n"
        f"stages = [dict(name='cam', tool='train.py', config={str(config)!r}, seeded=True)]\n"
    )
    command = [sys.executable, ROOT / 'tools/run_pipeline.py', trained / 'plan.py']
    flags = ['--work-dir', trained / 'plan', '--launcher', 'pytorch', '--ranks', '2']
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


def files_of(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob('*'))
        if p.is_file()
    }


def test_two_ranks_test_to_the_same_bytes_as_one_process(trained):
    (trained / 'voc/JPEGImages/img_3.jpg').unlink()  # a bad record of the second rank
    config, checkpoint = trained / 'cam.py', trained / 'cam/epoch_1.pth'
    two, one = trained / 'two/cam', trained / 'one/cam'
    code, output = run_ranks('dist_test.sh', config, checkpoint, 2, '--work-dir', two)
    assert code == 3, output
    assert '1 records could not be used:\n  img_3: image ' in output
    runner = build_tiny_runner(config, one, 'test', load_from=str(checkpoint))
    runner.test()
    assert files_of(two / 'cams') == files_of(one / 'cams')
    assert len(files_of(two / 'cams')) == 6 + len(['manifest.json', 'run.json'])
    assert [i for i, _ in Manifest.read(two / 'cams').failed] == ['img_3']
    for name in ('metrics.json', 'curve.json'):
        assert (two / name).read_bytes() == (one / name).read_bytes()
    assert json.loads((two / 'metrics.json').read_text())['cam']['cams/images'] == 6
    # each rank has counted its own
    assert {p.name for p in (two / 'journal').glob('part-*')} == {
        'part-000-00000.npz',
        'part-001-00000.npz',
    }
    # an image without a label has a file without a map
    assert read_cams(two / 'cams/img_5.npz').high_res.shape == (0, 32, 40)


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


@pytest.mark.parametrize('model', [RITC, CLIMS], ids=['RITC', 'CLIMS'])
def test_two_ranks_take_the_steps_of_one_with_the_whole_batch(tmp_path, model):
    make_tiny_voc(tmp_path / 'voc', labels=LABELS)
    make_text_bank(tmp_path / 'bank', tmp_path / 'voc')
    more = model.format(bank=tmp_path / 'bank', classes=CLASSES[1:])
    config = write_tiny_config(tmp_path / 'model.py', tmp_path / 'voc', more)
    four = {'train_dataloader.batch_size': 4}
    runner = build_tiny_runner(config, tmp_path / 'one', 'train', **four)
    runner.model.init_weights()
    start = {k: v.clone() for k, v in runner.model.state_dict().items()}
    torch.save(start, tmp_path / 'start.pth')
    runner.load_checkpoint(str(tmp_path / 'start.pth'))
    runner.train()
    # the first step has labels on both ranks, in the second the other rank has none
    code, output = run_ranks(
        'dist_train.sh', config, 2, '--work-dir', tmp_path / 'two',
        '--cfg-options', f'load_from={tmp_path / "start.pth"}',
    )  # fmt: skip
    assert code == 0, output
    one, two = (
        torch.load(tmp_path / name / 'epoch_1.pth', weights_only=False) for name in ('one', 'two')
    )
    assert one['meta']['iter'] == two['meta']['iter'] == 2
    moved = {}
    for name, weight in one['state_dict'].items():
        torch.testing.assert_close(two['state_dict'][name], weight, rtol=0, atol=1e-5)
        moved[name] = float((weight - start[name]).abs().max())
    # the steps are much larger than what is allowed between them
    assert moved['cam_head.conv.weight'] > 1e-3
    assert np.median([m for n, m in moved.items() if n.endswith('weight')]) > 1e-4
