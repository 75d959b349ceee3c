"""CLIMS, which QA-CLIMS is compared with: fixed texts instead of answers about each image.

Shapes: K classes, P pairs of image and present class, D embedding, N background texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from qaclims_mm.models.classifiers.region_network import Pairs, RegionNetwork, collect_labels
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import FormatError


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
        ValueError: If ``class_names`` do not fit ``cam_head``, a text is given to another class,
            ``prompt`` lacks ``{text}``, a text stands for a list, or the image head has mask
            prompts; when training starts, if the two heads are of different CLIPs.

    Source:
        Xie et al., CLIMS: Cross Language Image Matching for Weakly Supervised Semantic
        Segmentation, CVPR 2022; step/train_clims.py of CVI-SZU/CLIMS, the improved version.
    """

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
        if '{text}' not in prompt:
            raise ValueError(f'prompt must have {{text}} in it, but got {prompt!r}.')
        if len(class_names) != self.cam_head.conv.out_channels:
            raise ValueError(
                f'class_names must name the {self.cam_head.conv.out_channels} classes of cam_head, '
                f'but names {len(class_names)}.'
            )
        self.text_head = text_head
        self.loss_otm, self.loss_btm, self.loss_cbs = (
            MODELS.build(cfg) if cfg else None for cfg in (loss_otm, loss_btm, loss_cbs)
        )
        labels = _by_class(class_names, 'class_texts', class_texts or {})
        if not isinstance(background_texts, Mapping):
            background_texts = dict.fromkeys(class_names, background_texts)
        backgrounds = _by_class(class_names, 'background_texts', background_texts)
        words = [labels.get(name, name) for name in class_names]
        self._index(words, [backgrounds.get(name, ()) for name in class_names], prompt)

    def _index(self, labels: list[str], backgrounds: list[Sequence[str]], prompt: str) -> None:
        """List the distinct texts, and the rows of each class among them, -1 = none."""
        single = [texts for texts in backgrounds if isinstance(texts, str)]
        if single:
            raise ValueError(f'background_texts must be lists of texts, but got {single[0]!r}.')
        words = list(dict.fromkeys([*labels, *(text for texts in backgrounds for text in texts)]))
        self.prompted = [prompt.replace('{text}', word) for word in words]
        row = {word: i for i, word in enumerate(words)}
        rows = torch.full((len(labels), max(map(len, backgrounds), default=0)), -1)
        for own, texts in zip(rows, backgrounds, strict=True):
            own[: len(texts)] = torch.tensor([row[text] for text in texts], dtype=torch.int64)
        label_rows = torch.tensor([row[word] for word in labels])
        self.register_buffer('label_rows', label_rows, persistent=False)
        self.register_buffer('background_rows', rows, persistent=False)

    def load_texts(self) -> None:
        """Read CLIP, encode the texts, and check that both encoders are of one CLIP."""
        head = MODELS.build(self.text_head).load()
        self.image_head.load()
        if head.weights_sha256 != self.image_head.weights_sha256:
            raise FormatError(
                f'text_head {head.model} ({head.weights_sha256[:8]}) and image_head '
                f'{self.image_head.model} ({self.image_head.weights_sha256[:8]}) must be of one '
                'CLIP; give both the same model and pretrained.'
            )
        # a copy: those made in inference mode take no part in training
        self.texts = head.encode(self.prompted).to(self.texts.device, copy=True)

    def collect(self, data_samples: Sequence[Any]) -> Pairs:
        """Return the pairs of a batch with their rows of the texts."""
        image, label = collect_labels(data_samples)
        return Pairs(image, label, self.label_rows[label], self.background_rows[label])

    def loss_scales(self, inputs: Tensor, pairs: Pairs) -> dict[str, Any]:
        """Return the factor of each loss; see ``reference_batch_size``."""
        scales = super().loss_scales(inputs, pairs)
        means = [name for name, module in self.configured().items() if module.reduction == 'mean']
        if means:
            number = inputs.new_tensor(len(pairs.label), dtype=torch.float32)
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


def _by_class(class_names: Sequence[str], name: str, texts: Mapping[str, Any]) -> dict[str, Any]:
    """Check and return what is given by class."""
    unknown = sorted(set(texts) - set(class_names))
    if unknown:
        raise ValueError(f'{name} must be of classes in class_names, but also names {unknown}.')
    return dict(texts)
