"""What an update changes of a project's images, labels and classes, in words."""

from collections.abc import Mapping, Sequence

from qaclims_mm.exchange.labels.source import some_of
from qaclims_mm.projects.before import Before
from qaclims_mm.schemas.names import counted


def describe_changes(
    before: Before,
    rows: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    names: Mapping[str, str],
) -> list[str]:
    """Compare tables as they were with those that are written.

    Args:
        before: The project as it was.
        rows: {image: its classes}.
        classes: In the order of the masks' values.
        names: {class as it was: its name now}, where it has another one.

    Returns:
        Lines; none if the tables are as they were.
    """
    lines = []
    named = {image: [names.get(c, c) for c in own] for image, own in before.rows.items()}
    if counts := _count_images(named, rows):
        lines.append(counts)
    values = {name: value for value, name in enumerate(classes, start=1)}
    found = {name: value for value, name in enumerate(before.classes, start=1)}
    renamed = {n: names[n] for n in before.classes if names.get(n, n) != n and names[n] in values}
    kept = {name: value for name, value in found.items() if name not in renamed}
    # a class that another one joins has its own value
    old = {renamed[name]: found[name] for name in reversed(renamed)} | kept
    if renamed:
        pairs = [f'{name} -> {new} (value {values[new]})' for name, new in renamed.items()]
        lines.append(f'renamed: {some_of(pairs)}')
    if new := [f'{name} (value {values[name]})' for name in classes if name not in old]:
        lines.append(f'new classes: {some_of(new)}')
    if gone := [name for name in kept if name not in values]:
        lines.append(f'classes that are gone: {some_of(gone)}')
    moved = [f'{n} {old[n]} -> {values[n]}' for n in classes if old.get(n, values[n]) != values[n]]
    if moved:
        lines.append(f'values of masks that change: {some_of(moved)}')
    return lines


def _count_images(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> str:
    """Count new and removed images, and those with other labels."""
    relabelled = [n for n in new if n in old and set(new[n]) != set(old[n])]
    counts = [
        (len(new.keys() - old.keys()), 'are new'),
        (len(old.keys() - new.keys()), 'are gone'),
        (len(relabelled), 'have other labels'),
    ]
    return ', '.join(counted(number, 'image', said) for number, said in counts if number)
