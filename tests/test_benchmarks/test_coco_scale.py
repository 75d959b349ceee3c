import numpy as np
import pytest

from benchmarks.coco_scale import run_coco_scale, simulate_instances
from qaclims_mm.schemas.labels import read_instances


def test_simulation_is_like_coco(tmp_path):
    simulate_instances(tmp_path / 'a/i.json', 2000, np.random.default_rng(0))
    found = read_instances(tmp_path / 'a/i.json')
    labels = [names for names in found.labels().values() if names]
    # 702 of 82783 have none; facts of COCO: 2.9 classes and 7.3 objects an image
    assert 2000 - len(labels) == 17
    assert np.mean([len(names) for names in labels]) == pytest.approx(2.9, abs=0.15)
    assert np.mean([len(o) for o in found.objects.values()]) == pytest.approx(7.5, abs=0.7)


def test_all_steps_run():
    steps, counts = run_coco_scale(images=300)
    assert counts['images'] == 297
    assert counts['texts'] > counts['images']
    assert len(steps) == 4
    assert all(step.seconds > 0 and step.gigabytes > 0.1 for step in steps)
