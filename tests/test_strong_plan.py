"""The strong preset at the size of MiniWorld runs from pictures to a segmentor's scores."""

import os
import subprocess
import sys

import pytest
from mmengine.config import Config
from tiny_runs import ROOT

from qaclims_mm.schemas import read_json
from qaclims_mm.schemas.mask_choice import MaskChoice, read_choice

CONFIGS = ROOT / 'configs/miniworld'
# of the plan's trainings, one epoch each of 24 pictures
SHORT = dict(cam=1, qa_clims=1, segment=1)


def write_leaf(folder, name, world, epochs):
    """Write a leaf over a shipped config: a small world, one epoch."""
    shipped = CONFIGS / f'{name}.py'
    lines = [f"_base_ = '{shipped}'"]
    dataset = f'num_workers=0, dataset=dict(data_root={str(world)!r})'
    batch = '' if name.startswith('qape_') else 'batch_size=2, '
    lines.append(f'test_dataloader = dict({batch}{dataset})')
    if epochs:
        lines += [
            f'train_dataloader = dict(batch_size=4, persistent_workers=False, {dataset})',
            f'train_cfg = dict(max_epochs={epochs})',
            "param_scheduler = [dict(type='PolyLR', power=0.9, end=1, convert_to_iter_based=True)]",
        ]
    (folder / shipped.name).write_text('\n'.join(lines) + '\n', encoding='utf-8')


@pytest.mark.slow
def test_it_runs_to_its_end(tmp_path):
    from qaclims_mm.workflow.plans import read_plan

    world, leaves = tmp_path / 'world', tmp_path / 'configs'
    leaves.mkdir()
    plan = read_plan(ROOT / 'configs/pipelines/miniworld_strong.py')
    for stage in plan.stages:
        if stage.config:
            name = stage.config.split('/')[-1].removesuffix('.py')
            if stage.command != 'test' or not (leaves / f'{name}.py').exists():
                write_leaf(leaves, name, world, SHORT.get(stage.name))
    base_plan = ROOT / 'configs/pipelines/miniworld_qa-clims.py'
    base = base_plan.read_text(encoding='utf-8')
    strong = (ROOT / 'configs/pipelines/miniworld_strong.py').read_text(encoding='utf-8')
    drawn = f"['--root', '{world}', '--num-train', '24', '--num-val', '6']"
    base = base.replace("['--root', 'data/miniworld']", drawn)
    base = base.replace("['data/miniworld']", f"['{world}']")
    # stages of the base that the strong plan has not keep the shipped configs
    own = {s.name: f'{leaves}/{s.config.split("/")[-1]}' for s in plan.stages if s.config}
    strong = strong.replace("'configs/miniworld/", f"'{leaves}/")
    strong = strong.replace('{**_base_.configs, **configs}', '{**others, **configs}')
    strong = strong.replace('_base_.masks', 'fused')
    shipped = Config.fromfile(base_plan, lazy_import=False).configs
    others = {**shipped.to_dict(), 'qape': own['qape']}
    fused = dict(prompted_maps=own['prompted_maps'])
    strong = strong.replace('stages = [', f'others = {others!r}\nfused = {fused!r}\nstages = [', 1)
    (tmp_path / 'miniworld_qa-clims.py').write_text(base, encoding='utf-8')
    (tmp_path / 'strong.py').write_text(strong, encoding='utf-8')
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/run.py', tmp_path / 'strong.py', '--work-dir', 'work'],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    work = tmp_path / 'work'
    scores = read_json(work / 'segment_test/metrics.json')['segment_test']
    assert scores['predictions/images'] == 6
    assert 0 < scores['seg/mIoU'] <= 100
    assert (work / 'report.html').is_file()
    # the plan's own choice of masks: IRN is not trained
    assert read_choice(work) == MaskChoice('prompted+maps', 'prompted_maps')
    assert (work / 'prompted_maps/pseudo_masks').is_dir()
    assert not (work / 'irn').exists()
