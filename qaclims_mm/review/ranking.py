"""Which images deserve a look first, in the order in which they do."""

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from qaclims_mm.engine.process_pool import run_in_processes, worthwhile_processes
from qaclims_mm.errors import FormatError
from qaclims_mm.progress import track
from qaclims_mm.review.findings import Candidate, Reviewed, review_image
from qaclims_mm.review.sources import MaskSource
from qaclims_mm.schemas import atomic_path


def rank_images(
    images: Sequence[Candidate], sources: Sequence[MaskSource], classes: Sequence[str]
) -> list[Reviewed]:
    """Return what stands out about images, the highest score first.

    Args:
        images: The images.
        sources: Stages that have made masks, the newest last.
        classes: Class names without the background.

    Raises:
        FormatError: If there is no image, or no stage has made masks.
    """
    if not images or not sources:
        raise FormatError(
            'there is nothing to review: '
            + ('no stage has made masks.' if images else 'no image is left.')
            + ' Run the stages up to irn_masks first.'
        )
    look = partial(review_image, sources=sources, classes=classes)
    jobs = worthwhile_processes(len(images))
    # a process imports what its function needs
    found = run_in_processes(look, images, jobs, preload=[__name__])
    reviewed = [*track(found, 'comparing masks', len(images))]
    return sorted(reviewed, key=lambda r: (-r.score, r.image_id))


def write_review(
    path: Path, reviewed: Sequence[Reviewed], sources: Sequence[MaskSource], classes: Sequence[str]
) -> None:
    """Write a CSV with one row per image, the first image first.

    Columns: ``rank``, ``image``, ``score``, ``reason``; ``IoU of A and B`` in percent for each two
    sources; ``areas of A``, a JSON table of the classes and their percentages of the image.
    """
    pairs = [*itertools.combinations([s.name for s in sources], 2)]
    head = ['rank', 'image', 'score', 'reason']
    head += [f'IoU of {one} and {other}' for one, other in pairs]
    head += [f'areas of {source.name}' for source in sources]
    with (
        atomic_path(path) as temporary,
        temporary.open('w', newline='', encoding='utf-8') as file,
    ):
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(head)
        for rank, each in enumerate(reviewed, start=1):
            row = [rank, each.image_id, f'{each.score:.4f}', each.reason]
            row += [_percent(each.agreement.get(pair)) for pair in pairs]
            writer.writerow([*row, *_areas(each, sources, classes)])


def _percent(value: float | None) -> str:
    return '' if value is None else f'{100 * value:.1f}'


def _areas(
    reviewed: Reviewed, sources: Sequence[MaskSource], classes: Sequence[str]
) -> Iterator[str]:
    """Yield the areas of the classes in the mask of each source, '' where there is no mask."""
    for source in sources:
        shares = reviewed.areas.get(source.name)
        named = {
            classes[k] if k < len(classes) else f'value {k + 1}': round(100 * share, 2)
            for k, share in (shares or {}).items()
        }
        yield '' if shares is None else json.dumps(named, ensure_ascii=False)
