"""Every stage of MiniWorld on a device other than the CPU, against the CPU; see other_device.py."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from python_runs import python
from safetensors.numpy import load_file
from tiny_runs import ROOT

STAGES = [
    *('qape', 'texts', 'upper_bound', 'cam', 'cam_maps', 'ritc', 'clims', 'puzzle', 'puzzle_maps'),
    *('weclip', 'weclip_maps', 'clip_cam_maps', 'clip_es_maps', 'strong', 'qa_clims'),
    *('qa_clims_maps', 'par', 'sam', 'prompted', 'prompted_maps', 'ir_label', 'irn', 'irn_masks'),
    *('segment', 'segment_test', 'eomt', 'eomt_test', 'predicted_maps'),
    'predicted_masks',
]
DEVICES = ('cpu', 'other')


class Runs(NamedTuple):
    """{device: {stage: what device_run.py says}}, and where the work dirs are."""

    ended: dict[str, dict[str, list]]
    folder: Path

    def files(self, stage, pattern):
        """Return the files of a stage by their names, those of the CPU and those of the other."""
        found = []
        for device in DEVICES:
            root = self.folder / device / 'work' / stage
            found.append({p.relative_to(root).as_posix(): p for p in root.rglob(pattern)})
        return found


def run(*words, cwd):
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=os.environ | dict(PYTHONPATH=paths, OMP_NUM_THREADS='1', HF_HUB_OFFLINE='1'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('devices')
    words = ('-m', 'qaclims_mm', 'make-miniworld', '--root', 'data/miniworld')
    run(*words, '--num-train', 16, '--num-val', 2, cwd=folder)
    ended = {}
    for device in DEVICES:
        shutil.copytree(folder / 'data', folder / device / 'data')
        said = run(ROOT / 'tests/device_run.py', device, cwd=folder / device)
        ended[device] = json.loads(said.splitlines()[-1])
    return Runs(ended, folder)


@pytest.mark.slow
def test_the_list_is_that_of_the_run(runs):
    assert [*runs.ended['cpu']] == [*runs.ended['other']] == STAGES


@pytest.mark.slow
@pytest.mark.parametrize('stage', STAGES)
def test_stage_computes_on_the_device(runs, stage):
    assert runs.ended['cpu'][stage][:2] == [0, 0]
    status, operations, _ = runs.ended['other'][stage]
    assert status == 0
    # fewer than a network has layers would be a model that has been left on the CPU
    assert operations > 100


@pytest.mark.slow
def test_maps_are_read_once(runs):
    # the confident labels have two thresholds
    reads = {stage: reads for stage, (*_, reads) in runs.ended['other'].items() if reads}
    assert reads == dict(par=1, sam=1, prompted_maps=1, ir_label=1)


def assert_close(got, wanted):
    if wanted.dtype.kind in 'US':
        assert got.tolist() == wanted.tolist()
        return
    # maps are bytes, others are numbers of pixels: a value may lie beside a threshold
    tolerance = dict(rtol=1e-2, atol=2) if wanted.dtype.kind in 'iu' else dict(rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(got, wanted, **tolerance)


def weights_of(path):
    content = torch.load(path, map_location='cpu', weights_only=False)
    return {name: value.float().numpy() for name, value in content['state_dict'].items()}


def numbers_of(path):
    found = json.loads(path.read_text())
    return {f'{part}/{k}': v for part, values in found.items() for k, v in values.items()}


@pytest.mark.slow
@pytest.mark.parametrize('stage', STAGES)
def test_files_are_those_of_the_cpu(runs, stage):
    compared = 0
    for pattern, read in (
        ('*.npz', np.load),
        ('*.safetensors', load_file),
        ('*.pth', weights_of),
        ('metrics.json', numbers_of),
    ):
        ours, theirs = runs.files(stage, pattern)
        assert [*ours] == [*theirs]
        for name, path in ours.items():
            wanted, got = read(path), read(theirs[name])
            assert [*wanted] == [*got]
            for key in wanted:
                assert_close(np.asarray(got[key]), np.asarray(wanted[key]))
            compared += 1
    ours, theirs = runs.files(stage, '*.png')
    assert [*ours] == [*theirs]
    for name, path in ours.items():
        wanted, got = (np.asarray(Image.open(p)) for p in (path, theirs[name]))
        assert (wanted != got).mean() < 1e-3
        compared += 1
    ours, theirs = runs.files(stage, '*.parquet')
    assert [p.read_bytes() for p in ours.values()] == [p.read_bytes() for p in theirs.values()]
    assert compared + len(ours) > 0


def test_the_other_device_refuses_what_cuda_refuses():
    code = (
        'import json, other_device, torch\n'
        'works = (lambda x: x + torch.ones(4), lambda x: torch.ones(4) * x,\n'
        '         lambda x: torch.cat([x, torch.ones(1)]), lambda x: x.numpy(),\n'
        '         lambda x: x + torch.tensor(1.0), lambda x: x[[0, 2]],\n'
        '         lambda x: x.cpu().numpy())\n'
        'def fails(work, x):\n'
        '    try:\n'
        '        work(x)\n'
        '    except (RuntimeError, TypeError):\n'
        '        return True\n'
        '    return False\n'
        'with other_device.OtherDevice():\n'
        '    x = torch.arange(4.0, device="other")\n'
        '    print(json.dumps([fails(work, x) for work in works]))\n'
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    assert python(code, PYTHONPATH=paths) == [True] * 4 + [False] * 3
