"""Numbers and colours of classes that many masks are made with: those of VOC and COCO."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qaclims_mm.exchange.ground_truth.pixels import symbol_of
from qaclims_mm.schemas import voc_palette

# of COCO's panoptic masks, the 80 things
_COCO = """
    220 20 60  119 11 32  0 0 142  0 0 230  106 0 228  0 60 100  0 80 100  0 0 70  0 0 192
    250 170 30  100 170 30  220 220 0  175 116 175  250 0 30  165 42 42  255 77 255  0 226 252
    182 182 255  0 82 0  120 166 157  110 76 0  174 57 255  199 100 0  72 0 118  255 179 240
    0 125 92  209 0 151  188 208 182  0 220 176  255 99 164  92 0 73  133 129 255  78 180 255
    0 228 0  174 255 243  45 89 255  134 134 103  145 148 174  255 208 186  197 226 255
    171 134 1  109 63 54  207 138 255  151 0 95  9 80 61  84 105 51  74 65 105  166 196 102
    208 195 210  255 109 65  0 143 149  179 0 194  209 99 106  5 121 0  227 255 205
    147 186 208  153 69 1  3 95 161  163 255 0  119 0 170  0 182 199  0 165 120  183 130 88
    95 32 0  130 114 135  110 129 133  166 74 118  219 142 185  79 210 114  178 90 62
    65 70 15  127 167 115  59 105 106  142 108 45  196 172 0  95 54 80  128 76 255  201 57 1
    246 0 122  191 162 208
"""


class Numbering(NamedTuple):
    """Which class a number means.

    Attributes:
        name: Of the data set.
        values: {number: value in the masks of the project}; 0 for a class that it has not.
    """

    name: str
    values: Mapping[int, int]


def voc_colours() -> dict[int, int]:
    """Return {colour's symbol: number} of VOC's palette."""
    return _numbered(voc_palette(), 0)


def coco_colours() -> dict[int, int]:
    """Return {colour's symbol: number} of COCO's palette; black is 0, the background."""
    return {0: 0, **_numbered([int(part) for part in _COCO.split()], 1)}


def find_numberings(names: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> list[Numbering]:
    """Return the numberings of data sets that have all classes of a project.

    Args:
        names: Its classes in the order of its masks' values.
        aliases: {class: other names of it}.
    """
    # they bring mmseg along
    from qaclims_mm.datasets import coco14, voc12

    found = []
    for name, classes in (('VOC', voc12.CLASSES), ('COCO', coco14.CLASSES)):
        numbers = {_key(label): number for number, label in enumerate(classes)}
        own: dict[int, int] = {}
        for value, label in enumerate(names, start=1):
            words = (_key(word) for word in (label, *aliases.get(label, ())))
            number = next((numbers[word] for word in words if word in numbers), 0)
            if number:
                own[number] = value
        if len(own) == len(names):
            found.append(Numbering(name, {n: own.get(n, 0) for n in range(len(classes))}))
    return found


def _key(name: str) -> str:
    return ''.join(name.lower().replace('_', ' ').replace('-', ' ').split())


def _numbered(flat: Sequence[int], first: int) -> dict[int, int]:
    rows = (flat[k : k + 3] for k in range(0, len(flat), 3))
    return {symbol_of(*row): number for number, row in enumerate(rows, start=first)}
