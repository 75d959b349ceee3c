"""The region image-text contrastive network.

Shapes: B images, K classes, P pairs of image and present class, D embedding, N background texts,
T texts of the bank.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.functional.cam import REGION_IMAGES, region_images, resize
from qaclims_mm.models.classifiers.cam_network import CAMNetwork
from qaclims_mm.registry import MODELS

FG_FUSIONS = ('mean', 'label_half')
TEXTS = ('corpus', 'label')


class Pairs(NamedTuple):
    """The present classes of a batch: indices (P,), text rows (P, L+1) and (P, N)."""

    image: Tensor
    label: Tensor
    fg_rows: Tensor
    bg_rows: Tensor


def collect_pairs(data_samples: Sequence[Any], texts: str = 'corpus') -> Pairs:
    """Concatenate the pairs of a batch; no value is read, so a GPU is never waited for.

    Args:
        data_samples: Have ``pairs``, ``fg_rows``, ``bg_rows`` and ``no_rows``.
        texts: ``corpus`` takes the answers, ``label`` the class and "no {class}".
    """
    image = torch.cat([s.pairs.new_full(s.pairs.shape, i) for i, s in enumerate(data_samples)])
    return Pairs(
        image,
        torch.cat([s.pairs for s in data_samples]),
        torch.cat([s.fg_rows if texts == 'corpus' else s.fg_rows[:, -1:] for s in data_samples]),
        torch.cat([s.bg_rows if texts == 'corpus' else s.no_rows for s in data_samples]),
    )


def fuse_foreground(embeddings: Tensor, valid: Tensor, fusion: str = 'mean') -> Tensor:
    """Make one text of the answers and the label.

    Args:
        embeddings: L2-normalised, ``(P, L+1, D)``, the label last.
        valid: Which of them exist, bool ``(P, L+1)``; the label always does.
        fusion: ``mean`` is the mean of all, normalised (the cosine of eq. 5); ``label_half`` is
            half the label and half the mean answer, not normalised (released code).

    Returns:
        ``(P, D)``; norm 1 for ``mean``, at most 1 for ``label_half``.
    """
    weight = valid.to(embeddings.dtype)[..., None]
    if fusion == 'mean':
        return F.normalize((embeddings * weight).sum(1), dim=-1)
    answers, label = (embeddings * weight)[:, :-1].sum(1), embeddings[:, -1]
    count = weight[:, :-1].sum(1)
    return torch.where(count > 0, 0.5 * label + 0.5 * answers / count.clamp(min=1), label)


@MODELS.register_module()
class RITC(CAMNetwork):
    """The paper's network: activation maps trained by matching regions with texts through CLIP.

    Args:
        image_head: Config of a ``CLIPImageHead`` or ``HFImageHead``; frozen, and not part of the
            checkpoint.
        text_bank: Folder of the text bank, made by the same CLIP.
        threshold: Config of ``ForegroundAdaptiveThreshold``.
        loss_frc: Config of ``FRCLoss``, or ``None``.
        loss_brc: Config of ``BRCLoss``, or ``None``.
        loss_reg: Config of ``REGLoss``, or ``None``.
        texts: ``corpus``, or ``label`` for RITC without QAPE; see ``collect_pairs``.
        fg_fusion: See ``fuse_foreground``.
        region_image: ``hard`` or ``soft``; see ``functional.cam.region_images``.
        reference_batch_size: Images a rank for which the loss weights hold. FRC and BRC are sums
            over the rank's pairs, so they are multiplied by this number / images on the rank; then
            1 rank of 8 images, 2 of 4 and 8 of 1 train the same objective.
        **kwargs: As in ``CAMNetwork``.

    Raises:
        ValueError: If an option is unknown, or (when training starts) the text bank was made by
            another CLIP.

    Source:
        Section 3.3 of the paper; train_qa_clims.py of the released code.
    """

    texts: Tensor

    def __init__(
        self,
        image_head: dict,
        text_bank: str,
        threshold: dict,
        loss_frc: dict | None,
        loss_brc: dict | None,
        loss_reg: dict | None,
        texts: str = 'corpus',
        fg_fusion: str = 'mean',
        region_image: str = 'hard',
        reference_batch_size: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, known in (
            ('texts', texts, TEXTS),
            ('fg_fusion', fg_fusion, FG_FUSIONS),
            ('region_image', region_image, REGION_IMAGES),
        ):
            if value not in known:
                raise ValueError(f'{name} must be one of {known}, but got {value!r}.')
        self.image_head = MODELS.build(image_head)
        self.threshold = MODELS.build(threshold)
        self.loss_frc, self.loss_brc, self.loss_reg = (
            MODELS.build(cfg) if cfg else None for cfg in (loss_frc, loss_brc, loss_reg)
        )
        self.text_bank, self.texts_used = text_bank, texts
        self.fg_fusion, self.region_image = fg_fusion, region_image
        self.reference_batch_size = reference_batch_size
        # Empty until training starts: predicting needs neither the texts nor CLIP.
        self.register_buffer('texts', torch.zeros(0, 0), persistent=False)

    def init_weights(self) -> None:
        """Initialise the network, and read CLIP and the text bank."""
        super().init_weights()
        self.load_texts()

    def load_texts(self) -> None:
        """Read CLIP and the text bank, and check that they belong together."""
        bank = TextBank(self.text_bank)
        self.image_head.load()
        bank.check_clip(self.image_head.weights_sha256)
        self.texts = bank.embeddings.to(self.texts.device)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return ``loss_frc``, ``loss_brc`` and ``loss_reg``, those that are configured."""
        cams = self.logits(inputs).float().sigmoid()
        losses = self.region_losses(inputs, cams, collect_pairs(data_samples, self.texts_used))
        if self.loss_reg is not None:
            losses['loss_reg'] = self.loss_reg(cams)
        return losses

    def region_losses(self, inputs: Tensor, cams: Tensor, pairs: Pairs) -> dict[str, Tensor]:
        """Return the contrastive losses of sigmoid CAMs ``(B, K, P', Q')``."""
        if len(pairs.label) == 0:
            # Every rank needs a graph to all weights, or the others wait for it for ever.
            zero = 0 * cams.sum()
            return {
                name: zero
                for name, module in (('loss_frc', self.loss_frc), ('loss_brc', self.loss_brc))
                if module is not None
            }
        regions = self.encode_regions(inputs, cams[pairs.image, pairs.label][:, None], pairs.image)
        fg_text = fuse_foreground(*self._lookup(pairs.fg_rows), self.fg_fusion)
        bg_text, bg_valid = self._lookup(pairs.bg_rows)
        scale = self.reference_batch_size / len(inputs)
        losses = {}
        if self.loss_frc is not None:
            losses['loss_frc'] = scale * self.loss_frc(regions[0], fg_text, bg_text, bg_valid)
        if self.loss_brc is not None:
            losses['loss_brc'] = scale * self.loss_brc(regions[1], fg_text, bg_text, bg_valid)
        return losses

    def encode_regions(
        self, inputs: Tensor, cams: Tensor, image_index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode the foreground and the background region of every pair in one CLIP call.

        Args:
            inputs: Normalised images, ``(B, 3, H, W)``.
            cams: Activations of the pairs, ``(P, 1, P', Q')``.
            image_index: Image of each pair, ``(P,)``.

        Returns:
            Two features ``(P, D)``, not normalised.
        """
        size = self.image_head.input_size
        images = resize(self._to_clip_input(inputs), size, align_corners=True)[image_index]
        cams = resize(cams, size, align_corners=True)
        mask = self.threshold(cams)
        regions = torch.cat(region_images(images, cams, mask, self.region_image))
        masks = torch.cat([mask, 1 - mask]) if self.image_head.mask_prompt is not None else None
        return tuple(self.image_head(regions, masks).chunk(2))

    def _to_clip_input(self, inputs: Tensor) -> Tensor:
        """Re-normalise the network's input to that of CLIP's image encoder."""
        # loaded, since a model's own constants are not known before
        if self.image_head.load().norm == 'imagenet':
            return inputs
        mean, std = (
            inputs.new_tensor(v).view(1, 3, 1, 1)
            for v in (self.data_preprocessor.mean, self.data_preprocessor.std)
        )
        return (inputs * std + mean - self.image_head.mean) / self.image_head.std

    def _lookup(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (..., D) float32 and validity (...) of rows, -1 = none."""
        if not len(self.texts):
            self.load_texts()
        return self.texts[rows.clamp(min=0).long()].float(), rows >= 0
