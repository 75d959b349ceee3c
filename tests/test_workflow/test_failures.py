import os

import pytest

from qaclims_mm.workflow.failures import failed_stages, stamp_logs, why_missing
from qaclims_mm.workflow.stage import Stage

STAGES = [Stage('a', 'x'), Stage('b', 'x', needs=('a',)), Stage('c', 'x')]


def write(path, text=''):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_last_words_of_what_failed_above_a_stage(tmp_path):
    assert why_missing(tmp_path, STAGES, 'b') == ''
    write(tmp_path / 'logs/a.log', 'begins\n\nerror: no weights\n')
    expected = f'stage a failed: no weights (log: {tmp_path / "logs/a.log"})'
    assert why_missing(tmp_path, STAGES, 'b') == why_missing(tmp_path, STAGES, 'a') == expected
    assert why_missing(tmp_path, STAGES, 'c') == ''
    # it has ended since
    write(tmp_path / 'a/manifest.json')
    assert why_missing(tmp_path, STAGES, 'b') == ''


def test_a_log_without_a_word(tmp_path):
    write(tmp_path / 'logs/c.log')
    assert 'stage c failed: no message' in why_missing(tmp_path, STAGES, 'c')


def test_the_whole_message(tmp_path):
    """What qape lacks are several files."""
    log = tmp_path / 'logs/a.log'
    write(log, 'error: old\nbegins\nerror: these files are missing:\n\n  x.pth\n  y.pth\n')
    expected = f'stage a failed: these files are missing:\n  x.pth\n  y.pth (log: {log})'
    assert why_missing(tmp_path, STAGES, 'b') == expected
    # the last line of what is no mistake of the user
    write(log, 'error: old\nTraceback (most recent call last):\n  File "x"\nKeyError: 3\n')
    assert why_missing(tmp_path, STAGES, 'b') == f'stage a failed: KeyError: 3 (log: {log})'


def test_failures_of_a_run_alone(tmp_path):
    for name in 'abc':
        write(tmp_path / f'logs/{name}.log', f'error: {name}\n')
    write(tmp_path / 'b/manifest.json')
    before = stamp_logs(tmp_path)
    assert failed_stages(tmp_path, STAGES, before) == {}
    assert [*failed_stages(tmp_path, STAGES)] == ['a', 'c']
    write(tmp_path / 'logs/c.log', 'error: again\n')
    assert [*failed_stages(tmp_path, STAGES, before)] == ['c']


@pytest.mark.parametrize('year', [1971, 2600])
def test_the_clock_of_the_disk_does_not_matter(tmp_path, year):
    """Its machine may be years behind or ahead of the one that runs the plan."""
    write(tmp_path / 'logs/a.log', 'error: old\n')
    before = stamp_logs(tmp_path)
    write(tmp_path / 'logs/c.log', 'error: new\n')
    seconds = (year - 1970) * 31_556_952
    os.utime(tmp_path / 'logs/c.log', (seconds, seconds))
    assert [*failed_stages(tmp_path, STAGES, before)] == ['c']


def test_a_shard_that_failed(tmp_path):
    write(tmp_path / 'logs/a-1-of-2.log', 'all is well\n')
    write(tmp_path / 'logs/a-2-of-2.log', 'error: no weights\n')
    # the stage ran alone once, and another one has a similar name
    write(tmp_path / 'logs/a.log', 'ended well\n')
    write(tmp_path / 'logs/a-b.log', 'error: of another stage\n')
    os.utime(tmp_path / 'logs/a-1-of-2.log', (9e9, 9e9))
    log = tmp_path / 'logs/a-2-of-2.log'
    expected = {'a': f'stage a failed: no weights (log: {log})'}
    assert failed_stages(tmp_path, STAGES) == expected
    assert why_missing(tmp_path, STAGES, 'b') == expected['a']


def test_a_shard_that_ended_in_a_traceback(tmp_path):
    write(tmp_path / 'logs/c-1-of-3.log', 'Traceback (most recent call last):\n  x\nKeyError: 3\n')
    for k in (2, 3):
        write(tmp_path / f'logs/c-{k}-of-3.log', 'all is well\n')
    assert 'stage c failed: KeyError: 3' in failed_stages(tmp_path, STAGES)['c']
