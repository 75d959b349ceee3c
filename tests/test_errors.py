import ast
import pickle

import pytest
from tiny_runs import ROOT

from qaclims_mm import errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize('kind', KINDS)
def test_every_error_is_of_this_package_and_says_what_it_means(kind):
    assert issubclass(kind, errors.QAClimsError)
    assert kind.__doc__
    # an interpreter would end at a SystemExit without a word
    assert issubclass(kind, Exception)


@pytest.mark.parametrize('kind', [k for k in KINDS if k is not errors.QAClimsError])
def test_kinds_do_not_contain_one_another(kind):
    """Whoever catches one kind gets no other."""
    assert [k for k in KINDS if issubclass(kind, k)] == [errors.QAClimsError, kind]


def test_a_failed_stage_knows_its_log_and_a_short_reason():
    error = errors.StageError('stage a failed; its log is x.', 'last lines', 'ended with 1')
    assert str(error) == 'stage a failed; its log is x.'
    assert (error.log_end, error.reason) == ('last lines', 'ended with 1')
    # as a pool of processes hands it on
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.log_end, again.reason) == (str(error), 'last lines', 'ended with 1')
    plain = errors.StageError('stage a needs stage b.')
    assert (plain.log_end, plain.reason) == ('', 'stage a needs stage b.')


RAISED = [
    (path, node)
    for path in sorted((ROOT / 'qaclims_mm').rglob('*.py'))
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
]


def test_no_code_below_the_commands_ends_the_interpreter():
    found = {
        path.relative_to(ROOT).as_posix()
        for path, node in RAISED
        if getattr(node.exc.func, 'id', '') == 'SystemExit'
    }
    assert all(name.startswith('qaclims_mm/cli/') for name in found), found


def test_errors_come_from_one_module():
    """Nobody imports them from elsewhere."""
    names = {kind.__name__ for kind in KINDS}
    wrong = [
        f'{path.relative_to(ROOT)}:{node.lineno}'
        for folder in ('qaclims_mm', 'benchmarks', 'tools', 'tests')
        for path in sorted((ROOT / folder).rglob('*.py'))
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.ImportFrom)
        and node.module != 'qaclims_mm.errors'
        and names & {n.name for n in node.names}
    ]
    assert not wrong
