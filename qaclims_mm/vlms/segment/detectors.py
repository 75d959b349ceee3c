"""Text-prompted detectors: Grounding DINO and OWLv2 through transformers.

Shapes: H W pixels of an image, T texts, Q boxes that a detector proposes for each.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from qaclims_mm.errors import ConfigError
from qaclims_mm.ranges import check_whole
from qaclims_mm.vlms.segment.inputs import normalise, read_tokenizer, tokenize
from qaclims_mm.vlms.segment.pretrained import Pretrained


class Boxes(NamedTuple):
    """Boxes of texts.

    ``boxes`` is float32 ``(T, Q, 4)``: left, top, right and bottom in pixels; ``scores`` is float32
    ``(T, Q)`` in [0, 1].
    """

    boxes: Tensor
    scores: Tensor


class _OnceEncoded(nn.Module):
    """Gives the features of one image to each text of a batch.

    Args:
        backbone: Backbone of Grounding DINO. Its forward pass would encode the image once per text.
    """

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone, self.position_embedding = backbone, backbone.position_embedding
        self.held: Any = None

    def encode(self, pixels: Tensor) -> None:
        """Encode an image ``(1, 3, h, w)``."""
        mask = torch.ones(1, *pixels.shape[-2:], dtype=torch.long, device=pixels.device)
        self.held = self.backbone(pixels, mask)

    def forward(self, pixel_values: Tensor, pixel_mask: Tensor) -> tuple[list, list]:
        """Return feature maps with their masks, and position embeddings, of a batch."""
        number = len(pixel_values)
        maps, positions = self.held
        spread = [(m.expand(number, -1, -1, -1), mask.expand(number, -1, -1)) for m, mask in maps]
        return spread, [p.expand(number, -1, -1, -1) for p in positions]


class GroundingDINO:
    """Grounding DINO with one text per prompt, in batches that share the features of the image.

    Args:
        model: Local folder or hub id; with a ``config`` only the tokenizer is read from it.
        config: Config of a ``GroundingDinoConfig`` with random weights from ``seed``.
        image_size: Length of the short side of the resized image, and highest length of its long
            side, in pixels.
        seed: Seed of random weights.

    Raises:
        ConfigError: If an option is out of its range.
    """

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        image_size: tuple[int, int] = (800, 1333),
        seed: int = 0,
    ) -> None:
        if not isinstance(image_size, (list, tuple)) or len(image_size) != 2:
            raise ConfigError(
                f'image_size must be the lengths of a short and long side, but got {image_size!r}.'
            )
        short, long = image_size
        check_whole(**{'image_size[0]': short})
        check_whole(least=short, **{'image_size[1]': long})
        self._source, self.image_size = Pretrained(model, config, seed=seed), (short, long)

    def load(self, device: str | torch.device) -> None:
        """Read the weights, in float32, and the tokenizer.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        self.network = self._source.read(
            'GroundingDinoForObjectDetection', 'GroundingDinoConfig', device
        )
        self._tokenizer = read_tokenizer(self._source.model)
        self.network.model.backbone = _OnceEncoded(self.network.model.backbone)

    def encode(self, image: np.ndarray) -> Any:
        """Encode an RGB uint8 image ``(H, W, 3)``."""
        height, width = image.shape[:2]
        short, long = self.image_size
        scale = min(short / min(height, width), long / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        pixels = normalise(image, size, 'imagenet', self.network.device)
        self.network.model.backbone.encode(pixels)
        return pixels, (height, width)

    def detect(self, encoded: Any, texts: Sequence[str]) -> Boxes:
        """Find boxes of texts in the image that was encoded last.

        Args:
            encoded: Result of ``encode``.
            texts: T texts.
        """
        pixels, (height, width) = encoded
        length = self.network.config.max_text_len
        # it was trained with phrases that end in a full stop
        phrases = [f'{text.strip().lower().rstrip(".")}.' for text in texts]
        tokens = tokenize(self._tokenizer, phrases, length, pixels.device)
        output = self.network(pixel_values=pixels.expand(len(texts), -1, -1, -1), **tokens)
        size = pixels.new_tensor([width, height, width, height])
        scores = output.logits.float().sigmoid().amax(2)
        return Boxes(_to_corners(output.pred_boxes.float()) * size, scores)


class OWLv2:
    """OWLv2, in which all texts share the features of the image.

    Args:
        model: Local folder or hub id; with a ``config`` only the tokenizer is read from it.
        config: Config of an ``Owlv2Config`` with random weights from ``seed``.
        seed: Seed of random weights.

    Raises:
        ConfigError: If ``seed`` is out of its range.
    """

    def __init__(self, model: str, config: dict | None = None, seed: int = 0) -> None:
        self._source = Pretrained(model, config, seed=seed)

    def load(self, device: str | torch.device) -> None:
        """Read the weights, in float32, and the tokenizer.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks weights.
        """
        self.network = self._source.read('Owlv2ForObjectDetection', 'Owlv2Config', device)
        self._tokenizer = read_tokenizer(self._source.model)

    def encode(self, image: np.ndarray) -> Any:
        """Encode an RGB uint8 image ``(H, W, 3)``, padded to a square at its right and bottom."""
        height, width = image.shape[:2]
        longest = max(height, width)
        square = np.zeros((longest, longest, 3), np.uint8)
        square[:height, :width] = image
        side = self.network.config.vision_config.image_size
        pixels = normalise(square, (side, side), 'clip', self.network.device)
        return self.network.image_embedder(pixels)[0], longest

    def detect(self, encoded: Any, texts: Sequence[str]) -> Boxes:
        """Find boxes of texts in an image.

        Args:
            encoded: Result of ``encode``.
            texts: T texts.
        """
        features, longest = encoded
        network = self.network
        length = network.config.text_config.max_position_embeddings
        tokens = tokenize(self._tokenizer, texts, length, features.device)
        queries = network.owlv2.get_text_features(**tokens).pooler_output
        queries = nn.functional.normalize(queries, dim=-1)
        flat = features.flatten(1, 2)
        logits = network.class_predictor(flat, queries[None])[0]
        boxes = _to_corners(network.box_predictor(flat, features).float()) * longest
        return Boxes(boxes.expand(len(texts), -1, -1), logits[0].float().sigmoid().T)


def _to_corners(boxes: Tensor) -> Tensor:
    """Turn centre, width and height into left, top, right and bottom."""
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], -1)


DETECTORS: dict[str, Any] = {'grounding-dino': GroundingDINO, 'owlv2': OWLv2}
