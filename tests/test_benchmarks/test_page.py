import re

import pytest
from test_benchmarks.test_stored import grown, stage
from tiny_runs import ROOT

from benchmarks.page import TABLES, fill_page, plot_path, read_numbers, table_of
from benchmarks.stored import Way, write_numbers
from qaclims_mm.errors import FormatError

PAGE = ROOT / 'docs/benchmarks.md'
BLOCKS = re.findall(
    r'<!-- benchmark: (\w+) -->\n(.*?)\n<!-- end -->', PAGE.read_text(encoding='utf-8'), re.DOTALL
)


@pytest.fixture
def page(tmp_path):
    """A page with two stages, one of which has its growth, and a file of something else."""
    bound = stage(traffic=3 * 10**6, least=3.0, ways=[*ways_of(), Way('theirs', [12.0], 40, 0)])
    write_numbers(tmp_path / 'page', 'qape', stage())
    write_numbers(tmp_path / 'page', 'qape', grown())
    write_numbers(tmp_path / 'page', 'ritc', bound)
    (tmp_path / 'page/other.json').write_text('[]', encoding='utf-8')
    blocks = '\n\n'.join(f'<!-- benchmark: {name} -->\n<!-- end -->' for name in TABLES)
    (tmp_path / 'page.md').write_text(f'# Page\n\n{blocks}\n', encoding='utf-8')
    return tmp_path / 'page.md'


def ways_of():
    return [Way('ours', [4.0], 10, 0), Way('a peer', [6.0], 10, 0)]


def filled(page, name):
    fill_page(page)
    text = page.read_text(encoding='utf-8')
    return text.partition(f'<!-- benchmark: {name} -->\n')[2].partition('\n<!-- end -->')[0]


def test_summary(page):
    assert filled(page, 'summary').splitlines() == [
        '- **Speed against a plain reference**: qape 4x, ritc 3x.',
        '- **Machine**: a machine (2026-11-30).',
        '- **Growth, as the slope between the two largest sizes (1 is linear)**: qape 1.00.',
        "- **Share of the machine's limit**: ritc 75 %, qape 50 %.",
    ]


def test_speed(page):
    assert filled(page, 'speed').splitlines()[2:] == [
        '| qape | 2 | 8 | **4x** | 2x | 2026-11-30 |',
        '| ritc | 4 | 12 | **3x** | 2x | 2026-11-30 |',
    ]


def test_memory(page):
    assert filled(page, 'memory').splitlines()[2:] == [
        '| qape | 0 | 0 | 4x | - |',
        '| ritc | 0 | 0 | 4x | - |',
    ]


def test_ways(page):
    assert filled(page, 'ways').splitlines()[2:] == [
        '| qape | theirs | 8 | 4x |',
        '| ritc | a peer | 6 | 1.5x |',
        '| ritc | theirs | 12 | 3x |',
    ]


def test_limits(page):
    assert filled(page, 'limits').splitlines()[2:] == [
        '| qape | FLOPs | 1 | 50 % |',
        '| ritc | bytes | 3 | 75 % |',
    ]


def test_rates(page):
    folder = page.with_suffix('')
    write_numbers(folder, 'ritc', stage(flop_rate=3.4e9, byte_rate=2e9))
    write_numbers(folder, 'texts', stage(flop_rate=None, byte_rate=None))
    assert filled(page, 'rates').splitlines()[2:] == [
        '| a machine | 2026-11-30 | 2 | 1 to 3 | 0 to 2 |'
    ]


def test_a_limit_that_is_not_known(page):
    write_numbers(page.with_suffix(''), 'qape', stage(least=0.0))
    assert '| qape | - | - | - |' in filled(page, 'limits')


def test_growth(page):
    assert filled(page, 'growth').splitlines()[2:] == [
        '| qape | 1, 4 images | 0.5 s, 2 s | 1.00 | 1.00 | 20 % |'
    ]


def test_plots(page):
    assert filled(page, 'plots').startswith(
        '<img src="_static/benchmarks/qape.png" width="345" alt="'
    )
    assert (page.parent / plot_path('qape')).stat().st_size > 1000
    assert not (page.parent / plot_path('ritc')).exists()


def test_lists(page):
    assert filled(page, 'work').splitlines()[0] == '- **qape**: work. Reference: theirs.'
    assert filled(page, 'reasons').startswith('- **qape**: ')
    machines = ' '.join(filled(page, 'machines').split())
    assert machines.startswith(
        '- **qape, ritc, growth of qape**: 2026-11-30, a machine, 2 threads;'
    )
    assert machines.endswith('torch 2.14.1; `python -m benchmarks all`.')
    assert max(map(len, page.read_text(encoding='utf-8').splitlines())) < 250


def test_what_a_page_cannot_have(page):
    page.write_text('<!-- benchmark: sped -->\n<!-- end -->\n', encoding='utf-8')
    with pytest.raises(FormatError, match='there is no table sped; there are summary, '):
        fill_page(page)


def test_there_are_blocks():
    assert {name for name, _ in BLOCKS} == set(TABLES)


@pytest.mark.parametrize(('name', 'text'), BLOCKS, ids=[b[0] for b in BLOCKS])
def test_the_page_shows_what_was_measured(name, text):
    numbers = read_numbers(PAGE.with_suffix(''))
    assert len(numbers[0]) >= 8
    assert text == table_of(name, *numbers)


def test_the_pages_plots_exist_and_are_small():
    _, growths = read_numbers(PAGE.with_suffix(''))
    files = {p.stem: p for p in (PAGE.parent / '_static/benchmarks').iterdir()}
    assert set(files) == set(growths)
    assert all(p.stat().st_size < 40_000 for p in files.values())


def test_the_words_of_the_page_are_short_lines():
    words = re.sub(
        r'<!-- benchmark: .*?<!-- end -->', '', PAGE.read_text(encoding='utf-8'), flags=re.DOTALL
    )
    long = [line for line in words.splitlines() if len(line) > 100 and not line.startswith('|')]
    assert long == []
