"""CLIMS, which QA-CLIMS is compared with: fixed texts instead of answers about each image.

Shapes: K classes, P pairs of image and present class, D embedding, N background texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from qaclims_mm.models.classifiers.fixed_texts import FixedTexts
from qaclims_mm.models.classifiers.region_network import Pairs, RegionNetwork, collect_indices
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas.names import counted


@MODELS.register_module()
class CLIMS(RegionNetwork):
    """Maps trained by matching regions with the class and with a fixed list of backgrounds.

    Args:
        image_head: Config of a ``CLIPImageHead`` or ``HFImageHead`` without mask prompts; frozen,
            and not part of the checkpoint.
        text_head: Config of a ``CLIPTextHead`` or ``HFTextHead`` of the same CLIP; it encodes the
            texts when training starts and is then dropped.
        class_names: Classes without the background, in the order of the labels.
        background_texts: What stands beside objects: one list for all classes, or
            ``{class: list}``, where a class that is not named has none.
        loss_otm: Config of ``OTMLoss``, or ``None``.
        loss_btm: Config of ``BTMLoss``, or ``None``.
        loss_cbs: Config of ``CBSLoss``, or ``None``.
        loss_reg: Config of ``REGLoss``, or ``None``.
        class_texts: ``{class: text}`` of classes that the texts call by another name.
        prompt: Made of every text, with ``{text}`` in it.
        reference_batch_size: Images a rank for which the weights of losses that are sums over the
            rank's pairs hold; they are multiplied by this number / images on the rank. Those that
            are means are means over the pairs of all ranks. Then 1 rank of 16 images, 2 of 8 and 8
            of 2 train the same objective, that of the released code on one GPU.
        **kwargs: As in ``CAMNetwork``.

    Raises:
        ValueError: If ``class_names`` do not fit ``cam_head``, or the image head has mask prompts.
        ConfigError: If the texts do not fit the classes (see ``FixedTexts``); when training starts,
            if the two heads belong to different CLIPs.

    Source:
        Xie et al., CLIMS: Cross Language Image Matching for Weakly Supervised Semantic
        Segmentation, CVPR 2022; step/train_clims.py of CVI-SZU/CLIMS, the improved version.
    """

    BY_CLASS, ALL_CLASSES = ('class_texts', 'background_texts'), ('class_names',)
    REGION_LOSSES = ('loss_otm', 'loss_btm', 'loss_cbs')
    label_rows: Tensor
    background_rows: Tensor

    def __init__(
        self,
        image_head: dict,
        text_head: dict,
        class_names: Sequence[str],
        background_texts: Sequence[str] | Mapping[str, Sequence[str]],
        loss_otm: dict | None,
        loss_btm: dict | None,
        loss_cbs: dict | None,
        loss_reg: dict | None,
        class_texts: Mapping[str, str] | None = None,
        prompt: str = 'a photo of {text}.',
        reference_batch_size: int = 16,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_head, None, loss_reg, 'soft', reference_batch_size, **kwargs)
        if self.image_head.mask_prompt is not None:
            raise ValueError(
                f'CLIMS makes no masks, but image_head.mask_prompt is '
                f'{self.image_head.mask_prompt!r}; set it to None.'
            )
        if len(class_names) != self.cam_head.conv.out_channels:
            raise ValueError(
                f'class_names must name the {counted(self.cam_head.conv.out_channels, "class")} of '
                f'cam_head, but names {len(class_names)}.'
            )
        self.text_head = text_head
        self.loss_otm, self.loss_btm, self.loss_cbs = (
            MODELS.build(cfg) if cfg else None for cfg in (loss_otm, loss_btm, loss_cbs)
        )
        self.fixed_texts = FixedTexts(class_names, background_texts, class_texts, prompt)
        rows = torch.tensor(self.fixed_texts.label_rows, dtype=torch.int64)
        self.register_buffer('label_rows', rows, persistent=False)
        rows = torch.tensor(self.fixed_texts.background_rows, dtype=torch.int64)
        self.register_buffer('background_rows', rows, persistent=False)

    def load_texts(self) -> None:
        """Read CLIP, encode the texts, and check that both encoders are of one CLIP."""
        texts = self.fixed_texts.encode(self.text_head, self.image_head)
        self.text_embeddings = texts.to(self.text_embeddings.device)

    def collect(self, data_samples: Sequence[Any]) -> Pairs:
        """Return the pairs of a batch with their rows of the texts."""
        image, label = collect_indices(data_samples)
        return Pairs(image, label, self.label_rows[label], self.background_rows[label])

    def loss_scales(self, inputs: Tensor, pairs: Pairs) -> dict[str, Any]:
        """Return the factor of each loss; see ``reference_batch_size``."""
        scales = super().loss_scales(inputs, pairs)
        means = [name for name, module in self.configured().items() if module.reduction == 'mean']
        if means:
            number = inputs.new_tensor(len(pairs.class_index), dtype=torch.float32)
            a_rank = number.clone()
            all_reduce(a_rank, 'mean')
            scales.update(dict.fromkeys(means, number / a_rank))
        return scales

    def match(self, regions: tuple[Tensor, Tensor], pairs: Pairs) -> dict[str, Tensor]:
        """Return ``loss_otm``, ``loss_btm`` and ``loss_cbs``, those that are configured."""
        text, _ = self._lookup(pairs.fg_rows)
        losses = {}
        if self.loss_otm is not None:
            losses['loss_otm'] = self.loss_otm(regions[0], text)
        if self.loss_btm is not None:
            losses['loss_btm'] = self.loss_btm(regions[1], text)
        if self.loss_cbs is not None:
            losses['loss_cbs'] = self.loss_cbs(regions[0], *self._lookup(pairs.bg_rows))
        return losses
