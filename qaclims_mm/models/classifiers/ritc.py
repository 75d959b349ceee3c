"""The region image-text contrastive network.

Shapes: K classes, P pairs of image and present class, D embedding, L answers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.functional.cam import REGION_IMAGES
from qaclims_mm.models.classifiers.region_network import Pairs, RegionNetwork, collect_indices
from qaclims_mm.registry import MODELS

FG_FUSIONS = ('mean', 'label_half')
TEXT_SOURCES = ('corpus', 'label')


def collect_pairs(data_samples: Sequence[Any], text_source: str = 'corpus') -> Pairs:
    """Concatenate the pairs of a batch; no value is read, so a GPU is never waited for.

    Args:
        data_samples: Have ``class_indices``, ``fg_rows``, ``bg_rows`` and ``no_rows``.
        text_source: ``corpus`` takes the answers, ``label`` the class and "no {class}".
    """
    return Pairs(
        *collect_indices(data_samples),
        torch.cat(
            [s.fg_rows if text_source == 'corpus' else s.fg_rows[:, -1:] for s in data_samples]
        ),
        torch.cat([s.bg_rows if text_source == 'corpus' else s.no_rows for s in data_samples]),
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
class RITC(RegionNetwork):
    """The paper's network: activation maps trained by matching regions with texts through CLIP.

    Args:
        image_head: Config of a ``CLIPImageHead`` or ``HFImageHead``; frozen, and not part of the
            checkpoint.
        text_bank: Folder of the text bank, made by the same CLIP.
        threshold: Config of ``ForegroundAdaptiveThreshold``; ``None`` is without FAT: CLIP gets no
            mask, and ``region_image`` must be ``soft``.
        loss_frc: Config of ``FRCLoss``, or ``None``.
        loss_brc: Config of ``BRCLoss``, or ``None``.
        loss_reg: Config of ``REGLoss``, or ``None``.
        text_source: ``corpus``, or ``label`` for RITC without QAPE; see ``collect_pairs``.
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

    REGION_LOSSES = ('loss_frc', 'loss_brc')

    def __init__(
        self,
        image_head: dict,
        text_bank: str,
        threshold: dict | None,
        loss_frc: dict | None,
        loss_brc: dict | None,
        loss_reg: dict | None,
        text_source: str = 'corpus',
        fg_fusion: str = 'mean',
        region_image: str = 'hard',
        reference_batch_size: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            image_head, threshold, loss_reg, region_image, reference_batch_size, **kwargs
        )
        for name, value, known in (
            ('text_source', text_source, TEXT_SOURCES),
            ('fg_fusion', fg_fusion, FG_FUSIONS),
            ('region_image', region_image, REGION_IMAGES),
        ):
            if value not in known:
                raise ValueError(f'{name} must be one of {known}, but got {value!r}.')
        self.loss_frc, self.loss_brc = (
            MODELS.build(cfg) if cfg else None for cfg in (loss_frc, loss_brc)
        )
        self.text_bank, self.text_source, self.fg_fusion = text_bank, text_source, fg_fusion

    def load_texts(self) -> None:
        """Read CLIP and the text bank, and check that they belong together."""
        bank = TextBank(self.text_bank)
        self.image_head.load()
        bank.check_clip(self.image_head.weights_sha256)
        self.text_embeddings = bank.embeddings.to(self.text_embeddings.device)

    def collect(self, data_samples: Sequence[Any]) -> Pairs:
        """Return the pairs of a batch with their rows of the text bank."""
        return collect_pairs(data_samples, self.text_source)

    def match(self, regions: tuple[Tensor, Tensor], pairs: Pairs) -> dict[str, Tensor]:
        """Return ``loss_frc`` and ``loss_brc``, those that are configured."""
        fg_text = fuse_foreground(*self._lookup(pairs.fg_rows), self.fg_fusion)
        texts = fg_text, *self._lookup(pairs.bg_rows)
        losses = {}
        if self.loss_frc is not None:
            losses['loss_frc'] = self.loss_frc(regions[0], *texts)
        if self.loss_brc is not None:
            losses['loss_brc'] = self.loss_brc(regions[1], *texts)
        return losses
