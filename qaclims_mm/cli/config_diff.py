"""Show what differs between two configs: qaclims config-diff A B.

Both are read as a run reads them, with all that they inherit. Elements of pipelines and other lists
of typed dicts are matched by their types. Left out, without --all, is what differs by the work_dir
alone, and names at the top of a file that only the file itself uses. A or B may be the
train_config.json or test_config.json of a work dir, of which nothing is executed.
The exit status is 0 if nothing differs, 1 if something does, 2 if a config cannot be read.
"""

import argparse
import re
from typing import Any

from qaclims_mm.checks.config_diff import MISSING, Difference, Element, diff_files
from qaclims_mm.console import Table, new_console, printable
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.errors import QAClimsError
from qaclims_mm.paths import config_file

# of a table of three columns
BORDERS = 10
# of the width, for the keys
KEY_SHARE = 0.45


def main() -> int:
    """Print a row for each difference."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('a', metavar='A', help='a config (.py), or a *_config.json of a run')
    parser.add_argument('b', metavar='B', help='another')
    parser.add_argument('--all', action='store_true', help='leave nothing out')
    args = parser.parse_args()
    try:
        differences = diff_files(_file(args.a), _file(args.b), args.all)
    except QAClimsError as error:
        parser.error(printable(str(error)))
    console = new_console()
    for name, path in (('A', args.a), ('B', args.b)):
        console.print(f'{name}  {path}', soft_wrap=True)
    if not differences:
        console.print('nothing differs')
        return 0
    console.print(make_table(differences, console.width))
    return 1


def _file(name: str) -> str:
    """Return the file of a config; that of a run is none that ships."""
    return name if name.endswith('.json') else config_file(name)


def make_table(differences: list[Difference], width: int) -> Table:
    """Return the dotted keys, broken at dots, and both values."""
    rows = [(key, show(a), show(b)) for key, a, b in differences]
    longest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # what the values leave of the width, but a share at least
    keys = min(longest[0], max(width - BORDERS - sum(longest[1:]), int(width * KEY_SHARE)))
    table = Table()
    table.add_column('key', overflow='fold', width=keys)
    table.add_column('A', overflow='fold', style='red')
    table.add_column('B', overflow='fold', style='green')
    for key, *values in rows:
        table.add_row(break_key(key, keys), *values)
    return table


def break_key(key: str, width: int) -> str:
    """Return a dotted key on lines of a width, which end at its dots."""
    lines = ['']
    for part in re.findall(r'[^.]*\.?', key):
        if lines[-1].strip() and len(lines[-1] + part) > width:
            lines.append('  ')
        lines[-1] += part
    return '\n'.join(lines)


def show(value: Any) -> str:
    """Return a value as configs write it; an element of a list with its place in front."""
    if isinstance(value, Element):
        return f'[{value.position}] {show(value.value)}'
    if isinstance(value, dict):
        named = [f'{k}={show(v)}' for k, v in value.items() if k != 'type']
        return f'{value.get("type", "dict")}({", ".join(named)})'
    if isinstance(value, list):
        return f'[{", ".join(map(show, value))}]'
    return str(value) if value is MISSING else repr(value)
