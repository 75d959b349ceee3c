"""Tables of the results of an ablation, for terminals and in Markdown."""

from pathlib import Path

from rich.table import Table

from qaclims_mm.schemas import atomic_path
from qaclims_mm.schemas.numbers.ablation_results import AblationResults, ResultRow


def write_markdown(results: AblationResults, folder: str | Path) -> Path:
    """Write ``<suite>.md`` and return its path."""
    path = Path(folder) / f'{results.suite}.md'
    with atomic_path(path) as temporary:
        temporary.write_text(markdown_of(results), encoding='utf-8')
    return path


def cells_of(results: AblationResults) -> tuple[list[str], list[list[str]]]:
    """Return head and lines of the table that people read."""
    first = next(iter(results.columns))
    compared = [f'{results.columns[first]}: difference', 'p'] if results.reference else []
    papers = ['paper'] if any(row.paper for row in results.rows) else []
    head = ['', *papers, *results.columns.values(), *compared, 'seeds']
    return head, [_cells(results, row, first, bool(compared), bool(papers)) for row in results.rows]


def _cells(
    results: AblationResults, row: ResultRow, first: str, compared: bool, papers: bool
) -> list[str]:
    cells = [row.title, *([_number(row.paper)] if papers else [])]
    for metric in results.columns:
        found = results.summary(row, metric)
        cells.append(_with_spread(found.mean, found.sd) if found else '')
    if compared:
        found = results.summary(row, first)
        cells += (
            [_with_spread(found.difference, found.standard_error, '+'), _chance(found.p)]
            if found
            else ['', '']
        )
    failed = f', failed: seed {", ".join(row.failed)}' if row.failed else ''
    return [*cells, f'{len(row.values.get(first, {}))}/{len(results.seeds)}{failed}']


def markdown_of(results: AblationResults) -> str:
    """Return the table as Markdown, with what it shows below it."""
    head, lines = cells_of(results)
    rule = ['---'] + ['---:'] * (len(head) - 1)
    lines = [[cell.replace('|', '\\|') for cell in cells] for cells in lines]
    table = '\n'.join(f'| {" | ".join(cells)} |' for cells in (head, rule, *lines))
    return (
        '\n\n'.join([f'## {results.title}', table, caption_of(results), *failures_of(results)])
        + '\n'
    )


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
        text += " No row is the plan's own training, with which others would be compared."
    else:
        text += f' Difference to "{title}"'
        text += (
            ' ± standard error, seed by seed; p of a paired t-test, not corrected for the '
            'number of rows.'
            if len(results.seeds) > 1
            else '.'
        )
    if any(row.paper for row in results.rows):
        text += " The paper's numbers are of VOC."
    return text


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


def _with_spread(value: float | None, spread: float | None, sign: str = '') -> str:
    if value is None:
        return ''
    return f'{value:{sign}.1f}' + (f' ± {spread:.1f}' if spread is not None else '')
