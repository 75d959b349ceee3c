"""Runs a sub-command and turns its errors into one line and an exit status."""

import errno
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable

from qaclims_mm.cli._process import note_peak
from qaclims_mm.console import printable
from qaclims_mm.errors import QAClimsError, StageError
from qaclims_mm.imports import is_out_of_addresses

INTERRUPTED = 128 + signal.SIGINT
# sub-commands that go on from what they have
_RESUMED = (
    *('ablate', 'compare', 'ir_label', 'predict', 'quickstart', 'reproduce', 'run', 'test'),
    'verify_results',
)
# a disk, a quota or a limit of the size of files is exhausted
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# what to do about an error of the system
_ADVICE = (
    (_FULL, 'make room or choose another folder, and run it again'),
    ((errno.EACCES, errno.EPERM, errno.EROFS), 'choose a folder that you may read and write'),
    ((errno.ENOTDIR, errno.EEXIST), 'a file is where a folder must be; give another path'),
    ((errno.EISDIR,), 'a folder is where a file must be; give another path'),
    ((errno.ENOENT,), 'give a path that exists'),
    ((errno.ENAMETOOLONG,), 'give a shorter path'),
)
# {module: extra of setup.py that has it}
EXTRA_OF = {
    'av': 'video',
    **dict.fromkeys(('onnx', 'onnxscript', 'onnxruntime'), 'onnx'),
    **dict.fromkeys(('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'timm'), 'run'),
    **dict.fromkeys(('transformers', 'open_clip', 'simplemma'), 'run'),
    'snakemake': 'run',
    'openai': 'served',
    'pycocotools': 'coco',
    'tensorboard': 'vis',
    'gradio': 'web',
}


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a ``main`` and exit; a mistake of the user ends in its message alone."""
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
    # what is no mistake of the user is raised again
    except Exception as error:
        ending = _ending(error)
        if not ending:
            raise
        raise SystemExit(ending) from error
    except KeyboardInterrupt:
        sys.stderr.write(f'interrupted{_how_to_resume(main)}\n')
        raise SystemExit(INTERRUPTED) from None
    _leave_ranks()
    note_peak()
    raise SystemExit(status)


def _how_to_resume(main: Callable[[], int | None]) -> str:
    """Return how an interrupted sub-command goes on, to follow that word; '' if it begins anew."""
    command = main.__module__.rpartition('.')[2]
    if command in _RESUMED or (command == 'train' and '--resume' in sys.argv):
        return '; the same command goes on from what is done'
    return '; the same command with --resume goes on' if command == 'train' else ''


def _installation(error: Exception) -> str:
    """Return the command that installs a missing module of an extra, to follow the message."""
    if not isinstance(error, ModuleNotFoundError):
        return ''
    extra = EXTRA_OF.get((error.name or '').partition('.')[0])
    return f"; run: pip install 'qaclims_mm[{extra}]'" if extra else ''


def _leave_ranks() -> None:
    """End the group of ranks of this process, if it is in one."""
    if 'torch.distributed' in sys.modules:
        from qaclims_mm.engine.compat import leave_process_group

        leave_process_group()


def _config_mistake(raised: Exception) -> str:
    """Explain a registry build error; return '' if it is not recognised."""
    *_, (frame, _) = traceback.walk_tb(raised.__traceback__)
    if frame.f_code.co_name != 'build_from_cfg':
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


def _ending(error: Exception) -> str:
    """Return the last words of a command that a user's mistake has ended; '' for a bug."""
    if exhausted := _exhausted_memory(error):
        return f'error: {exhausted}'
    if isinstance(error, (QAClimsError, FileNotFoundError, ImportError)) or (
        isinstance(error, OSError) and _is_of_a_file(error)
    ):
        log_end = error.log_end if isinstance(error, StageError) else ''
        return (
            f'{printable(log_end)}\n\n' if log_end else ''
        ) + f'error: {_message_of(error)}{_installation(error)}'
    mistake = _config_mistake(error) if isinstance(error, (KeyError, TypeError)) else ''
    return f'error: {mistake}' if mistake else ''


def _exhausted_memory(error: Exception) -> str:
    """Return what to do about an error for want of memory, of this process or a worker, or ''."""
    if isinstance(error, QAClimsError):
        # which says more
        return ''
    text = str(error)
    signs = (
        'DefaultCPUAllocator',
        'out of memory',
        'killed by signal: Killed',
        'killed by signal: Bus error',
        'DataLoader timed out',
        'allocate shared memory',
        '</torch_',
    )
    known = isinstance(error, RuntimeError) and any(sign in text for sign in signs)
    if is_out_of_addresses(error):
        return (
            f'there is no memory to load the libraries ({text}); raise the limit of this shell '
            '(ulimit -v unlimited) or of the job.'
        )
    is_refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if not (known or is_refused or isinstance(error, MemoryError)):
        return ''
    if re.search(r'shared memory|</torch_|DataLoader timed out', text):
        return (
            'the workers of a loader cannot hand over their batches, most often because the '
            'shared memory (/dev/shm) is full; free it, make it larger (docker run --shm-size 8g), '
            'or set num_workers=0 and persistent_workers=False in the loader.'
        )
    asked = re.search(r'allocate ([\d.]+ \w+)', text)
    reason = f' ({asked[1]} more were asked for)' if asked else ''
    return (
        f'the memory is exhausted{reason}; read images smaller (max_side), or take fewer images at '
        'once (batch_size), fewer scales or fewer workers. docs/scaling.md has what stages take.'
    )


def _is_of_a_file(error: OSError) -> bool:
    """Tell whether the system refuses a file or folder; an error of a worker has text alone."""
    if error.filename is not None or error.errno in _FULL:
        return True
    return bool(re.search(r"\[Errno \d+\] [^\n]+: '", str(error)))


def _message_of(error: Exception) -> str:
    """Return what an error says, without the traceback that torch puts before a worker's."""
    text, name = str(error), f'{type(error).__name__}: '
    if text.startswith('Caught ') and name in text:
        text = text.rpartition(name)[2].rstrip()
    if isinstance(error, OSError) and error.strerror:
        return printable(_about_file(error))
    return printable(text)


def _about_file(error: OSError) -> str:
    """Return one sentence about a file that the system refuses, and what to do."""
    advice = next((text for codes, text in _ADVICE if error.errno in codes), 'check the path')
    names = [
        os.fsdecode(n) for n in (error.filename, error.filename2) if isinstance(n, str | bytes)
    ]
    place = ' -> '.join(names) + ': ' if names else ''
    return f'{place}{error.strerror}; {advice}.'
