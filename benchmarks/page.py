"""Fill the page of the benchmarks from stored numbers: python -m benchmarks.page [PAGE].

Numbers are read from the folder of the page's name beside it. Plots go to ``_static`` there.
"""

import argparse
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.growth import AXES, slope_of
from benchmarks.limits import REASONS
from benchmarks.plots import growth_plot, short_count, short_seconds
from benchmarks.stored import GROWTH, Growth, Origin, Stage, read_growth, read_stage
from qaclims_mm.cli._execute import run_tool
from qaclims_mm.console import new_console
from qaclims_mm.errors import FormatError
from qaclims_mm.report.page_blocks import fill_blocks, write_picture

PAGE = 'docs/benchmarks.md'
WIDTH = 100
# CSS pixels of a plot: two fit beside each other on a wide page, one on a phone
_PLOT_WIDTH = 345
Numbers = tuple[dict[str, Stage], dict[str, Growth]]


def main() -> None:
    """Fill the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('page', nargs='?', default=PAGE)
    args = parser.parse_args()
    fill_page(Path(args.page))
    new_console().print(f'{args.page} is filled.')


def fill_page(page: Path) -> None:
    """Fill the tables of a page and draw its plots.

    Args:
        page: A Markdown page with ``<!-- benchmark: TABLE -->`` and ``<!-- end -->``.

    Raises:
        FormatError: If the page or a file of numbers is not what it should be.
    """
    numbers = read_numbers(page.with_suffix(''))
    for stage, growth in numbers[1].items():
        write_picture(growth_plot(stage, growth), page.parent / plot_path(stage))
    make = dict(benchmark=lambda name: table_of(name, *numbers))
    fill_blocks(page, make, '<!-- benchmark: TABLE -->')


def read_numbers(folder: Path) -> Numbers:
    """Return the stages and their growth that a folder has, in the order of the stages."""
    stages = {k: folder / f'{k}.json' for k in AXES}
    growths = {k: folder / f'{k}{GROWTH}.json' for k in AXES}
    return (
        {k: read_stage(path) for k, path in stages.items() if path.is_file()},
        {k: read_growth(path) for k, path in growths.items() if path.is_file()},
    )


def plot_path(stage: str) -> str:
    """Return the path of a stage's plot, from the page's folder."""
    return f'_static/benchmarks/{stage}.png'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table in Markdown.

    Args:
        head: Headings.
        rows: Cells.
        words: How many columns hold words; the others hold numbers and are aligned to the right.
    """
    rule = ['---'] * words + ['---:'] * (len(head) - words)
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in (head, rule, *rows))


def percent(share: float) -> str:
    """Return a share in percent."""
    return f'{100 * share:.0f} %'


def listed(items: Mapping[str, str]) -> str:
    """Return a list of bold names and what is said of each, wrapped."""
    lines = [
        textwrap.fill(
            f'- **{name}**: {text}', WIDTH, subsequent_indent='  ', break_on_hyphens=False
        )
        for name, text in items.items()
    ]
    return '\n'.join(lines)


