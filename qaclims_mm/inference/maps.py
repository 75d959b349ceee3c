"""Activation maps of one image, as a notebook shows them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qaclims_mm.inference.markup import escaped, picture_html
from qaclims_mm.visualization.overlays import HEAT

# colours of the bar, from 0 to 1
_STEPS = 9


class CAMPrediction(dict[str, Any]):
    """What ``CAMInferencer`` predicts of an image: a dict that a notebook shows as pictures.

    Args:
        values: ``image_id``, ``classes``, ``cams`` and ``mask``, see ``CAMInferencer.postprocess``.
        overlays: Each map laid over the image, RGB uint8 ``(H, W, 3)``.
        indices: Class index k of each map.
    """

    def __init__(
        self, values: dict[str, Any], overlays: Sequence[np.ndarray], indices: Sequence[int]
    ) -> None:
        super().__init__(values)
        self._overlays, self._indices = overlays, indices

    def _repr_html_(self) -> str:
        """Return the maps with a colour bar and, of each class, its share of the mask."""
        figures = ''.join(
            f'<figure style="display:inline-block;margin:.5em">{picture_html(overlay, name)}'
            f'<figcaption>{name}, {share:.1f} % of the mask</figcaption></figure>'
            for name, overlay, share in zip(
                map(escaped, self['classes']), self._overlays, self._shares(), strict=True
            )
        )
        return f'<div>{figures}{_colour_bar()}</div>'

    def _shares(self) -> list[float]:
        mask = self['mask']
        return [100 * float(np.mean(mask == k + 1)) for k in self._indices]


def _colour_bar() -> str:
    # after a network is loaded, not with it
    from matplotlib import colormaps

    rows = colormaps[HEAT](np.linspace(0, 1, _STEPS), bytes=True)[:, :3].tolist()
    colours = ','.join(f'rgb({r},{g},{b})' for r, g, b in rows)
    return (
        '<div>activation 0 <span style="display:inline-block;width:12em;height:.8em;'
        f'background:linear-gradient(to right,{colours})"></span> 1</div>'
    )
