"""Every stage of MiniWorld's pipeline is killed once and goes on to what an unbroken run makes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from qaclims_mm.engine.compat import refuse_unsafe_checkpoints
from qaclims_mm.schemas import read_claim, read_json, read_mask, write_mask
from qaclims_mm.workflow.plans import read_plan

ROOT = Path(__file__).resolve().parents[1]
LAST = 'report'
FILES = ('*.npz', '*.png', '*.parquet', '*.safetensors', 'curve.json', 'texts.json')


@pytest.fixture(scope='module')
def plan(tmp_path_factory):
    """The shipped plan over a world of 24 pictures, trained in batches of 4."""
    root = tmp_path_factory.mktemp('small')
    (root / 'configs').mkdir()
    for path in (ROOT / 'configs/miniworld').glob('*.py'):
        text = [f"_base_ = '{path}'"]
        loader = f"num_workers=0, dataset=dict(data_root='{root}/world')"
        shipped = path.read_text()
        if 'qape_' not in path.name:
            text.append(f'test_dataloader = dict(batch_size=2, {loader})')
        else:
            text.append(f'test_dataloader = dict({loader})')
        if 'optim_wrapper' in shipped or 'deeplabv2' in path.name or 'ritc_' in path.name:
            text.append(
                f'train_dataloader = dict(batch_size=4, persistent_workers=False, {loader})'
            )
        (root / 'configs' / path.name).write_text('\n'.join(text) + '\n')
    shipped = (ROOT / 'configs/pipelines/miniworld_qa-clims.py').read_text()
    changed = shipped.replace("'configs/miniworld/", f"'{root}/configs/")
    drawn = f"['--root', '{root}/world', '--num-train', '24', '--num-val', '6']"
    changed = changed.replace("['--root', 'data/miniworld']", drawn)
    changed = changed.replace("['data/miniworld']", f"['{root}/world']")
    (root / 'plan.py').write_text(changed)
    return root / 'plan.py'


def start(plan, work, stage, *words):
    """Start the pipeline up to a stage in a process group of its own."""
    command = [sys.executable, ROOT / 'tools/run.py', plan, '--work-dir', work]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    with (work.parent / 'output.log').open('a') as log:
        return subprocess.Popen(
            [*command, '--to', stage, *words],
            stdout=log,
            stderr=log,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )


def finish(plan, work, stage=LAST, *words):
    assert start(plan, work, stage, *words).wait() == 0, (work.parent / 'output.log').read_text()[
        -3000:
    ]


def files_of(folder):
    return {p.relative_to(folder) for pattern in FILES for p in folder.rglob(pattern)}


def has_written(folder, stage):
    """Tell whether a stage is in the middle of its work."""
    if stage.command == 'train':
        # mmengine has begun to move its checkpoints
        return len(list(folder.glob('epoch_*.pth'))) >= 2
    # what these write lies there only at their end
    return stage.name in ('data', 'qape', 'texts', 'upper_bound') or files_of(folder)


def kill_in(plan, work, stage):
    """Kill everything as soon as the stage has written something; tells whether it was in time."""
    folder, process = work / stage.name, start(plan, work, stage.name)
    while process.poll() is None and not (
        (folder / 'run.json').exists() and has_written(folder, stage)
    ):
        time.sleep(0.01)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return not (folder / 'manifest.json').exists()


def kill_once(plan, work, stage):
    """Kill a stage; one that ended before it was hit is made again, up to three times."""
    for _ in range(3):
        if kill_in(plan, work, stage):
            return True
        shutil.rmtree(work / stage.name)
    return False


def weights(path):
    refuse_unsafe_checkpoints()
    from mmengine.runner import CheckpointLoader

    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')['state_dict']


@pytest.fixture(scope='module')
def unbroken(plan):
    work = plan.parent / 'unbroken'
    finish(plan, work)
    return work


@pytest.mark.slow
def test_killed_in_every_stage(plan, unbroken, tmp_path):
    broken = tmp_path / 'broken'
    broken.mkdir()
    stages = read_plan(plan, broken).select(None, LAST)
    killed = [stage.name for stage in stages if kill_once(plan, broken, stage)]
    finish(plan, broken)
    # the quickest stages may end before they are hit
    assert len(killed) >= len(stages) - 3, killed
    assert {'qape', 'cam', 'qa_clims', 'qa_clims_maps', 'irn', 'segment'} <= {*killed}

    assert files_of(broken) == files_of(unbroken)
    for name in files_of(unbroken):
        if name.name != 'sheet.png':
            assert (broken / name).read_bytes() == (unbroken / name).read_bytes(), name
    assert read_json(broken / 'metrics.json') == read_json(unbroken / 'metrics.json')
    checkpoints = sorted(p.relative_to(unbroken) for p in unbroken.rglob('epoch_*.pth'))
    # the last two of each training
    assert len(checkpoints) == 8
    for name in checkpoints:
        mine, wanted = weights(broken / name), weights(unbroken / name)
        assert all(torch.equal(mine[k], v) for k, v in wanted.items()), name
    assert not list(broken.rglob('*.tmp'))


@pytest.mark.slow
def test_a_killed_rank(plan, unbroken, tmp_path):
    """Two ranks make the maps, one is killed; the same command makes what one rank does."""
    work = tmp_path / 'ranks'
    finish(plan, work, 'cam')
    process = start(plan, work, 'cam_maps', '--ranks', '2')
    while process.poll() is None and not list(work.glob('cam_maps/cams/**/*.npz')):
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    ranks = [p for p in family if p.environ().get('RANK') == '1']
    assert ranks
    ranks[0].kill()
    assert process.wait() == 1
    finish(plan, work, 'cam_maps', '--ranks', '2')
    # the parts of the journal are counts of one rank each
    names = {n for n in files_of(unbroken / 'cam_maps') if n.parts[0] != 'journal'}
    assert len(names) > 20
    for name in names:
        mine, wanted = (root / 'cam_maps' / name for root in (work, unbroken))
        assert mine.read_bytes() == wanted.read_bytes(), name


@pytest.mark.slow
def test_corrected_masks_change_the_segmentor_alone(plan, unbroken, tmp_path):
    """Killed in the training of the segmentor, a run with corrected masks makes the same bytes."""
    ids = (plan.parent / 'world/ImageSets/Segmentation/train.txt').read_text().split()[:6]
    for image_id in ids:
        truth = plan.parent / f'world/SegmentationClass/{image_id}.png'
        write_mask(tmp_path / f'mine/{image_id}.png', read_mask(truth))
    whole, broken = (shutil.copytree(unbroken, tmp_path / name) for name in ('whole', 'broken'))
    corrected = ('--corrected', tmp_path / 'mine')
    finish(plan, whole, LAST, *corrected)
    stages = {stage.name: stage for stage in read_plan(plan, broken).select(None, LAST)}
    old = read_claim(broken / 'segment')
    process = start(plan, broken, 'segment', *corrected)
    # between the two the folder is not there
    while read_claim(broken / 'segment') in (old, {}) or not has_written(
        broken / 'segment', stages['segment']
    ):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (broken / 'segment/manifest.json').exists()
    # the masks are kept, so the plain command goes on with them
    finish(plan, broken)

    changed = {
        stage
        for stage in stages
        if read_json(whole / stage / 'run.json') != read_json(unbroken / stage / 'run.json')
    }
    assert changed == {'segment', 'segment_test', 'report'}
    for stage in set(stages) - changed:
        for name in files_of(unbroken / stage):
            mine, wanted = (root / stage / name for root in (whole, unbroken))
            assert mine.stat().st_mtime_ns == wanted.stat().st_mtime_ns, name
    assert files_of(broken) == files_of(whole)
    for name in files_of(whole / 'segment_test'):
        mine, wanted = (root / 'segment_test' / name for root in (broken, whole))
        assert mine.read_bytes() == wanted.read_bytes(), name
    [last] = (whole / 'segment').glob('epoch_10.pth')
    mine, wanted, before = (weights(r / 'segment' / last.name) for r in (broken, whole, unbroken))
    assert all(torch.equal(mine[k], v) for k, v in wanted.items())
    assert not all(torch.equal(before[k], v) for k, v in wanted.items())
    metrics = read_json(whole / 'metrics.json')
    assert metrics == read_json(broken / 'metrics.json')
    assert metrics['irn_masks']['corrected/images'] == len(ids)
    assert 'Corrected masks' in (whole / 'report.html').read_text(encoding='utf-8')


@pytest.mark.slow
def test_masks_of_other_choices(plan, unbroken, tmp_path):
    """Masks are compared in a work dir that is done, and the segmentor learns from others."""
    work = tmp_path / 'work'
    shutil.copytree(unbroken, work)
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'COLUMNS': '200'}
    command = [sys.executable, ROOT / 'tools/compare.py', plan, '--work-dir', work]
    done = subprocess.run(
        [*command, '--masks-by', 'irn', 'par'],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = read_json(work / 'compare/comparison.json')
    assert found['judged'] == 24
    metrics = read_json(work / 'metrics.json')
    for masks in found['masks']:
        # the number that the stage has reported
        of_stage = metrics[masks['stage']]['mask/mIoU@0.25']
        assert masks['miou'] == pytest.approx(of_stage, abs=1e-3)
    finish(plan, work, 'segment_test', '--masks-by', 'par')
    stages = [stage.name for stage in read_plan(plan, work).select(None, 'segment_test')]
    assert 'irn' not in stages
    claims = [(work / name / 'run.json', unbroken / name / 'run.json') for name in stages]
    changed = [m.parent.name for m, o in claims if o.is_file() and read_json(m) != read_json(o)]
    assert changed == ['segment', 'segment_test']
    [last] = (work / 'segment').glob('epoch_10.pth')
    mine, before = (weights(root / 'segment' / last.name) for root in (work, unbroken))
    assert not all(torch.equal(mine[k], v) for k, v in before.items())
