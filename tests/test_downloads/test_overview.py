from pathlib import Path

import pytest

from qaclims_mm.console import new_console
from qaclims_mm.downloads.catalogue import Item
from qaclims_mm.downloads.needs import BY_HAND, THERE, TO_FETCH, Need
from qaclims_mm.downloads.overview import by_hand_table, needs_table


def need(name, state, **more):
    item = Item(f'about {name}', f'licence of {name}', f'https://{name}.org', f'{name}.tar', **more)
    return Need(item, Path('data/downloads') / item.file, state)


NEEDS = [
    need('a', THERE, bytes=1_500_000),
    need('b', TO_FETCH, bytes=2_000_000),
    need('c', TO_FETCH),
    need('d', BY_HAND, megabytes=7),
    need('[/b]', TO_FETCH),
    need('e', BY_HAND, optional=True),
]


def shown(part, width=120):
    console = new_console(width=width)
    with console.capture() as capture:
        console.print(part)
    return capture.get()


def test_each_item_has_its_size_licence_page_and_state():
    lines = shown(needs_table(NEEDS)).splitlines()
    for name, size, state in (('a', '1.5', 'there'), ('c', '?', 'to fetch'), ('d', '7.0', 'by ha')):
        [line] = [text for text in lines if f'about {name}' in text]
        assert size in line
        assert state in line
        assert f'licence of {name}' in line
        assert any(f'{name}.tar' in text and f'https://{name}.org' in text for text in lines)
    assert lines[-1] == 'to fetch: 2 MB and 2 files of unknown size'
    assert any('about [/b]' in text for text in lines)


@pytest.mark.parametrize(
    ('count', 'files'), [(0, ''), (1, ' and 1 file of unknown size'), (3, ' and 3 files of')]
)
def test_files_of_unknown_size_are_counted(count, files):
    last = shown(needs_table([NEEDS[2]] * count)).splitlines()[-1]
    assert last.startswith(f'to fetch: 0 MB{files}')
    assert bool(files) == ('unknown' in last)


def test_a_long_name_is_whole_on_a_narrow_terminal():
    item = need('VOCtrainval_11-May-2012-of-a-very-long-name', TO_FETCH)
    text = shown(needs_table([item]), 60)
    cells = [line.strip('│').split('│')[0].strip() for line in text.splitlines()]
    assert item.item.file in ''.join(cells)


def test_what_a_person_fetches_has_its_page_and_place():
    text = shown(by_hand_table(NEEDS))
    assert 'about d' in text
    assert 'https://d.org' in text
    assert '→ data/downloads/d.tar' in text
    assert 'about e (optional)' in text
    assert 'about b' not in text
    assert shown(by_hand_table(NEEDS[:3])).strip() == ''
