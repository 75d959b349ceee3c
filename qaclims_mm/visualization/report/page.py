"""The page: all sections in one file that needs no other."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qaclims_mm.schemas import atomic_path
from qaclims_mm.visualization.report.ablations import (
    ablations_section,
    omega_section,
    read_ablations,
    titles_of,
)
from qaclims_mm.visualization.report.answers import corpus_section
from qaclims_mm.visualization.report.blocks import MissingError, Section, Text
from qaclims_mm.visualization.report.curves import losses_section, thresholds_section
from qaclims_mm.visualization.report.failures import failures_section
from qaclims_mm.visualization.report.images import segmentation_section, sheet_section
from qaclims_mm.visualization.report.numbers import numbers_section
from qaclims_mm.visualization.report.per_class import per_class_section
from qaclims_mm.visualization.report.titles import TITLES
from qaclims_mm.visualization.report.versions import versions_section
from qaclims_mm.visualization.report.work_dir import WorkDir

HERE = Path(__file__).parent


def write_report(
    root: str | Path, out: str | Path, ablations: str | Path | None = None
) -> list[Section]:
    """Write the report of a pipeline's work dir; returns its sections.

    Args:
        root: The work dir.
        out: The HTML file.
        ablations: Folder of ``tools/ablate.py``; by default ``ablations`` beside the work dir.

    Raises:
        FormatError: If the work dir has no metrics, or a file in it is broken or of another schema.
    """
    now, work = datetime.now().astimezone(), WorkDir(root)
    folder = Path(ablations) if ablations else work.root.parent / 'ablations'
    sections = all_sections(work, folder, now)
    page = render(f'QA-CLIMS: {work.root.absolute().name}', f'{now:%Y-%m-%d %H:%M}', sections)
    with atomic_path(out) as temporary:
        temporary.write_text(page)
    return sections


def all_sections(work: WorkDir, ablations: Path, now: datetime) -> list[Section]:
    """Return the sections in their order; of one that has nothing to show, what is missing."""
    results = read_ablations(ablations)
    ablated = titles_of(results)
    # the rows that are no variants are the stages themselves
    titles = {**ablated, **TITLES}
    variants = set(ablated) - set(TITLES)
    return [
        numbers_section(work, titles),
        _or_missing('losses', 'Trainings', lambda: losses_section(work, titles)),
        _or_missing(
            'thresholds',
            'mIoU over thresholds',
            lambda: thresholds_section(work, titles, variants),
        ),
        _or_missing('classes', 'Classes', lambda: per_class_section(work)),
        _or_missing('omega', 'Omega', lambda: omega_section(results, ablations)),
        _or_missing('ablations', 'Ablations', lambda: ablations_section(results, ablations)),
        _or_missing('maps', 'Maps and texts', lambda: sheet_section(work)),
        _or_missing('segmentation', 'Segmentations', lambda: segmentation_section(work)),
        _or_missing('failures', 'Failures', lambda: failures_section(work)),
        _or_missing('corpus', 'The corpus', lambda: corpus_section(work)),
        versions_section(work, now),
    ]


def _or_missing(anchor: str, title: str, make: Callable[[], Section]) -> Section:
    try:
        return make()
    except MissingError as error:
        return Section(anchor, title, [Text(str(error), muted=True)])


def render(title: str, date: str, sections: Sequence[Section]) -> str:
    """Return the page; all that stands in it is escaped.

    Args:
        title: Heading of the page.
        date: When it was made.
        sections: Its parts.
    """
    # S701 asks for this: every value is escaped, whatever a file on disk called it
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    style = Markup((HERE / 'style.css').read_text())  # noqa: S704 - our own file
    return environment.get_template('page.html.jinja').render(
        title=title, date=date, sections=sections, style=style
    )
