"""Pictures and names as HTML, for notebooks."""

import base64
import html
import io

import numpy as np
from PIL import Image

from qaclims_mm.schemas.names import LONGEST_SHOWN, drawn_name

# longest side of a picture in a notebook, in pixels
SHOWN_SIDE = 640


def escaped(name: str) -> str:
    """Return a name in one line, as HTML shows it."""
    return html.escape(drawn_name(name, LONGEST_SHOWN))


def picture_html(pixels: np.ndarray, name: str) -> str:
    """Return an image element that holds its pixels.

    Args:
        pixels: RGB uint8 ``(H, W, 3)``.
        name: What is shown where pictures are not, escaped already.
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    file = io.BytesIO()
    picture.save(file, format='PNG')
    code = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{name}" src="data:image/png;base64,{code}">'
