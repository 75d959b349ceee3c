"""Labels of the images of an album, from any file that ``exchange.labels`` reads."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qaclims_mm.demo.album import Album, Entry
from qaclims_mm.errors import QAClimsError
from qaclims_mm.exchange.labels.image_folder import SEVERAL, ImageFolder, ImageNameError
from qaclims_mm.exchange.labels.matching import match_images
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.exchange.labels.source import Source, some_of
from qaclims_mm.exchange.labels.words import as_words
from qaclims_mm.schemas.names import counted, shown_text


def label_album(
    album: Album, files: Sequence[str | Path], classes: Sequence[str]
) -> tuple[Album, list[str]]:
    """Tick the classes of images.

    Args:
        album: The images.
        files: A table or an export, or the files of a folder of labels.
        classes: The classes that can be ticked.

    Returns:
        The album, and what is wrong with the labels, as ``qaclims init`` says it. Images without a
        row keep their classes.
    """
    seen = Counter(entry.path.name for entry in album.entries)
    names = [name for name, number in seen.items() if number == 1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        labels, images = folder / 'labels', folder / 'images'
        _stage_images(images, names)
        labels.mkdir()
        for file in files:
            shutil.copyfile(file, labels / Path(file).name)
        given = labels / Path(files[0]).name if len(files) == 1 else labels
        try:
            source = read_source(given, images)
            found = ImageFolder(images)
            others = _drop_others(source, found)
            matched = match_images(source, found)
        except QAClimsError as error:
            return album, [_without_folders(str(error), labels, images)]
        rows = {image: (matched[image], source.rows[image]) for image in matched}
        entries, beside = _ticked(album.entries, list(rows.values()), classes)
        lines = [*source.problems, *source.remarks, *source.notes]
        lines = [_without_folders(line, labels, images) for line in lines]
    named = {name for name, _ in rows.values()}
    return replace(album, entries=entries), [
        *(
            f'{number} images are called {shown_text(name)}, so that no row of labels can mean one '
            'of them; tick their classes'
            for name, number in seen.items()
            if number > 1
        ),
        *lines,
        *_describe(source, beside, others, [name for name in names if name not in named]),
    ]


def _stage_images(folder: Path, names: Sequence[str]) -> None:
    """Make an empty file for each image, so that rows find it by its name."""
    folder.mkdir()
    for name in names:
        (folder / name).touch()


def _drop_others(source: Source, folder: ImageFolder) -> int:
    """Take out the rows of images that are not on the page; returns their number."""
    before = len(source.rows)
    for image in list(source.rows):
        try:
            folder.find(image)
        except ImageNameError as error:
            if error.kind != SEVERAL:
                del source.rows[image]
    return before - len(source.rows)


def _ticked(
    entries: Sequence[Entry],
    rows: Sequence[tuple[str, Sequence[str]]],
    classes: Sequence[str],
) -> tuple[tuple[Entry, ...], Counter[str]]:
    """Return the images with their classes, and {label that is none of the classes: rows}.

    Args:
        entries: The images.
        rows: Image and labels of each row.
        classes: The classes that can be ticked.
    """
    words = as_words([*classes, *(label for _, labels in rows for label in labels)])
    names = {words[name]: name for name in classes}
    beside: Counter[str] = Counter()
    ticked: dict[str, list[str]] = {}
    for image, labels in rows:
        own = ticked.setdefault(image, [])
        own += [names[words[label]] for label in labels if words[label] in names]
        beside.update({words[label] for label in labels} - set(names))
    return tuple(
        replace(entry, labels=tuple(dict.fromkeys(ticked[entry.path.name])))
        if entry.path.name in ticked
        else entry
        for entry in entries
    ), beside


def _describe(
    source: Source, beside: Counter[str], others: int, unnamed: Sequence[str]
) -> list[str]:
    """Say which labels and images are left out, a line each."""
    lines = []
    if beside:
        listed = some_of([f'{label} {number}' for label, number in beside.most_common()])
        said = f'are none of the classes and left out of the rows ({listed})'
        lines.append(counted(len(beside), 'label', said))
    if others:
        lines.append(counted(others, 'row', 'name an image that is not on the page'))
    if unnamed:
        lines.append(
            f'{counted(len(unnamed), "image", source.unnamed)} (first: {shown_text(unnamed[0])}); '
            'tick the classes'
        )
    return lines


def _without_folders(text: str, *folders: Path) -> str:
    """Return a message without the folders of the server."""
    for folder in folders:
        text = text.replace(f'{folder}/', '').replace(str(folder), folder.name)
    return text
