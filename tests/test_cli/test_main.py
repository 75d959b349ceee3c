import importlib
import os
import sys

import pytest

from qaclims_mm import cli
from qaclims_mm.cli import commands, main
from qaclims_mm.version import __version__


@pytest.mark.parametrize('words', [[], ['--help'], ['-h'], ['help']])
def test_the_overview_names_every_sub_command(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f'\n  {name} ' in shown for name in commands())
    assert 'torch' not in shown


def test_the_version(capsys):
    with pytest.raises(SystemExit):
        main(['--version'])
    assert capsys.readouterr().out == f'{__version__}\n'


@pytest.mark.parametrize(
    ('word', 'hint'),
    [('trian', 'did you mean train?'), ('make_miniworld', 'did you mean make-miniworld?')],
)
def test_an_unknown_sub_command_gets_the_nearest_one(word, hint):
    with pytest.raises(SystemExit) as ended:
        main([word])
    assert ended.value.code == f"error: there is no sub-command '{word}'; {hint}"


def test_an_unknown_sub_command_that_is_near_none():
    with pytest.raises(SystemExit) as ended:
        main(['xyzzy'])
    assert ended.value.code.endswith("'xyzzy'; qaclims --help lists them.")


def test_a_sub_command_runs_tuned_and_after_a_look_at_versions(monkeypatch):
    done = []
    monkeypatch.delenv('OMP_WAIT_POLICY', raising=False)
    warnings = importlib.import_module('qaclims_mm.cli._installed')
    monkeypatch.setattr(warnings, 'warn_of_other_versions', lambda: done.append('versions'))
    module = importlib.import_module('qaclims_mm.cli.publish')
    monkeypatch.setattr(
        module, 'main', lambda: done.append((sys.argv[1:], os.environ['OMP_WAIT_POLICY']))
    )
    with pytest.raises(SystemExit) as ended:
        main(['publish', 'a', 'b'])
    assert ended.value.code == 0
    assert done == ['versions', (['a', 'b'], 'PASSIVE')]
    assert cli.commands()['train-miniworld'] == 'train_miniworld'
