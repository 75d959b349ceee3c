import shutil

import pytest
from tiny_plans import NEEDS, fill, graph_of, jobs_of, states_of, world, write_plan

from qaclims_mm.errors import StageError
from qaclims_mm.schemas import MANIFEST, Manifest, write_json
from qaclims_mm.workflow.graph import Graph, Options, ranks_of
from qaclims_mm.workflow.job import Job
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.stage import Stage


@pytest.fixture
def done(tmp_path, monkeypatch):
    """A plan whose stages are done."""
    path = write_plan(tmp_path)
    assert fill(graph_of(path), monkeypatch) == list('abcd')
    return path


def whys_of(graph):
    return {key: node.why for key, node in graph.nodes.items() if node.why}


def test_states(tmp_path, done):
    work = tmp_path / 'work'
    assert set(states_of(graph_of(done)).values()) == {'done'}
    (work / 'b/made/two.bin').unlink()
    graph = graph_of(done)
    assert states_of(graph) == dict(a='done', b='damaged', c='done', d='waits')
    assert whys_of(graph) == dict(b='made/two.bin is missing', d='for b')


def test_what_is_not_concerned_stays(done, monkeypatch, tmp_path):
    """A stage that was mended to what it was leaves those behind it as they are."""
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / 'work/d').rglob('*.bin')}
    shutil.rmtree(tmp_path / 'work/b/made')
    assert fill(graph_of(done), monkeypatch) == ['b']
    assert states_of(graph_of(done)) == dict.fromkeys(NEEDS, 'done')
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.parametrize('what', ['folder', 'truncated', 'outputs', 'claim', 'json', 'empty'])
def test_damage_is_made_again(done, monkeypatch, tmp_path, what):
    folder = tmp_path / 'work/b'
    if what == 'folder':
        shutil.rmtree(folder)
    elif what == 'truncated':
        (folder / 'made/two.bin').write_bytes(b'1234')
    elif what == 'json':
        (folder / 'made/one.json').write_text((folder / 'made/one.json').read_text()[::-1])
    elif what == 'empty':
        (folder / 'outputs.json').write_text('')
    else:
        name = dict(outputs='outputs.json', claim='run.json')[what]
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace('5' if what == 'outputs' else '"b"', '"c"'))
    assert states_of(graph_of(done))['b'] != 'done'
    assert 'b' in fill(graph_of(done), monkeypatch)
    assert states_of(graph_of(done)) == dict.fromkeys(NEEDS, 'done')


def test_a_manifest_is_written_again_and_nothing_runs(done, monkeypatch, tmp_path):
    path = tmp_path / 'work/b' / MANIFEST
    before = path.read_bytes()
    for text in (b'', b'[3', before.replace(b'"b"', b'"c"')):
        path.write_bytes(text)
        graph = graph_of(done)
        assert states_of(graph) == dict(a='done', b='damaged', c='done', d='done')
        assert whys_of(graph) == dict(b='manifest.json is not as it was written')
        assert fill(graph, monkeypatch) == []
        assert path.read_bytes() == before


def test_a_hand_written_manifest_makes_nothing_done(tmp_path, done):
    shutil.rmtree(tmp_path / 'work/b/made')
    (tmp_path / 'work/b/outputs.json').unlink()
    assert states_of(graph_of(done))['b'] == 'begun'


def test_a_changed_config_concerns_what_is_made_from_it(tmp_path, done, monkeypatch):
    changed = [world(n, needs, 4 if n == 'b' else 3) for n, needs in NEEDS.items()]
    graph = graph_of(write_plan(tmp_path, changed))
    assert states_of(graph) == dict(a='done', b='stale', c='done', d='waits')
    assert whys_of(graph)['b'] == 'made from another config'
    # the files are the same in this test
    assert fill(graph, monkeypatch) == ['b', 'd']


def test_a_stage_that_was_begun_goes_on_or_begins_anew(tmp_path, done, monkeypatch):
    folder = tmp_path / 'work/b'
    (folder / 'outputs.json').unlink()
    (folder / 'made/half').write_text('kept')
    assert states_of(graph_of(done))['b'] == 'begun'
    fill(graph_of(done), monkeypatch)
    assert (folder / 'made/half').exists()
    (folder / 'outputs.json').unlink()
    changed = [world(n, needs, 4) for n, needs in NEEDS.items()]
    assert whys_of(graph_of(write_plan(tmp_path, changed)))['b'] == 'for a'
    fill(graph_of(tmp_path / 'plan.py'), monkeypatch)
    assert not (folder / 'made/half').exists()


def test_a_copied_work_dir_is_done(tmp_path, done):
    shutil.copytree(tmp_path / 'work', tmp_path / 'elsewhere')
    shutil.rmtree(tmp_path / 'work')
    graph = graph_of(done, base=tmp_path / 'elsewhere')
    assert set(states_of(graph).values()) == {'done'}


def test_a_part_of_the_plan(tmp_path, done):
    assert set(states_of(graph_of(done, 'b'))) == {'b', 'd'}
    shutil.rmtree(tmp_path / 'work/a')
    with pytest.raises(StageError, match='stage b needs stage a, which is not done'):
        graph_of(done, 'b')


