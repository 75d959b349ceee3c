"""From command line to runner, and from runner to exit status; what the tools share."""

import argparse
import ast
import io
import os
import re
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.dist import barrier, is_main_process
from mmengine.registry import build_from_cfg, init_default_scope
from mmengine.runner import Runner

from qaclims_mm.compat import (
    adapt_config_to_device,
    find_whole_checkpoint,
    init_cpu_process_group,
    leave_process_group,
    mend_openmmlab,
)
from qaclims_mm.console import printable
from qaclims_mm.datasets.image_level import RecordError
from qaclims_mm.engine.hooks.failed_records import FailedRecordsHook
from qaclims_mm.engine.plain_log import PlainLogFilter
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.schemas import FormatError, read_run_config, run_config_path, write_run_config
from qaclims_mm.schemas.project import check_not_pasted

EXIT_BAD_RECORDS = 3
INTERRUPTED = 128 + signal.SIGINT
# of prompts and questions, which are filled when texts are made
PROMPT_FIELDS = ('answer', 'text', 'class', 'question')
# a name that stands for a string of the config
_NAME = re.compile(r'\{(\w+)\}')
# strings that users choose: whatever stands in them is no name
_PATHS = ('work_dir', 'project')
LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def base_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the flags every stage has."""
    parser = argparse.ArgumentParser(description=description, epilog=CONFIGS_ARE_CODE)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='where logs, checkpoints and files go')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override config values, key=value; lists as key="[a,b]"',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='job launcher')
    parser.add_argument('--strict', action='store_true', help='stop at the first bad record')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by torchrun')
    return parser


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the flags.

    The work dir is that of the flag, else the file's own, else a folder of the file's name beside
    that of its base, else ``work_dirs/<name>``.
    ``{name}`` in any string of the config stands for the config's top-level string of that name,
    so a leaf changes in one place what is used in several, and ``{work_dir}`` for its folder.

    Raises:
        FormatError: If the file does not exist.
    """
    cfg = read_config(args.config, args.work_dir, args.cfg_options)
    cfg.launcher = args.launcher
    if args.strict:
        _set_strict(cfg)
    return cfg


def mixed_precision_wrapper() -> str:
    """Return the type of the optimizer's wrapper that this machine's mixed precision needs."""
    if not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False):
        return 'Bfloat16OptimWrapper'
    return 'AmpOptimWrapper'


def read_config(path: str, work_dir: str | None = None, options: dict | None = None) -> Config:
    """Read a config; see ``load_config``.

    Args:
        path: The file.
        work_dir: Replaces the config's own.
        options: {dotted key: value} that override values.

    Raises:
        FormatError: If the file does not exist.
    """
    if not Path(path).is_file():
        raise FormatError(f'config {path} does not exist; see configs/ for those that ship.')
    check_not_pasted(Path(path).absolute().parents[1])
    mend_openmmlab()
    cfg = Config.fromfile(path)
    # a runner does this too, but not every tool has one
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if options:
        cfg.merge_from_dict(options)
    folder = work_dir or (options or {}).get('work_dir') or ''
    cfg.work_dir = folder or _default_work_dir(cfg, Path(path))
    _fill_names(cfg, folder)
    return cfg


def _default_work_dir(cfg: Config, path: Path) -> str:
    """Return the file's own work_dir, or a folder of its name beside that of its base.

    Stages find each other's folders beside their own, and no leaf writes into its base's.
    """
    inherited = cfg.get('work_dir')
    assigned = (n.targets for n in ast.parse(path.read_text()).body if isinstance(n, ast.Assign))
    if inherited and any(getattr(t, 'id', '') == 'work_dir' for ts in assigned for t in ts):
        return inherited
    return str(Path(inherited or 'work_dirs/_').parent / path.stem)


def _fill_names(cfg: Config, folder: str) -> None:
    """Put the config's own strings where ``{name}`` names them, in place.

    What a user has named is data: in the path of the work dir and of a project a brace is a brace.
    """
    templates = {k: v for k, v in cfg.items() if isinstance(v, str) and k not in PROMPT_FIELDS}
    values = {name: value for name, value in templates.items() if name in _PATHS}
    if not folder:
        # the config's own work dir may have names in it
        values.pop('work_dir')
    for name in templates:
        _value_of(name, templates, values, ())
    cfg.work_dir = ''
    _fill(cfg, values)
    cfg.work_dir = values['work_dir']


def _value_of(
    name: str, templates: dict[str, str], values: dict[str, str], above: tuple[str, ...]
) -> str:
    """Return a string of the config with the names in it replaced.

    Args:
        name: Key of the string.
        templates: All strings that may be named, as the config has them.
        values: The same with names replaced; gets the string.
        above: Keys of the strings that name this one.

    Raises:
        FormatError: If a string names itself.
    """
    if name in above:
        raise FormatError(f'{name} = {templates[name]!r} names itself.')
    if name not in values:
        inner = set(_NAME.findall(templates[name])) & templates.keys()
        known = {n: _value_of(n, templates, values, (*above, name)) for n in sorted(inner)}
        values[name] = _filled(templates[name], {**dict.fromkeys(templates, ''), **known})
    return values[name]


def _filled(text: str, names: dict[str, str]) -> str:
    """Return a string with the names in it replaced.

    Raises:
        FormatError: If a path has a name that the config lacks.
    """
    unknown = set(_NAME.findall(text)) - names.keys()
    if unknown and '/' in text:
        raise FormatError(
            f'{text!r} names {", ".join(sorted(unknown))}, but the config has no string of that '
            f'name; it has {", ".join(sorted(names))}.'
        )
    text = _NAME.sub(lambda m: names.get(m[1], m[0]), text)
    # '..' is resolved in the text: the folder itself need not be there yet
    return os.path.normpath(text) if '/..' in text and '://' not in text else text


