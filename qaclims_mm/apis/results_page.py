"""The tables of a page of documentation, kept equal to what ablations have found."""

import re
from pathlib import Path

from qaclims_mm.apis.ablation_results import read_results
from qaclims_mm.schemas import FormatError, atomic_path

_BLOCK = re.compile(r'<!-- ablation: (\w+) -->\n.*?<!-- end -->', re.DOTALL)


def update_page(page: str | Path, results: str | Path) -> list[str]:
    """Put the tables of ablations into a Markdown page, where it asks for them.

    A table stands between ``<!-- ablation: SUITE -->`` and ``<!-- end -->``; what is there is
    replaced.

    Args:
        page: The page.
        results: Folder of ``<suite>.json``.

    Returns:
        The suites whose tables it has.

    Raises:
        FormatError: If the page does not exist, asks for nothing, or for what no ablation has made.
    """
    page = Path(page)
    if not page.is_file():
        raise FormatError(f'there is no page {page}.')
    text = page.read_text()
    found = _BLOCK.findall(text)
    if not found:
        raise FormatError(f'{page} has no <!-- ablation: SUITE --> with <!-- end --> behind it.')
    changed = _BLOCK.sub(lambda match: _block(Path(results), match[1]), text)
    with atomic_path(page) as temporary:
        temporary.write_text(changed)
    return found


def _block(results: Path, suite: str) -> str:
    path = results / f'{suite}.json'
    if not path.is_file():
        raise FormatError(f'{path} does not exist; run: python tools/ablate.py {suite}')
    # the page has headings of its own
    _, table = read_results(path).markdown().split('\n\n', 1)
    return f'<!-- ablation: {suite} -->\n{table}<!-- end -->'
