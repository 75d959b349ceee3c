"""Whether images and labels can be trained on, and what cannot."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qaclims_mm.cores import number_of_cores
from qaclims_mm.datasets.read_image import DARK, decode_image
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.exchange.labels.image_folder import ImageFolder
from qaclims_mm.exchange.labels.matching import match_images
from qaclims_mm.exchange.labels.source import Source, some_of
from qaclims_mm.exchange.labels.words import as_words
from qaclims_mm.progress import track
from qaclims_mm.projects.names import is_word
from qaclims_mm.schemas.images import passed_over
from qaclims_mm.schemas.names import counted, problem_of_name, shown_name, shown_text
from qaclims_mm.schemas.project import NOBODY

# an image with a shorter side has hardly a cell in its maps
MIN_SIDE = 32


@dataclass
class Checked:
    """What is left of a source.

    Attributes:
        rows: {image below the folder, with its suffix: labels}, those that can be used.
        classes: Their labels in the order of the masks' values.
        counts: {class: number of images}.
        renamed: {label as it was found: class}.
        aliases: {class: other words for it among the labels}.
        sizes: Width and height of each image in pixels, turned as EXIF says.
        orientations: How EXIF turns each image, 1 to 8.
        problems: What is wrong, each with its place.
        left_out: Whether rows are among the problems, which are left out.
        notes: What was done to rows that are as they should be.
    """

    rows: dict[str, list[str]] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    renamed: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    orientations: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: bool = False
    notes: list[str] = field(default_factory=list)


class _Look(NamedTuple):
    """What an image is; see ``Checked`` and ``read_image.Decoded``."""

    problem: str = ''
    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    remarks: tuple[str, ...] = ()


def check_source(
    source: Source,
    images: str | Path,
    classes: Sequence[str] = (),
    renames: Mapping[str, str] | None = None,
    order: Sequence[str] = (),
    noted: Collection[str] = (),
) -> Checked:
    """Keep what can be used of a source, and tell what is wrong with the rest.

    Args:
        source: What was read of labels.
        images: Folder of the images.
        classes: Classes that there shall be; labels beside them are left out. None takes all.
        renames: {label: name of its class}.
        order: Classes that come first, as far as there are images of them: those of the project
            that is updated, so that they keep the values of their masks.
        noted: Labels that no image needs to have to be renamed.

    Raises:
        ConfigError: If no image has a label that is to be renamed, or a class is given a bad name.
        DataError: If a label cannot be the name of a class.
    """
    for name in (*classes, *(renames or {}).values()):
        if problem := problem_of_name(name):
            raise ConfigError(f'class {shown_name(name)}: {problem}; choose another name.')
    folder = ImageFolder(images)
    checked = Checked()
    found = [label for labels in source.rows.values() for label in labels]
    checked.renamed, checked.aliases = _name(as_words(found), renames or {}, order, noted)
    words = as_words([*order, *classes])
    wanted = {words[name] for name in classes}
    names = match_images(source, folder)
    looked = _look_at_all(folder.root, list(dict.fromkeys(names.values())))
    again, beside = list(source.again), Counter[str]()
    for image, name in names.items():
        look = looked[name]
        if look.problem:
            checked.problems.append(f'{source.places[image]}: {look.problem}; left out')
            continue
        if name in checked.rows:
            again.append(source.places[image])
        else:
            checked.rows[name] = []
            checked.sizes.append(look.size)
            checked.orientations.append(look.orientation)
        own = dict.fromkeys(checked.renamed[label] for label in source.rows[image])
        kept = [c for c in own if not wanted or c in wanted]
        beside.update(own.keys() - kept)
        checked.rows[name] = list(dict.fromkeys([*checked.rows[name], *kept]))
    checked.counts = Counter(c for labels in checked.rows.values() for c in labels)
    there = wanted or set(checked.counts)
    checked.classes = [*(c for c in order if c in there), *sorted(there.difference(order))]
    known = checked.aliases.items()
    checked.aliases = {name: others for name, others in known if name in checked.classes}
    if NOBODY in checked.classes:
        raise DataError(
            f'no class can be called {NOBODY}, which stands for a mask value without a class; '
            f"choose another name with --rename '{NOBODY}=...'."
        )
    strange, notes = _describe_remarks((name, looked[name]) for name in checked.rows)
    unlabelled = sum(not labels for labels in checked.rows.values())
    checked.notes = [*source.notes, *_notes(again, beside, unlabelled), *notes]
    if line := passed_over(folder.root):
        checked.notes.append(line)
    used = {*names.values(), *source.rows}
    others = [name for name in folder.names if name not in used]
    # first what is wrong with many images: of long lists the end is not seen
    rows = [*source.problems, *checked.problems]
    checked.problems = [*_overall(source, checked, others), *source.remarks, *strange, *rows]
    checked.left_out = bool(rows)
    return checked


def _overall(source: Source, checked: Checked, others: Sequence[str]) -> list[str]:
    """Tell of classes without an image, and of images without a label or a row, a line each.

    Args:
        source: What was read of labels.
        checked: What is left of it.
        others: Images that no row names.
    """
    problems = []
    empty = [c for c in checked.classes if not checked.counts[c]]
    if empty:
        problems.append(f'{counted(len(empty), "class", "have no image")}: {some_of(empty)}')
    unlabelled = [image for image, labels in source.rows.items() if not labels]
    if unlabelled:
        more = f' ({len(unlabelled) - 1} more of this kind)' if len(unlabelled) > 1 else ''
        problems.append(
            f'{source.places[unlabelled[0]]}: image {shown_text(unlabelled[0])} has no '
            f'label{more}; kept, as of no class'
        )
    if others:
        problems.append(
            f'{counted(len(others), "image", source.unnamed)} (first: {shown_text(others[0])}); '
            'not used'
        )
    return problems


def _notes(again: Sequence[str], beside: Counter[str], unlabelled: int) -> list[str]:
    """Say what was done to rows that are as they should be.

    Args:
        again: Places that name an image which stands above.
        beside: {label that is none of the classes: number of rows}.
        unlabelled: Images without one of the classes.
    """
    notes = []
    if again:
        notes.append(
            f'{counted(len(again), "row", "name an image that stands above")} (first: {again[0]}); '
            'it gets the labels of all its rows'
        )
    if beside:
        listed = some_of([f'{label} {number}' for label, number in beside.most_common()])
        said = f'are none of the classes and left out of the rows ({listed}); '
        said += counted(unlabelled, 'image', 'are without a label')
        notes.append(counted(len(beside), 'label', said))
    return notes


def _name(
    words: Mapping[str, str],
    renames: Mapping[str, str],
    order: Sequence[str],
    noted: Collection[str],
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return {label: class}, and {class: other labels that were renamed to it}.

    Args:
        words: {label: its words}.
        renames: {label or its words: name of its class}.
        order: Classes that are there already, which a label that is the same but for case joins.
        noted: Labels that need not be there to be renamed.
    """
    unknown = sorted(set(renames) - {*words, *words.values(), *noted})
    if unknown:
        raise ConfigError(f'cannot rename {shown_name(unknown[0])}: no image has that label.')
    named = {label: renames.get(label, renames.get(text, text)) for label, text in words.items()}
    again = [name for label, name in renames.items() if order and label not in noted]
    classes = as_words([*again, *order, *named.values()])
    renamed = {label: classes[name] for label, name in named.items()}
    aliases: dict[str, list[str]] = {}
    for label, text in words.items():
        known = aliases.setdefault(renamed[label], [])
        if renamed[label].lower() != text.lower() and is_word(text) and text not in known:
            known.append(text)
    return renamed, {name: others for name, others in aliases.items() if others}


