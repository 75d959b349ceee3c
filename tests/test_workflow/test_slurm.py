"""A workflow through the shipped Slurm profile, on a real Slurm on this machine."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tiny_plans import NEEDS, graph_of, run, start, states_of, world, write_plan
from tiny_runs import ROOT

from qaclims_mm.errors import StageError
from qaclims_mm.schemas.numbers.runs import read_runs
from qaclims_mm.workflow.locks import hold

pytestmark = pytest.mark.slurm

SCRIPT = ROOT / 'tests/slurm/local_slurm.sh'
PROFILE = ROOT / 'qaclims_mm/workflow/profiles/slurm'

# Each job writes what it sees: its environment, and the processes that it descends from.
JOB = """
import json, os, pathlib, sys
import psutil
seen = {k: v for k, v in os.environ.items() if k.startswith(('SLURM_', 'CUDA_', 'OMP_'))}
seen['ancestors'] = [parent.pid for parent in psutil.Process().parents()]
pathlib.Path(sys.argv[1]).write_text(json.dumps(seen))
"""
SNAKEFILE = f"""
JOB = '{sys.executable} job.py {{output}}'
rule all:
    input: 'report/manifest.json'
rule qape:
    output: 'qape/{{shard}}/manifest.json'
    threads: 1
    resources: gpu=1
    shell: JOB
rule texts:
    input: expand('qape/{{shard}}/manifest.json', shard=range(3))
    output: 'texts/manifest.json'
    benchmark: 'texts/benchmark.tsv'
    threads: 2
    shell: JOB
rule report:
    input: 'texts/manifest.json'
    output: 'report/manifest.json'
    shell: JOB
"""


def _script(command: str) -> subprocess.CompletedProcess:
    return subprocess.run(['bash', SCRIPT, command], capture_output=True, text=True)


@pytest.fixture(scope='module')
def slurm():
    """Run Slurm on this machine; leave it as it was found."""
    ran = _script('status').returncode == 0
    started = _script('start')
    if started.returncode == 77:
        pytest.skip(started.stderr.strip().splitlines()[-1])
    assert started.returncode == 0, started.stderr
    yield
    if not ran:
        _script('stop')


# no sacct without a database; small jobs, as the machine may be small
LOCAL = ['--slurm-status-command', 'squeue', '--slurm-init-seconds-before-status-checks', '2']
LOCAL += ['--default-resources', 'mem_mb=500', 'runtime=5', '--latency-wait', '5']


def _snakemake(folder, *options):
    command = [sys.executable, '-m', 'snakemake', '--profile', PROFILE, *options]
    run = subprocess.run(
        [*command, *LOCAL], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return run.stderr


def test_each_rule_runs_in_a_slurm_job_of_its_own(slurm, tmp_path):
    (tmp_path / 'Snakefile').write_text(SNAKEFILE)
    (tmp_path / 'job.py').write_text(JOB)

    _snakemake(tmp_path, '--slurm-array-jobs', 'qape')

    seen = {
        path.parent.relative_to(tmp_path).as_posix(): json.loads(path.read_text())
        for path in tmp_path.rglob('manifest.json')
    }
    assert set(seen) == {'qape/0', 'qape/1', 'qape/2', 'texts', 'report'}
    assert len({job['SLURM_JOB_ID'] for job in seen.values()}) == 5
    for job in seen.values():
        assert os.getpid() not in job['ancestors']
    shards = [seen[f'qape/{n}'] for n in range(3)]
    assert len({shard['SLURM_ARRAY_JOB_ID'] for shard in shards}) == 1
    assert {shard['SLURM_ARRAY_TASK_ID'] for shard in shards} == {'1', '2', '3'}
    assert all(len(shard['CUDA_VISIBLE_DEVICES'].split(',')) == 1 for shard in shards)
    assert 'CUDA_VISIBLE_DEVICES' not in seen['texts']
    assert seen['texts']['OMP_NUM_THREADS'] == '2'
    assert (tmp_path / 'texts/benchmark.tsv').read_text().startswith('s\th:m:s\tmax_rss')


def test_a_plan_runs_on_slurm(slurm, tmp_path):
    path = write_plan(tmp_path)
    said = run(path, '--', '--profile', PROFILE, *LOCAL)
    assert '4/4 d  done in ' in said
    assert set(states_of(graph_of(path)).values()) == {'done'}
    assert set(read_runs(tmp_path / 'work')) == set(NEEDS)


def test_a_job_that_is_cancelled_and_a_run_that_is_interrupted(slurm, tmp_path):
    """What is left goes on by the same command, and no job stays in the queue."""
    path = write_plan(tmp_path, [world('slow', pictures=4000)])
    words = [path, '--', '--profile', PROFILE, *LOCAL, '--retries', '0']
    process = start(*words)
    _wait_for(tmp_path / 'work/slow/run.json', process)
    for job in _queue():
        subprocess.run(['scancel', job], check=True)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 1, said
    process = start(*words)
    while not _queue():
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 130, said
    deadline = time.monotonic() + 60
    while _queue() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert _queue() == []
    # this Slurm tracks no groups of processes, so what it cancels runs to its end
    lock = tmp_path / 'work/logs/slow.lock'
    while not _is_free(lock) and time.monotonic() < deadline + 60:
        time.sleep(0.5)
    run(*words)
    assert states_of(graph_of(path)) == dict(slow='done')


def _is_free(path):
    try:
        with hold(path, 'it'):
            return True
    except StageError:
        return False


def _queue():
    """Return the numbers of the jobs that wait or run."""
    shown = subprocess.run(['squeue', '-h', '-o', '%i'], capture_output=True, text=True, check=True)
    return shown.stdout.split()


def _wait_for(path, process):
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.2)
