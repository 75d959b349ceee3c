"""Tables of the results of an ablation, for terminals and in Markdown."""

import textwrap
from collections.abc import Collection
from pathlib import Path

from qaclims_mm.console import Table
from qaclims_mm.schemas import atomic_path
from qaclims_mm.schemas.numbers.ablation_results import (
    ENOUGH_SEEDS,
    AblationResults,
    ResultRow,
    Summary,
)
from qaclims_mm.schemas.numbers.paired import spread_interval

# columns of the text below a table
_WIDTH = 100
_METHOD = (
    "paired by seed, with its 95 % interval (Student's t). p: paired t-test, corrected for the "
    "number of rows (Holm's way). Detectable: if the true difference is this large, the test finds "
    'it in four of five experiments, before the correction.'
)

_SPREAD = 'Spread: the standard deviation, with the 95 % interval that so few seeds leave to it.'


def write_markdown(results: AblationResults, folder: str | Path) -> Path:
    """Write ``<suite>.md`` and return its path."""
    path = Path(folder) / f'{results.suite}.md'
    with atomic_path(path) as temporary:
        temporary.write_text(markdown_of(results), encoding='utf-8')
    return path


def cells_of(results: AblationResults) -> tuple[list[str], list[list[str]]]:
    """Return head and lines of the table that people read."""
    title = next(iter(results.columns.values()))
    if results.reference:
        last = [f'{title}: difference [95 %]', 'detectable', 'p (Holm)']
    else:
        last = [f'{title}: spread [95 %]']
    papers = ['paper'] if any(row.paper for row in results.rows) else []
    head = ['', *papers, *results.columns.values(), *last, 'seeds']
    found = [results.summaries(metric) for metric in results.columns]
    lines = []
    for row in results.rows:
        summaries = [of_metric[row.name] for of_metric in found]
        lines.append(
            [
                row.title,
                *([_number(row.paper)] if papers else []),
                *(_with_spread(s.mean, s.sd) if s else '' for s in summaries),
                *_last_cells(results, row, summaries[0]),
                _seeds(results, row),
            ]
        )
    return head, lines


def _last_cells(results: AblationResults, row: ResultRow, found: Summary | None) -> list[str]:
    """Return the comparison with the reference, or the spread where there is none."""
    if results.reference:
        return _comparison(found)
    first = next(iter(results.columns))
    return [_spread(found, row.values.get(first, {}))]


def _spread(found: Summary | None, values: Collection[str]) -> str:
    if found is None or found.sd is None:
        return ''
    low, high = spread_interval(found.sd, len(values))
    return f'{found.sd:.1f} [{low:.1f}, {high:.1f}]'


def _comparison(found: Summary | None) -> list[str]:
    if found is None:
        return [''] * 3
    return [_with_interval(found), _number(found.detectable), _chance(found.p_holm)]


def _seeds(results: AblationResults, row: ResultRow) -> str:
    failed = f', failed: seed {", ".join(row.failed)}' if row.failed else ''
    known = set().union(*row.values.values())
    return f'{len(known)}/{len(results.seeds)}{failed}'


def markdown_of(results: AblationResults) -> str:
    """Return the table as Markdown, with what it shows below it."""
    head, lines = cells_of(results)
    rule = ['---'] + ['---:'] * (len(head) - 1)
    lines = [[cell.replace('|', '\\|') for cell in cells] for cells in lines]
    table = '\n'.join(f'| {" | ".join(cells)} |' for cells in (head, rule, *lines))
    texts = [caption_of(results), *failures_of(results)]
    return '\n\n'.join([f'## {results.title}', table, *map(_wrapped, texts)]) + '\n'


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def failures_of(results: AblationResults) -> list[str]:
    """Return why runs failed, a sentence each."""
    return [
        f'Failed: {row.title}, seed {seed}: {why}.'
        for row in results.rows
        for seed, why in row.failed.items()
    ]


def caption_of(results: AblationResults) -> str:
    """Return what the numbers are."""
    of_seeds = 'mean ± standard deviation over seeds' if len(results.seeds) > 1 else 'one seed'
    text = f'In percent, {of_seeds} of {results.config}.'
    title = next((r.title for r in results.rows if r.name == results.reference), None)
    if not title:
        text += ' No row is compared with another.'
        if len(results.seeds) > 1:
            text += f' {_SPREAD}'
    else:
        text += f' Difference to "{title}"'
        text += f', {_METHOD}' if len(results.seeds) > 1 else '.'
        first = next(iter(results.columns))
        if any(1 < len(row.values.get(first, {})) < ENOUGH_SEEDS for row in results.rows):
            text += (
                f' Fewer than {ENOUGH_SEEDS} seeds are too few to show a difference: their spread '
                'is too uncertain.'
            )
    if any(row.paper for row in results.rows):
        text += " The paper's numbers are of VOC."
    return ' '.join([text, *_machines_of(results)])


def _machines_of(results: AblationResults) -> list[str]:
    """Return what the seeds were measured on, a sentence a machine."""
    seeds: dict[str, list[str]] = {}
    for seed in map(str, results.seeds):
        seeds.setdefault(results.machines.get(seed, 'machine not known'), []).append(seed)
    return [
        f'Seed{"s" if len(found) > 1 else ""} {", ".join(found)}: {machine}.'
        for machine, found in seeds.items()
    ]


def table_of(results: AblationResults) -> Table:
    """Return the table for a terminal."""
    head, lines = cells_of(results)
    table = Table(title=results.title, caption=caption_of(results), caption_justify='left')
    for number, title in enumerate(head):
        table.add_column(title, justify='right' if number else 'left')
    for cells in lines:
        table.add_row(*cells)
    return table


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.1f}'


def _chance(p: float | None) -> str:
    return '' if p is None else f'{p:.3f}' if p >= 0.001 else '< 0.001'


def _with_interval(found: Summary) -> str:
    if found.difference is None:
        return ''
    ends = '' if found.low is None else f' [{found.low:+.1f}, {found.high:+.1f}]'
    return f'{found.difference:+.1f}{ends}'


def _with_spread(value: float, spread: float | None) -> str:
    return f'{value:.1f}' + (f' ± {spread:.1f}' if spread is not None else '')
