"""Check that the data and weights of a config are there: qaclims check-dataset CONFIG.

CONFIG is that of a stage, or a plan (configs/pipelines), whose stages are all checked. What
is missing is listed with the command or step that fixes it. What other stages make is not looked
at. The exit status is 0 if nothing is missing, else 1.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import DictAction

from qaclims_mm.checks.weights import MISSING, THERE, Problem, Weights
from qaclims_mm.console import Table, new_console, styled
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file

if TYPE_CHECKING:
    from qaclims_mm.checks.dataset import CheckedSet


def main() -> int:
    """Print what is there, then what is missing; the status is 0 if that is nothing."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config', help='config of a stage, or a plan, or the name of one that ships'
    )
    parser.add_argument('--full', action='store_true', help='open every image and mask, too')
    parser.add_argument('--data-root', help='folder of the data set, instead of the one in CONFIG')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help="override a stage's values, key=value"
    )
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.checks.configs import check_configs
    from qaclims_mm.workflow.plans import read_configs

    configs = read_configs(config_file(args.config), args.cfg_options)
    report = check_configs(configs, args.data_root, args.full)
    console = new_console()
    for root in dict.fromkeys(s.root for s in report.sets):
        # a title would be broken to the width of the table
        console.print(f'data sets in {root}', soft_wrap=True)
        console.print(sets_table([s for s in report.sets if s.root == root]))
    for table in label_tables(report.sets):
        console.print(table)
    if report.weights:
        console.print(weights_table(report.weights))
    if not report.problems:
        opened = 'opened' if args.full else 'not opened (--full)'
        nothing = ('nothing is missing', 'green')
        console.print(styled(nothing, f'; images and masks were {opened}'))
        return 0
    console.print(problems_table(report.problems))
    return 1


def sets_table(sets: 'list[CheckedSet]') -> Table:
    """Return the lists of a folder with how many of their images and masks are there."""
    table = Table('list')
    table.columns[0].overflow = 'fold'
    for heading in ('images', 'there', 'masks'):
        table.add_column(heading, justify='right')
    for s in sets:
        table.add_row(s.name, *_counts(s), style='red' if s.problems else '')
    return table


def _counts(checked: 'CheckedSet') -> list[str]:
    number, missing = checked.images, checked.missing
    if number is None:
        return ['-'] * 3
    parts = [str(number - missing[w]) if w in missing else 'not read' for w in ('images', 'masks')]
    return [str(number), *parts]


def label_tables(sets: 'tuple[CheckedSet, ...]') -> list[Table]:
    """Return a table of the images a class for each set of classes."""
    tables = []
    for classes in dict.fromkeys(s.classes for s in sets if s.labels is not None):
        table = Table('class', title='images a class')
        columns = [(s, s.labels) for s in sets if s.labels is not None and s.classes == classes]
        for s, _ in columns:
            table.add_column(Path(s.name).name, justify='right')
        for name in classes:
            table.add_row(name, *(str(labels[name]) for _, labels in columns))
        table.add_section()
        table.add_row('no label', *(str(s.unlabelled) for s, _ in columns))
        table.add_row('images', *(str(s.images) for s, _ in columns))
        means = (f'{labels.total() / s.images:.2f}' if s.images else '-' for s, labels in columns)
        table.add_row('classes an image', *means)
        tables.append(table)
    return tables


def weights_table(weights: tuple[Weights, ...]) -> Table:
    """Return the weights that the configs name."""
    table = Table('weights', 'state', title='pretrained weights')
    table.columns[0].overflow = 'fold'
    styles = {MISSING: 'red', THERE: ''}
    for w in weights:
        table.add_row(
            styled(f'{w.name}\n', (w.key, 'dim')),
            w.state,
            style=styles.get(w.state, 'yellow'),
        )
    return table


def problems_table(problems: list[Problem]) -> Table:
    """Return a table of what is missing, with the fix below each row."""
    table = Table('missing', show_lines=True)
    table.add_column(styled('where, and ', ('how to fix it', 'green')), overflow='fold')
    for what, mend in dict.fromkeys((p.what, p.mend) for p in problems):
        where = [f'{p.where}\n' for p in problems if (p.what, p.mend) == (what, mend)]
        table.add_row(what, styled(*where, (f'→ {mend}', 'green')))
    return table
