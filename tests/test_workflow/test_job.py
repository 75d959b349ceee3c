import sys

import pytest
from tiny_plans import graph_of, jobs_of, world, write_plan

from qaclims_mm.errors import StageError
from qaclims_mm.schemas import Manifest, read_json, write_json
from qaclims_mm.workflow import job as module
from qaclims_mm.workflow.job import Job


def job_of(tmp_path, stage, **options):
    graph = graph_of(write_plan(tmp_path, [stage]), seed=3)
    return Job(jobs_of(graph, **options)[stage['name']], None)


def test_command_line(tmp_path):
    work = tmp_path / 'work'
    assert job_of(tmp_path, world('a')).command() == [
        *('make-miniworld', '--root', f'{work}/a/world', '--num-train', '3', '--num-val', '2'),
    ]
    config = tmp_path / 'config.py'
    config.write_text('model = dict()\n')
    stage = dict(name='b', command='train', config=str(config), seeded=True)
    words = ['train', str(config), '--work-dir', f'{work}/b']
    seed = ['--cfg-options', 'randomness.seed=3']
    assert job_of(tmp_path, stage).command() == [*words, *seed, '--resume']
    other = job_of(tmp_path, stage | dict(seed_option='default_hooks.noise.seed'))
    assert other.command()[-2:] == ['default_hooks.noise.seed=3', '--resume']
    stage = dict(name='c', command='test', config=str(config), checkpoint='{work_dir}/b/1.pth')
    stage |= dict(args=['--cfg-options', 'x="{root}/y"'])
    words = ['test', str(config), f'{work}/b/1.pth', '--work-dir', f'{work}/c']
    assert job_of(tmp_path, stage).command() == [*words, '--cfg-options', f'x="{work}/y"']


@pytest.mark.parametrize('nodes', [1, 2])
def test_ranks(tmp_path, monkeypatch, nodes):
    started = {}

    class Process:
        def __init__(self, command, env):
            started.update(command=command, env=env)

        def wait(self):
            return 0

    monkeypatch.setattr(module.subprocess, 'Popen', Process)
    config = tmp_path / 'config.py'
    config.write_text('model = dict()\n')
    stage = dict(name='b', command='train', config=str(config), ranks=4)
    job = job_of(tmp_path, stage, ranks=8, nodes=nodes)
    assert job._in_ranks([]) == 0
    command, environment = started['command'], started['env']
    assert str(config) in command
    if nodes == 1:
        assert command[0] == sys.executable
        assert {'--standalone', '--nproc_per_node=4'} <= set(command)
        assert command[-2:] == ['--launcher', 'pytorch']
    else:
        assert command[:2] == ['srun', '--ntasks=4']
        assert command[-2:] == ['--launcher', 'slurm']
        assert int(environment['MASTER_PORT']) > 1023
        assert environment['QACLIMS_PEAKS'].startswith(str(tmp_path / 'work/logs/peaks/b'))


def test_memory_of_ranks_elsewhere_is_added(tmp_path):
    job = job_of(tmp_path, world('a'))
    folder = tmp_path / 'work/logs/peaks/a'
    folder.mkdir(parents=True)
    for name in ('n1-7', 'n2-7'):
        (folder / name).write_text('1000000')
    assert job._peaks() == pytest.approx(2.048)
    assert job._peaks() == 0


def test_a_stage_that_writes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(Job, '_run_command', lambda job, more=(): 0)
    with pytest.raises(StageError, match=r'stage a has ended well, but .*work/a is empty'):
        job_of(tmp_path, world('a')).run()


def test_what_a_stage_has_made_elsewhere_goes_with_it(tmp_path, monkeypatch):
    page, mine = tmp_path / 'made/page.html', tmp_path / 'made/mine.txt'

    def command(job, more=()):
        page.parent.mkdir(exist_ok=True)
        assert not page.exists()
        page.write_text('page')
        return 0

    monkeypatch.setattr(Job, '_run_command', command)
    stage = world('a', made=[str(tmp_path / 'made')])
    assert job_of(tmp_path, stage).run() == 0
    mine.write_text('not of the stage')
    assert job_of(tmp_path, stage | dict(args=[])).run() == 0
    assert mine.exists()


