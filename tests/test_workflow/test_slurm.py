"""A workflow through the shipped Slurm profile, on a real Slurm on this machine."""

import json
import os
import subprocess
import sys

import pytest
from tiny_runs import ROOT

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


def _snakemake(folder, *options):
    command = [sys.executable, '-m', 'snakemake', '--profile', PROFILE, *options]
    # no sacct without a database; small jobs, as the machine may be small
    local = ['--slurm-status-command', 'squeue', '--slurm-init-seconds-before-status-checks', '2']
    local += ['--default-resources', 'mem_mb=500', 'runtime=5', '--latency-wait', '5']
    run = subprocess.run(
        [*command, *local], cwd=folder, capture_output=True, text=True, timeout=300
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
