"""What an update changes of a project's images, labels and classes, in words."""

from collections.abc import Mapping, Sequence

from qaclims_mm.exchange.labels.source import some_of
from qaclims_mm.projects.before import Before


def describe_changes(
    before: Before, rows: Mapping[str, Sequence[str]], classes: Sequence[str]
) -> list[str]:
    """Compare tables as they were with those that are written.

    Args:
        before: The project as it was.
        rows: {image: its classes}.
        classes: In the order of the masks' values.

    Returns:
        Lines; none if the tables are as they were.
    """
    lines = []
    if counts := _count_images(before.rows, rows):
        lines.append(counts)
    values = {name: value for value, name in enumerate(classes, start=1)}
    old = {name: value for value, name in enumerate(before.classes, start=1)}
    if new := [f'{name} (value {values[name]})' for name in classes if name not in old]:
        lines.append(f'new classes: {some_of(new)}')
    if gone := [name for name in before.classes if name not in values]:
        lines.append(f'classes that are gone: {some_of(gone)}')
    moved = [f'{n} {old[n]} -> {values[n]}' for n in classes if old.get(n, values[n]) != values[n]]
    if moved:
        lines.append(f'values of masks that change: {some_of(moved)}')
    return lines


def _count_images(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> str:
    """Count new and removed images, and those with other labels."""
    relabelled = [n for n in new if n in old and set(new[n]) != set(old[n])]
    counts = [
        (len(new.keys() - old.keys()), '{} images are new'),
        (len(old.keys() - new.keys()), '{} images are gone'),
        (len(relabelled), '{} images have other labels'),
    ]
    return ', '.join(text.format(number) for number, text in counts if number)