def test_force(done, monkeypatch):
    graph = graph_of(done)
    graph.force(['b'])
    assert states_of(graph) == dict(a='done', b='stale', c='done', d='waits')
    # what is made is the same
    assert fill(graph, monkeypatch) == ['b']
    graph = graph_of(done)
    graph.force(['all'])
    assert fill(graph, monkeypatch) == list('abcd')
    with pytest.raises(StageError, match='there is no stage x to force'):
        graph.force(['x'])


def ask(graph, monkeypatch, failed):
    """Run what is left of a graph, in which the stage ``qape`` has answers but for some images."""
    ran = []

    def command(job, more=()):
        ran.append(job.stage.name)
        counts = dict(images=9 - len(failed))
        write_json(job.folder.path / 'corpus/answers.json', counts)
        Manifest('qape', 'c', counts=counts, failed=failed).write(job.folder.path / 'corpus')
        return 3 if failed and job.stage.name == 'qape' else 0

    monkeypatch.setattr(Job, '_run_command', command)
    graph.prepare()
    for key, entry in jobs_of(graph).items():
        if graph.nodes[key] in graph.left:
            assert Job(entry, None).run() == 0
    return ran


def test_failed_images_are_tried_again_if_asked_for(tmp_path, monkeypatch):
    refused = [['a', 'refused'], ['b', 'refused']]
    stages = [world('data'), world('qape', ['data']), world('texts', ['qape'])]
    path = write_plan(tmp_path, stages)
    assert ask(graph_of(path), monkeypatch, refused) == ['data', 'qape', 'texts']
    # not else: a run of a finished plan needs no server
    assert set(states_of(graph_of(path)).values()) == {'done'}

    def again():
        graph = graph_of(path)
        graph.retry_failed()
        return graph

    assert states_of(again()) == dict(data='done', qape='begun', texts='waits')
    assert whys_of(again())['qape'] == 'tries 2 images again'
    # nothing that follows runs unless there is a new answer
    assert ask(again(), monkeypatch, refused) == ['qape']
    assert ask(again(), monkeypatch, refused[:1]) == ['qape', 'texts']
    assert ask(again(), monkeypatch, []) == ['qape', 'texts']
    assert set(states_of(again()).values()) == {'done'}


def test_foreign_files_are_told(tmp_path, done):
    (tmp_path / 'work/c/note.txt').write_text('mine')
    assert graph_of(done).foreign_files() == [str(tmp_path / 'work/c/note.txt')]


def test_seeds_share_what_none_concerns(tmp_path, monkeypatch):
    stages = [world('a'), world('b', 'a', seeded=True), world('c', 'b'), world('d', 'a')]
    path = write_plan(tmp_path, stages)
    plans = {s: read_plan(path, tmp_path / f'work/seed{s}') for s in (4, 7)}
    graph = Graph(tmp_path / 'work', plans, {s: p.select() for s, p in plans.items()})
    assert list(graph.nodes) == [f'seed{s}/{n}' for n in 'abcd' for s in (4, 7)]
    linked = {key for key, node in graph.nodes.items() if node.link}
    assert linked == {'seed7/a', 'seed7/d'}
    assert graph.needs(graph.nodes['seed7/d']) == ['seed7/a', 'seed4/d']
    assert sorted(fill(graph, monkeypatch)) == ['a', 'b', 'b', 'c', 'c', 'd']
    one, other = (tmp_path / f'work/seed{s}/a/made/two.bin' for s in (4, 7))
    assert one.samefile(other)
    graph = Graph(tmp_path / 'work', plans, {s: p.select() for s, p in plans.items()})
    assert set(states_of(graph).values()) == {'done'}


def test_what_jobs_ask_for(tmp_path):
    stages = [world('a'), world('b', command='train', ranks=2), world('c', command='test')]
    graph = graph_of(write_plan(tmp_path, stages))
    jobs = jobs_of(graph, ranks=4, nodes=2, shards=dict(c=3))
    assert {key: job['ranks'] for key, job in jobs.items()} == dict(a=1, b=2, c=4)
    assert {key: job['shards'] for key, job in jobs.items()} == dict(a=1, b=1, c=3)
    assert jobs['a']['resources'] == dict(gpu=0)
    assert jobs['c']['resources'] == dict(gpu=0, mpi='srun', tasks=4, nodes=2)


def test_ranks():
    train, texts = Stage('a', 'train', ranks=2), Stage('b', 'encode-texts')
    assert [ranks_of(train, n) for n in (1, 2, 8)] == [1, 2, 2]
    assert ranks_of(Stage('c', 'test'), 8) == 8
    assert ranks_of(texts, 8) == 1


@pytest.mark.parametrize(
    ('words', 'elsewhere'),
    [
        ([], False),
        (['--executor', 'slurm'], True),
        (['--profile=x'], True),
        (['-e', 'kubernetes'], True),
        (['--executor', 'local'], False),
        (['--retries', '2'], False),
    ],
)
def test_where_stages_run(words, elsewhere):
    assert Options(snakemake=words).is_elsewhere == elsewhere
