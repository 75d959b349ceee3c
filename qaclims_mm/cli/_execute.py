"""Runs a sub-command and turns its errors into one line and an exit status."""

import errno
import io
import re
import signal
import sys
import traceback
from collections.abc import Callable

from qaclims_mm.console import printable
from qaclims_mm.errors import QAClimsError

INTERRUPTED = 128 + signal.SIGINT
# {module: extra of setup.py that has it}
EXTRA_OF = {
    **dict.fromkeys(('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'timm'), 'run'),
    **dict.fromkeys(('transformers', 'open_clip', 'simplemma', 'pydensecrf'), 'run'),
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
    except Exception as error:
        message = _explained(error)
        if not message:
            raise
        raise SystemExit(f'error: {message}') from error
    except KeyboardInterrupt:
        sys.stderr.write('interrupted\n')
        raise SystemExit(INTERRUPTED) from None
    _leave_ranks()
    raise SystemExit(status)


def _explained(error: Exception) -> str:
    """Return what a user is told of an error; '' for a bug, which keeps its traceback."""
    if isinstance(error, PermissionError) or getattr(error, 'errno', None) == errno.EROFS:
        path = getattr(error, 'filename', None) or 'a file'
        return printable(
            f'there is no permission to use {path}; work in a folder that is yours (cd, or '
            '--work-dir where the sub-command has it).'
        )
    if isinstance(error, (QAClimsError, FileNotFoundError, ImportError)):
        return _message_of(error) + _installation(error)
    if isinstance(error, (KeyError, TypeError)):
        return _config_mistake(error)
    return ''


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


def _message_of(error: Exception) -> str:
    """Return what an error says, without the traceback that torch puts before a worker's."""
    text, name = str(error), f'{type(error).__name__}: '
    of_worker = text.startswith('Caught ') and name in text
    return printable(text.rpartition(name)[2].rstrip() if of_worker else text)
