"""Writing a network as ONNX, and holding the file against the network."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from mmseg.models.utils import resize

from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.onnx.graphs import MapsGraph, SegmentorGraph
from qaclims_mm.exchange.onnx.metadata import metadata_of
from qaclims_mm.inference.cam_inferencer import CAMInferencer
from qaclims_mm.inference.segmenter import Segmenter
from qaclims_mm.schemas import atomic_path
from qaclims_mm.schemas.names import shown_text

OPSET = 20
# sides that a file takes, in pixels; below a stride of the backbone some networks have no cell
SMALLEST, LARGEST = 32, 16384
TOLERANCE = 1e-3
_EXAMPLE = (96, 128)
# of the comparison: batch, height, width
_CHECKED = ((1, 128, 96), (3, 97, 131))


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: The file.
        size: Height and width of its images, ``None`` if any will do.
        difference: Largest difference of a logit or a map from torch's.
        notes: What it does in another way than ``qaclims predict``.
    """

    path: Path
    size: tuple[int, int] | None
    difference: float
    notes: tuple[str, ...] = ()


def export_onnx(
    predictor: Segmenter | CAMInferencer, out: str | Path, size: tuple[int, int] | None = None
) -> Exported:
    """Write a network as ONNX and compare the file with it.

    The file takes RGB bytes; normalisation is in it. How images are read before, and what the
    outputs mean, stands in its metadata, see ``metadata_of``.

    Args:
        predictor: The network, on the CPU.
        out: The file.
        size: Height and width of the images that it takes; ``None`` is any.

    Raises:
        ConfigError: If the network cannot be exported, or the file computes something else.
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
    """
    import onnx  # noqa: F401 - what is missing is named before minutes have passed
    import onnxruntime  # noqa: F401
    import onnxscript  # noqa: F401

    path = Path(out)
    graph = (MapsGraph if isinstance(predictor, CAMInferencer) else SegmentorGraph)(predictor.model)
    graph = graph.eval()
    program = _traced(graph, size)
    program.model.metadata_props.update(metadata_of(predictor, graph, OPSET))
    with atomic_path(path) as temporary:
        program.save(temporary, external_data=False)
        difference = _difference(graph, temporary, size)
        if not difference <= TOLERANCE:
            raise ConfigError(
                f'{type(predictor.model).__name__} as ONNX differs by {difference:.2g} from torch, '
                f'more than {TOLERANCE}; {shown_text(path)} is not written. Report it.'
            )
    return Exported(path, size, difference, tuple(_notes(predictor)))


def _traced(graph: SegmentorGraph | MapsGraph, size: tuple[int, int] | None) -> Any:
    """Return the program of ONNX.

    Raises:
        ConfigError: If torch cannot make it.
    """
    height, width = size or _EXAMPLE
    image = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    dynamic: dict[int, Any] = {0: torch.export.Dim('batch', min=1, max=4096)}
    if size is None:
        dynamic[2] = torch.export.Dim('height', min=SMALLEST, max=LARGEST)
        dynamic[3] = torch.export.Dim('width', min=SMALLEST, max=LARGEST)
    try:
        with _quiet(), _sizes_unread(), torch.no_grad():
            program: Any = torch.onnx.export(
                graph,
                (image,),
                dynamo=True,
                opset_version=OPSET,
                input_names=['image'],
                output_names=list(graph.outputs),
                dynamic_shapes=(dynamic,),
                verbose=False,
            )
    # of what it cannot trace, torch raises whatever it meets
    except Exception as error:
        raise _impossible(graph, str(error.__cause__ or error), size) from error
    # torch gives up a size that may change without an error
    if any(isinstance(program.model.graph.inputs[0].shape[axis], int) for axis in dynamic):
        raise _impossible(graph, 'it computes with the numbers of one size', size)
    return program


def _impossible(
    graph: SegmentorGraph | MapsGraph, reason: str, size: tuple[int, int] | None
) -> ConfigError:
    """Return why a network cannot be exported, and what to do."""
    name, backbone = type(graph.model).__name__, type(graph.model.backbone).__name__
    fix = 'fix the size of its images: --size HEIGHT WIDTH' if size is None else 'use torch'
    return ConfigError(
        f'{name} with {backbone} cannot be exported by torch {torch.__version__} '
        f'({shorten(reason, 300)}); {fix}.'
    )


@contextlib.contextmanager
def _sizes_unread() -> Iterator[None]:
    """Keep mmseg's ``resize`` from turning sizes into numbers, which it does for a warning."""
    before = resize.__defaults__
    resize.__defaults__ = (*before[:-1], False)
    try:
        yield
    finally:
        resize.__defaults__ = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's pages of advice to itself."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)


def _difference(graph: Any, path: Path, size: tuple[int, int] | None) -> float:
    """Return the largest difference of the file's numbers from the network's."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    rng = np.random.default_rng(0)
    worst = 0.0
    for batch, height, width in _CHECKED:
        height, width = size or (height, width)
        image = rng.integers(0, 256, (batch, 3, height, width), np.uint8)
        with torch.no_grad():
            wanted = graph(torch.from_numpy(image))[0].numpy()
        found = session.run([graph.outputs[0]], dict(image=image))[0]
        if found.shape != wanted.shape:
            return float('inf')
        # NaN is no small difference either
        worst = max(worst, float(np.nan_to_num(np.abs(found - wanted), nan=np.inf).max()))
    return worst


def _notes(predictor: Segmenter | CAMInferencer) -> Iterator[str]:
    """Yield what the file does in another way than the network does in a run."""
    if isinstance(predictor, CAMInferencer):
        if tuple(predictor.scales) != (1.0,):
            scales = ', '.join(f'{scale:g}' for scale in predictor.scales)
            yield f'its maps are of scale 1 alone, those of a run are of the scales {scales}'
    elif predictor.model.test_cfg.get('mode') == 'slide':
        yield 'it sees an image at once, a run slides a window over it (test_cfg)'
