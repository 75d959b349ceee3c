"""Whether images and labels can be trained on, and what cannot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from qaclims_mm.apis.project.names import is_word
from qaclims_mm.apis.project.sources import Source, find_images
from qaclims_mm.datasets.folder import SUFFIXES, with_gap
from qaclims_mm.progress import track
from qaclims_mm.schemas import IGNORE_INDEX, FormatError, join_problems, read_mask
from qaclims_mm.schemas.files import file_of, image_id_of

# an image with a shorter side has hardly a cell in its maps
MIN_SIDE = 32


@dataclass
class Checked:
    """What is left of a source.

    Attributes:
        rows: {image below the folder, with its suffix: labels}, those that can be used.
        classes: Their labels in alphabetical order.
        counts: {class: number of images}.
        renamed: {label as it was found: class}.
        aliases: {class: other words for it among the labels}.
        sizes: Width and height of each image in pixels.
        problems: What is wrong, each with its place.
    """

    rows: dict[str, list[str]] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    renamed: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_source(
    source: Source,
    images: str | Path,
    classes: Sequence[str] = (),
    renames: Mapping[str, str] | None = None,
) -> Checked:
    """Keep what can be used of a source, and tell what is wrong with the rest.

    Args:
        source: What was read of labels.
        images: Folder of the images.
        classes: Classes that there shall be; labels beside them are left out. None takes all.
        renames: {label: name of its class}.

    Raises:
        FormatError: If nobody has a label that shall be renamed.
    """
    images = Path(images)
    checked = Checked(problems=list(source.problems))
    found = [label for labels in source.rows.values() for label in labels]
    checked.renamed, checked.aliases = _name(as_words(found), renames or {})
    wanted = set(as_words(classes).values())
    files = _files_by_name(images)
    seen: dict[str, str] = {}
    for image, labels in track(source.rows.items(), 'looking at the images', len(source.rows)):
        where = source.places[image]
        name, problem = _find(image, images, files)
        if not problem:
            image_id = image_id_of(images / name, images)
            other = seen.setdefault(image_id, name)
            problem = f'{name} and {other} differ in their suffix alone' if other != name else ''
        if not problem:
            size, problem = _look(images / name)
        if problem:
            checked.problems.append(f'{where}: {problem}; left out')
            continue
        kept = [checked.renamed[label] for label in labels]
        beside = sorted({c for c in kept if wanted and c not in wanted})
        if beside:
            checked.problems.append(
                f'{where}: {", ".join(beside)} is none of the classes; left out'
            )
        checked.rows[name] = [c for c in dict.fromkeys(kept) if c not in beside]
        checked.sizes.append(size)
    checked.counts = Counter(c for labels in checked.rows.values() for c in labels)
    checked.classes = sorted(wanted or checked.counts)
    checked.problems += [
        f'class {c} has no image' for c in checked.classes if not checked.counts[c]
    ]
    known = {(images / name).as_posix() for name in checked.rows}
    others = sum(p.as_posix() not in known for p in find_images(images))
    if others:
        checked.problems.append(f'{images}: {others} images have no usable row; they are not used')
    return checked


def check_masks(masks: str | Path, checked: Checked) -> int:
    """Look at the true masks of a project's images; returns how many there are.

    Args:
        masks: Folder of masks, called as the images.
        checked: Images and classes.

    Raises:
        FormatError: If there is none, or one is broken, of another size than its image, or has a
            value that is no class.
    """
    problems, number = [], 0
    for name, size in zip(checked.rows, checked.sizes, strict=True):
        path = file_of(masks, image_id_of(name, ''), '.png')
        if not path.is_file():
            continue
        number += 1
        problem = _problem_of_mask(path, size, checked.classes)
        problems += [f'{path}: {problem}'] if problem else []
    if problems:
        raise FormatError(join_problems(problems, 'masks do not fit'))
    if not number:
        raise FormatError(f'{masks} has no mask of an image; they are called as the images, .png.')
    return number


def _problem_of_mask(path: Path, size: tuple[int, int], classes: Sequence[str]) -> str:
    try:
        mask = read_mask(path)
    except FormatError as error:
        return str(error)
    # an image that EXIF turns has its sides the other way round
    if sorted(mask.shape) != sorted(size):
        return f'{mask.shape[1]} x {mask.shape[0]} pixels, its image has {size[0]} x {size[1]}'
    values = mask[mask != IGNORE_INDEX]
    highest, names = int(values.max(initial=0)), with_gap(classes)
    if highest > len(names):
        listed = ', '.join(f'{k} {name}' for k, name in enumerate(names[:3], start=1))
        return f'value {highest}, but there are {len(names)} classes (0 background, {listed} ..)'
    return ''


def as_words(labels: object) -> dict[str, str]:
    """Return {label: the words that a question asks about}: ``traffic_light`` is traffic light.

    Labels that differ in case alone are one class, called as the first of them.
    """
    words: dict[str, str] = {}
    first: dict[str, str] = {}
    for label in dict.fromkeys(labels):  # type: ignore[call-overload]
        text = ' '.join(label.replace('_', ' ').split())
        words[label] = first.setdefault(text.lower().replace(' ', ''), text)
    return words


def _name(
    words: Mapping[str, str], renames: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return {label: class}, and {class: other labels that were renamed to it}.

    Args:
        words: {label: its words}.
        renames: {label or its words: name of its class}.
    """
    unknown = sorted(set(renames) - {*words, *words.values()})
    if unknown:
        raise FormatError(f'no image has the label {unknown[0]!r}, which shall be renamed.')
    named = {label: renames.get(label, renames.get(text, text)) for label, text in words.items()}
    classes = as_words(named.values())
    renamed = {label: classes[name] for label, name in named.items()}
    aliases: dict[str, list[str]] = {}
    for label, text in words.items():
        known = aliases.setdefault(renamed[label], [])
        if renamed[label].lower() != text.lower() and is_word(text) and text not in known:
            known.append(text)
    return renamed, {name: others for name, others in aliases.items() if others}


def _files_by_name(images: Path) -> Mapping[str, list[str]]:
    """Return {path without suffix, in lower case: paths}."""
    files: dict[str, list[str]] = {}
    for path in find_images(images):
        name = path.relative_to(images).as_posix()
        files.setdefault(Path(name).with_suffix('').as_posix().lower(), []).append(name)
    return files


def _find(image: str, images: Path, files: Mapping[str, list[str]]) -> tuple[str, str]:
    """Return an image's path below the folder, or what is wrong."""
    if image.startswith('/') or '..' in Path(image).parts:
        return image, f'image {image} is not below {images}'
    if (images / image).is_file():
        return image, ''
    stem = Path(image)
    stem = stem.with_suffix('') if stem.suffix.lower() in SUFFIXES else stem
    found = files.get(stem.as_posix().lower(), [])
    if len(found) == 1:
        return found[0], ''
    if found:
        return image, f'image {image} may be {" or ".join(found)}'
    return image, f'image {images / image} is missing'


def _look(path: Path) -> tuple[tuple[int, int], str]:
    """Return width and height of an image, or what is wrong with it."""
    try:
        with Image.open(path) as image:
            size = image.size
            # the header alone; pixels that are missing are found when they are read
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return (0, 0), f'image {path} cannot be read ({error})'
    if min(size) < MIN_SIDE:
        return size, f'image {path} is {size[0]} x {size[1]}, smaller than {MIN_SIDE} pixels'
    return size, ''
