"""Writing masks for labelling tools."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

import numpy as np

from qaclims_mm.errors import ConfigError, DataError, FormatError, RecordError
from qaclims_mm.exchange.masks.formats import MaskWriter, Options, Picture
from qaclims_mm.exchange.masks.polygons import Region, regions_of
from qaclims_mm.progress import track
from qaclims_mm.schemas import IGNORE_INDEX, file_of, join_problems, read_mask
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import counted, shown_name, shown_text
from qaclims_mm.schemas.project import with_gap

# {format: (module, writer)}
_WRITERS = {
    'png': ('png', 'PNGWriter'),
    'coco': ('coco', 'COCOWriter'),
    'yolo': ('yolo', 'YOLOWriter'),
    'voc': ('voc', 'VOCWriter'),
    'labelme': ('labelme', 'LabelmeWriter'),
    'cvat': ('cvat', 'CVATWriter'),
    'label-studio': ('label_studio', 'LabelStudioWriter'),
}
FORMATS = tuple(_WRITERS)


@dataclass
class Tally:
    """What an export has written.

    Attributes:
        images: Number of masks.
        regions: {class: number of regions}.
        with_class: {class: number of images that have it}.
        problems: What was left out, and why.
    """

    images: int = 0
    regions: Counter[str] = field(default_factory=Counter)
    with_class: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def export_masks(
    masks: Path,
    images: Mapping[str, Path],
    classes: Sequence[str],
    out: Path,
    format: str,
    tolerance: float = 1.0,
    rle: bool = False,
    copy_images: bool = False,
    image_url: str | None = None,
    tally: Tally | None = None,
) -> list[Path]:
    """Write masks in the format of a labelling tool; one image is in memory at a time.

    Args:
        masks: Folder of ``<image_id>.png``: 0 background, k + 1 classes, 255 ignore. Images without
            a mask are left out.
        images: {image id: file}.
        classes: Names without the background.
        out: Folder of the export; it may hold an earlier one of the same images.
        format: One of ``FORMATS``.
        tolerance: Distance by which a polygon's outline may move, in pixels; 0 keeps every pixel.
        rle: Write regions pixel by pixel instead of as polygons.
        copy_images: Copy the images to where the format has them.
        image_url: What Label Studio's links to images start with. By default they are of files of
            its own machine, below the folder in which the folder of the images is.
        tally: Gets the counts and problems. Without it the first problem ends the export.

    Returns:
        The files of the export, those of all images first, then one for each image.

    Raises:
        ConfigError: If the format is unknown or cannot hold the classes, an option is wrong, or the
            folder has other files.
        DataError: If no image has a mask, or none of them is there.
        RecordError: If a mask or image cannot be used and there is no tally.
    """
    check_format(format)
    found = [i for i in images if problem_of_file(file_of(masks, i, '.png')) != 'is missing']
    pictures = [Picture(i, Path(images[i]), n) for n, i in enumerate(found, start=1)]
    if not pictures:
        raise DataError(
            f'{shown_text(masks)} has no mask of the {counted(len(images), "image")}; a mask is '
            'called as its image, .png.'
        )
    options = Options(
        Path(out), _values(classes), _distance(tolerance), rle, copy_images, image_url
    )
    kept = tally if tally is not None else Tally()
    with ExitStack() as stack:
        writer = _writer_class(format)(options, stack)
        _check(writer, format, options)
        paths = [out / name for name in _names(writer, pictures)]
        _check_folder(Path(out), set(paths))
        writer.start()
        for picture in track(pictures, f'writing {format}', len(pictures)):
            try:
                _write(writer, picture, file_of(masks, picture.image_id, '.png'), kept)
            except (RecordError, FormatError) as error:
                if tally is None:
                    raise
                tally.problems.append(str(error))
        if not kept.images:
            raise DataError(
                join_problems(kept.problems, 'mask', 'cannot be written, and none is left')
            )
        writer.finish()
    return [path for path in paths if path.is_file()]


def _values(classes: Sequence[str]) -> dict[int, str]:
    """Return {value: name} of the classes that a mask can have."""
    named = [*classes[:254], *classes[255:]]
    if len(classes) > 254 and list(classes) != with_gap(named):
        raise ConfigError(
            f'the class at index 254 must be {with_gap(named)[254]}, but is '
            f'{shown_name(classes[254])}: the value {IGNORE_INDEX} of a mask is ignored.'
        )
    if not named:
        raise ConfigError('there must be at least one class, but there is none.')
    return {k: name for k, name in enumerate(classes, start=1) if k != IGNORE_INDEX}


def _distance(tolerance: float) -> float:
    if not 0 <= tolerance < float('inf'):
        raise ConfigError(f'tolerance must be 0 or more pixels, but got {tolerance}.')
    return tolerance


def check_format(format: str) -> None:
    """Refuse a format that there is not.

    Raises:
        ConfigError: If it is none of ``FORMATS``.
    """
    if format not in _WRITERS:
        near = get_close_matches(format, FORMATS, n=1)
        hint = f'did you mean {near[0]}?' if near else f'there are {", ".join(FORMATS)}.'
        raise ConfigError(f'there is no format {shown_name(format)}; {hint}')


def _writer_class(format: str) -> type[MaskWriter]:
    module, name = _WRITERS[format]
    return getattr(import_module(f'qaclims_mm.exchange.masks.{module}'), name)


def _check(writer: MaskWriter, format: str, options: Options) -> None:
    """Refuse what the format cannot hold."""
    if options.rle and not writer.has_rle:
        others = [n for n in FORMATS if _writer_class(n).has_rle]
        raise ConfigError(f'{format} has no run lengths (rle); {", ".join(others)} have them.')
    if max(options.classes) > writer.most:
        raise ConfigError(
            f'{format} holds at most {writer.most} classes, but there are '
            f'{len(options.classes)}; choose another format.'
        )
    problems = [
        f'class {shown_name(name)}: {problem}'
        for name in options.classes.values()
        if (problem := writer.problem_of_class(name))
    ]
    if problems:
        raise ConfigError(
            f'{join_problems(problems, "name", f"cannot be written in {format}")}\n'
            'Choose another format, or rename the classes.'
        )


def _names(writer: MaskWriter, pictures: Sequence[Picture]) -> list[str]:
    """Return the paths of all files of an export below its folder."""
    own = [name for picture in pictures if (name := writer.file_of(picture))]
    copies = [writer.copy_of(p) for p in pictures] if writer.options.copy_images else []
    return [*writer.shared, *own, *copies]


def _check_folder(out: Path, expected: set[Path]) -> None:
    """Refuse a folder that holds what the export would not write.

    Raises:
        ConfigError: If there is such a file.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f'{shown_text(out)} is a file; give a folder.')
    for path in sorted(out.rglob('*')):
        leftover = path.name.startswith('.') and path.name.endswith('.tmp')
        if not path.is_dir() and not leftover and path not in expected:
            raise ConfigError(
                f'{shown_text(out)} has other files, such as {shown_text(path.relative_to(out))}; '
                'give another folder, or delete it.'
            )


