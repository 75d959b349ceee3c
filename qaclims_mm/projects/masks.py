"""Check that ground truth masks belong to a project's images and have its classes."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.exchange.labels.source import some_of
from qaclims_mm.progress import track
from qaclims_mm.projects.checks import Checked
from qaclims_mm.schemas import IGNORE_INDEX, join_problems, read_mask
from qaclims_mm.schemas.files import file_of, image_id_of, problem_of_file
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.project import with_gap

# of the masks with an object: where more have a class that their image has not, annotators'
# oversights are no explanation
_OVERSIGHTS = 0.2
_SHOWN = 20


def check_masks(masks: str | Path, checked: Checked) -> list[str]:
    """Look at the ground truth masks of a project's images.

    Args:
        masks: Folder of masks, called as the images.
        checked: Images and classes.

    Returns:
        What is strange of masks that can be used.

    Raises:
        FormatError: If one is broken.
        DataError: If there is none, one is of another size than its image, or has a value
            that is no class, or many have a class that their image's labels lack.
    """
    if not os.path.isdir(masks):
        raise ConfigError(f'there is no folder {shown_text(masks)} with masks.')
    names = with_gap(checked.classes)
    broken, strange = [], _Strangers()
    number = with_objects = 0
    rows = zip(checked.rows.items(), checked.sizes, strict=True)
    for (image, labels), size in track(rows, 'looking at the masks', len(checked.rows)):
        path = file_of(masks, image_id_of(image, ''), '.png')
        if problem_of_file(path) == 'is missing':
            continue
        number += 1
        try:
            values = _values(path, size, names)
        except (FormatError, DataError) as error:
            broken.append(str(error))
            continue
        with_objects += bool(values)
        strange.add(path, {v: names[v - 1] for v in values}, labels)
    if broken:
        problem = join_problems(broken, 'masks do not fit')
        raise DataError(f'{problem}\nA mask is as large as its image; {_numbering(names)}.')
    if not number:
        raise DataError(
            f'{shown_text(masks)} has no mask of an image; they are called as the images, .png.'
        )
    if not strange.number:
        return []
    problem = strange.describe(with_objects, names)
    if strange.number > _OVERSIGHTS * with_objects:
        raise DataError(f'{problem}.')
    return [problem]


class _Strangers:
    """Masks with a class that the labels of their image lack.

    Attributes:
        number: How many there are.
    """

    def __init__(self) -> None:
        self.number = 0
        self._seen: Counter[tuple[int, str]] = Counter()
        self._first: dict[tuple[int, str], str] = {}

    def add(self, path: Path, found: dict[int, str], labels: Sequence[str]) -> None:
        """Compare the classes of a mask, {value: name}, with the labels of its image."""
        beyond = [(value, name) for value, name in found.items() if name not in labels]
        self.number += bool(beyond)
        self._seen.update(beyond)
        for one in beyond:
            own = f'is labelled {", ".join(labels)}' if labels else 'has no label'
            self._first.setdefault(one, f'the image {own} (first: {path})')

    def describe(self, number: int, names: Sequence[str]) -> str:
        """Tell of the most frequent stranger.

        Args:
            number: Masks with an object.
            names: Classes in the order of the masks' values.
        """
        [(one, _)] = self._seen.most_common(1)
        value, name = one
        return (
            f'{self.number} of {number} masks hold classes that their images do not, as class '
            f'{value} = {name} where {self._first[one]}; are they numbered differently? '
            f'{_numbering(names)}'
        )


def _values(path: Path, size: tuple[int, int], names: Sequence[str]) -> list[int]:
    """Return the values of a mask's classes.

    Raises:
        FormatError: If it is broken.
        DataError: If it does not fit its image or the classes.
    """
    mask = read_mask(path)
    if mask.shape != size[::-1]:
        raise DataError(
            f'{path}: {mask.shape[1]} x {mask.shape[0]} pixels, its image has {size[0]} x {size[1]}'
        )
    found = np.flatnonzero(np.bincount(mask.ravel())).tolist()
    values = [value for value in found if value not in (0, IGNORE_INDEX)]
    if values and values[-1] > len(names):
        raise DataError(
            f'{path}: value {values[-1]}, but there are {len(names)} classes; give it the numbers '
            'below'
        )
    return values


def _numbering(names: Sequence[str]) -> str:
    listed = some_of([f'{value} {name}' for value, name in enumerate(names, start=1)], _SHOWN)
    return (
        '0 is background, then come the classes in this order '
        f'({listed}), {IGNORE_INDEX} does not count'
    )
