import pytest
from tiny_plans import world, write_plan
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas import read_json, write_json
from qaclims_mm.schemas.numbers.runs import Run, note_run
from qaclims_mm.visualization.ablation_tables import cells_of
from qaclims_mm.workflow.results import Ablation, find_suite

SUITE = """
title = 'Two methods'
variants = dict(cam=dict(title='CAM', stage='cam', paper=48.3), ours=dict(title='ours'))
"""


@pytest.fixture
def ablation(tmp_path):
    """Two rows over two seeds, of which one has numbers and one has failed."""
    stages = [world('data'), *(world(n, seeded=True) for n in ('cam', 'qa_clims'))]
    path = write_plan(tmp_path, stages)
    maps = [world(f'{n}_maps', seeded=True) | dict(needs=[n]) for n in ('cam', 'qa_clims')]
    text = path.read_text().replace('stages = ', f'stages = {maps!r} + ')
    table = dict(rows={}, columns={'cam/mIoU': 'best mIoU', 'seg/mIoU': 'val mIoU'})
    path.write_text(f'{text}table = {table!r}\n')
    (tmp_path / 'suite.py').write_text(SUITE)
    return Ablation(str(path), [tmp_path / 'suite.py'], [0, 1, 0], tmp_path / 'runs')


def note(ablation, seed, stage, value):
    path = ablation.base / f'seed{seed}/{stage}_maps/metrics.json'
    write_json(path, {f'{stage}_maps': {'cam/mIoU': value, 'seg/mIoU': 1.0}})


def test_rows_over_seeds(ablation, tmp_path):
    assert list(ablation.graph.nodes) == [
        f'seed{s}/{n}' for n in ('cam', 'cam_maps', 'qa_clims', 'qa_clims_maps') for s in (0, 1)
    ]
    for seed in (0, 1):
        note(ablation, seed, 'qa_clims', 10.0 + seed)
    note(ablation, 0, 'cam', 5.0)
    log = tmp_path / 'runs/seed1/logs/cam.log'
    log.parent.mkdir(parents=True)
    log.write_text('first\nerror: no such luck\n\n')
    [found] = ablation.results()
    rows = {row.name: row for row in found.rows}
    assert (found.suite, found.reference, found.seeds) == ('suite', 'ours', [0, 1])
    assert found.columns == {'cam/mIoU': 'best mIoU'}
    assert rows['ours'].values == {'cam/mIoU': {'0': 10.0, '1': 11.0}}
    assert rows['cam'].values == {'cam/mIoU': {'0': 5.0}}
    assert rows['cam'].folder == 'cam_maps'
    assert rows['cam'].failed == {'1': f'stage cam failed: no such luck (log: {log})'}
    paths = ablation.write()
    assert [p.name for p in paths] == ['suite.json', 'suite.csv', 'suite.md']
    assert read_json(paths[0])['rows'][1]['mean'] == {'cam/mIoU': 10.5}


def test_masks_of_a_refiner_are_scored_as_maps(ablation):
    path = ablation.base / 'seed0/cam_maps/metrics.json'
    write_json(path, {'cam_maps': {'mask/mIoU': 7.0, 'seg/mIoU': 1.0}})
    [found] = ablation.results()
    rows = {row.name: row for row in found.rows}
    assert rows['cam'].values == {'cam/mIoU': {'0': 7.0}}


def test_a_suite_names_its_metrics_and_its_reference(ablation, tmp_path):
    text = (
        SUITE + "columns = {'seg/mIoU': 'of segmentors', 'cam/mIoU': 'maps'}\nreference = 'cam'\n"
    )
    (tmp_path / 'suite.py').write_text(text)
    one = Ablation(ablation.plan, [tmp_path / 'suite.py'], [0, 1], tmp_path / 'runs')
    for seed in (0, 1):
        note(one, seed, 'qa_clims', 10.0)
    note(one, 0, 'cam', 5.0)
    # a row may lack the metric that is compared
    write_json(one.base / 'seed1/cam_maps/metrics.json', {'cam_maps': {'cam/mIoU': 6.0}})
    [found] = one.results()
    rows = {row.name: row for row in found.rows}
    assert (found.reference, [*found.columns]) == ('cam', ['seg/mIoU', 'cam/mIoU'])
    assert rows['cam'].values == {'seg/mIoU': {'0': 1.0}, 'cam/mIoU': {'0': 5.0, '1': 6.0}}
    head, [cam, ours] = cells_of(found)
    assert head[:3] == ['', 'paper', 'of segmentors']
    assert (cam[-1], ours[-1]) == ('2/2', '2/2')
    assert read_json(one.write()[0])['columns'] == [*map(list, found.columns.items())]


def test_suites_are_found_by_name(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert find_suite('omega').as_posix() == 'configs/suites/omega.py'
    with pytest.raises(ConfigError, match=r'there is no suite .*; did you mean omega\?'):
        find_suite('omga')
    monkeypatch.chdir(tmp_path)
    assert find_suite('omega').is_file()
    with pytest.raises(ConfigError, match=r'there is no suite mine\.py'):
        find_suite('mine.py')


def test_two_suites_of_one_name(ablation, tmp_path):
    (tmp_path / 'more').mkdir()
    suites = [tmp_path / 'suite.py', tmp_path / 'more/suite.py']
    suites[1].write_text(SUITE)
    with pytest.raises(ConfigError, match='have one name, by which their trainings'):
        Ablation(ablation.plan, suites, [0], tmp_path)


def test_machines_of_a_seed(ablation):
    """All that the rows of a seed ran on; data is no row's own."""
    run = Run(1, 0.1, 1.0, 0, machine='a CPU', date='2026-11-29')
    for name, more in dict(
        data=dict(machine='another'),
        cam=dict(date='2026-11-28'),
        cam_maps=dict(machine='a GPU'),
        qa_clims_maps={},
        qa_clims=dict(machine='', date=''),
    ).items():
        note_run(ablation.base / 'seed0', name, run._replace(**more))
    [found] = ablation.results()
    assert found.machines == {'0': 'a CPU; a GPU (2026-11-28 to 2026-11-29)'}
    note_run(ablation.base / 'seed1', 'cam', run)
    [found] = ablation.results()
    assert found.machines['1'] == 'a CPU (2026-11-29)'


def test_seeds_of_another_folder_are_joined(ablation, tmp_path):
    note(ablation, 0, 'cam', 5.0)
    ablation.write()
    more = [ablation.plan, list(ablation.suites), [2, 3], tmp_path / 'more']
    joined = Ablation(*more, joined=[ablation.out_dir])
    note(joined, 2, 'cam', 7.0)
    [found] = joined.results()
    assert found.seeds == [0, 1, 2, 3]
    assert found.rows[0].values == {'cam/mIoU': {'0': 5.0, '2': 7.0}}
    assert joined.joined_lines() == [f'joined: 2 seeds (0, 1) of {ablation.out_dir}/suite.json']
    assert ablation.joined_lines() == []
    # before anything runs
    more[2] = [1, 2]
    with pytest.raises(ConfigError, match='both have seed 1; run the suite with other --seeds'):
        Ablation(*more, joined=[ablation.out_dir])
    with pytest.raises(ConfigError, match=r'nowhere/suite\.json does not exist, so no seeds'):
        Ablation(*more, joined=[tmp_path / 'nowhere'])
