"""IRN: boundaries learnt from confident labels, over which activation maps are spread.

Shapes: B images, H W pixels, h w cells of stride 4, n classes of an image.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from math import ceil
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from qaclims_mm.functional.cam import group_by_size, sum_over_flips
from qaclims_mm.functional.irn_losses import affinity_labels, irn_losses
from qaclims_mm.functional.irn_walk import PathIndex, random_walk
from qaclims_mm.models.folding import fold_for_test
from qaclims_mm.models.max_pool import speed_up_max_pool
from qaclims_mm.models.refiners.normalise import check_normalisation, divide_by_peak
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.schemas.names import counted


# training has one size
@lru_cache(maxsize=4)
def _path_index(radius: float, size: tuple[int, int], device: torch.device) -> PathIndex:
    return PathIndex(radius, size).to(device)


def _mean_over_ranks(values: Tensor) -> Tensor:
    all_reduce(values, 'mean')
    return values


# a walk is thousands of small operations, whose calls cost more than they do on small maps and on
# a GPU; beyond that many cells at once it is the other way round on a CPU
_CELLS = {'cpu': 2**12, 'cuda': 2**20}


@MODELS.register_module()
class IRNRefiner(BaseModel):
    """A frozen backbone and IRN's two branches.

    Args:
        backbone: Config of a backbone with as many stages as the heads read, or of one with the
            others and a ``stem``.
        edge_head: Config of an ``IRNEdgeHead``.
        displacement_head: Config of an ``IRNDisplacementHead``.
        stem: Name of the module whose output is the first stage, if the backbone returns only the
            others (mmseg's ResNets: ``maxpool``).
        train_radius: Radius of the paths in training, in cells.
        radius: Radius of the random walk, in cells.
        beta: Contrast of its affinities.
        exp_times: Logarithm of its number of steps.
        normalise: Whether refined maps are divided by the highest peak of the ``image`` (released
            code) or each by that of its ``class``.
        pad_to: Side in pixels to which a smaller image is padded, at its right and bottom, when
            edges are predicted: IRN pads to 512, the released code does not.
        data_preprocessor: Config of a ``WeakDataPreprocessor``.
        init_cfg: As in mmengine's ``BaseModule``.

    Raises:
        ValueError: If ``normalise`` is unknown.

    Source:
        net/resnet50_irn.py, train_irn.py and make_sem_seg_labels.py of the released code.
    """

    def __init__(
        self,
        backbone: dict,
        edge_head: dict,
        displacement_head: dict,
        stem: str | None = 'maxpool',
        train_radius: float = 10,
        radius: float = 5,
        beta: float = 10.0,
        exp_times: int = 8,
        normalise: str = 'image',
        pad_to: int | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            MODELS.build(data_preprocessor or dict(type='WeakDataPreprocessor')), init_cfg
        )
        self.backbone = speed_up_max_pool(MODELS.build(backbone)).requires_grad_(False)
        self.edge_head = MODELS.build(edge_head)
        self.displacement_head = MODELS.build(displacement_head)
        check_normalisation(normalise)
        self.train_radius, self.normalise, self.pad_to = train_radius, normalise, pad_to
        self.walk: dict[str, Any] = dict(radius=radius, beta=beta, exp_times=exp_times)
        self._stem: list[Tensor] = []
        if stem is not None:
            module = self.backbone.get_submodule(stem)
            module.register_forward_hook(lambda _module, _inputs, out: self._stem.append(out))

    def train(self, mode: bool = True) -> 'IRNRefiner':
        """Set the mode of the heads; the backbone and its statistics never move."""
        super().train(mode)
        self.backbone.eval()
        return self

    @torch.no_grad()
    def stages(self, inputs: Tensor, backbone: nn.Module | None = None) -> list[Tensor]:
        """Return the feature maps of images.

        Args:
            inputs: ``(B, 3, H, W)``.
            backbone: Backbone to use in place of the network's own.

        Raises:
            ValueError: If there are not as many as the heads read.
        """
        self._stem.clear()
        maps = [*(backbone or self.backbone)(inputs)]
        maps = [*self._stem, *maps]
        self._stem.clear()
        wanted = len(self.edge_head.factors)
        if len(maps) != wanted:
            raise ValueError(
                f'the heads read {counted(wanted, "stage")}, but backbone and stem give '
                f'{len(maps)}; set out_indices and stem.'
            )
        return maps

    def forward(self, inputs: Any, data_samples: Sequence[Any] = (), mode: str = 'tensor') -> Any:
        """Return edge logits and displacements (``tensor``), losses or refined samples.

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        if mode == 'tensor':
            stages = self.stages(inputs)
            return self.edge_head(stages), self.displacement_head(stages)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(f'mode must be tensor, loss or predict, but got {mode!r}.')

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return IRN's four losses, weighted so that their sum is its total.

        Ranks share the numbers of their pairs, so their steps are those of one with all images.
        Batches that an optimizer wrapper accumulates do not: each is divided by its own number.

        Args:
            inputs: ``(B, 3, H, W)``.
            data_samples: Have ``gt_sem_seg``, confident labels ``(1, H', W')``; where an image is
                smaller than the canvas, nothing is known beside it.
        """
        edge, displacement = self.forward(inputs)
        index = _path_index(self.train_radius, tuple(edge.shape[-2:]), edge.device)
        labels = affinity_labels(self._cells(inputs, data_samples, edge.shape[-2:]), index)
        return irn_losses(edge, displacement, labels, index, _mean_over_ranks)

    @staticmethod
    def _cells(inputs: Tensor, data_samples: Sequence[Any], size: Sequence[int]) -> Tensor:
        """Return the label in the middle of each cell, ``(B, h, w)``."""
        canvas = inputs.new_full((len(inputs), 1, *inputs.shape[-2:]), IGNORE_INDEX)
        for target, sample in zip(canvas, data_samples, strict=True):
            mask, (top, left) = sample.gt_sem_seg.data, sample.get('pad_offset', (0, 0))
            target[:, top : top + mask.shape[-2], left : left + mask.shape[-1]] = mask
        return F.interpolate(canvas, size=tuple(size), mode='nearest-exact')[:, 0].long()

    @torch.no_grad()
    def edges(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the edges ``(h, w)`` in [0, 1] of images ``(3, H, W)`` and their mirror images."""
        backbone = fold_for_test(self.backbone, self.data_preprocessor.device)
        edge_logits = partial(self._edge_logits, backbone=backbone)
        return [(logits[0] / 2).sigmoid() for logits in sum_over_flips(edge_logits, images)]

    def _edge_logits(self, images: Tensor, backbone: nn.Module) -> Tensor:
        """Return the logits ``(B, 1, h, w)`` of the cells that images ``(B, 3, H, W)`` cover."""
        height, width = images.shape[-2:]
        side = self.pad_to or 0
        padded = F.pad(images, (0, max(0, side - width), 0, max(0, side - height)))
        logits = self.edge_head(self.stages(padded, backbone))
        return logits[..., : ceil(height / 4), : ceil(width / 4)]

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``refined_maps`` ``(n, H, W)`` in [0, 1]: the maps, spread up to the edges.

        Args:
            inputs: For each image a list of one normalised copy ``(3, H, W)``.
            data_samples: Have ``cam_strided`` ``(n, h, w)``; one with ``failed`` is passed on.
        """
        pairs = zip(inputs, data_samples, strict=True)
        whole = [(image, sample) for (image, *_), sample in pairs if not sample.get('failed')]
        images = [image for image, _ in whole]
        cams = [sample.cam_strided.to(image) for image, sample in whole]
        edges = [
            edge[: maps.shape[-2], : maps.shape[-1]]
            for edge, maps in zip(self.edges(images), cams, strict=True)
        ]
        for (image, sample), maps in zip(whole, self._walk(cams, edges), strict=True):
            sample.set_field(self._full_size(maps, image.shape[-2:]), 'refined_maps')
        return list(data_samples)

    def _walk(self, cams: Sequence[Tensor], edges: Sequence[Tensor]) -> list[Tensor]:
        """Spread the maps ``(n, h, w)`` of images, those of equal size together."""
        walked: dict[int, Tensor] = {}
        at_once = _CELLS.get(edges[0].device.type, _CELLS['cuda']) if edges else 0
        for group in group_by_size(edges, at_once):
            # the stencil is the same for all maps of an image: those that lack some walk as zeros
            batch = pad_sequence([cams[i] for i in group], batch_first=True)
            maps = random_walk(batch, torch.stack([edges[i] for i in group]), **self.walk)
            walked.update((i, m[: len(cams[i])]) for i, m in zip(group, maps, strict=True))
        return [walked[i] for i in range(len(edges))]

    def _full_size(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        """Upsample maps of stride 4 and divide them by their peak."""
        if not len(maps):
            return maps.new_zeros(0, *size)
        maps = F.interpolate(maps[None], scale_factor=4, mode='bilinear', align_corners=False)[0]
        # in place: a copy of all maps at full size would double the memory
        return divide_by_peak(maps[..., : size[0], : size[1]].clamp_(min=0), self.normalise)
