"""Ranks started by the scripts users start, and what one process does instead."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from tiny_runs import ROOT, build_tiny_runner

MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason='the ranks would take the GPUs'),
    pytest.mark.usefixtures('one_thread'),
]
LIMIT = 150
# What Slurm does with the tasks of one machine; its flags are kept for the test to read.
SRUN = """#!{python}
import os, pathlib, subprocess, sys
command = sys.argv.index('python')
flags = sys.argv[1:command]
pathlib.Path(__file__).with_name('flags.txt').write_text('\\n'.join(flags))
tasks = int(dict(f.split('=') for f in flags)['--ntasks'])
known = dict(SLURM_NTASKS=str(tasks), SLURM_NODELIST='node[1-1]')
ranks = [
    subprocess.Popen(
        sys.argv[command:], env=os.environ | known | dict(SLURM_PROCID=str(n), SLURM_LOCALID=str(n))
    )
    for n in range(tasks)
]
sys.exit(max(rank.wait() for rank in ranks))
"""
SCONTROL = '#!/bin/sh\n[ "$*" = "show hostnames node[1-1]" ] && echo localhost && echo other\n'


def free_port():
    """Return a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def start(script, *arguments, path=(), **environment):
    """Start a script of tools/ in a process group of its own; ``path`` comes before PATH.

    Returns the process and the file of its output, for ``finish``.
    """
    return start_command('bash', ROOT / 'tools' / script, *arguments, path=path, **environment)


def start_command(*command, path=(), **environment):
    """Start any command as ``start`` does."""
    folders = [*map(str, path), str(Path(sys.executable).parent), os.environ['PATH']]
    known = dict(
        PATH=os.pathsep.join(folders),
        OMP_NUM_THREADS='1',
        PYTHONPATH=f'{ROOT}{os.pathsep}{ROOT / "tests"}',
    )
    # a pipe that nobody reads yet would fill up
    output = tempfile.TemporaryFile('w+', encoding='utf-8')  # noqa: SIM115 - ``finish`` closes it
    process = subprocess.Popen(
        [*map(str, command)],
        env=os.environ | known | {k: str(v) for k, v in environment.items()},
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        start_new_session=True,
    )
    return process, output


def finish(process, output):
    """Return exit status and output; what hangs is killed."""
    with output:
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            output.seek(0)
            pytest.fail(f'hangs; killed after {LIMIT} s:\n{output.read()}')
        output.seek(0)
        return process.returncode, output.read()


def run_ranks(script, *arguments, **environment):
    """Run tools/dist_*.sh and return its exit status and output."""
    return finish(*start(script, *arguments, **dict(PORT=free_port()) | environment))


def run_tools(*calls):
    """Run tools on two ranks that are started once, since that takes longer than their work.

    Args:
        *calls: Name and arguments of each.
    """
    tools = [[str(ROOT / 'tools' / tool), *map(str, arguments)] for tool, *arguments in calls]
    code, output = finish(
        *start_command(
            sys.executable, ROOT / 'tools/dist_run.py', '--nproc_per_node=2',
            f'--master_port={free_port()}', ROOT / 'tests/rank_tools.py', json.dumps(tools),
        )
    )  # fmt: skip
    assert code == 0, output


def run_nodes(script, *arguments, **environment):
    """Run tools/dist_*.sh as two machines would, which are this one; one rank each."""
    known = dict(NNODES=2, MASTER_ADDR='127.0.0.1', PORT=free_port()) | environment
    nodes = [start(script, *arguments, **known, NODE_RANK=n) for n in range(2)]
    return [finish(*node) for node in nodes]


def run_slurm(folder, script, *arguments, **environment):
    """Run tools/slurm_*.sh with a Slurm of this machine; returns srun's flags too."""
    folder.mkdir()
    for name, text in (('srun', SRUN.replace('{python}', sys.executable)), ('scontrol', SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    code, output = finish(
        *start(script, *arguments, path=[folder], **dict(PORT=free_port()) | environment)
    )
    return code, output, (folder / 'flags.txt').read_text().split('\n')


def files_of(folder):
    """Return {path: content} of all files of a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob('*'))
        if p.is_file()
    }


def train_alone(config, folder, **changes):
    """Train in this process; returns the weights before, which ``start.pth`` keeps, and after."""
    runner = build_tiny_runner(config, folder / 'one', 'train', **changes)
    runner.model.init_weights()
    weights = {k: v.clone() for k, v in runner.model.state_dict().items()}
    torch.save(weights, folder / 'start.pth')
    runner.load_checkpoint(str(folder / 'start.pth'))
    runner.train()
    return weights, read_weights(folder / 'one')


def flags_from_start(folder, name):
    """Return the flags of a training that starts as ``train_alone`` did."""
    load = f'load_from={folder / "start.pth"}'
    return ['--work-dir', folder / name, '--cfg-options', load]


def read_weights(work_dir, steps=None):
    """Return the weights after the only epoch, which had so many steps."""
    checkpoint = torch.load(work_dir / 'epoch_1.pth', weights_only=False)
    assert steps is None or checkpoint['meta']['iter'] == steps
    return checkpoint['state_dict']


def moved_alike(start, one, two):
    """Check that two trainings end in the same weights; returns how far each has moved."""
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(
            two[name], weight, rtol=0, atol=1e-5, msg=lambda m, n=name: n + m
        )
    return {n: float((w.double() - start[n].double()).abs().max()) for n, w in one.items()}
