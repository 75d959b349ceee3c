"""The installed mmseg's own tools and inferencers on the configs of this package."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model
from PIL import Image

from qaclims_mm.inference import Segmenter
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.registry import MODELS, TRANSFORMS

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(mmseg.__file__).parent / '.mim/tools'
SEGMENTOR = ROOT / 'configs/miniworld/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py'
CAM = ROOT / 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'
ZOO = ROOT / 'configs/zoo/segformer_mit-b0_qa-clims-irn_2xb8-30k_voc12aug-512x512.py'
SHIPPED = 'miniworld://segment/r18-mini.safetensors'
SIDE, VAL = 112, 4

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """A folder to run tools in, with a MiniWorld of a few pictures where configs look for it."""
    folder = tmp_path_factory.mktemp('world')
    generate(folder / 'data/miniworld', num_train=8, num_val=VAL)
    return folder


def run(world, tool, *arguments):
    """Run a tool of the installed mmseg as its user does; return what it printed."""
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [sys.executable, str(TOOLS / tool), *map(str, arguments)],
        cwd=world,
        env={**os.environ, 'PYTHONPATH': path, 'MPLBACKEND': 'Agg', 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def trained(world):
    """The checkpoint of a training of two steps."""
    steps = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4']
    logs = ['train_dataloader.dataset.indices=8', 'default_hooks.logger.interval=1']
    best = 'default_hooks.checkpoint.save_best=seg/mIoU'
    run(world, 'train.py', SEGMENTOR, '--work-dir', 'work', '--cfg-options', *steps, *logs, best)
    assert list((world / 'work').glob('best_seg_mIoU_epoch_1.pth'))
    return world / 'work/epoch_1.pth'


@pytest.fixture(scope='module')
def tested(world):
    """The folder of the masks and that of the pictures that a test run makes."""
    flags = ['--work-dir', 'test', '--out', 'masks', '--show-dir', 'shown']
    printed = run(world, 'test.py', SEGMENTOR, SHIPPED, *flags)
    assert 'seg/mIoU' in printed
    return world / 'masks', world / 'shown/vis_data/vis_image'


def test_test_draws_what_it_predicts(world, tested):
    pictures = sorted(tested[1].iterdir())
    assert len(pictures) == VAL
    shown = np.asarray(Image.open(pictures[0]))
    # ground truth and prediction side by side, the image below their colours
    assert shown.shape == (SIDE, 2 * SIDE, 3)
    truth, found = shown[:, :SIDE].astype(int), shown[:, SIDE:].astype(int)
    assert len(np.unique(truth.reshape(-1, 3), axis=0)) > 100
    # the shipped segmentor is right nearly everywhere
    assert (np.abs(truth - found).max(-1) < 30).mean() > 0.7


def test_out_writes_the_masks_that_our_writer_writes(world, tested):
    masks = sorted(tested[0].iterdir())
    assert [p.suffix for p in masks] == ['.png'] * VAL
    for path in masks:
        ours = Image.open(world / 'test/predictions' / path.name)
        assert (np.asarray(Image.open(path)) == np.asarray(ours)).all()


def test_qaclims_test_has_the_flags_of_mmseg(world, tested):
    flags = ['--work-dir', 'ours', '--out', 'our_masks', '--show-dir', 'ours_shown']
    arguments = ['-m', 'qaclims_mm', 'test', SEGMENTOR, SHIPPED, *flags]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': ''}
    subprocess.run([sys.executable, *arguments], cwd=world, env=environment, check=True)
    for theirs, ours in ((tested[0], 'our_masks'), (tested[1], 'ours_shown/vis_data/vis_image')):
        names = sorted(p.name for p in theirs.iterdir())
        assert sorted(p.name for p in (world / ours).iterdir()) == names
        for name in names:
            pair = (np.asarray(Image.open(f / name)) for f in (theirs, world / ours))
            assert np.array_equal(*pair)


def test_confusion_matrix(world, tested):
    run(world, 'analysis_tools/confusion_matrix.py', SEGMENTOR, tested[0], 'confusion')
    assert (world / 'confusion/confusion_matrix.png').stat().st_size > 10_000


def test_analyze_logs(world, trained):
    pytest.importorskip('seaborn', reason='analyze_logs.py imports it')
    [log] = (world / 'work').glob('*/vis_data/2*.json')
    run(world, 'analysis_tools/analyze_logs.py', log, '--keys', 'loss', '--out', 'curve.png')
    assert (world / 'curve.png').stat().st_size > 5_000


@pytest.mark.parametrize('config', [SEGMENTOR, ZOO, CAM], ids=lambda p: p.stem.split('_')[0])
def test_print_config(world, config):
    printed = run(world, 'misc/print_config.py', config)
    assert 'visualizer = dict(' in printed
    # it can be read again
    assert Config.fromfile(world / 'example.py').model == Config.fromfile(config).model


@pytest.mark.parametrize('config', [SEGMENTOR, ZOO], ids=['miniworld', 'zoo'])
def test_get_flops(world, config):
    options = ['--cfg-options', 'model.backbone.init_cfg=None'] if config == ZOO else []
    printed = run(world, 'analysis_tools/get_flops.py', config, '--shape', SIDE, *options)
    assert 'Flops: ' in printed


def test_flops_of_a_cam_network_are_counted_by_mmengine():
    """mmseg's get_flops.py reads ``model.decode_head`` and makes batches without scales."""
    cfg = Config.fromfile(CAM)
    assert 'decode_head' not in cfg.model
    model = MODELS.build(cfg.model).eval()
    counted = get_model_complexity_info(model, (3, SIDE, SIDE), show_table=False, show_arch=False)
    assert counted['flops'] > 1e8


