"""Why masks cannot be read, and the line that helps."""

from collections import Counter
from collections.abc import Sequence

from qaclims_mm.exchange.ground_truth.interpret import Found, Judged, is_grey
from qaclims_mm.exchange.ground_truth.pixels import colour_of
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.schemas.names import counted, shown_text

_SHOWN = 20
# no mask of classes has as many
_MANY = 64
# of values beside 254: smooth edges of white objects
_FEW = 8


def describe_numbering(names: Sequence[str]) -> str:
    """Return the sentence that says what the values of a project's masks mean."""
    shown = [f'{value} {name}' for value, name in enumerate(names[:_SHOWN], start=1)]
    listed = ', '.join(shown) + (' ..' if len(names) > _SHOWN else '')
    return f'0 is background, then come the classes ({listed}), {IGNORE_INDEX} does not count'


def describe_strangers(judged: Judged, names: Sequence[str]) -> str:
    """Tell of the most frequent class in masks whose images lack it.

    Args:
        judged: A reading with strangers.
        names: Classes in the order of the masks' values.
    """
    seen = Counter(value for values in judged.strangers.values() for value in values)
    [(value, _)] = seen.most_common(1)
    path = next(path for path, values in judged.strangers.items() if value in values)
    labels = [names[label - 1] for label in judged.labels[path]]
    own = f'is labelled {", ".join(labels)}' if labels else 'has no label'
    return (
        f'in {len(judged.strangers)} of {counted(judged.objects, "mask")} there are classes that '
        f'the image does not have, as class {value} = {names[value - 1]} where the image {own} '
        f'(first: {path}); are they numbered differently? {describe_numbering(names)}'
    )


def describe_refusal(
    found: Sequence[Found], judged: Judged | None, names: Sequence[str], by_table: bool
) -> str:
    """Say why no reading of masks fits, and what to do.

    Args:
        found: What each of them holds.
        judged: A reading that knows all symbols but does not fit, or ``None``.
        names: Classes in the order of the masks' values.
        by_table: Whether the user has said what symbols mean.
    """
    coloured = any(one.coloured for one in found) and not is_grey(found)
    symbols = _count(found, coloured)
    if not set(symbols) - {0}:
        return f'no mask has an object: all pixels of {counted(len(found), "mask")} are background'
    if judged is not None and judged.objects:
        return describe_strangers(judged, names)
    listed = _list_symbols(symbols, coloured)
    if coloured and len(symbols) > _MANY:
        return (
            f'the masks have {len(symbols)} colours ({listed}), too many for classes; were they '
            'saved as JPEG, made smaller smoothly, or are they photographs? Export them as PNG, '
            'a colour a class'
        )
    if by_table:
        return f'the masks have {listed}; give each of them a row in the file of --masks-colours'
    head = 'r,g,b,class' if coloured else 'value,class'
    return (
        f'{_reason(found, set(symbols) - {0}, coloured)} The masks have {listed}; '
        f'{describe_numbering(names)}. Say what they mean with --masks-colours FILE.csv, whose '
        f'first line is {head} and which has a row for each of them, or export a mask of the '
        'classes'
    )


def _reason(found: Sequence[Found], symbols: set[int], coloured: bool) -> str:
    """Say what the masks look like, in one sentence."""
    if coloured:
        return 'The colours of the masks are of no palette that is known.'
    if len(symbols) == 1:
        other = next(one for one in found if set(one.symbols) - {0} and len(one.labels) != 1)
        number = len(other.labels) or 'no'
        return (
            f'The masks have one value for all objects, but the image of {other.path} has '
            f'{number} labels, so which class it means is not known.'
        )
    if len(symbols) > _MANY or (symbols & {1, 2, 253, 254} and len(symbols) > 8):
        return (
            'The masks have values as of a smooth picture or numbers of objects: save them '
            'neither as JPEG nor smoothed, and not as instance ids.'
        )
    return 'The values of the masks are not those of the classes; do they number the objects?'


def _count(found: Sequence[Found], coloured: bool) -> Counter[int]:
    """Return {symbol: number of masks}."""
    if coloured:
        return Counter(symbol for one in found for symbol in one.colours())
    return Counter(s & 255 if one.coloured else s for one in found for s in one.symbols)


def _list_symbols(symbols: Counter[int], coloured: bool) -> str:
    def name(symbol: int) -> str:
        return ','.join(map(str, colour_of(symbol))) if coloured else str(symbol)

    shown = sorted(symbols.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    listed = ', '.join(f'{name(symbol)} ({number})' for symbol, number in shown)
    more = ' ..' if len(symbols) > _SHOWN else ''
    what = 'the colours' if coloured else 'the values'
    return f'{what} {shown_text(listed)}{more} (in brackets: number of masks)'