def _fill(node: Any, names: dict[str, str]) -> None:
    for key, value in list(node.items() if hasattr(node, 'items') else enumerate(node)):
        if isinstance(value, str):
            filled_in = '{' in value and key != 'project'
            node[key] = _filled(value, names) if filled_in else value
        elif isinstance(value, (dict, list)):
            _fill(value, names)
        elif isinstance(value, tuple):
            filled = list(value)
            _fill(filled, names)
            node[key] = tuple(filled)


def _set_strict(cfg: Config) -> None:
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(loader):
            cfg[loader].dataset.strict = True


def resume_from(cfg: Config, checkpoint: str | None) -> None:
    """Let a training go on, in place.

    Args:
        cfg: Of the training; what its ``load_from`` names starts a training that has no checkpoint
            yet.
        checkpoint: The file to go on from; ``None`` is the last one of the work dir, if there is
            one.
    """
    checkpoint = checkpoint or find_whole_checkpoint(cfg.work_dir)
    cfg.resume = checkpoint is not None
    if checkpoint is not None:
        cfg.load_from = checkpoint


def use_test_time_augmentation(cfg: Config) -> None:
    """Let a test run merge the predictions of an image's ``tta_pipeline`` copies, in place.

    Raises:
        FormatError: If the config has no ``tta_pipeline`` and ``tta_model``.
    """
    if not (cfg.get('tta_pipeline') and cfg.get('tta_model')):
        raise FormatError(f'{cfg.filename} has no tta_pipeline and tta_model; run without --tta.')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    # mmengine's TTA model wants the copies outside and the images inside
    cfg.test_dataloader.collate_fn = dict(type='pseudo_collate')
    cfg.test_dataloader.batch_size = 1
    cfg.model = dict(**cfg.tta_model, module=cfg.model)


_PARTS = {
    'train': ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    'test': ('test_dataloader', 'test_cfg', 'test_evaluator'),
}


def build_runner(cfg: Config, mode: str) -> Runner:
    """Build the runner for ``train`` or ``test``, on GPUs with nccl, on CPU ranks with gloo."""
    _give_test_set(cfg)
    for part in _PARTS['test' if mode == 'train' else 'train']:
        cfg[part] = None
    # before the config is adapted to this machine, so that every machine writes the same
    values = _values_of_run(cfg, mode)
    adapt_config_to_device(cfg)
    init_cpu_process_group(cfg.launcher)
    runner = Runner.from_cfg(cfg)
    runner.logger.addFilter(PlainLogFilter())
    # which rank this is, the runner finds out
    if is_main_process():
        write_run_config(cfg.work_dir, mode, Path(cfg.filename or '').name, values)
    return runner


def _values_of_run(cfg: Config, mode: str) -> dict[str, Any]:
    """Return the config as a run's first start had it, so that a resumed run writes the same."""
    values = cfg.to_dict()
    if values.get('resume'):
        try:
            first = read_run_config(run_config_path(cfg.work_dir, mode)).values
        except FormatError:
            first = {}
        values.update(resume=False, load_from=first.get('load_from'))
    return values


def _give_test_set(cfg: Config) -> None:
    """Tell the hook that shows maps while they are trained which images are tested."""
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if hook and hook.type == 'CAMVisualizationHook' and cfg.get('test_dataloader'):
        hook.setdefault('dataset', cfg.test_dataloader.dataset)


def exit_status(runner: Runner) -> int:
    """Return 0, or ``EXIT_BAD_RECORDS`` if records could not be used."""
    # the launcher ends all ranks as soon as one has another status than 0
    barrier()
    hooks = [h for h in runner.hooks if isinstance(h, FailedRecordsHook)]
    return EXIT_BAD_RECORDS if any(h.failures for h in hooks) else 0


def run_tool(main: Any) -> None:
    """Run a tool's ``main``; a problem with the user's files ends in its message alone."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # or a name that the encoding cannot write would end the tool
            stream.reconfigure(errors='backslashreplace')
    try:
        status = main() or 0
    except SystemExit as end:
        if isinstance(end.code, str):
            end.code = printable(end.code)
        raise
    except (FormatError, RecordError, FileNotFoundError, ImportError) as error:
        raise SystemExit(f'error: {_message_of(error)}') from error
    except (KeyError, TypeError) as error:
        mistake = _config_mistake(error)
        if not mistake:
            raise
        raise SystemExit(f'error: {mistake}') from error
    except KeyboardInterrupt:
        sys.stderr.write('interrupted\n')
        raise SystemExit(INTERRUPTED) from None
    leave_process_group()
    raise SystemExit(status)


def _config_mistake(raised: Exception) -> str:
    """Return what is wrong with a config from which a registry could build nothing, or nothing."""
    *_, (frame, _) = traceback.walk_tb(raised.__traceback__)
    if frame.f_code is not build_from_cfg.__code__:
        return ''
    error = str(raised)
    if found := re.search(r'(\w+) is not in the (?:\w+::)?([\w ]+) registry', error):
        return (
            f"there is no {found[2]} of type '{found[1]}'; its name is misspelt, or custom_imports "
            'of the config lacks the file that registers it, or qaclims_mm.plugin.'
        )
    if found := re.match(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", error):
        return (
            f'the config gives {found[2]} to {found[1]}, which does not take it; if it is an '
            "option of what stands there in the base, _delete_=True takes the base's options away."
        )
    return ''


def _message_of(error: Exception) -> str:
    """Return what an error says; without the traceback that torch puts before a worker's."""
    text, name = str(error), f'{type(error).__name__}: '
    of_worker = text.startswith('Caught ') and name in text
    return printable(text.rpartition(name)[2].rstrip() if of_worker else text)
