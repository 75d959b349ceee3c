import re

import pytest

from benchmarks.plan_costs import note_costs
from qaclims_mm.schemas.numbers.costs import Cost, read_costs, write_costs
from qaclims_mm.schemas.numbers.runs import Run, note_run


def test_what_ran_replaces_what_was_known(tmp_path):
    costs = tmp_path / 'plan.costs.json'
    write_costs(costs, 'by hand', dict(cam=Cost(1.0, 1.0), clims=Cost(5.4, 12)))
    note_run(tmp_path, 'cam', Run(93, 0.5, 11.8, 0))
    note_run(tmp_path, 'qape', Run(20, 0.5, 1.0, 3))
    assert note_costs(tmp_path, costs) == 2
    found = read_costs(costs)
    assert re.fullmatch(r'measured on \d+ cores, .+, \d{4}-\d\d-\d\d', found.source)
    assert found.stages == dict(cam=Cost(1.6, 11.8), clims=Cost(5.4, 12), qape=Cost(0.3, 1.0))


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(SystemExit, match=r'runs\.json names no stage; give the folder of a run'):
        note_costs(tmp_path, tmp_path / 'costs.json')
    assert not (tmp_path / 'costs.json').exists()
