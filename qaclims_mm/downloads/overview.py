"""What a reproduction needs of others, in words: files, sizes, addresses and disk."""

from collections.abc import Sequence

from rich.console import Group

from qaclims_mm.console import Table, styled
from qaclims_mm.downloads.needs import BY_HAND, FETCHED, TO_FETCH, WRONG, Need
from qaclims_mm.schemas.names import counted

_STYLES = {TO_FETCH: 'yellow', BY_HAND: 'red', WRONG: 'red'}


def needs_table(needs: Sequence[Need]) -> Group:
    """Return what each item is, its size, its licence and whether it is there."""
    table = Table('what')
    table.add_column('MB', justify='right', no_wrap=True)
    table.add_column('licence')
    table.add_column('state', no_wrap=True)
    for need in needs:
        item = need.item
        table.add_row(
            item.about,
            '?' if item.size is None else f'{item.size / 1e6:.1f}',
            item.licence,
            styled((need.state, _STYLES.get(need.state, ''))),
        )
    left = [need for need in needs if need.state == TO_FETCH]
    size = sum(need.bytes_left for need in left) / 1e6
    unknown = sum(need.item.size is None for need in left)
    more = f' and {counted(unknown, "file")} of unknown size' if unknown else ''
    return Group(table, f'to fetch: {size:.0f} MB{more}')


def address_lines(needs: Sequence[Need]) -> list[str]:
    """Return file, addresses and page of each item, a line each, so that they can be copied."""
    lines = []
    for need in needs:
        item = need.item
        kind = 'model' if item.hub else 'file'
        lines += [item.about, f'  {kind}: {item.name}', *(f'  from: {url}' for url in item.urls)]
        lines.append(f'  page and licence: {item.page}')
    return lines


def by_hand_lines(needs: Sequence[Need]) -> list[str]:
    """Return which files a person has to fetch, from which pages, and where to put them."""
    lines = []
    for need in needs:
        if need.state == BY_HAND:
            about = need.item.about + ' (optional)' * need.item.optional
            lines += [f'fetch by hand: {about}', f'  {need.item.page}', f'  → {need.path}']
    return lines


def disk_line(needs: Sequence[Need], run_bytes: int, unknown_stages: int, converted: bool) -> str:
    """Return how much room all of it needs, and what is not counted, in words.

    Args:
        needs: What is downloaded and unpacked.
        run_bytes: How much the stages write.
        unknown_stages: Number of stages of which that is not known.
        converted: Whether commands write further files.
    """
    parts = {
        'to download': sum(need.bytes_left for need in needs),
        'unpacked': sum(need.bytes_to_unpack for need in needs),
        'written by the stages': run_bytes,
    }
    shown = ', '.join(f'{size / 1e9:.1f} {what}' for what, size in parts.items() if size)
    text = f'needs about {sum(parts.values()) / 1e9:.1f} GB in all'
    text += f' ({shown})' if shown else ''
    wanted = (TO_FETCH, FETCHED, WRONG)
    files = sum(need.item.size is None and need.state in wanted for need in needs)
    by_hand = sum(need.state == BY_HAND for need in needs)
    others = [
        counted(files, 'file') + ' of unknown size' if files else '',
        counted(by_hand, 'file') + ' to fetch by hand' if by_hand else '',
        counted(unknown_stages, 'stage') + ' of unknown size' if unknown_stages else '',
        'what is converted' if converted else '',
    ]
    left_out = ', '.join(filter(None, others))
    return f'{text}; not counted: {left_out}' if left_out else text
