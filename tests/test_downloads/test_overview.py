from pathlib import Path

import pytest

from qaclims_mm.console import new_console
from qaclims_mm.downloads.catalogue import Item, Unpack
from qaclims_mm.downloads.needs import BY_HAND, FETCHED, THERE, TO_FETCH, WRONG, Need
from qaclims_mm.downloads.overview import address_lines, by_hand_lines, disk_line, needs_table


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


def test_each_item_has_its_size_licence_and_state():
    lines = shown(needs_table(NEEDS)).splitlines()
    for name, size, state in (('a', '1.5', 'there'), ('c', '?', 'to fetch'), ('d', '7.0', 'by ha')):
        [line] = [text for text in lines if f'about {name}' in text]
        assert size in line
        assert state in line
        assert f'licence of {name}' in line
    assert lines[-1] == 'to fetch: 2 MB and 2 files of unknown size'
    assert any('about [/b]' in text for text in lines)


@pytest.mark.parametrize(
    ('count', 'files'), [(0, ''), (1, ' and 1 file of unknown size'), (3, ' and 3 files of')]
)
def test_files_of_unknown_size_are_counted(count, files):
    last = shown(needs_table([NEEDS[2]] * count)).splitlines()[-1]
    assert last.startswith(f'to fetch: 0 MB{files}')
    assert bool(files) == ('unknown' in last)


def test_names_and_addresses_stand_alone_on_a_line():
    urls = (f'https://example.com/{"x" * 200}', 'https://example.org/y.tar')
    lines = address_lines([need('a', THERE), need('b', TO_FETCH, urls=urls)])
    assert lines == [
        *('about a', '  file: a.tar', '  page and licence: https://a.org'),
        *('about b', '  file: b.tar', f'  from: {urls[0]}', f'  from: {urls[1]}'),
        '  page and licence: https://b.org',
    ]


def test_a_model_of_the_hub_is_no_file():
    item = Item('BLIP', 'BSD', 'https://x', hub='a/b')
    assert address_lines([Need(item, None, TO_FETCH)])[1] == '  model: a/b'


def test_what_a_person_fetches_has_its_page_and_place():
    assert by_hand_lines(NEEDS) == [
        *('fetch by hand: about d', '  https://d.org', '  → data/downloads/d.tar'),
        *('fetch by hand: about e (optional)', '  https://e.org', '  → data/downloads/e.tar'),
    ]
    assert by_hand_lines(NEEDS[:3]) == []


def archive(state):
    return need('voc', state, bytes=3 * 10**9, unpack=Unpack('voc', 'data/voc'))


@pytest.mark.parametrize(
    ('state', 'text'),
    [
        (THERE, 'needs about 2.0 GB in all (2.0 written by the stages)'),
        (FETCHED, 'needs about 5.0 GB in all (3.0 unpacked, 2.0 written by the stages)'),
        *(
            (
                state,
                'needs about 8.0 GB in all (3.0 to download, 3.0 unpacked, 2.0 written by the '
                'stages)',
            )
            for state in (TO_FETCH, WRONG)
        ),
    ],
)
def test_the_disk_is_summed(tmp_path, monkeypatch, state, text):
    monkeypatch.chdir(tmp_path)
    assert disk_line([archive(state)], 2 * 10**9, 0, False) == text


def test_what_is_not_counted_of_the_disk_is_named():
    assert disk_line([], 0, 0, False) == 'needs about 0.0 GB in all'
    assert disk_line(NEEDS, 0, 1, True).endswith(
        '; not counted: 2 files of unknown size, 2 files to fetch by hand, 1 stage of unknown '
        'size, what is converted'
    )
