import io
import os
import subprocess
import sys

import pytest

from qaclims_mm import progress
from qaclims_mm.console import new_console, printable


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize('forced', [True, False])
@pytest.mark.parametrize('terminal', [True, False])
def test_bar_on_a_terminal_only(monkeypatch, terminal, forced):
    file = Terminal() if terminal else io.StringIO()
    if forced:
        monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setattr(
        progress,
        'new_console',
        lambda stderr: new_console(file=file, width=80),
    )
    assert list(progress.track(iter('abc'), 'counting', 3)) == ['a', 'b', 'c']
    assert ('counting' in file.getvalue()) is terminal


@pytest.mark.parametrize('name', ['[/b]', '[red]dog[/red]', ':cat:', '{task.total}', '\x1b[5mx'])
def test_description_is_shown_as_it_is(monkeypatch, name):
    file = Terminal()
    monkeypatch.setattr(
        progress,
        'new_console',
        lambda stderr: new_console(file=file, force_terminal=True, width=80),
    )
    list(progress.track('abc', f'train.txt of {name}', 3))
    assert f'train.txt of {printable(name)} ' in file.getvalue()
    assert '\x1b[5m' not in file.getvalue()


def test_a_bar_of_bytes_shows_the_size_and_the_rate(monkeypatch):
    file = Terminal()
    monkeypatch.setattr(
        progress,
        'new_console',
        lambda stderr: new_console(file=file, force_terminal=True, width=120),
    )
    with progress.new_progress(of_bytes=True) as bar:
        bar.update(bar.add_task('voc.tar', total=2_000_000), completed=1_000_000)
    assert '1.0/2.0 MB' in file.getvalue()
    assert 'voc.tar' in file.getvalue()


def test_bars_keep_off_standard_output():
    code = 'from qaclims_mm.progress import track\nprint(sum(track(range(4), "x", 4)))'
    seen, terminal = os.openpty()
    run = subprocess.run(
        [sys.executable, '-c', code],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        check=True,
        env={'TERM': 'xterm', 'PATH': ''},
    )
    os.close(terminal)
    assert run.stdout == '6\n'
    assert b'x' in os.read(seen, 10_000)
    os.close(seen)


@pytest.fixture
def clock(monkeypatch):
    """Let a test say what time it is."""
    now = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


def lines_of(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(progress, 'new_console', lambda stderr: new_console(file=file, width=80))
    return file


def test_a_line_now_and_then_in_a_file(monkeypatch, clock):
    file = lines_of(monkeypatch)
    with progress.new_progress() as bar:
        task = bar.add_task('train [/b]', total=100, completed=40)
        bar.words = lambda: ', loss 0.5'
        for step in range(1, 31):
            clock[0] = 5.0 * step
            bar.advance(task)
    assert file.getvalue() == (
        'train [/b] 52/100, 4 min left, loss 0.5\ntrain [/b] 64/100, 3 min left, loss 0.5\n'
    )


def test_what_is_tracked_in_a_file(monkeypatch, clock):
    file = lines_of(monkeypatch)

    def items():
        for number in range(5):
            clock[0] = 50.0 * number
            yield number

    assert list(progress.track(items(), 'labels', 5)) == [0, 1, 2, 3, 4]
    assert 'labels ' in file.getvalue()
    assert ' left' in file.getvalue()


def test_what_takes_a_moment_says_nothing_in_a_file(monkeypatch):
    file = lines_of(monkeypatch)
    assert list(progress.track(range(1000), 'labels', 1000)) == list(range(1000))
    assert file.getvalue() == ''
