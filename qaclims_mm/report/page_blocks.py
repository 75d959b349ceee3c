"""Parts of a page of documentation that are made from numbers, between markers."""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.report.blocks import Picture
from qaclims_mm.schemas import atomic_path


def fill_blocks(page: str | Path, make: Mapping[str, Callable[[str], str]], marker: str) -> None:
    """Fill a Markdown page between ``<!-- KIND: NAME -->`` and ``<!-- end -->``.

    Args:
        page: The page, which is rewritten.
        make: {kind: function that returns the text of a name}.
        marker: A marker for the message about a page that has none.

    Raises:
        FormatError: If the page does not exist or asks for nothing.
    """
    page = Path(page)
    if not page.is_file():
        raise FormatError(f'there is no page {page}.')
    block = re.compile(rf'<!-- ({"|".join(make)}): ([\w-]+) -->\n.*?<!-- end -->', re.DOTALL)
    text = page.read_text(encoding='utf-8')
    if not block.search(text):
        raise FormatError(f'{page} has no {marker} with <!-- end --> behind it.')
    changed = block.sub(
        lambda m: f'<!-- {m[1]}: {m[2]} -->\n{make[m[1]](m[2])}\n<!-- end -->', text
    )
    with atomic_path(page) as temporary:
        temporary.write_text(changed, encoding='utf-8')


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture; what is drawn on nothing gets white paper, which shows on dark pages too.

    Args:
        picture: The picture.
        path: The file.
    """
    content = picture.content
    if picture.plot:
        image = Image.open(io.BytesIO(content)).convert('RGBA')
        paper = Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
        smaller, buffer = paper.convert('RGB').quantize(128), io.BytesIO()
        smaller.save(buffer, format='PNG', optimize=True)
        content = buffer.getvalue()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
