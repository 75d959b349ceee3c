import io

import pytest
from matplotlib.figure import Figure
from PIL import Image
from test_benchmarks.test_stored import grown

from benchmarks.plots import _paint, growth_plot, short_count, short_seconds


@pytest.mark.parametrize(
    ('count', 'shown'), [(1, '1'), (250, '250'), (1000, '1k'), (1500, '1.5k'), (64_000, '64k')]
)
def test_counts(count, shown):
    assert short_count(count) == shown


@pytest.mark.parametrize(
    ('seconds', 'shown'),
    [
        (8e-5, '80 µs'),
        (1e-4, '0.1 ms'),
        (0.00012, '0.12 ms'),
        (0.0123, '12 ms'),
        (0.0996, '0.1 s'),
        (0.56, '0.56 s'),
        (12.3, '12 s'),
    ],
)
def test_seconds(seconds, shown):
    assert short_seconds(seconds) == shown


def lines(growth):
    axes = Figure().add_subplot()
    _paint(axes, 'qape', growth, 1.0)
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def test_lines():
    assert lines(grown()) == {
        'linear growth': [0.5, 2],
        "machine's limit": [0.1, 0.4],
        'qape, slope 1.00': [0.5, 2],
    }


def test_no_limit_where_it_is_not_known():
    points = [dict(size=s, seconds=1, bytes=1) for s in (1, 4)]
    assert lines(grown(points=points)) == {
        'linear growth': [0.25, 1],
        'qape, slope 1.00': [1, 1],
    }


def test_plot():
    picture = growth_plot('qape', grown())
    assert picture.plot
    assert picture.alt == (
        'CPU time of qape over images, both axes logarithmic: slope 1.00, 0.5 s to 2 s'
    )
    assert len(picture.content) < 40_000
    assert Image.open(io.BytesIO(picture.content)).width == 648
