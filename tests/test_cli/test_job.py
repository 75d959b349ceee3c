import subprocess
import sys

from tiny_plans import graph_of, jobs_of, states_of, write_plan

from qaclims_mm.workflow.locks import hold


def job(tmp_path, key, *shard):
    file = tmp_path / 'work/logs/workflow.json'
    command = [sys.executable, '-m', 'qaclims_mm.cli._job', file, key, *shard]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_job_runs_its_stage(tmp_path):
    graph = graph_of(write_plan(tmp_path))
    jobs_of(graph)
    ran = job(tmp_path, 'b')
    assert ran.returncode == 1
    assert ran.stderr.startswith('error: ')
    assert 'a/outputs.json is missing: the stage has not ended; run it.' in ran.stderr
    assert job(tmp_path, 'a').returncode == 0
    assert job(tmp_path, 'b').returncode == 0
    assert states_of(graph_of(tmp_path / 'plan.py')) == dict(
        a='done', b='done', c='to do', d='to do'
    )
    assert 'MiniWorld: 3 + 2 pictures' in (tmp_path / 'work/logs/b.log').read_text()


def test_a_stage_that_is_running(tmp_path):
    jobs_of(graph_of(write_plan(tmp_path)))
    with hold(tmp_path / 'work/logs/a.lock', 'it'):
        ran = job(tmp_path, 'a')
    assert ran.returncode == 1
    assert f'stage a of {tmp_path}/work is in use by process' in ran.stderr
