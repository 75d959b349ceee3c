import os
import sys

import pytest

from qaclims_mm.cli import main
from qaclims_mm.cli.quickstart import PLAN
from qaclims_mm.cores import number_of_cores
from qaclims_mm.paths import config_file
from qaclims_mm.workflow.plans import read_plan


def test_it_is_the_plan_of_miniworld_up_to_the_report(monkeypatch):
    given = []
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    # by its name: other tests import the module anew
    monkeypatch.setattr('qaclims_mm.cli.run.main', lambda: given.append(sys.argv) or 0)
    with pytest.raises(SystemExit) as ended:
        main(['quickstart', '--seed', '1', '--from', 'cam'])
    assert ended.value.code == 0
    words = ['--jobs', str(min(2, number_of_cores())), '--seed', '1', '--from', 'cam']
    assert given == [['qaclims quickstart', PLAN, '--to', 'report', *words]]
    assert os.environ['OMP_NUM_THREADS'] == str(number_of_cores())
    with pytest.raises(SystemExit):
        main(['quickstart', '--jobs', '5'])
    assert given[1][-2:] == ['--jobs', '5']


def test_its_plan_ships():
    *_, last = read_plan(config_file(PLAN)).select(None, 'report')
    assert last.name == 'report'


def test_help_names_its_folders(capsys):
    with pytest.raises(SystemExit):
        main(['quickstart', '--help'])
    shown = capsys.readouterr().out
    assert 'work_dirs/miniworld' in shown
    assert '--dry-run' in shown