def _look_at_all(root: Path, names: Sequence[str]) -> dict[str, _Look]:
    """Return {image: what it is}."""
    # Pillow decodes without Python's lock, and warns of what the remarks say better
    with ThreadPoolExecutor(number_of_cores()) as pool, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        looks = pool.map(lambda name: _look(root, name), names)
        shown = track(looks, 'looking at the images', len(names))
        return dict(zip(names, shown, strict=True))


def _look(root: Path, name: str) -> _Look:
    what = f'image {shown_text(name)}'
    try:
        # a JPEG is decoded at an eighth of its size, where pixels that are missing are found too
        decoded = decode_image(root / name, oriented=True, max_side=MIN_SIDE)
    except (OSError, ValueError) as error:
        return _Look(f'{what} cannot be read ({error})')
    height, width = decoded.size
    if min(width, height) < MIN_SIDE:
        return _Look(f'{what} is {width} x {height}, smaller than {MIN_SIDE} pixels')
    return _Look('', (width, height), decoded.orientation, decoded.remarks)


def _describe_remarks(looks: Iterable[tuple[str, _Look]]) -> tuple[list[str], list[str]]:
    """Return problems and notes, a line for each kind of remark."""
    images: dict[str, list[str]] = {}
    for name, look in looks:
        for remark in look.remarks:
            images.setdefault(remark, []).append(name)
    lines = {
        remark: f'{counted(len(names), "image", remark)} (first: {shown_text(names[0])})'
        for remark, names in images.items()
    }
    problem = lines.pop(DARK, '')
    return [problem] if problem else [], list(lines.values())
