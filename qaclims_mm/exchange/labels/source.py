"""Labels as they were found, with every problem told by its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qaclims_mm.schemas.names import (
    BLANKS,
    problem_of_characters,
    problem_of_name,
    shown_name,
)


@dataclass
class Source:
    """Labels as they were found.

    Attributes:
        kind: What was read, in words.
        rows: {image: labels}.
        places: {image: file and line or record that names it first}.
        again: Places that name an image which stands above.
        problems: What is left out, each with its place.
        remarks: What is strange, each with its place, though nothing is left out for it.
        unnamed: What is said of images without a row.
    """

    kind: str
    rows: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unnamed: str = 'have no usable row'

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
            self.problems.append(f'{where}: no image is named; the row is left out')
        elif problem := problem_of_characters(image):
            self.problems.append(f'{where}: image {shown_name(image)}: {problem}; left out')
        elif bad:
            problem = problem_of_characters(bad) or problem_of_name(bad)
            self.problems.append(f'{where}: label {shown_name(bad)}: {problem}; left out')
        elif image in self.rows:
            self.again.append(where)
            self.rows[image] = list(dict.fromkeys([*self.rows[image], *kept]))
        else:
            self.rows[image], self.places[image] = kept, where


def some_of(names: Sequence[str], shown: int = 10) -> str:
    """Return the first of some names as they stand in a sentence."""
    return ', '.join(names[:shown]) + (' ..' if len(names) > shown else '')
