"""What people see of a workflow: the plan before it, what happens meanwhile, what has been made."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console, Group

from qaclims_mm.console import Table, new_console, styled
from qaclims_mm.cores import number_of_cores
from qaclims_mm.errors import ConfigError, FormatError, StageError
from qaclims_mm.schemas import join_problems, read_json, write_json
from qaclims_mm.schemas.files import is_table
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.numbers.runs import read_runs
from qaclims_mm.schemas.project import PROJECT
from qaclims_mm.schemas.stage_folder import Outputs
from qaclims_mm.schemas.work_dir import LOGS, PLAN_NOTE
from qaclims_mm.version import __version__
from qaclims_mm.workflow.config_checks import check_configs
from qaclims_mm.workflow.costs import check_disk, costs_left, shown_cost
from qaclims_mm.workflow.graph import WAITS, Graph, Options, ranks_of
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.machine import visible_gpus
from qaclims_mm.workflow.outcome import collect_metrics
from qaclims_mm.workflow.plans import Plan
from qaclims_mm.workflow.signals import end_family, exit_when_told

_WIDE, _CANCELLING = 110, 60  # columns, seconds
# of a stage on a machine that is not known
_THREADS = 4
# sub-commands that take --shard
SHARED = ('test', 'ir-label')
SNAKEFILE = Path(__file__).with_name('Snakefile')


class Workflow:
    """A graph of stages, as people see it.

    Args:
        graph: The stages.
        options: How they run.
        console: Where people read.
    """

    def __init__(
        self, graph: Graph, options: Options | None = None, console: Console | None = None
    ) -> None:
        self.graph, self.options = graph, options or Options()
        self.console = console or new_console()
        if self.options.force:
            graph.force(self.options.force)
        if self.options.retry_failed:
            graph.retry_failed()
        known = {n.stage.name for n in graph.nodes.values() if n.stage.command in SHARED}
        for name in self.options.shards:
            if name not in known:
                raise ConfigError(
                    f'{name} has no images to share; --shards takes {", ".join(sorted(known))}.'
                )

    def overview(self) -> Group:
        """Return what is done, what is not and why, how long it takes and how much it writes."""
        plan = next(iter(self.graph.plans.values()))
        table = Table()
        # what is to be done matters more than words about it
        about = ['what'] if self.console.width >= _WIDE else []
        for title in ('stage', *about, 'state', 'minutes', 'MB'):
            numeric = title in ('minutes', 'MB')
            table.add_column(title, justify='right' if numeric else 'left', no_wrap=numeric)
        for key, node in self.graph.nodes.items():
            costs = [shown_cost(c) for c in (node.stage.minutes, node.stage.megabytes)]
            state = f'{node.state} {node.why}' if node.state == WAITS else node.state
            state += f': {node.why}' if node.why and node.state != WAITS else ''
            table.add_row(key, *([node.stage.about] if about else []), state, *costs)
        below = costs_left(self._costly(), self.graph.base, plan.cost_source, plan.correction)
        if foreign := self.graph.foreign_files():
            said = 'are of no stage; a stage that is made again clears its folder'
            below += '\n' + join_problems(foreign, 'file', said, 3)
        return Group(f'{plan.path} in {self.graph.base}', table, below)

    def _costly(self) -> list:
        """Return the stages that take time: those that are not linked."""
        return [node.stage for node in self.graph.left if not node.link]

    def check(self) -> None:
        """Refuse what a run would refuse; nothing is written.

        Raises:
            StageError: If the work dir is of something else, or has files that no run has made.
            ConfigError: If the config of a stage cannot be right, see ``check_configs``.
        """
        for seed, plan in self.graph.plans.items():
            check_work_dir(plan, seed, 'all' in self.options.force)
            # a file that nothing can be noted in is told before the work, not after it
            read_runs(plan.root)
        self._check_folders()
        check_configs((node.stage, node.root) for node in self.graph.left)

    def _check_folders(self) -> None:
        """Refuse all folders that no run of a plan has begun, with one command for all of them."""
        found = [n for n in self.graph.left if n.why != 'forced' and n.folder.is_foreign]
        if not found:
            return
        forced = (*self.options.force, *dict.fromkeys(n.stage.name for n in found))
        folders = '\n  '.join(str(n.folder.path) for n in found)
        raise StageError(
            'there are files that no run of a plan has made, but perhaps qaclims test, in\n'
            f'  {folders}\nMove them to another place, or have the stages made anew: '
            f'--force {" ".join(forced)}'
        )

    def run(self) -> int:
        """Make what is not done.

        Returns 0, ``EXIT_BAD_RECORDS`` if records were left out, or 1 if a stage failed.

        Raises:
            StageError: If the work dir is of something else or in use, or the disk is too small.
        """
        self.check()
        base, status = self.graph.base, 0
        for seed, plan in self.graph.plans.items():
            path = plan.root / LOGS / PLAN_NOTE
            if not path.is_file() or read_json(path) != _identity_of(plan, seed):
                write_json(path, _identity_of(plan, seed))
        with hold(base / LOGS / '.lock', str(base)) as lock, exit_when_told():
            if self.graph.left:
                check_disk(self._costly(), base)
                self._check_gpus()
                self._tell_ranks()
                self.graph.prepare()
            if self.graph.left:
                status = self._run_snakemake(lock)
        for plan in self.graph.plans.values():
            collect_metrics(plan)
        outputs = self._outputs()
        if failed := {i: why for found in outputs for i, why in found.failed}:
            self._tell_why(failed)
        return status or max((found.status for found in outputs), default=0)

    def _check_gpus(self) -> None:
        """Refuse ranks of this machine that have no GPU of their own; without any, CPUs serve.

        Raises:
            StageError: If there are too few.
        """
        gpus = 0 if self.options.is_elsewhere else len(visible_gpus())
        for node in self.graph.left:
            ranks = ranks_of(node.stage, self.options.ranks)
            if 0 < gpus < ranks:
                raise StageError(
                    f'stage {node.stage.name} would run on {ranks} ranks, each on a GPU of its '
                    f'own, but this machine has {counted(gpus, "GPU")}; leave out --ranks, or '
                    'show more GPUs in CUDA_VISIBLE_DEVICES.'
                )

    def _tell_ranks(self) -> None:
        """Say which stages run on other ranks than they are configured for."""
        for stage in {n.stage.name: n.stage for n in self.graph.left}.values():
            ranks = ranks_of(stage, self.options.ranks)
            if stage.ranks not in (None, ranks):
                text = (
                    f'{stage.name}: its config is for {counted(stage.ranks, "rank")}, but '
                    f'{counted(ranks, "rank", "run")}: a step has {ranks}/{stage.ranks} of its '
                    'images'
                )
                self.console.print(styled((text, 'yellow')), soft_wrap=True)

    def _run_snakemake(self, lock: int) -> int:
        """Run what is left; returns 0 or 1. The lock is held as long as anything runs."""
        options, base = self.options, self.graph.base
        gpus = len(visible_gpus())
        file = (base / LOGS / 'workflow.json').absolute()
        threads = int(os.environ.get('OMP_NUM_THREADS') or 0)
        here = max(1, number_of_cores() // options.jobs)
        threads = threads or (_THREADS if options.is_elsewhere else here)
        bars = sys.stderr.isatty() and options.jobs == 1 and not options.is_elsewhere
        self.graph.write(file, options, threads, gpus > 0 or options.is_elsewhere, bars)
        words = ['--snakefile', SNAKEFILE, '--directory', base.absolute(), '--configfile', file]
        words += ['--nolock', '--rerun-incomplete', '--rerun-triggers', 'params', '--quiet', 'all']
        words += ['--scheduler', 'greedy', *(['--keep-going'] if options.keep_going else [])]
        if options.is_elsewhere:
            words += ['--jobs', options.jobs] if options.jobs > 1 else []
        else:
            words += ['--cores', options.jobs * threads, '--resources', f'gpu={gpus}']
        command = [sys.executable, '-m', 'qaclims_mm.workflow.engine', file, *words]
        sys.stdout.flush()
        process = subprocess.Popen([*map(str, command), *options.snakemake], pass_fds=(lock,))
        try:
            return int(process.wait() != 0)
        except BaseException:
            # a second signal must not end this before it has ended the others
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self._end(process)
            self.console.print('ended before all was done; the same command goes on')
            raise

    def _end(self, process: subprocess.Popen) -> None:
        """End Snakemake and what it has started; jobs of a cluster it cancels if interrupted."""
        if self.options.is_elsewhere:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_CANCELLING)
        end_family(process.pid)

    def _outputs(self) -> list[Outputs]:
        """Return what the stages have made, as far as it is there."""
        found = []
        for node in self.graph.nodes.values():
            with contextlib.suppress(FormatError):
                found.append(node.folder.read_outputs())
        return found

    def _tell_why(self, failed: dict[str, str]) -> None:
        """Say which records were left out of all stages, and how they get in."""
        lines = [f'{image_id}: {reason}' for image_id, reason in sorted(failed.items())]
        text = (
            f'{join_problems(lines, "record", "were left out")}\n'
            'What is done here was made without what is listed. When that is mended, the same '
            'command takes it in.'
        )
        if asked := sum(len(node.failed) for node in self.graph.nodes.values() if not node.link):
            text += (
                f' Of these, {counted(asked, "image", "have no answers")}. If a model refused, the '
                'same command with --retry-failed asks again; all other answers are kept.'
            )
        self.console.print(styled((text, 'yellow')), soft_wrap=True)


def _identity_of(plan: Plan, seed: int) -> dict[str, str | int]:
    """Return what a work dir is of: plan, seed and version.

    Plans of projects have one name, so there it is the place, seen from the work dir: a project may
    be copied as a whole.
    """
    is_project = (plan.path.parent / PROJECT).is_file()
    name = os.path.relpath(plan.path, plan.root) if is_project else plan.path.stem
    return dict(plan=name, seed=seed, version=__version__)


def check_work_dir(plan: Plan, seed: int, is_forced: bool) -> None:
    """Refuse a work dir of another plan, seed or version.

    Raises:
        StageError: If it is.
    """
    path, now = plan.root / LOGS / PLAN_NOTE, _identity_of(plan, seed)
    if (plan.root / 'done').is_dir() and not path.exists():
        raise StageError(
            f'{plan.root} was filled by an early version of this package, which this one cannot '
            'go on with; choose another --work-dir.'
        )
    found = read_json(path) if path.is_file() else now
    if not is_table(found, (str, int)) or set(found) != set(now):
        raise FormatError(f'{path} is not {{plan, seed, version}}; choose another --work-dir.')
    for what in ('plan', 'seed'):
        if found[what] != now[what]:
            raise StageError(
                f'{plan.root} was filled by {what} {found[what]}, not by {what} {now[what]}; '
                'choose another --work-dir.'
            )
    if found['version'] != __version__ and not is_forced:
        raise StageError(
            f'{plan.root} was filled by version {found["version"]}; this is {__version__}. Go on '
            'with that version, choose another --work-dir, or make all of it anew: --force all.'
        )
