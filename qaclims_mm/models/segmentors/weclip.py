"""WeCLIP: a segmentor on a frozen CLIP, trained in one stage on the maps of this CLIP.

Shapes: B images, H W pixels of CLIP's input, p q patches, P present classes, N classes with the
background, C = p q cells.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.functional.attention import (
    attention_affinity,
    box_masks,
    refine_by_affinity,
)
from qaclims_mm.functional.cam import merge_multiscale_cams, resize
from qaclims_mm.functional.pair_affinity import (
    agreeing_attention,
    cell_pairs,
    pair_affinity_loss,
)
from qaclims_mm.functional.par import DILATIONS, pixel_adaptive_refinement
from qaclims_mm.models.classifiers.fixed_texts import FixedTexts
from qaclims_mm.models.classifiers.region_network import to_clip_input
from qaclims_mm.models.training_share import training_share
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.attention import BlockOutputs, watch_blocks
from qaclims_mm.vlms.clip.grad_cam import last_block_grad_cams


class Look(NamedTuple):
    """Images ``(B, 3, H, W)`` as an image head takes them, and the outputs of its blocks."""

    images: Tensor
    head: Any
    seen: BlockOutputs


@MODELS.register_module()
class WeCLIP(BaseModel):
    """A decoder on the features of a frozen CLIP, trained on CLIP's own maps.

    A walk along CLIP's attention refines the maps of the present classes, as in ``CLIPES``. After a
    share of the training, the walk uses the attention of the blocks that agree with the decoder's
    affinity, multiplied by this affinity. PAR turns the maps into pseudo masks.

    Args:
        image_head: Config of a ``CLIPImageHead`` without mask prompts; its encoder is a plain ViT
            of open_clip.
        text_head: Config of a ``CLIPTextHead`` of the same CLIP.
        class_names: See ``FixedTexts``.
        background_texts: See ``FixedTexts``.
        decode_head: Config of a ``FrozenFeatureHead``.
        class_texts: See ``FixedTexts``.
        prompt: See ``FixedTexts``.
        test_image_size: Side of CLIP's input in pixels for prediction; by default that of the
            training.
        with_maps: Whether the maps are predicted as well as the mask.
        scale: Factor of the cosines before the softmax.
        blocks: Number of last blocks whose attention is averaged before the affinity is used.
        refined_blocks: Number of last blocks from which the affinity selects.
        refine_from: Share of the training after which the affinity is used.
        box_threshold: As in ``CLIPES``.
        radius: Largest distance in cells between the two cells of a pair in the affinity loss.
        par_steps: Number of rounds of PAR.
        dilations: Distances of PAR's neighbours in pixels.
        affinity_weight: Factor of the affinity loss.
        loss_decode: Config of the decoder's loss.
        data_preprocessor: Config of a ``WeakDataPreprocessor``.

    Raises:
        ValueError: As in ``CLIPCAM``, and if the decoder does not fit the encoder.
        ConfigError: At the first use, if the two heads belong to different CLIPs.

    Source:
        Zhang et al., Frozen CLIP: A Strong Backbone for Weakly Supervised Semantic Segmentation,
        CVPR 2024; numbers of the released code for VOC.
    """

    BY_CLASS, ALL_CLASSES = ('class_texts', 'background_texts'), ('class_names',)

    def __init__(
        self,
        image_head: dict,
        text_head: dict,
        class_names: Sequence[str],
        background_texts: Sequence[str] | Mapping[str, Sequence[str]],
        decode_head: dict,
        class_texts: Mapping[str, str] | None = None,
        prompt: str = 'a photo of {text}.',
        test_image_size: int | Sequence[int] | None = None,
        with_maps: bool = True,
        scale: float = 100.0,
        blocks: int = 8,
        refined_blocks: int = 6,
        refine_from: float = 0.5,
        box_threshold: float = 0.4,
        radius: int = 8,
        par_steps: int = 20,
        dilations: Sequence[int] = DILATIONS,
        affinity_weight: float = 0.1,
        loss_decode: dict | None = None,
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or dict(type='WeakDataPreprocessor')))
        self.image_head = MODELS.build(image_head)
        # read when it is first used, so that a run has one of the two in memory
        self.test_head = self.image_head
        if test_image_size is not None:
            self.test_head = MODELS.build({**image_head, 'image_size': test_image_size})
        if self.image_head.mask_prompt is not None:
            raise ValueError(
                'WeCLIP cannot use mask prompts, but image_head.mask_prompt is '
                f'{self.image_head.mask_prompt!r}; set it to None.'
            )
        self.fixed_texts = FixedTexts(class_names, background_texts, class_texts, prompt)
        self.decode_head = MODELS.build(decode_head)
        self.loss_decode = MODELS.build(loss_decode or dict(type='BalancedCrossEntropyLoss'))
        self.text_head, self.with_maps, self.scale = text_head, with_maps, scale
        self.blocks, self.refined_blocks, self.refine_from = blocks, refined_blocks, refine_from
        self.box_threshold, self.radius, self.par_steps = box_threshold, radius, par_steps
        self.dilations, self.affinity_weight = tuple(dilations), affinity_weight
        self._texts: Tensor | None = None

    def forward(self, inputs: Any, data_samples: Sequence[Any] = (), mode: str = 'tensor') -> Any:
        """Return logits (``tensor``), losses (``loss``) or samples with masks (``predict``).

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        if mode == 'tensor':
            return self.decode(self.look(inputs, self.image_head))[0]
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(f'mode must be tensor, loss or predict, but got {mode!r}.')

    def look(self, inputs: Tensor, head: Any) -> Look:
        """Run CLIP on normalised images.

        Args:
            inputs: Images of any size, ``(B, 3, h, w)``.
            head: Image head that reads them.
        """
        images = to_clip_input(inputs, self.data_preprocessor, head)
        images = resize(images, head.input_size, align_corners=False)
        return Look(images, head, watch_blocks(head.encoder, images))

    def decode(self, look: Look) -> tuple[Tensor, Tensor]:
        """Return the decoder's logits ``(B, N, p, q)`` and affinity in [0, 1] ``(B, C, C)``."""
        logits, fused = self.decode_head(look.seen.feature_maps())
        flat = fused.flatten(2)
        return logits, (flat.mT @ flat).sigmoid()

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Return ``loss_decode`` in nats and ``loss_affinity``, both against the pseudo masks."""
        look = self.look(inputs, self.image_head)
        logits, affinity = self.decode(look)
        trusted = affinity.detach() if training_share() >= self.refine_from else None
        present = [s.class_indices.tolist() for s in data_samples]
        masks = self.pseudo_masks(look.images, self.refined_maps(look, trusted, present), present)
        cells = F.interpolate(masks[:, None].float(), logits.shape[-2:], mode='nearest-exact')
        pairs = cell_pairs(cells[:, 0].long(), self.radius)
        scores = resize(logits, look.head.input_size, align_corners=False)
        return dict(
            loss_decode=self.loss_decode(scores, masks),
            loss_affinity=self.affinity_weight * pair_affinity_loss(affinity, pairs),
        )

    @torch.no_grad()
    def refined_maps(
        self, look: Look, affinity: Tensor | None, present: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """Return the maps of each image, ``(P, p, q)`` in [0, 1].

        Args:
            look: Result of ``look`` for the images.
            affinity: Affinity of the decoder, ``(B, C, C)``; ``None`` uses CLIP's attention only.
            present: Class indices of each image.
        """
        attention = look.seen.attention
        if affinity is None:
            walks = attention_affinity(attention[:, -self.blocks :].mean(1))
        else:
            chosen = agreeing_attention(attention[:, -self.refined_blocks :], affinity)
            walks = attention_affinity(chosen)
        maps = []
        for walk, tokens, classes in zip(walks, look.seen.tokens[-1], present, strict=True):
            cams = walk.new_zeros(0, *look.seen.grid_size)
            if classes:
                texts = self._texts_of(classes, look.head).to(walk)
                [cams] = last_block_grad_cams(
                    look.head.encoder, tokens[None], texts, len(classes), self.scale
                )
            maps.append(refine_by_affinity(cams, walk, box_masks(cams, self.box_threshold)))
        return maps

    @torch.no_grad()
    def pseudo_masks(
        self, images: Tensor, maps: Sequence[Tensor], present: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the class of each pixel after PAR; the background has 1 minus the highest map.

        Args:
            images: Images as CLIP takes them, ``(B, 3, H, W)``.
            maps: Maps of each image, ``(P, p, q)``.
            present: Class indices of each image.

        Returns:
            Masks, int64 ``(B, H, W)``: 0 background, k + 1 classes.
        """
        height, width = images.shape[-2:]
        masks = images.new_zeros(len(images), height, width, dtype=torch.long)
        for image, cams, classes, mask in zip(images, maps, present, masks, strict=True):
            if not classes:
                continue
            large = resize(cams[None], (height, width), align_corners=False)
            layers = torch.cat([1 - large.amax(1, keepdim=True), large], 1)
            refined = pixel_adaptive_refinement(image[None], layers, self.dilations, self.par_steps)
            names = torch.tensor([0, *(k + 1 for k in classes)], device=mask.device)
            mask.copy_(names[refined[0].argmax(0)])
        return masks

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``pred_sem_seg`` (1, H, W) and, with ``with_maps``, the maps as ``CAMNetwork`` does.

        Args:
            inputs: For each image its normalised copies ``(3, h, w)``, one per scale. CLIP gets
                each copy and its mirror image, resized to its own input size.
            data_samples: Have ``class_indices`` if maps are predicted; a sample with ``failed`` is
                passed on unchanged.
        """
        for copies, sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            looks = [self.look(torch.stack([x, x.flip(-1)]), self.test_head) for x in copies]
            decoded = [self.decode(look) for look in looks]
            logits = torch.stack([_merge_flips(scores) for scores, _ in decoded]).mean(0) / 2
            scores = resize(logits[None], sample.ori_shape, align_corners=False)
            sample.set_data(dict(pred_sem_seg=PixelData(data=scores.argmax(1))))
            if self.with_maps:
                self._add_maps(looks, [affinity for _, affinity in decoded], sample)
        return list(data_samples)

    def _add_maps(self, looks: Sequence[Look], affinities: Sequence[Tensor], sample: Any) -> None:
        present = [sample.class_indices.tolist()] * 2
        maps = [
            _merge_flips(torch.stack(self.refined_maps(look, affinity, present)))
            for look, affinity in zip(looks, affinities, strict=True)
        ]
        strided, high_res = merge_multiscale_cams(maps, sample.ori_shape)
        sample.set_field(sample.class_indices, 'cam_class_indices')
        sample.set_field(strided, 'cam_strided')
        sample.set_field(high_res, 'cam_high_res')

    def _texts_of(self, present: Sequence[int], head: Any) -> Tensor:
        """Return the texts that compete for an image, the present classes first, ``(T, D)``."""
        if self._texts is None:
            self._texts = self.fixed_texts.encode(self.text_head, head)
        return self._texts[self.fixed_texts.competing_rows(present)]


def _merge_flips(maps: Tensor) -> Tensor:
    """Add the maps of a mirror image, mirrored back, to those of the image: (2, ...) to (...)."""
    return maps[0] + maps[1].flip(-1)
