"""The report of a work dir: all its sections."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from qaclims_mm.errors import QAClimsError
from qaclims_mm.report.ablations import (
    OMEGA,
    ablation_blocks,
    omega_blocks,
    read_ablations,
    titles_of,
)
from qaclims_mm.report.answers import corpus_blocks
from qaclims_mm.report.blocks import Block, MissingError, Section, Text
from qaclims_mm.report.corrected import corrected_blocks
from qaclims_mm.report.curves import loss_blocks, threshold_blocks
from qaclims_mm.report.failures import failure_blocks
from qaclims_mm.report.figures import write_figures
from qaclims_mm.report.header import lead_of, warning_of_work
from qaclims_mm.report.images import segmentation_blocks, sheet_blocks
from qaclims_mm.report.look_first import look_first_blocks
from qaclims_mm.report.numbers import cost_blocks, number_blocks
from qaclims_mm.report.per_class import per_class_blocks
from qaclims_mm.report.templates import render
from qaclims_mm.report.titles import Titles
from qaclims_mm.report.versions import version_blocks
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.review.changes import BEFORE
from qaclims_mm.schemas import atomic_path, drawn_name
from qaclims_mm.schemas.names import LONGEST_SHOWN
from qaclims_mm.schemas.work_dir import CORRECTED


def write_report(root: str | Path, out: str | Path, ablations: str | Path) -> list[Section]:
    """Write the report of a work dir, and a folder of files beside it; returns its sections.

    Args:
        root: The work dir.
        out: The HTML file; its files lie in ``files_folder``.
        ablations: Folder of ``qaclims ablate``.

    Raises:
        FormatError: If the work dir has no metrics, or a file in it is broken or of another schema.
    """
    now, work = datetime.now().astimezone(), WorkDir(root)
    folder = files_folder(out)
    sections = all_sections(work, Path(ablations), now, folder)
    title, date = f'QA-CLIMS: {drawn_name(work.name, LONGEST_SHOWN)}', f'{now:%Y-%m-%d %H:%M}'
    linked = write_figures(sections, folder)
    page = render(title, date, lead_of(work), linked, warning_of_work(work))
    with atomic_path(out) as temporary:
        temporary.write_text(page, encoding='utf-8')
    return sections


def files_folder(out: str | Path) -> Path:
    """Return the folder of the files of a page, as browsers name it: ``report_files``."""
    return Path(out).with_name(f'{Path(out).stem}_files')


def all_sections(work: WorkDir, ablations: Path, now: datetime, folder: Path) -> list[Section]:
    """Return the sections that have something to show, in their order, and what is missing."""
    results = read_ablations(ablations)
    titles = Titles(titles_of(results))
    parts: dict[str, Callable[[], list[Block]]] = {
        'The numbers': lambda: number_blocks(work, titles),
        'Masks to look at first': lambda: look_first_blocks(work, folder),
        'Corrected masks': lambda: corrected_blocks(work, titles),
        'Maps and texts': lambda: sheet_blocks(work),
        'Segmentations': lambda: segmentation_blocks(work),
        'IoU of each class': lambda: per_class_blocks(work),
        'mIoU over thresholds': lambda: threshold_blocks(work, titles),
        'Omega, the ratio of the threshold': lambda: omega_blocks(results, ablations),
        'Ablations': lambda: ablation_blocks(results, ablations),
        'Failures': lambda: failure_blocks(work),
        'Losses': lambda: loss_blocks(work, titles),
        'The corpus': lambda: corpus_blocks(work),
        'Time, memory and records': lambda: cost_blocks(work, titles),
        'Versions and configs': lambda: version_blocks(work, now),
    }
    if not any((work.root / name).is_dir() for name in (CORRECTED, BEFORE)):
        del parts['Corrected masks']
    # a run has no suites of its own, and nobody misses them
    for suite, title in {OMEGA: 'Omega, the ratio of the threshold', '': 'Ablations'}.items():
        if suite not in results if suite else not results:
            del parts[title]
    sections, missing = [], Missing()
    for title, make in parts.items():
        if blocks := missing.blocks_of(title, make):
            sections.append(Section(title, blocks))
    return [*sections, *missing.sections()]


class Missing:
    """Sections that have nothing to show, each reason once."""

    def __init__(self) -> None:
        # {(reason, command): titles of sections}
        self.found: dict[tuple[str, str], list[str]] = {}

    def blocks_of(self, title: str, make: Callable[[], list[Block]]) -> list[Block]:
        """Return the blocks of a section; none, and remember why, if there is nothing to show."""
        try:
            return make()
        except MissingError as error:
            reason = error.message, error.command
        except QAClimsError:
            raise
        except Exception as error:  # a work dir may hold anything: one file costs one section
            problem = f'{type(error).__name__}: {error}'
            reason = f'This section cannot be made from the work dir ({problem}).', ''
        self.found.setdefault(reason, []).append(title)
        return []

    def sections(self) -> list[Section]:
        """Return a section with a line for each reason, or none if nothing is missing."""
        lines: list[Block] = [
            Text(f'{", ".join(titles)}: {reason}', command, muted=True)
            for (reason, command), titles in self.found.items()
        ]
        return [Section('What is missing', lines)] if lines else []
