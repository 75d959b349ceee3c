"""The command ``qaclims``: each module of this package is a sub-command.

Modules whose name begins with an underscore are none. A sub-command's module has ``main``, which
reads ``sys.argv``, and a docstring whose first line is its help.
"""

import ast
import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

HELP = ('-h', '--help', 'help')


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a sub-command and exit with its status.

    Args:
        arguments: Name of the sub-command and its own arguments; by default those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words[0] if words else 'help'
    if name in HELP:
        sys.stdout.write(overview())
        raise SystemExit(0)
    if name == '--version':
        from qaclims_mm.version import __version__

        sys.stdout.write(f'{__version__}\n')
        raise SystemExit(0)
    known = commands()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f'did you mean {close[0]}?' if close else 'qaclims --help lists them.'
        raise SystemExit(f'error: there is no sub-command {name!r}; {hint}')
    sys.argv = [f'qaclims {name}', *words[1:]]
    # what a sub-command needs is imported when it runs: this takes seconds
    from qaclims_mm.cli._execute import run_tool
    from qaclims_mm.cli._installed import warn_of_other_versions
    from qaclims_mm.cli._process import tune_process

    tune_process(name)
    warn_of_other_versions()

    run_tool(lambda: importlib.import_module(f'qaclims_mm.cli.{known[name]}').main())


def commands() -> dict[str, str]:
    """Return {sub-command: its module}."""
    found = sorted(p.stem for p in Path(__file__).parent.glob('*.py') if p.stem[0] != '_')
    return {name.replace('_', '-'): name for name in found}


def overview() -> str:
    """Return the help of the command, made of the first lines of the modules' docstrings."""
    rows = [(name, summary(module)) for name, module in commands().items()]
    width = max(len(name) for name, _ in rows)
    lines = [f'  {name:<{width}}  {text}' for name, text in rows]
    return '\n'.join(
        [
            'usage: qaclims SUB-COMMAND ...',
            '',
            'QA-CLIMS: segmentation from images and image-level labels.',
            'qaclims SUB-COMMAND --help describes each of them.',
            '',
            *lines,
            '',
        ]
    )


def summary(module: str) -> str:
    """Return the first sentence of a module's docstring, without importing it."""
    source = (Path(__file__).parent / f'{module}.py').read_text(encoding='utf-8')
    [first, *_] = (ast.get_docstring(ast.parse(source)) or '').splitlines()
    return first.partition(': qaclims')[0].rstrip('.')
