import re

import pytest

from benchmarks.plan_costs import note_costs
from qaclims_mm.schemas.numbers.costs import Cost, read_costs, write_costs
from qaclims_mm.schemas.numbers.runs import Run, note_run


def test_what_ran_replaces_what_was_known(tmp_path):
    costs = tmp_path / 'plan.costs.json'
    write_costs(costs, 'by hand', dict(cam=Cost(1.0, 1.0), clims=Cost(5.4, 12), data=Cost(1, 35)))
    note_run(tmp_path, 'cam', Run(93, 0.5, 11.8, 0))
    note_run(tmp_path, 'qape', Run(20, 0.5, 1.0, 3))
    note_run(tmp_path, 'data', Run(12, 0.5, 0.0, 0))
    assert note_costs(tmp_path, costs) == 3
    found = read_costs(costs)
    new, old = found.source.split('; ')
    assert re.fullmatch(r'measured on \d+ cores, .+, \d{4}-\d\d-\d\d', new)
    assert old == 'stages that did not run then: by hand'
    assert found.stages == dict(
        cam=Cost(1.6, 11.8), clims=Cost(5.4, 12), data=Cost(0.2, 35), qape=Cost(0.3, 1.0)
    )


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(SystemExit, match=r'runs\.json names no stage; give the folder of a run'):
        note_costs(tmp_path, tmp_path / 'costs.json')
    assert not (tmp_path / 'costs.json').exists()


def test_some_stages_alone(tmp_path):
    """Others may have run on a busy machine."""
    costs = tmp_path / 'plan.costs.json'
    write_costs(costs, 'by hand', dict(cam=Cost(1.0, 1.0)))
    note_run(tmp_path, 'cam', Run(930, 0.5, 11.8, 0))
    note_run(tmp_path, 'par', Run(20, 0.5, 1.0, 0))
    assert note_costs(tmp_path, costs, ['par']) == 1
    assert read_costs(costs).stages == dict(cam=Cost(1.0, 1.0), par=Cost(0.3, 1.0))
    with pytest.raises(SystemExit, match=r'error: sam has not run in \S+; give other --stages'):
        note_costs(tmp_path, costs, ['par', 'sam'])
