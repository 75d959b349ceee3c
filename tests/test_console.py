import ast
import io
import unicodedata
from pathlib import Path

import pytest
from test_layering import imports_of, sources
from tiny_runs import ROOT

from qaclims_mm.console import Table, new_console, printable, styled

# {name as it is read from a file: as it is shown}
NAMES = {
    '[/b]': '[/b]',
    '[red]dog[/red]': '[red]dog[/red]',
    '[link=http://a.b]c[/link]': '[link=http://a.b]c[/link]',
    r'\[b]': r'\[b]',
    ':cat:': ':cat:',
    "it's 100 %": "it's 100 %",
    '</script>': '</script>',
    '{texts} %s': '{texts} %s',
    'café 猫 🐈 שלום': 'café 猫 🐈 שלום',
    '\x1b[31mred': r'\x1b[31mred',
    'a\rb': r'a\rb',
    'a\x00\x07\x7f\x9b1mb': r'a\x00\x07\x7f\x9b1mb',
    'a\u2028b\u2029c': r'a\u2028b\u2029c',
    '\ud800': r'\ud800',
    'caf\udce9.jpg': r'caf\udce9.jpg',
    '\u202eevil\u2066': r'\u202eevil\u2066',
}
nasty = pytest.mark.parametrize(('name', 'shown'), NAMES.items(), ids=ascii)


def rendered(thing, **options):
    """Return the bytes that a console writes, as text."""
    stream = io.TextIOWrapper(io.BytesIO(), 'utf-8')
    new_console(file=stream, **dict(width=100) | options).print(thing)
    stream.flush()
    return stream.buffer.getvalue().decode()


@nasty
def test_printable(name, shown):
    assert printable(name) == shown
    assert printable(shown) == shown


def test_newlines_and_tabs_stay():
    assert printable('a\n\tb') == 'a\n\tb'


def test_every_character_is_shown_or_escaped():
    escaped = {c for i in range(0x110000) if printable(c := chr(i)) != c}
    by_category = {
        c
        for i in range(0x110000)
        if unicodedata.category(c := chr(i)) in ('Cc', 'Cs', 'Zl', 'Zp') and c not in '\n\t'
    }
    directions = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
    assert escaped == by_category | directions


@nasty
def test_printed_line(name, shown):
    assert rendered(name) == f'{shown}\n'
    assert rendered(name, force_terminal=True, color_system='truecolor') == f'{shown}\n'


@nasty
def test_every_part_of_a_table(name, shown):
    table = Table(title=f'{name}1', caption=f'{name}2')
    table.add_column(f'{name}3', footer=f'{name}4')
    table.show_footer = True
    table.add_row(f'{name}5')
    table.add_row(styled((f'{name}6', 'green')))
    text = rendered(table)
    assert [f'{shown}{i}' for i in range(1, 7) if f'{shown}{i}' not in text] == []
    assert printable(text) == text


def test_long_names_do_not_break_a_table():
    name = '[b]' + '\x1b[31m' * 40
    table = Table('class')
    table.columns[0].overflow = 'fold'
    table.add_row(name)
    lines = rendered(table, width=30).splitlines()
    assert {len(line) for line in lines} == {30}
    cells = [line.strip('│ ') for line in lines if line.startswith('│')]
    assert ''.join(cells) == printable(name)


@pytest.mark.parametrize('thing', [Path('a/[b]:cat:\x1b[0m'), ValueError('a/[b]:cat:\x1b[0m')])
def test_objects_are_shown_as_their_text(thing):
    assert rendered(thing) == 'a/[b]:cat:\\x1b[0m\n'


def test_styles_are_ours_alone():
    line = styled(('[red]a\x1b[31m', 'green'), ' b ', ('c', 'bold'))
    assert rendered(line) == '[red]a\\x1b[31m b c\n'
    coloured = rendered(line, force_terminal=True, color_system='standard')
    assert coloured == '\x1b[32m[red]a\\x1b[31m\x1b[0m b \x1b[1mc\x1b[0m\n'


@pytest.mark.parametrize('option', ['markup', 'emoji', 'highlight'])
def test_markup_cannot_be_switched_on(option):
    with pytest.raises(TypeError, match=option):
        new_console(**{option: True})


# rich's own ways to text: they read markup, or send characters as they are
RAW = {'Console', 'Text', 'TextColumn', 'from_markup', 'from_ansi', 'render_markup'}
# tables of rich cut numbers off
FOREIGN = ('rich', 'rich.markup', 'rich.table')


def raw_output(path):
    """Yield (line, name) of what would show data otherwise than ``new_console``."""
    imports = [(line, m) for line, m in imports_of(path) if m.split('.')[0] == 'rich']
    yield from ((line, m) for line, m in imports if m in FOREIGN)
    for node in ast.walk(ast.parse(path.read_text())):
        # the report has a Text of its own
        if imports and isinstance(node, ast.Call):
            called = getattr(node.func, 'id', getattr(node.func, 'attr', ''))
            words = {k.arg for k in node.keywords} & {'markup', 'emoji', 'highlight'}
            yield from ((node.lineno, name) for name in ({called} & RAW) | words)


def test_raw_output_is_found(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text(
        'import rich.markup\nrich.console.Console().print(x, markup=True)\nText(x)\n'
        'from rich.table import Table\n'
    )
    assert sorted(raw_output(path)) == [
        (1, 'rich.markup'),
        (2, 'Console'),
        (2, 'markup'),
        (3, 'Text'),
        (4, 'rich.table'),
    ]


def test_there_is_no_other_console():
    own = ROOT / 'qaclims_mm/console.py'
    assert own in sources()
    found = [
        f'{path.relative_to(ROOT)}:{line}: {name}; print through qaclims_mm.console'
        for path in sources()
        if path != own
        for line, name in raw_output(path)
    ]
    assert not found, '\n'.join(found)


def test_tables_cut_nothing_off():
    table = Table('a long heading', 'another')
    table.add_row('CLIMS at 0.00025', '[-27.7, -16.5]')
    console = new_console(file=io.StringIO(), width=16)
    console.print(table)
    shown = console.file.getvalue()
    assert '…' not in shown
    letters = {c for c in shown if c.isalnum()}
    assert letters == {
        c for c in 'a long heading another CLIMS at 0.00025 27.7 16.5' if c.isalnum()
    }
