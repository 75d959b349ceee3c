"""Tables and pictures of a page of documentation, kept equal to what has been measured."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.report.blocks import Picture, Section
from qaclims_mm.report.page_blocks import fill_blocks, write_picture
from qaclims_mm.schemas import atomic_path
from qaclims_mm.schemas.numbers.ablation_reading import read_results
from qaclims_mm.schemas.numbers.ablation_results import AblationResults
from qaclims_mm.visualization.ablation_tables import markdown_of


def update_page(page: str | Path, results: str | Path, sections: Sequence[Section]) -> None:
    """Put tables and pictures into a Markdown page, where it asks for them.

    What stands between ``<!-- ablation: SUITE -->`` and ``<!-- end -->`` becomes the table of a
    suite, between ``<!-- pictures: SECTION -->`` and ``<!-- end -->`` the pictures of a section of
    the report, by its anchor. Both are written into a folder of the page's name beside it, tables
    as JSON with the numbers of every seed.

    Args:
        page: The page.
        results: Folder of ``<suite>.json``.
        sections: Of a report.

    Raises:
        FormatError: If the page does not exist, asks for nothing, or for what there is not.
    """
    page = Path(page)
    make: dict[str, Callable[[str], str]] = dict(
        ablation=lambda suite: _table(page, Path(results), suite),
        pictures=lambda anchor: _pictures(page, anchor, sections),
    )
    fill_blocks(page, make, '<!-- ablation: SUITE -->')


def _table(page: Path, results: Path, suite: str) -> str:
    path = results / f'{suite}.json'
    if not path.is_file():
        raise FormatError(f'{path} does not exist; run: qaclims ablate {suite}')
    found = read_results(path)
    with atomic_path(page.with_suffix('') / path.name) as temporary:
        temporary.write_bytes(path.read_bytes())
    return table_of(found)


def table_of(results: AblationResults) -> str:
    """Return the table of a suite as it stands on a page, which has headings of its own."""
    return markdown_of(results).split('\n\n', 1)[1].strip()


def _pictures(page: Path, anchor: str, sections: Sequence[Section]) -> str:
    """Write the pictures of a section; returns what shows them."""
    found = [b for s in sections if s.anchor == anchor for b in s.blocks if isinstance(b, Picture)]
    if not found:
        known = [s.anchor for s in sections if any(isinstance(b, Picture) for b in s.blocks)]
        raise FormatError(
            f'{page} asks for pictures of {anchor}, but the report has some of '
            f'{", ".join(known) or "nothing"} alone.'
        )
    shown = []
    for number, picture in enumerate(found, start=1):
        name = f'{page.stem}/{anchor}-{number}{".png" if picture.plot else ".jpg"}'
        write_picture(picture, page.parent / name)
        shown.append(f'![{picture.alt}]({name})\n\n*{picture.caption}*')
    return '\n\n'.join(shown)
