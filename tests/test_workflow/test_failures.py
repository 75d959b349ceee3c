import os

from qaclims_mm.workflow.failures import failed_stages, why_missing
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
    os.utime(tmp_path / 'logs/a.log', (1, 1))
    write(tmp_path / 'b/manifest.json')
    assert [*failed_stages(tmp_path, STAGES)] == ['a', 'c']
    assert [*failed_stages(tmp_path, STAGES, since=2)] == ['c']
