"""A work dir whose stages have made masks by several choices, as ``qaclims compare`` reads it."""

import numpy as np
from tiny_plans import graph_of, jobs_of, world, write_plan
from tiny_report import IDS, SIZE, write_config
from tiny_review import write_masks

from qaclims_mm.miniworld import generate
from qaclims_mm.schemas import read_mask, update_metrics
from qaclims_mm.workflow.job import Job

# {stage: pixels by which its masks are moved}
MOVED = dict(irn_masks=3, par=0, sam=6)


def make_masks(root, stage, pictures, pixels):
    """Write what a stage that makes masks leaves."""
    masks = {i: read_mask(pictures / f'SegmentationClass/{i}.png') for i in IDS}
    moved = {i: np.roll(np.where(m == 255, 0, m), pixels, axis=1) for i, m in masks.items()}
    write_masks(root, stage, 'pseudo_masks', moved)
    write_config(root / stage, pictures)
    update_metrics(root / stage / 'metrics.json', stage, {})


def make_compared(folder, monkeypatch, more=()):
    """Write a world and a plan whose masks are made; returns the plan's path.

    Args:
        folder: Where they go; the work dir is ``work``.
        monkeypatch: Of pytest.
        more: Further entries of the plan, which are not made.
    """
    pictures = folder / 'world'
    generate(pictures, num_train=len(IDS), num_val=1, seed=1, size=SIZE)
    path = write_plan(folder, [*map(world, MOVED), *more])
    graph = graph_of(path, last=None)
    with monkeypatch.context() as patch:
        patch.setattr(
            Job,
            '_run_command',
            lambda job, more=(): (
                make_masks(job.root, job.stage.name, pictures, MOVED[job.stage.name]) or 0
            ),
        )
        graph.prepare()
        for key, entry in jobs_of(graph).items():
            if graph.nodes[key].stage.name in MOVED:
                assert Job(entry, None).run() == 0
    return path
