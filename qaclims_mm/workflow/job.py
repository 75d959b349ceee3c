"""Runs one stage, as the command of its Snakemake rule: ``python -m qaclims_mm.cli._job``."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from qaclims_mm.errors import EXIT_BAD_RECORDS, FormatError, StageError
from qaclims_mm.paths import tools_folder
from qaclims_mm.schemas import temporary_path, write_claim, write_json
from qaclims_mm.schemas.numbers.runs import note_path
from qaclims_mm.schemas.run_environment import set_environment
from qaclims_mm.schemas.stage_folder import Origin, StageFolder, is_same
from qaclims_mm.schemas.work_dir import LOGS, OUTPUTS
from qaclims_mm.workflow.aside import Aside
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.machine import VISIBLE, describe_machine, free_gpus, visible_gpus
from qaclims_mm.workflow.signals import end_family
from qaclims_mm.workflow.stage import RANKED, Stage

PEAKS = 'QACLIMS_PEAKS'


class Job:
    """A stage of one seed, as ``Graph.write`` describes it.

    Args:
        entry: The description.
        qaclims: Runs a sub-command in this process and raises ``SystemExit``.
    """

    def __init__(self, entry: dict[str, Any], qaclims: Callable[[Sequence[str]], None]) -> None:
        self.qaclims = qaclims
        self.stage = Stage(**{k: _as_tuple(v) for k, v in entry['stage'].items()})
        self.root, self.ranks = Path(entry['root']), entry['ranks']
        self.origin, self.link = Origin(**entry['origin']), entry['link']
        self.bars, self.keeps, self.nodes = entry['bars'], entry['keeps'], entry['nodes']
        self.retries = entry['retries']
        self.folder = StageFolder(self.root / self.stage.name)
        self.aside = Aside(self.folder)
        self.log = self.root / LOGS / f'{self.stage.name}.log'

    def run_shard(self, shard: str) -> int:
        """Do a part of the images, beside other jobs that do the rest; returns the exit status.

        Args:
            shard: ``K/N``, the part K of N, from 1.
        """
        name = self.stage.name
        with hold(self.root / LOGS / f'{name}.lock', f'stage {name} of {self.root}', wait=True):
            wanted = self.origin.claim(self._inputs())
            self.aside.take_back(wanted)
            if not self.retries and self._is_made(wanted):
                return 0
            self._prepare(wanted)
        own = f'{name}-{shard.replace("/", "-of-")}'
        self.log = self.root / LOGS / f'{own}.log'
        with hold(self.root / LOGS / f'{own}.lock', f'shard {shard} of {name} of {self.root}'):
            status = self._run_command(['--shard', shard])
        return 0 if status == EXIT_BAD_RECORDS else status

    def _inputs(self) -> dict[str, str]:
        return {n: StageFolder(self.root / n).manifest_hash() for n in self.stage.needs}

    def run(self) -> int:
        """Make what is not there; returns the exit status.

        Raises:
            StageError: If the stage is running already, a stage that it needs is not done, its
                config is not as it was, or it writes nothing.
        """
        name = self.stage.name
        with hold(self.root / LOGS / f'{name}.lock', f'stage {name} of {self.root}'):
            if self.link:
                self._link(Path(self.link))
            wanted = self.origin.claim(self._inputs())
            self.aside.take_back(wanted)
            made = self._is_made(wanted)
            if made and not self.retries:
                return 0
            kept = self.folder.read_outputs() if made else None
            resumed = self._prepare(wanted)
            # what a killed run was about to rename; no shard runs any more
            for left in self.folder.path.rglob('.*.tmp'):
                left.unlink(missing_ok=True)
            status = self._run_command()
            if status not in (0, EXIT_BAD_RECORDS):
                # without a server nothing was tried again, and the stage is as it was
                if kept is not None and not self.folder.damage(kept):
                    write_json(self.folder.path / OUTPUTS, asdict(kept))
                self.aside.take_back()
                return status
            outputs = self.folder.finish(status, self.stage.made)
            if not outputs.files:
                raise StageError(
                    f'stage {name} has ended well, but {self.folder.path} is empty: its config '
                    'writes elsewhere. Give it no work_dir and no folders of its own.'
                )
            self.folder.write_manifest(outputs)
            self.aside.drop()
            note = dict(
                status=status,
                resumed=resumed,
                megabytes=round(outputs.megabytes, 1),
                gigabytes=round(self._peaks(), 2),
                machine=self._machine(),
                date=f'{date.today():%Y-%m-%d}',
            )
            write_json(note_path(self.root, name), note)
            return 0

    def _is_made(self, wanted: dict[str, Any]) -> bool:
        """Tell whether all is there but the manifest, which Snakemake takes away before a job."""
        try:
            outputs = self.folder.read_outputs()
        except FormatError:
            return False
        if not is_same(self.folder.read_claim(), wanted) or self.folder.damage(outputs):
            return False
        self.folder.write_manifest(outputs)
        return True

    def _prepare(self, wanted: dict[str, Any]) -> bool:
        """Take away what is of something else, and claim the folder; tells whether it goes on."""
        self.folder.check_is_ours()
        found, path = self.folder.read_claim(), self.folder.path
        has_ended = (path / OUTPUTS).exists()
        resumed = is_same(found, wanted) and not has_ended
        keeps = self.keeps and found.get('config') == wanted['config']
        if keeps:
            self._remove_damaged()
        elif not resumed and path.exists():
            self._remove()
        (path / OUTPUTS).unlink(missing_ok=True)
        path.mkdir(parents=True, exist_ok=True)
        write_claim(path, wanted)
        return resumed

    def _remove_damaged(self) -> None:
        """Remove what is not as it was written of a stage that keeps what still holds."""
        with contextlib.suppress(FormatError):
            damaged = self.folder.damaged(self.folder.read_outputs())
            # a list may name any file, so what is removed lies in the folder
            for name, path in self.folder.find_files():
                if name in damaged:
                    path.unlink()

    def _remove(self) -> None:
        """Put the folder aside, or remove it with what the stage has made elsewhere."""
        if not self.stage.made:
            self.aside.put()
            return
        with contextlib.suppress(FormatError):
            outputs = self.folder.read_outputs()
            for name, path in self.folder.find_files(self.stage.made):
                if name in outputs.files:
                    path.unlink()
        shutil.rmtree(self.folder.path)

    def _link(self, other: Path) -> None:
        """Take over what another seed has made, by links to its files."""
        temporary = temporary_path(self.folder.path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(other, temporary, copy_function=_link_or_copy)
        shutil.rmtree(self.folder.path, ignore_errors=True)
        temporary.rename(self.folder.path)

    def command(self) -> list[str]:
        """Return the words of the sub-command."""
        stage = self.stage.at(self.root)
        words = [stage.command]
        if stage.config is not None:
            words += [stage.config, *([stage.checkpoint] if stage.checkpoint else [])]
            words += ['--work-dir', str(self.folder.path)]
        # in a value in double quotes, as JSON
        quoted = json.dumps(str(self.root))[1:-1]
        words += [word.replace('{root}', quoted) for word in stage.args]
        if stage.seeded:
            words += ['--cfg-options', f'{stage.seed_option}={self.origin.seed}']
        return words + (['--resume'] if stage.command == 'train' else [])

    def _config_hash(self) -> str:
        # this takes seconds, which a stage spends anyway if it has a config
        from qaclims_mm.workflow.fingerprint import hash_stage_config

        return hash_stage_config(self.stage, self.root)

    @property
    def gpus(self) -> int:
        """How many GPUs it has to find; on a cluster it has been given them."""
        is_given = 'SLURM_JOB_ID' in os.environ
        return self.ranks if self.stage.command in RANKED and not is_given else 0

    def _machine(self) -> str:
        is_ranked = self.stage.command in RANKED
        return describe_machine(min(self.ranks, len(visible_gpus())) if is_ranked else 0)

    def _peaks(self) -> float:
        """Return the memory of the ranks on other nodes at their peaks together, in GB."""
        folder = self.root / LOGS / 'peaks' / self.stage.name
        kilobytes = sum(int(p.read_text(encoding='utf-8')) for p in folder.glob('[!.]*'))
        shutil.rmtree(folder, ignore_errors=True)
        return kilobytes * 1024 / 1e9

    def _run_command(self, more: Sequence[str] = ()) -> int:
        """Run the sub-command with its output in the log; returns its status."""
        os.environ.update(PYTHONWARNINGS='ignore', TRANSFORMERS_VERBOSITY='error')
        set_environment(str(self.root), self.stage.masks, self.stage.labels)
        warnings.simplefilter('ignore')
        with self.log.open('w', encoding='utf-8') as log, free_gpus(self.gpus) as names:
            if names:
                os.environ[VISIBLE] = ','.join(names)
            sys.stdout.flush()
            os.dup2(log.fileno(), 1)
            if not self.bars:
                os.dup2(log.fileno(), 2)
            return self._in_ranks(more) if self.ranks > 1 else self._here(more)

    def _here(self, more: Sequence[str]) -> int:
        """Run the sub-command in this process, whose imports it needs anyway."""
        if self.stage.config is not None and self._config_hash() != self.origin.config:
            raise StageError(
                f'the config of stage {self.stage.name} is not what it was when this run began; '
                'run it again.'
            )
        try:
            self.qaclims([*self.command(), *more])
        except SystemExit as end:
            if isinstance(end.code, str):
                sys.stdout.write(f'{end.code}\n')
                return 1
            return end.code or 0
        # the log is where people look for it
        except Exception:
            sys.stdout.write(traceback.format_exc())
            return 1
        finally:
            sys.stdout.flush()
        return 0

    def _in_ranks(self, more: Sequence[str]) -> int:
        """Run the sub-command on several ranks; returns its status."""
        command, *words = self.command()
        python, script = sys.executable, str(tools_folder() / f'{command}.py')
        environment = dict(os.environ)
        if self.nodes > 1:
            launcher = 'slurm'
            threads = os.environ.get('OMP_NUM_THREADS', '1')
            start = ['srun', f'--ntasks={self.ranks}', f'--cpus-per-task={threads}']
            start += ['--kill-on-bad-exit=1', python]
            # srun's processes are not below this one; each leaves its own peak
            environment[PEAKS] = str(self.root / LOGS / 'peaks' / self.stage.name)
            environment.update(MASTER_ADDR=socket.gethostname(), MASTER_PORT=str(_free_port()))
        else:
            launcher = 'pytorch'
            # standalone: on a free port, so that two runs do not meet
            start = [python, str(tools_folder() / 'dist_run.py'), '--standalone']
            start.append(f'--nproc_per_node={self.ranks}')
        last = ['--launcher', launcher, *more]
        process = subprocess.Popen([*start, script, *words, *last], env=environment)
        try:
            return process.wait()
        except BaseException:
            # or its ranks would train on
            end_family(process.pid)
            raise


def _link_or_copy(source: str, target: str) -> None:
    """Link a file, or copy it where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _free_port() -> int:
    """Return a port that is free on this node, on which the first of the ranks runs too."""
    with socket.socket() as found:
        found.bind(('', 0))
        return found.getsockname()[1]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
