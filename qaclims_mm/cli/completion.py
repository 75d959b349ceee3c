"""Print a script that completes the command in a shell: qaclims completion bash.

For bash, put eval "$(qaclims completion bash)" into ~/.bashrc; for zsh the same with zsh into
~/.zshrc, after compinit; for fish, qaclims completion fish | source into config.fish.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

from qaclims_mm.cli import commands, summary
from qaclims_mm.paths import PACKAGE

BASH = """\
_qaclims() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{names}"
    elif [[ $word == -* ]]; then
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _qaclims qaclims
"""
ZSH = """\
#compdef qaclims
_qaclims() {{
    if (( CURRENT == 2 )); then
        compadd -- {names}
    elif [[ ${{words[CURRENT]}} == -* ]]; then
        case ${{words[2]}} in
{cases}
        esac
    else
        _files
    fi
}}
compdef _qaclims qaclims
"""


def main() -> None:
    """Print the script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('shell', choices=('bash', 'zsh', 'fish'))
    sys.stdout.write(script_of(parser.parse_args().shell))


def script_of(shell: str) -> str:
    """Return the script for ``bash``, ``zsh`` or ``fish``."""
    flags = {name: flags_of(module) for name, module in commands().items()}
    if shell == 'fish':
        return '\n'.join(_lines_of_fish(flags)) + '\n'
    text, case = (BASH, '{}) words="{}" ;;') if shell == 'bash' else (ZSH, '{}) compadd -- {} ;;')
    cases = (f'            {case.format(name, " ".join(own))}' for name, own in flags.items())
    return text.format(names=' '.join(flags), cases='\n'.join(cases))


def _lines_of_fish(flags: dict[str, list[str]]) -> list[str]:
    lines = []
    for name, module in commands().items():
        about = summary(module).replace('\\', '\\\\').replace("'", "\\'")
        lines.append(f"complete -c qaclims -n __fish_use_subcommand -f -a {name} -d '{about}'")
        seen = f'-n "__fish_seen_subcommand_from {name}"'
        lines += [f'complete -c qaclims {seen} -l {flag[2:]}' for flag in flags[name]]
    return lines


def flags_of(module: str) -> list[str]:
    """Return the long flags of a sub-command.

    They are read from the source: to import what sub-commands need takes seconds, which nobody
    waits for at the start of a shell.
    """
    tree = ast.parse((PACKAGE / 'cli' / f'{module}.py').read_text(encoding='utf-8'))
    found = {'--help', *_flags_in(tree)}
    for node in ast.walk(tree):
        names = {n.name for n in node.names} if isinstance(node, ast.ImportFrom) else set()
        shared = {name for name in names if re.fullmatch(r'\w*parser|add_\w*options', name)}
        if isinstance(node, ast.ImportFrom) and shared:
            path = Path(*str(node.module).split('.')).with_suffix('.py')
            whole = ast.parse((PACKAGE.parent / path).read_text(encoding='utf-8'))
            # of a module that is a sub-command itself, what it adds for others alone
            parts = [n for n in whole.body if getattr(n, 'name', '') in shared]
            found |= {flag for part in parts for flag in _flags_in(part)}
    return sorted(found)


def _flags_in(tree: ast.AST) -> set[str]:
    """Return the long flags that a file adds to parsers, by ``add_argument`` or as ``add``."""
    found: set[str] = set()
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        if (
            getattr(call.func, 'attr', '') != 'add_argument'
            and getattr(call.func, 'id', '') != 'add'
        ):
            continue
        words = [a.value for a in call.args if isinstance(a, ast.Constant)]
        flags = {w for w in words if isinstance(w, str) and w.startswith('--')}
        actions = [ast.unparse(k.value) for k in call.keywords if k.arg == 'action']
        if 'argparse.BooleanOptionalAction' in actions:
            flags |= {f'--no-{flag[2:]}' for flag in flags}
        found |= flags
    return found
