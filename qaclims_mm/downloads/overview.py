"""Tables of what a reproduction needs of others."""

from collections.abc import Sequence

from rich.console import Group

from qaclims_mm.console import Table, styled
from qaclims_mm.downloads.needs import BY_HAND, TO_FETCH, Need
from qaclims_mm.schemas.names import counted

_STYLES = {TO_FETCH: 'yellow', BY_HAND: 'red'}


def needs_table(needs: Sequence[Need]) -> Group:
    """Return what each item is, its size, its licence and whether it is there."""
    table = Table()
    # a name is needed in full, as by whoever makes a mirror
    table.add_column('what', overflow='fold')
    table.add_column('MB', justify='right', no_wrap=True)
    table.add_column('licence, and its page', overflow='fold')
    table.add_column('state', no_wrap=True)
    for need in needs:
        item = need.item
        table.add_row(
            styled(f'{item.about}\n', (item.name, 'dim')),
            '?' if item.size is None else f'{item.size / 1e6:.1f}',
            styled(f'{item.licence}\n', (item.page, 'dim')),
            styled((need.state, _STYLES.get(need.state, ''))),
        )
    left = [need for need in needs if need.state == TO_FETCH]
    size = sum(need.bytes_left for need in left) / 1e6
    unknown = sum(need.item.size is None for need in left)
    more = f' and {counted(unknown, "file")} of unknown size' if unknown else ''
    return Group(table, f'to fetch: {size:.0f} MB{more}')


def by_hand_table(needs: Sequence[Need]) -> Group:
    """Return which files a person has to fetch, from which pages, and where to put them."""
    left = [need for need in needs if need.state == BY_HAND]
    if not left:
        return Group()
    table = Table('fetch by hand')
    table.add_column(styled('page, and ', ('where to put the file', 'green')), overflow='fold')
    for need in left:
        about = need.item.about + ' (optional)' * need.item.optional
        table.add_row(about, styled(f'{need.item.page}\n', (f'→ {need.path}', 'green')))
    return Group(table)
