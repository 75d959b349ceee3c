import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_json, write_json
from qaclims_mm.schemas.numbers.runs import Run, note_run, read_runs, runs_path


def test_runs_are_noted_and_replaced(tmp_path):
    assert read_runs(tmp_path) == {}
    note_run(tmp_path, 'cam', Run(90, 0.5, 1.0, 3))
    note_run(tmp_path, 'irn', Run(5, 1.0, 2.0, 0))
    note_run(tmp_path, 'cam', Run(80, 0.25, 1.5, 0))
    assert read_runs(tmp_path) == dict(cam=Run(80, 0.25, 1.5, 0), irn=Run(5, 1.0, 2.0, 0))
    assert read_json(tmp_path / 'logs/runs.json')['irn'] == dict(
        seconds=5, gigabytes=1.0, megabytes=2.0, status=0, resumed=False, machine='', date=''
    )


def test_what_a_stage_ran_on(tmp_path):
    run = Run(90, 0.5, 1.0, 0, machine='a CPU, 2 cores', date='2026-11-30')
    note_run(tmp_path, 'cam', run)
    assert read_runs(tmp_path) == dict(cam=run)
    # what has a default may be missing
    write_json(runs_path(tmp_path), dict(cam=GOOD))
    assert read_runs(tmp_path)['cam'].machine == ''


GOOD = dict(seconds=1, gigabytes=0.5, megabytes=0.0, status=0, resumed=False)


@pytest.mark.parametrize(
    'value',
    [
        [],
        'cam',
        None,
        dict(cam=1),
        dict(cam=[1, 0.5, 0]),
        dict(cam={}),
        dict(cam=GOOD | dict(more=1)),
        dict(cam={k: v for k, v in GOOD.items() if k != 'status'}),
        dict(cam=GOOD | dict(seconds='1')),
        dict(cam=GOOD | dict(seconds=None)),
        dict(cam=GOOD | dict(gigabytes=True)),
        dict(cam=GOOD | dict(status=0.0)),
        dict(cam=GOOD | dict(status=[0])),
        dict(cam=GOOD | dict(resumed=0)),
        dict(cam=GOOD | dict(machine=1)),
        dict(cam=GOOD | dict(date=None)),
    ],
)
def test_other_files(tmp_path, value):
    write_json(runs_path(tmp_path), value)
    for use in (read_runs, lambda root: note_run(root, 'irn', Run(1, 1.0, 0.0, 0))):
        with pytest.raises(FormatError, match=r'runs\.json is not {stage: {seconds, .*delete it'):
            use(tmp_path)
