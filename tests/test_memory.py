"""Many classes at full size: what an image's maps take, counted in copies of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import ROOT

LINUX = Path('/proc/self/clear_refs').exists()
# copies of 64 maps that a call may take beside what it is given, its result included
MOST = dict(
    merge=2.6,
    mask=0.2,
    score=0.5,
    write=1.2,
    read=1.7,
    read_strided=0.3,
    read_one=0.2,
    label=0.6,
    irn=1.2,
    par=3,
)


# shares of the estimate for photographs
OF_ESTIMATE = dict(
    photograph=1, photograph_few=1, photograph_many=1, noise=2, noise_many=2, benchmark_mb=150
)


def measured(*arguments):
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
    # what malloc is told would keep freed memory
    environment = {k: v for k, v in environment.items() if not k.startswith('MALLOC_')}
    command = [sys.executable, str(ROOT / 'tests/memory_work.py'), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not LINUX, reason='the kernel tells peaks of memory on Linux alone')
def test_no_function_holds_several_copies_of_all_maps():
    found = measured()
    assert set(found) == set(MOST)
    assert {name: copies for name, copies in found.items() if copies > MOST[name]} == {}


@pytest.mark.skipif(not LINUX, reason='the kernel tells peaks of memory on Linux alone')
def test_a_dense_crf_takes_what_is_estimated():
    found = measured('crf')
    assert set(found) == set(OF_ESTIMATE)
    assert {name: share for name, share in found.items() if share > OF_ESTIMATE[name]} == {}
    # nor is the estimate far above
    assert min(found.values()) > 0.5
