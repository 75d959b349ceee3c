"""The image that each row of labels means."""

from collections.abc import Mapping

from qaclims_mm.exchange.labels.image_folder import Found, ImageFolder, ImageNameError
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.schemas.files import image_id_of
from qaclims_mm.schemas.names import counted, problem_of_image_id, shown_name, shown_text


def match_images(source: Source, folder: ImageFolder) -> dict[str, str]:
    """Find the image of each row.

    Rows may name an image in several ways if each is its whole path. If only the end of a path
    leads to an image, another row that leads there too may mean another image, so such rows are
    left out.

    Args:
        source: What was read of labels. Problems and a note are added to it.
        folder: The images.

    Returns:
        {image as its row calls it: path below the folder}.
    """
    found = _find_all(source, folder)
    rows: dict[str, list[str]] = {}
    for image, (name, _) in found.items():
        rows.setdefault(name, []).append(image)
    names: dict[str, str] = {}
    for image, (name, exact) in found.items():
        other = next((other for other in rows[name] if other != image), '')
        if exact or not other:
            names[image] = name
            continue
        text = f'image {shown_text(image)} and image {shown_text(other)} may both be '
        source.leave_out(
            source.places[image],
            f'{text}{shown_text(name)}, as their paths end; left out',
            'another row may name the same image',
        )
    _note_ends(source, names, found)
    return names


def _find_all(source: Source, folder: ImageFolder) -> dict[str, Found]:
    """Find each image, and leave out those that are missing or whose ids cannot be used."""
    found: dict[str, Found] = {}
    first: dict[str, str] = {}
    for image in source.rows:
        where = source.places[image]
        try:
            one = folder.find(image)
        except ImageNameError as error:
            source.leave_out(where, f'{error}; left out', error.kind)
            continue
        image_id = image_id_of(one.name, '')
        other = first.setdefault(image_id, one.name)
        if problem := problem_of_image_id(image_id):
            source.leave_out(where, f'image {shown_name(one.name)}: {problem}; left out', problem)
        elif other != one.name:
            text = (
                f'{shown_text(one.name)} and {shown_text(other)} differ in their suffix alone, so '
                'their masks would be one file; rename one'
            )
            source.leave_out(where, f'{text}; left out', 'differ in their suffix alone')
        else:
            found[image] = one
    return found


def _note_ends(source: Source, names: Mapping[str, str], found: Mapping[str, Found]) -> None:
    """Say how many images were found by the end of their path."""
    ends = [image for image in names if not found[image].exact]
    if ends:
        source.notes.append(
            f'{counted(len(ends), "image", "were found by the end of the path")} (first: '
            f'{source.places[ends[0]]}: {shown_text(ends[0])} is {shown_text(names[ends[0]])})'
        )
