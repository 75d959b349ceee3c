"""Plots of how the time of a stage grows."""

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from benchmarks.growth import slope_of
from benchmarks.stored import Growth
from qaclims_mm.report.blocks import Picture
from qaclims_mm.report.plots import COLOURS, plot

_SIZE = (3.6, 2.7)  # inches


def short_count(number: float) -> str:
    """Return a count as an axis shows it: 64000 is 64k."""
    return f'{number / 1000:g}k' if number >= 1000 else f'{number:g}'


def short_seconds(seconds: float) -> str:
    """Return seconds with two digits, in milliseconds or microseconds where they are few."""
    if seconds >= 0.0995:
        return f'{seconds:.2g} s'
    return f'{1000 * seconds:.2g} ms' if seconds >= 9.95e-5 else f'{1e6 * seconds:.2g} µs'


def growth_plot(stage: str, growth: Growth) -> Picture:
    """Draw the CPU time of a stage over its size, with a linear one and the machine's limit.

    Args:
        stage: Its name.
        growth: What was measured.
    """
    slope = slope_of(growth.points)
    alt = (
        f'CPU time of {stage} over {growth.unit}, both axes logarithmic: slope {slope:.2f}, '
        f'{short_seconds(growth.points[0]["seconds"])} to '
        f'{short_seconds(growth.points[-1]["seconds"])}'
    )
    return plot(lambda a: _paint(a, stage, growth, slope), growth.unit, 'CPU time', alt, '', _SIZE)


def _paint(axes: Axes, stage: str, growth: Growth, slope: float) -> None:
    sizes = [p['size'] for p in growth.points]
    seconds = [p['seconds'] for p in growth.points]
    linear = [seconds[-1] * s / sizes[-1] for s in sizes]
    least = [growth.least(p) for p in growth.points]
    axes.set_xscale('log')
    axes.set_yscale('log')
    axes.plot(sizes, linear, '--', color=COLOURS[6], linewidth=1, label='linear growth')
    if all(least):
        axes.plot(sizes, least, ':', color=COLOURS[1], linewidth=1.5, label="machine's limit")
    label = f'{stage}, slope {slope:.2f}'
    axes.plot(sizes, seconds, 'o-', color=COLOURS[0], linewidth=1.5, markersize=4, label=label)
    axes.set_xticks(sizes, [short_count(s) for s in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, place: short_seconds(value))
    axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    place = dict(loc='lower left', bbox_to_anchor=(0, 1.01), borderaxespad=0)
    axes.legend(handles[::-1], labels[::-1], ncols=1, **place)
