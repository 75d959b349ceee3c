"""Plans of stages that take a moment: each draws a world of a few pictures."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from qaclims_mm.schemas import write_json
from qaclims_mm.workflow.graph import Graph, Options
from qaclims_mm.workflow.job import Job
from qaclims_mm.workflow.plans import read_plan

ROOT = Path(__file__).resolve().parents[1]
# a diamond
NEEDS = dict(a='', b='a', c='a', d='bc')


def world(name, needs='', pictures=3, **more):
    """Return a stage that draws pictures, as an entry of a plan."""
    args = ['--root', f'{{work_dir}}/{name}/world', '--num-train', str(pictures), '--num-val', '2']
    return dict(name=name, command='make-miniworld', args=args, needs=list(needs)) | more


def write_plan(folder, stages=None):
    """Write a plan; returns its path."""
    stages = [world(n, above) for n, above in NEEDS.items()] if stages is None else stages
    path = folder / 'plan.py'
    path.write_text(f'work_dir = {str(folder / "work")!r}\nstages = {stages!r}\n')
    return path


def graph_of(path, first=None, last=None, seed=0, base=None):
    """Return the graph of a plan."""
    plan = read_plan(path, base)
    return Graph(plan.root, {seed: plan}, {seed: plan.select(first, last)})


def states_of(graph):
    """Return {key: state}."""
    return {key: node.state for key, node in graph.nodes.items()}


def fill(graph, monkeypatch, ran=None, status=0):
    """Run what is left of a graph, without its commands: each stage writes two files.

    Returns the names of the stages whose commands ran.
    """
    ran = [] if ran is None else ran

    def command(job, more=()):
        ran.append(job.stage.name)
        write_json(job.folder.path / 'made/one.json', dict(seed=job.origin.seed))
        (job.folder.path / 'made/two.bin').write_bytes(b'12345')
        return status

    monkeypatch.setattr(Job, '_run_command', command)
    graph.prepare()
    for key, entry in jobs_of(graph).items():
        if graph.nodes[key] in graph.left:
            assert Job(entry, None).run() == 0
    return ran


def jobs_of(graph, **options):
    """Return the descriptions of a graph's jobs."""
    path = graph.base / 'logs/workflow.json'
    graph.write(path, Options(**options), threads=1, gpus=False, bars=False)
    from qaclims_mm.schemas import read_json

    return read_json(path)['jobs']


def hear_signals():
    """Hear what a shell ignores for what runs in its background, and nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(*words, command='run', **options):
    """Start ``qaclims run`` in a process group of its own."""
    line = [sys.executable, '-m', 'qaclims_mm', command, *map(str, words)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'COLUMNS': '200'}
    options.setdefault('preexec_fn', hear_signals)
    return subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
        **options,
    )


def run(*words, command='run', status=0):
    """Run ``qaclims run`` and return what it prints."""
    process = start(*words, command=command)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == status, said
    return said
