"""Files of labels that belong to one image each: which image that is."""

import unicodedata
from pathlib import Path, PurePosixPath

from qaclims_mm.exchange.labels.image_folder import ImageFolder, ImageNameError
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.names import shown_text


def image_of_file(
    source: Source, folder: ImageFolder, path: Path, root: Path, named: str = ''
) -> str:
    """Return the image that a file of labels is for.

    A file has the name of its image. The image that is named in it may be out of date, since people
    rename images together with their files, so it counts where no image has the file's own name.

    Args:
        source: Takes a remark where the two are different images.
        folder: The images.
        path: The file.
        root: The folder of all files of labels.
        named: The image that the file names, relative to the file; '' if it names none.

    Returns:
        Path of the image below the folder; if there is none, what the file calls it.
    """
    own = path.relative_to(root).with_suffix('').as_posix()
    # an image beside its file has its whole path; one with a suffix in its name too
    found = _find(folder, own)
    near = (path.parent / named.replace('\\', '/')).resolve() if named else None
    other = ''
    if named:
        absolute = str(near) if near and near.is_relative_to(folder.root.resolve()) else ''
        other = (absolute and _find(folder, absolute)) or _find(folder, named)
    if other and found and not _has_name(found, own):
        # only alike, as {0}.jpg and 0.xml are where signs vanish
        return other
    if found and other and found != other:
        source.remarks.append(
            f'{shown_text(path)}: names image {shown_text(other)}, but image {shown_text(found)} '
            'has its name; its labels are given to the latter'
        )
    return found or other or named or own


def _has_name(image: str, own: str) -> bool:
    """Return whether an image is called as a file is, apart from folders, suffix and case."""
    name = PurePosixPath(image)
    known = {_form(text) for text in (name.name, name.stem)}
    return _form(PurePosixPath(own).name) in known


def _form(name: str) -> str:
    return unicodedata.normalize('NFKC', name).lower()


def _find(folder: ImageFolder, image: str) -> str:
    try:
        return folder.find(image).name
    except ImageNameError:
        return ''
