"""Which mask is that of which image, by their names."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from qaclims_mm.errors import DataError
from qaclims_mm.schemas import join_problems
from qaclims_mm.schemas.images import find_files
from qaclims_mm.schemas.names import shown_text

# lossless ones first; JPEG is listed for the message that it is not exact
SUFFIXES = ('.png', '.bmp', '.tif', '.tiff', '.gif', '.jpg', '.jpeg', '.webp')
_SEPARATORS = '_-. '


class Matched(NamedTuple):
    """Masks of images.

    Attributes:
        files: {image: path of its mask below the folder}.
        pattern: How a mask is called, such as ``{image}_mask`` or ``{image}{suffix}``;
            ``{image}`` for the plain name.
        others: Files that are of no image.
    """

    files: dict[str, str]
    pattern: str
    others: list[str]


def match_masks(files: Sequence[str], images: Sequence[str]) -> Matched:
    """Match masks with images: ``a.png``, ``a_mask.png`` or ``a.jpg.png`` with ``a.jpg``.

    Args:
        files: Paths of the masks below their folder.
        images: Paths of the images below theirs.

    Returns:
        The images that have one; all by one pattern, the one by which most images have a mask, the
        plain name before others.

    Raises:
        DataError: If two masks are of one image.
    """
    known = _keys_of(images)
    by_pattern: dict[str, dict[str, list[str]]] = {}
    for file in files:
        for pattern, image in dict(_readings(file, known)).items():
            by_pattern.setdefault(pattern, {}).setdefault(image, []).append(file)
    if not by_pattern:
        return Matched({}, '{image}', list(files))
    pattern = max(by_pattern, key=lambda p: (len(by_pattern[p]), p == '{image}', -len(p)))
    matched = by_pattern[pattern]
    twice = [
        f'{shown_text(image)}: {" and ".join(map(shown_text, found))}'
        for image, found in matched.items()
        if len(found) > 1
    ]
    if twice:
        problem = join_problems(twice, 'image', 'have two masks')
        raise DataError(f'{problem}\nTake one of them away.')
    one = {image: matched[image][0] for image in images if image in matched}
    used = set(one.values())
    return Matched(one, pattern, [file for file in files if file not in used])


def _keys_of(images: Sequence[str]) -> dict[str, str]:
    """Return {what a mask may be called: image}: path and name, with and without a suffix."""
    keys: dict[str, str] = {}
    names: dict[str, list[str]] = {}
    for image in images:
        path = PurePosixPath(image)
        stem = path.with_suffix('')
        keys[image] = keys[stem.as_posix()] = image
        for name in {path.name, stem.name}:
            names.setdefault(name, []).append(image)
    # names alone, where they are those of one image
    unique = {name: found[0] for name, found in names.items() if len(found) == 1}
    return unique | keys


def _readings(file: str, known: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (pattern, image) for each way to read a mask's name."""
    path = PurePosixPath(file)
    stem, folder = path.stem, path.parent.as_posix()
    starts = [0, *(k + 1 for k, letter in enumerate(stem) if letter in _SEPARATORS)]
    ends = [len(stem), *(k for k, letter in enumerate(stem) if letter in _SEPARATORS)]
    for start in starts:
        for end in ends:
            name = stem[start:end]
            if not name:
                continue
            place = name if folder == '.' else f'{folder}/{name}'
            image = known.get(place) or known.get(name)
            if image is not None:
                suffix = '{suffix}' if name == PurePosixPath(image).name else ''
                yield f'{stem[:start]}{{image}}{suffix}{stem[end:]}', image


def list_masks(folder: Path) -> list[str]:
    """Return the paths of what may be masks below a folder; hidden ones are left out.

    Raises:
        FormatError: If the folder or one below it cannot be read.
    """
    # a folder that is called as a mask is said to be none
    folders = [path for path in folder.rglob('*.png') if path.is_dir()]
    found = (path.relative_to(folder) for path in sorted([*find_files(folder), *folders]))
    return [path.as_posix() for path in found if path.suffix.lower() in SUFFIXES]