def summary(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return the answers to a reader's first questions, a line each."""
    ratios = {k: s.ways[-1].median / s.ways[0].median for k, s in stages.items()}
    shares = {k: s.least / s.ways[0].median for k, s in stages.items() if s.least}
    slopes = {k: slope_of(g.points[-2:]) for k, g in growths.items()}
    machines = sorted({f'{one.origin.machine} ({one.origin.date})' for one in stages.values()})
    return listed(
        {
            'Speed against a plain reference': _ranked(ratios, '{:.3g}x'.format),
            'Machine': f'{"; ".join(machines)}.',
            'Growth, as the slope between the two largest sizes (1 is linear)': _ranked(
                slopes, '{:.2f}'.format
            ),
            "Share of the machine's limit": _ranked(shares, percent),
        }
    )


def _ranked(numbers: Mapping[str, float], shown: Callable[[float], str]) -> str:
    ranked = sorted(numbers.items(), key=lambda item: item[1], reverse=True)
    return ', '.join(f'{name} {shown(number)}' for name, number in ranked) + '.'


def speed(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return our time beside that of the reference."""
    rows = []
    for name, stage in stages.items():
        ours, *_, theirs = (w.median for w in stage.ways)
        ratio = f'**{theirs / ours:.3g}x**'
        rows.append(
            [name, f'{ours:.3g}', f'{theirs:.3g}', ratio, f'{stage.bar:g}x', stage.origin.date]
        )
    return table(['stage', 'ours, s', 'reference, s', 'speed', 'bar', 'measured'], rows)


def memory(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return our memory beside that of the reference."""
    rows = []
    for name, stage in stages.items():
        ours, *_, theirs = (getattr(w, stage.memory) for w in stage.ways)
        bar = f'{stage.memory_bar:g}x' if stage.memory_bar else '-'
        cells = [f'{ours / 1e6:.0f}', f'{theirs / 1e6:.0f}', f'{theirs / max(ours, 1):.3g}x', bar]
        rows.append([name, *cells])
    return table(['stage', 'ours, MB', 'reference, MB', 'less memory', 'bar'], rows)


def work(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return what one call of each stage does, and the reference."""
    return listed({k: f'{s.work}. Reference: {s.ways[-1].name}.' for k, s in stages.items()})


def ways(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return each way of working that is not ours, and how much longer it takes."""
    rows = []
    for name, stage in stages.items():
        ours = stage.ways[0].median
        for way in stage.ways[1:]:
            rows.append([name, way.name, f'{way.median:.3g}', f'{way.median / ours:.3g}x'])
    return table(['stage', 'other way', 's', 'time of ours'], rows, words=2)


def limits(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return each stage's share of the machine's limit."""
    rows = []
    for name, stage in stages.items():
        if not stage.least:
            rows.append([name, '-', '-', '-'])
            continue
        seconds = stage.ways[0].median
        bound = 'bytes' if _is_bound_by_bytes(stage) else 'FLOPs'
        rows.append([name, bound, f'{stage.least:.3g}', percent(stage.least / seconds)])
    return table(['stage', 'limited by', 'least time, s', 'share of the limit'], rows, words=2)


def _is_bound_by_bytes(stage: Stage) -> bool:
    if stage.flop_rate is None or stage.byte_rate is None:
        return bool(stage.traffic)
    return stage.traffic / stage.byte_rate > (stage.flops or 0) / stage.flop_rate


def reasons(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return why each stage stays below the limit."""
    return listed({k: REASONS[k] for k in stages})


def growth(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return the time at each size, and the slope."""
    rows = []
    for name, one in growths.items():
        sizes = ', '.join(short_count(p['size']) for p in one.points)
        times = ', '.join(short_seconds(p['seconds']) for p in one.points)
        slopes = (slope_of(one.points), slope_of(one.points[-2:]))
        last = one.points[-1]
        share = percent(one.least(last) / last['seconds']) if one.least(last) else '-'
        rows.append([name, f'{sizes} {one.unit}', times, *(f'{s:.2f}' for s in slopes), share])
    head = ['stage', 'sizes', 'CPU time', 'slope', 'of the last step', 'of the limit']
    return table(head, rows, words=3)


def plots(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return the plots of growth, as tags since Markdown gives no width."""
    return '\n'.join(
        f'<img src="{plot_path(name)}" width="{_PLOT_WIDTH}" alt="{growth_plot(name, one).alt}">'
        for name, one in growths.items()
    )


def rates(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return what the machine can do, of each day and number of threads."""
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for one in (*stages.values(), *growths.values()):
        if one.flop_rate and one.byte_rate:
            key = (one.origin.machine, one.origin.date, str(one.origin.threads))
            found.setdefault(key, []).append((one.flop_rate / 1e9, one.byte_rate / 1e9))
    rows = [[*key, *map(_span, zip(*measured, strict=True))] for key, measured in found.items()]
    head = ['machine', 'measured', 'threads', 'matrix products, GFLOP/s', 'copies, GB/s']
    return table(head, rows, words=3)


def _span(numbers: Sequence[float]) -> str:
    low, high = (f'{n:.0f}' for n in (min(numbers), max(numbers)))
    return low if low == high else f'{low} to {high}'


def machines(stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return which numbers are of which run."""
    runs: dict[str, list[str]] = {}
    for name, one in (*stages.items(), *((f'growth of {k}', g) for k, g in growths.items())):
        runs.setdefault(_told(one.origin), []).append(name)
    return listed({', '.join(names): run for run, names in runs.items()})


def _told(origin: Origin) -> str:
    """Say where numbers are from."""
    kinds = ', '.join(f'{k} {v}' for k, v in origin.versions.items())
    threads = f'{origin.threads} thread{"s" * (origin.threads != 1)}'
    told = f'{origin.date}, {origin.machine}, {threads}; {kinds}; `{origin.command}`.'
    return f'{told} {origin.note}'.rstrip()


TABLES: dict[str, Callable[[Mapping[str, Stage], Mapping[str, Growth]], str]] = dict(
    summary=summary,
    speed=speed,
    memory=memory,
    work=work,
    ways=ways,
    rates=rates,
    limits=limits,
    reasons=reasons,
    growth=growth,
    plots=plots,
    machines=machines,
)


def table_of(name: str, stages: Mapping[str, Stage], growths: Mapping[str, Growth]) -> str:
    """Return a table of the page.

    Raises:
        FormatError: If there is none of the name.
    """
    if name not in TABLES:
        raise FormatError(f'there is no table {name}; there are {", ".join(TABLES)}.')
    return TABLES[name](stages, growths)


if __name__ == '__main__':
    run_tool(main)
