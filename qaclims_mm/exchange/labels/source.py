"""Labels as they were found, with a line for each kind of problem and the place of the first."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import (
    BLANKS,
    counted,
    problem_of_characters,
    problem_of_name,
    shown_name,
    shown_text,
)

# places that a line names besides the first
_SHOWN = 3


@dataclass
class Source:
    """Labels as they were found.

    Attributes:
        kind: What was read, in words.
        rows: {image: labels}.
        places: {image: file and line or record that names it first}.
        again: Places that name an image which stands above.
        remarks: What is strange, each with its place, though nothing is left out for it.
        notes: How the source was read where that is not obvious.
        unnamed: What is said of images without a row.
    """

    kind: str
    rows: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unnamed: str = 'have no usable row'
    # {kind of problem: (what is said of the first one, places of all)}
    _left_out: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """What is left out: one line for each kind of problem, with the place of the first."""
        lines = []
        for text, (first, *others) in self._left_out.values():
            names = [place.rsplit('/', 1)[-1] for place in others]
            more = f' ({len(others)} more of this kind: {some_of(names, _SHOWN)})' if others else ''
            lines.append(f'{first}: {text}{more}')
        return lines

    def leave_out(self, where: str, text: str, kind: str = '') -> None:
        """Note an entry that is left out.

        Args:
            where: Its place, as a user finds it.
            text: What is wrong with it, and that it is left out.
            kind: Entries of one kind share a line; the text by default.
        """
        self._left_out.setdefault(kind or text, (text, []))[1].append(where)

    def add(self, image: str, labels: Sequence[str], where: str) -> None:
        """Add a row, or say what is wrong with it.

        Blanks, tabs and line breaks around a name are not part of it; further control characters
        are refused, not removed.
        """
        image = image.strip(BLANKS).replace('\\', '/').removeprefix('./')
        texts = [text for label in labels if (text := label.strip(BLANKS))]
        # str.split takes some control characters for blanks, so they are looked for before
        bad = next((text for text in texts if problem_of_characters(text)), '')
        kept = list(dict.fromkeys(label for text in texts if (label := ' '.join(text.split()))))
        bad = bad or next((label for label in kept if problem_of_name(label)), '')
        if not image:
            self.leave_out(where, 'no image is named; the row is left out')
        elif problem := problem_of_characters(image):
            self.leave_out(
                where, f'image {shown_name(image)}: {problem}; left out', f'image: {problem}'
            )
        elif bad:
            problem = problem_of_characters(bad) or problem_of_name(bad)
            self.leave_out(
                where, f'label {shown_name(bad)}: {problem}; left out', f'label: {problem}'
            )
        elif image in self.rows:
            self.again.append(where)
            self.rows[image] = list(dict.fromkeys([*self.rows[image], *kept]))
        else:
            self.rows[image], self.places[image] = kept, where

    def take(self, other: 'Source', folder: str = '') -> None:
        """Add all of another source.

        Args:
            other: The other source.
            folder: The folder that its images are relative to; '' for that of all images.
        """
        for image, labels in other.rows.items():
            self.add(f'{folder}/{image}' if folder else image, labels, other.places[image])
        self.again += other.again
        self.remarks += other.remarks
        self.notes += other.notes
        for kind, (text, places) in other._left_out.items():
            for place in places:
                self.leave_out(place, text, kind)

    def check_labelled(self, path: str | os.PathLike[str], way_out: str) -> None:
        """Refuse an export in which no image has a label.

        Args:
            path: The export.
            way_out: What to do, the end of the message.

        Raises:
            FormatError: If nothing is left out and no image has a label.
        """
        if not self._left_out and not any(self.rows.values()):
            number = len(self.rows)
            images = counted(number, 'image', 'have no label')
            what = f'its {images}' if number else 'it names no image'
            raise FormatError(f'{shown_text(path)} is {self.kind}, but {what}; {way_out}.')


def some_of(names: Sequence[str], shown: int = 10) -> str:
    """Return the first of some names as they stand in a sentence."""
    return ', '.join(names[:shown]) + (' ..' if len(names) > shown else '')
