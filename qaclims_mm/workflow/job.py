"""Runs one stage, as the command of its Snakemake rule: python -m qaclims_mm.workflow.job."""

import json
import os
import shutil
import subprocess
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qaclims_mm.errors import EXIT_BAD_RECORDS, FormatError, StageError
from qaclims_mm.paths import tools_folder
from qaclims_mm.schemas import read_json, temporary_path, write_claim, write_json
from qaclims_mm.schemas.numbers.runs import note_path
from qaclims_mm.schemas.stage_folder import Origin, StageFolder, is_same
from qaclims_mm.schemas.work_dir import LOGS
from qaclims_mm.workflow.gpus import VISIBLE, free_gpus
from qaclims_mm.workflow.locks import hold
from qaclims_mm.workflow.plans import RANKED, Stage
from qaclims_mm.workflow.signals import end_family, exit_when_told

ROOT = 'QACLIMS_ROOT'


class Job:
    """A stage of one seed, as ``graph.write_graph`` describes it.

    Args:
        entry: The description.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        self.stage = Stage(**{k: _as_tuple(v) for k, v in entry['stage'].items()})
        self.root, self.ranks = Path(entry['root']), entry['ranks']
        self.origin, self.link = Origin(**entry['origin']), entry['link']
        self.bars, self.keeps = entry['bars'], entry['keeps']
        self.folder = StageFolder(self.root / self.stage.name, self.stage.made)
        self.log = self.root / LOGS / f'{self.stage.name}.log'

    def run(self) -> int:
        """Make what is not there; returns the exit status.

        Raises:
            StageError: If the stage is running already, a stage that it needs is not done, its
                config is not as it was, or it writes nothing.
        """
        name = self.stage.name
        with hold(self.root / LOGS / f'{name}.lock', f'stage {name} of {self.root}'):
            inputs = {n: StageFolder(self.root / n).manifest_hash() for n in self.stage.needs}
            if self.link:
                self._link(Path(self.link))
            wanted = self.origin.claim(inputs)
            if self._is_made(wanted):
                return 0
            resumed = self._prepare(wanted)
            status = self._run_command()
            if status not in (0, EXIT_BAD_RECORDS):
                return status
            outputs = self.folder.finish(status)
            if not outputs.files:
                raise StageError(
                    f'stage {name} has ended well, but {self.folder.path} is empty: its config '
                    'writes elsewhere. Give it no work_dir and no folders of its own.'
                )
            self.folder.write_manifest(outputs)
            note = dict(status=status, resumed=resumed, megabytes=round(outputs.megabytes, 1))
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
        found, path = self.folder.read_claim(), self.folder.path
        has_ended = (path / 'outputs.json').exists()
        resumed = is_same(found, wanted) and not has_ended
        keeps = self.keeps and found.get('config') == wanted['config']
        if not resumed and not keeps and path.exists():
            self._remove()
        (path / 'outputs.json').unlink(missing_ok=True)
        # what a killed run was about to rename
        for left in path.rglob('.*.tmp'):
            if left.is_file():
                left.unlink()
        path.mkdir(parents=True, exist_ok=True)
        write_claim(path, wanted)
        return resumed

    def _remove(self) -> None:
        """Remove the folder, and what the stage has made elsewhere."""
        try:
            files = self.folder.read_outputs().files
        except FormatError:
            files = {}
        for name, path in self.folder.find_files():
            if name in files and self.folder.path not in path.parents:
                path.unlink()
        shutil.rmtree(self.folder.path)

    def _link(self, other: Path) -> None:
        """Take over what another seed has made, by links to its files."""
        temporary = temporary_path(self.folder.path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(other, temporary, copy_function=os.link)
        shutil.rmtree(self.folder.path, ignore_errors=True)
        temporary.rename(self.folder.path)

    def command(self) -> list[str]:
        """Return the words of the sub-command."""
        stage, root = self.stage, str(self.root)
        words = [stage.command]
        if stage.config is not None:
            words += [stage.config, *([stage.checkpoint] if stage.checkpoint else [])]
            words += ['--work-dir', str(self.folder.path)]
        # in a value in double quotes, as JSON
        quoted = json.dumps(root)[1:-1]
        words += [word.replace('{root}', quoted) for word in stage.args]
        if stage.seeded:
            words += ['--cfg-options', f'randomness.seed={self.origin.seed}']
        return words + (['--resume'] if stage.command == 'train' else [])

    def _run_command(self) -> int:
        """Run the sub-command with its output in the log; returns its status."""
        os.environ.update(PYTHONWARNINGS='ignore', TRANSFORMERS_VERBOSITY='error')
        os.environ[ROOT] = str(self.root)
        warnings.simplefilter('ignore')
        number = self.ranks if self.stage.command in RANKED else 0
        with self.log.open('w', encoding='utf-8') as log, free_gpus(number) as names:
            if names:
                os.environ[VISIBLE] = ','.join(names)
            sys.stdout.flush()
            os.dup2(log.fileno(), 1)
            if not self.bars:
                os.dup2(log.fileno(), 2)
            return _in_ranks(self.command(), self.ranks) if self.ranks > 1 else self._here()

    def _here(self) -> int:
        """Run the sub-command in this process, whose imports it needs anyway."""
        from qaclims_mm.cli import main
        from qaclims_mm.workflow.fingerprint import hash_stage_config

        if hash_stage_config(self.stage, self.root) != self.origin.config:
            raise StageError(
                f'the config of stage {self.stage.name} is not what it was when this run began; '
                'run it again.'
            )
        try:
            main(self.command())
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


def _in_ranks(words: Sequence[str], ranks: int) -> int:
    """Run a sub-command on several ranks; returns its status."""
    script = tools_folder() / f'{words[0]}.py'
    if int(os.environ.get('SLURM_JOB_NUM_NODES', 1)) > 1:
        start = ['srun', f'--ntasks={ranks}', '--kill-on-bad-exit=1', sys.executable]
        launcher = 'slurm'
    else:
        # standalone: on a free port, so that two runs do not meet
        start = [sys.executable, str(tools_folder() / 'dist_run.py'), '--standalone']
        start.append(f'--nproc_per_node={ranks}')
        launcher = 'pytorch'
    process = subprocess.Popen([*start, str(script), *words[1:], '--launcher', launcher])
    try:
        return process.wait()
    except BaseException:
        # or its ranks would train on
        end_family(process.pid)
        raise


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def main(arguments: Sequence[str]) -> int:
    """Run a job of a file of ``graph.write_graph``; returns the exit status."""
    path, key = arguments
    with exit_when_told():
        return Job(read_json(path)['jobs'][key]).run()


if __name__ == '__main__':
    from qaclims_mm.cli._execute import run_tool
    from qaclims_mm.cli._process import tune_process

    tune_process()
    run_tool(lambda: main(sys.argv[1:]))