@pytest.mark.parametrize('config', [SEGMENTOR, CAM], ids=['segmentor', 'cam'])
def test_browse_dataset(world, config):
    flags = ['--output-dir', f'browsed_{config.stem}', '--not-show']
    options = ['--cfg-options', 'train_dataloader.dataset.indices=3']
    run(world, 'analysis_tools/browse_dataset.py', config, *flags, *options)
    assert len(list((world / f'browsed_{config.stem}').iterdir())) == 3


def blocks_of_page(language):
    text = (ROOT / 'docs/mmseg-tools.md').read_text(encoding='utf-8')
    return re.findall(rf'```{language}\n(.+?)```', text, re.DOTALL)


def test_commands_of_the_page(tmp_path):
    """As they are printed, on a batch of pictures."""
    [commands] = blocks_of_page('bash')
    assert commands.count('python $T/') == 6
    commands = re.sub('^qaclims make-miniworld.*\n', '', commands, flags=re.MULTILINE)
    generate(tmp_path / 'data/miniworld', num_train=16, num_val=VAL)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': ''}
    environment['PATH'] = f'{Path(sys.executable).parent}:{environment["PATH"]}'
    options = dict(cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    done = subprocess.run(['bash', '-e', '-o', 'pipefail', '-c', commands], **options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / 'masks').iterdir())) == VAL
    made = ('work/epoch_1.pth', 'confusion/confusion_matrix.png', 'shown/vis_data/vis_image')
    made += ('browsed',)
    assert all((tmp_path / name).exists() for name in made)
    assert 'should install ``mmcv`` rather than' in done.stderr

    [code] = blocks_of_page('python')
    subprocess.run([sys.executable, '-c', code], check=True, **options)
    assert (tmp_path / 'inferred/vis/mini_000000.jpg').is_file()


def test_their_loading_step_reads_the_pixels_that_ours_reads(world):
    loading = Config.fromfile(SEGMENTOR).test_pipeline[0]
    theirs, ours = TRANSFORMS.build(loading), TRANSFORMS.build(dict(type='LoadBGRImage'))
    for path in sorted((world / 'data/miniworld/JPEGImages').iterdir()):
        found, wanted = (step(dict(img_path=str(path))) for step in (theirs, ours))
        np.testing.assert_array_equal(found['img'], wanted['img'])
        assert found['ori_shape'] == wanted['ori_shape']


@pytest.fixture
def picture(world, monkeypatch):
    monkeypatch.chdir(world)
    return str(world / 'data/miniworld/JPEGImages/mini_000008.jpg')


def test_inferencer_of_mmseg_with_the_shipped_segmentor(picture, tmp_path):
    wanted = Segmenter(SEGMENTOR, SHIPPED, device='cpu')(picture)[0].mask
    infer = MMSegInferencer(str(SEGMENTOR), SHIPPED, device='cpu')
    assert tuple(infer.model.dataset_meta['classes']) == ('background', *CLASSES)
    found = infer([picture, picture], batch_size=2, out_dir=str(tmp_path))['predictions']
    assert all((mask == wanted).all() for mask in found)
    assert (tmp_path / 'vis/mini_000008.jpg').is_file()
    pixels = np.asarray(Image.open(picture))[..., ::-1]
    assert (infer(pixels)['predictions'] == wanted).all()


@pytest.mark.parametrize('of', ['trained', 'shipped'])
def test_inference_model_of_mmseg(trained, picture, of):
    weights = SHIPPED if of == 'shipped' else str(trained)
    model = init_model(str(SEGMENTOR), weights, device='cpu')
    assert tuple(model.dataset_meta['classes']) == ('background', *CLASSES)
    by_path = inference_model(model, picture).pred_sem_seg.data
    by_array = inference_model(model, np.asarray(Image.open(picture))[..., ::-1]).pred_sem_seg.data
    assert by_path.shape == (1, SIDE, SIDE)
    assert torch.equal(by_path, by_array)
