"""Runs Snakemake and tells people what its stages do."""

import contextlib
import csv
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from qaclims_mm.console import new_console, styled
from qaclims_mm.errors import EXIT_BAD_RECORDS, FormatError
from qaclims_mm.schemas import read_json
from qaclims_mm.schemas.numbers.runs import Run, note_path, note_run
from qaclims_mm.schemas.stage_folder import StageFolder
from qaclims_mm.schemas.work_dir import LOGS
from qaclims_mm.workflow.signals import end_family
from qaclims_mm.workflow.time_left import compare_times, shown_span

# with which a stage may mark the levels of its log
_COLOURS = re.compile(r'\x1b\[[\d;]*m')
_DATED = re.compile(r'\d\d/\d\d \d\d:\d\d:\d\d - mmengine - \w+ - ')
PAUSE, LONGEST = 60, 160  # seconds between words about a stage, letters of them
# of what Snakemake says about a job that has failed
_TOLD = ('CalledProcessError', 'job did not complete', 'job execution failed', 'shell')


class Teller(logging.Handler):
    """Prints a line when a stage begins and when it ends, and notes how it ran.

    Args:
        jobs: {key: description} of ``graph.Graph.write``.
    """

    def __init__(self, jobs: dict[str, Any]) -> None:
        super().__init__()
        # Snakemake changes the folder
        places = {key: str(Path(job['root']).absolute()) for key, job in jobs.items()}
        self.jobs = {key: job | dict(root=places[key]) for key, job in jobs.items()}
        self.console = new_console()
        # {number of a job: key of its stage, and its shard}
        self._known: dict[int, tuple[str, str]] = {}
        self._begun: dict[int, float] = {}
        self.is_interrupted = False
        self._ended, self._left = 0, sum(not job['done'] for job in jobs.values())
        # {key: minutes} of the stages that have ended since
        self._ran: dict[str, float | None] = {}

    def watch(self) -> None:
        """Say now and then how far the stages are that run, as long as this process lives."""
        said: dict[int, str] = {}
        while True:
            time.sleep(PAUSE)
            for number, begun in list(self._begun.items()):
                key, shard = self._known[number]
                last = news_of(_log_of(self.jobs[key], shard))
                news = '' if last == said.get(number) else last
                said[number] = last
                minutes = f'  {(time.time() - begun) / 60:.0f} min'
                text = minutes + (f': {news}' if news else '')
                self.console.print(styled((key, 'bold'), text), soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell an event of Snakemake."""
        event = str(getattr(record, 'event', ''))
        if event == 'job_info':
            self._begin(record)
        elif event == 'job_finished':
            self._end(getattr(record, 'job_id', -1))
        elif event == 'job_error':
            self._fail(getattr(record, 'jobid', -1))
        elif event == 'error' or (not event and record.levelno >= logging.ERROR):
            text = _COLOURS.sub('', record.getMessage()).strip()
            # what failed has been told, with its log
            if text and not any(word in text for word in _TOLD):
                self.console.print(text, soft_wrap=True)

    def _begin(self, record: Any) -> None:
        wildcards = dict(record.wildcards or {})
        if 'stage' not in wildcards:
            return
        seed = f'seed{wildcards["seed"]}/' if 'seed' in wildcards else ''
        shard = f'{wildcards["k"]}-of-{wildcards["n"]}' if 'k' in wildcards else ''
        key, _ = self._known[record.jobid] = seed + wildcards['stage'], shard
        self._begun[record.jobid] = time.time()
        about = f'  {self.jobs[key]["stage"]["about"]}' + (f', {shard}' if shard else '')
        self.console.print(styled((key, 'bold'), about))

    def _end(self, number: int) -> None:
        key, shard = self._known.get(number, ('', ''))
        if not key or shard:
            self._begun.pop(number, None)
            return
        job, self._ran[key] = self.jobs[key], None
        # a stage that is done is begun too where Snakemake cannot tell, as after an update
        self._ended += not job['done']
        count = '' if job['done'] else f'{self._ended}/{self._left} '
        ran = _note(job, self._begun.pop(number))
        if ran is None:
            how = 'as of the first seed' if job['link'] else 'as it was'
            self.console.print(styled(count, (key, 'bold'), '  ', (how, 'green')))
            return
        used = f' in {ran.seconds:.0f} s, {ran.gigabytes:.1f} GB at its peak'
        # of one that went on after a kill, the time says little
        self._ran[key] = None if ran.resumed else ran.seconds / 60
        used += self._time_left()
        self.console.print(styled(count, (key, 'bold'), '  ', ('done', 'green'), used))
        if ran.status == EXIT_BAD_RECORDS:
            self._tell_left_out(job)

    def _time_left(self) -> str:
        """Say how long the other stages take, if one that ran says so and none runs beside it."""
        estimated = {
            key: job['stage']['minutes']
            for key, job in self.jobs.items()
            if job['stage']['minutes'] is not None and not job['link'] and not job['done']
        }
        ran = {key: minutes for key, minutes in self._ran.items() if minutes is not None}
        low, _, high, number = compare_times(estimated, ran)
        left = sum(minutes for key, minutes in estimated.items() if key not in self._ran)
        if self._begun or not number or not left:
            return ''
        return f'; {shown_span(low * left, high * left)} left'

    def _tell_left_out(self, job: dict[str, Any]) -> None:
        root, name = Path(job['root']), job['stage']['name']
        failed = StageFolder(root / name).read_outputs().failed
        # a training has no list but its log
        ids = sorted({i for i, _ in failed}) or ['some records']
        what = ids[0] + (f' and {len(ids) - 1} more' if len(ids) > 1 else '')
        text = f'left out: {what}; see {_log_of(job)}'
        self.console.print(styled('    ', (text, 'yellow')), soft_wrap=True)

    def _fail(self, number: int) -> None:
        key, shard = self._known.get(number, ('', ''))
        if not key or self.is_interrupted:
            return
        log = _log_of(self.jobs[key], shard)
        if log.is_file() and log.stat().st_mtime >= self._begun.pop(number):
            lines = message_of(log) or last_lines(log)
            self.console.print('\n'.join(lines), soft_wrap=True)
        text = f'{key} failed; its whole log is {log}'
        self.console.print(styled((text, 'red')), soft_wrap=True)


def _log_of(job: dict[str, Any], shard: str = '') -> Path:
    name = '-'.join([job['stage']['name'], *([shard] if shard else [])])
    return Path(job['root']) / LOGS / f'{name}.log'


def last_lines(log: Path, number: int = 15) -> list[str]:
    """Return the last lines of a log, without colours and empty lines; 0 is all of them."""
    text = _COLOURS.sub('', log.read_text(encoding='utf-8', errors='replace'))
    return [line for line in text.splitlines() if line.strip()][-number:]


def message_of(log: Path) -> list[str]:
    """Return the lines of the message with which a command has ended; none after a traceback."""
    lines = last_lines(log, 0)
    starts = [number for number, line in enumerate(lines) if line.startswith('error: ')]
    message = lines[starts[-1] :] if starts else []
    return [] if any(line.startswith('Traceback') for line in message) else message


def news_of(log: Path) -> str:
    """Return how far a stage is: the last line that its log has of mmengine, or of anything else.

    Date and level are left out, and what does not fit is cut between two values.
    """
    texts = last_lines(log, 0) if log.is_file() else []
    lines = [text.strip() for text in texts if re.search(r'\w', text)]
    dated = [_DATED.sub('', line) for line in lines if _DATED.match(line)]
    text = next(iter([*dated[-1:], *lines[-1:]]), '')
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    return cut.rpartition('  ')[0] or cut.rpartition(' ')[0] or cut


def _note(job: dict[str, Any], begun: float) -> Run | None:
    """Note how a stage ran; ``None`` if all was there already."""
    root, name = Path(job['root']), job['stage']['name']
    path = note_path(root, name)
    if not path.is_file() or path.stat().st_mtime < begun:
        return None
    seconds, gigabytes = _benchmark(root / LOGS / f'{name}.tsv', time.time() - begun)
    note = read_json(path)
    # of ranks on other nodes Snakemake sees nothing
    gigabytes = max(gigabytes, note.pop('gigabytes'))
    ran = Run(seconds=round(seconds), gigabytes=round(gigabytes, 2), **note)
    # a broken file of notes is no reason to stop
    with contextlib.suppress(FormatError):
        note_run(root, name, ran)
    return ran


def _benchmark(path: Path, seconds: float) -> tuple[float, float]:
    """Return the seconds and the gigabytes at the peak of Snakemake's benchmark file."""
    if not path.is_file():
        return seconds, 0.0
    with path.open(encoding='utf-8') as file:
        row = next(csv.DictReader(file, delimiter='\t'), {})
    numbers = [row.get(name, '') for name in ('max_pss', 'max_rss')]
    memory = next((float(n) for n in numbers if re.fullmatch(r'[\d.]+', n)), 0.0)
    return float(row.get('s') or seconds), memory * 2**20 / 1e9


def end_with_parent() -> None:
    """End this process and what it has started when the process that has started it has gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    for child in psutil.Process().children():
        end_family(child.pid)
    # Snakemake cancels what it has submitted to a cluster
    os.kill(os.getpid(), signal.SIGINT)


def main(arguments: Sequence[str]) -> None:
    """Run Snakemake with the arguments of its command line; the first is the file of the graph."""
    from snakemake.cli import main as run_snakemake

    graph, *words = arguments
    teller = Teller(read_json(graph)['jobs'])

    def interrupt(*_: Any) -> None:
        # a second Ctrl-C would break off the clean-up of the first
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        teller.is_interrupted = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    for work in (teller.watch, end_with_parent):
        threading.Thread(target=work, daemon=True).start()
    logger = logging.getLogger('snakemake')
    logger.addHandler(teller)
    logger.setLevel(logging.INFO)
    run_snakemake(words)


if __name__ == '__main__':
    main(sys.argv[1:])