def _write(writer: MaskWriter, picture: Picture, path: Path, tally: Tally) -> None:
    """Write the mask of an image and count its regions.

    Raises:
        RecordError: If the image is missing, or the mask has a value that is no class.
        FormatError: If the mask is broken.
    """
    if problem := problem_of_file(picture.file):
        raise RecordError(f'image {shown_text(picture.file)} {problem}; its mask is left out.')
    mask = read_mask(path)
    classes = writer.options.classes
    unknown = [v for v in np.unique(mask).tolist() if v not in (0, IGNORE_INDEX, *classes)]
    if unknown:
        raise RecordError(
            f'{shown_text(path)}: value {unknown[0]}, but the number of classes is {len(classes)}; '
            'the mask is left out.'
        )
    if writer.options.copy_images:
        writer.copy(picture)
    found: Counter[str] = Counter()
    regions = _counted(regions_of(mask), classes, found)
    writer.add(picture, mask, regions)
    # formats of pixels do not take the regions
    deque(regions, maxlen=0)
    tally.images += 1
    tally.regions.update(found)
    tally.with_class.update(set(found))


def _counted(
    regions: Iterable[Region], classes: Mapping[int, str], found: Counter[str]
) -> Iterator[Region]:
    """Yield regions, one of which is in memory at a time, and count them."""
    for region in regions:
        found[classes[region.value]] += 1
        yield region