def test_a_config_that_is_edited_meanwhile(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('model = dict()\n')
    job = job_of(tmp_path, dict(name='b', command='test', config=str(config), checkpoint='none'))
    config.write_text('model = dict(x=1)\n')
    with pytest.raises(StageError, match='the config of stage b is not what it was'):
        job._here([])


def test_a_failed_command(tmp_path, monkeypatch):
    monkeypatch.setattr(Job, '_run_command', lambda job, more=(): 5)
    job = job_of(tmp_path, world('a'))
    assert job.run() == 5
    assert not (job.folder.path / 'manifest.json').exists()


def test_shards_leave_each_other_s_files_alone(tmp_path, monkeypatch):
    """Also those that are being written."""
    ran = []

    def command(job, more=()):
        ran.append((*more,))
        (job.folder.path / 'made.txt').write_text('made')
        if more:
            (job.folder.path / f'.{more[1][0]}.tmp').write_text('half')
        return 0 if more != ['--shard', '2/3'] else 3

    monkeypatch.setattr(Job, '_run_command', command)
    stage = dict(name='maps', command='test', args=[])
    for shard in ('1/3', '2/3', '3/3'):
        assert job_of(tmp_path, stage, shards=dict(maps=3)).run_shard(shard) == 0
    assert {p.name for p in (tmp_path / 'work/maps').glob('.*.tmp')} == {
        '.1.tmp',
        '.2.tmp',
        '.3.tmp',
    }
    assert not (tmp_path / 'work/maps/manifest.json').exists()
    job = job_of(tmp_path, stage)
    assert job.run() == 0
    assert ran[-1] == ()
    assert not list((tmp_path / 'work/maps').glob('.*.tmp'))
    # all is there
    assert job.run_shard('1/3') == 0
    assert len(ran) == 4


@pytest.mark.parametrize('keeps', [True, False])
def test_a_hostile_list_removes_nothing_elsewhere(tmp_path, monkeypatch, keeps):
    """A work dir may be anybody's."""
    monkeypatch.setattr(
        Job, '_run_command', lambda job, more=(): (job.folder.path / 'x').write_text('x') * 0
    )
    mine = tmp_path / 'mine.txt'
    mine.write_text('mine')
    stage = dict(name='qape', command='test', args=['--first'])
    assert job_of(tmp_path, stage).run() == 0
    path = tmp_path / 'work/qape/outputs.json'
    files = {str(mine): [1], '../../mine.txt': [1]}
    write_json(path, read_json(path) | dict(files=files, made=[str(tmp_path), '/']))
    changed = stage if keeps else stage | dict(args=['--other'])
    assert job_of(tmp_path, changed).run() == 0
    assert mine.read_text() == 'mine'


@pytest.mark.parametrize('has_changed', [False, True])
def test_another_try_that_fails_leaves_a_done_stage(tmp_path, monkeypatch, has_changed):
    """As when no server answers: then the stage need not be tried again, unless files are new."""
    stage, ended = dict(name='qape', command='test', args=[]), [3, 1, 3]

    def command(job, more=()):
        folder, status = job.folder.path / 'corpus', ended.pop(0)
        failed = [['a', 'refused']]
        if status == 3:
            Manifest('qape', 'c', counts=dict(images=len(ended)), failed=failed).write(folder)
        elif has_changed:
            (folder / 'manifest.json').unlink()
        return status

    def job(retries):
        graph = graph_of(write_plan(tmp_path, [stage]), seed=3)
        if retries:
            graph.retry_failed()
        return Job(jobs_of(graph)['qape'], None)

    monkeypatch.setattr(Job, '_run_command', command)
    assert job(retries=False).run() == 0
    before = (tmp_path / 'work/qape/outputs.json').read_bytes()
    assert job(retries=True).run() == 1
    assert (tmp_path / 'work/qape/outputs.json').exists() is not has_changed
    assert job(retries=False).run() == 0
    assert len(ended) == 1 - has_changed
    assert ((tmp_path / 'work/qape/outputs.json').read_bytes() == before) is not has_changed


def test_shards_try_again_though_the_stage_is_done(tmp_path, monkeypatch):
    ran, stage = [], dict(name='qape', command='test', args=[])

    def command(job, more=()):
        ran.append(more)
        Manifest('qape', 'c', failed=[['a', 'refused']]).write(job.folder.path / 'corpus')
        return 3

    monkeypatch.setattr(Job, '_run_command', command)
    assert job_of(tmp_path, stage).run() == 0
    graph = graph_of(write_plan(tmp_path, [stage]), seed=3)
    graph.retry_failed()
    entry = jobs_of(graph)['qape']
    for shard in ('1/2', '2/2'):
        assert Job(entry, None).run_shard(shard) == 0
    assert Job(entry, None).run() == 0
    assert ran == [(), ['--shard', '1/2'], ['--shard', '2/2'], ()]


def test_gpus_that_a_job_looks_for(tmp_path, monkeypatch):
    monkeypatch.delenv('SLURM_JOB_ID', raising=False)
    stage = dict(name='maps', command='test')
    assert job_of(tmp_path, stage).gpus == 1
    assert job_of(tmp_path, stage, ranks=4).gpus == 4
    assert job_of(tmp_path, world('a'), ranks=4).gpus == 0
    # Slurm has given it some, which other jobs may see under the same numbers
    monkeypatch.setenv('SLURM_JOB_ID', '7')
    assert job_of(tmp_path, stage).gpus == 0
