"""Ranking the images of a work dir, for the page of ``qaclims review`` and for the report."""

from collections.abc import Sequence
from typing import NamedTuple

from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.masks.work import is_outdated
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.header import warning_of_work
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.corrected import corrected_ids
from qaclims_mm.review.findings import Candidate, Reviewed
from qaclims_mm.review.ranking import rank_images
from qaclims_mm.review.sources import MaskSource, find_sources
from qaclims_mm.schemas.work_dir import PREDICTIONS


class Reviewing(NamedTuple):
    """A ranking of the images of a work dir, and where their masks are.

    Attributes:
        name: Name of the project or work dir.
        ranked: All images, the first one first.
        sources: Stages whose masks are shown.
        dataset: The images.
        left_out: Images that were left out because their masks are corrected.
        warning: Why the masks mean nothing, and a command that helps; each may be ''.
        next_command: Command that trains on corrected masks.
    """

    name: str
    ranked: Sequence[Reviewed]
    sources: Sequence[MaskSource]
    dataset: ImageLevelDataset
    left_out: int = 0
    warning: tuple[str, str] = ('', '')
    next_command: str = 'qaclims run PLAN --corrected DIR'

    @property
    def is_oriented(self) -> bool:
        """Whether images are turned as their EXIF data say."""
        return any(getattr(step, 'oriented', False) for step in self.dataset.pipeline.transforms)

    @property
    def shown(self) -> MaskSource:
        """The stage whose masks the segmentor is trained on; the segmentor if there is no other."""
        return _trained_on(self.sources)[-1]


def review_work(work: WorkDir, with_corrected: bool = False) -> Reviewing:
    """Rank the images that a work dir has masks of.

    Args:
        work: The work dir.
        with_corrected: Whether images whose masks somebody has corrected are ranked too.

    Raises:
        ConfigError: If masks are of other classes than there are now.
        MissingError: If no stage has made masks, or their images are not there.
        FormatError: If no image is left.
    """
    sources = find_sources(work.root)
    if not sources:
        command = work.command('irn_masks')
        raise MissingError(f'no stage of {work.root} has made masks yet; run', command)
    dataset = work.dataset(_trained_on(sources)[-1].stage)
    for source in sources:
        if is_outdated(source.folder.parent, dataset.class_names):
            raise ConfigError(
                f'{source.folder} was made before classes were changed; run first: {work.command()}'
            )
    done = set() if with_corrected else {*corrected_ids(work.root)}
    images = [
        Candidate(r['image_id'], tuple(r['class_indices']))
        for r in dataset.iterate_records()
        if r['image_id'] not in done
    ]
    ranked = rank_images(images, sources, dataset.class_names)
    left_out = len(dataset) - len(images)
    command = f'qaclims run {work.plan} --corrected DIR'
    warning = warning_of_work(work)
    return Reviewing(work.name, ranked, sources, dataset, left_out, warning, command)


def _trained_on(sources: Sequence[MaskSource]) -> Sequence[MaskSource]:
    """Return the masks that a segmentor may be trained on; it may be tested on other images."""
    return [s for s in sources if s.folder.name != PREDICTIONS] or sources
