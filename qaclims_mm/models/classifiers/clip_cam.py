"""Maps of a CLIP that nobody has trained for it.

Shapes: P present classes of an image, T texts, D embedding.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from qaclims_mm.functional.cam import merge_multiscale_cams, resize, sum_over_flips
from qaclims_mm.models.classifiers.fixed_texts import FixedTexts
from qaclims_mm.models.classifiers.region_network import to_clip_input
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.registry import MODELS
from qaclims_mm.vlms.clip.grad_cam import text_grad_cams


@MODELS.register_module()
class CLIPCAM(PredictOnly):
    """Grad-CAM on CLIP's image encoder, with a softmax over present classes and backgrounds.

    CLIP sees an image at its own size, so one scale is enough; ``image_size`` of the head takes
    another one.

    Args:
        image_head: Config of a ``CLIPImageHead`` without mask prompts, whose encoder is a plain
            ViT.
        text_head: Config of a ``CLIPTextHead`` of the same CLIP.
        class_names: See ``FixedTexts``.
        background_texts: See ``FixedTexts``; those of all classes of an image compete.
        class_texts: See ``FixedTexts``.
        prompt: See ``FixedTexts``.
        scale: Factor of the cosines before the softmax.
        data_preprocessor: Config of a ``WeakDataPreprocessor``.

    Raises:
        ValueError: If the image head has mask prompts; at the first use, if the encoder is not a
            plain ViT.
        ConfigError: If the texts do not fit the classes (see ``FixedTexts``); at the first use, if
            the two heads belong to different CLIPs.

    Source:
        Lin et al., CLIP is Also an Efficient Segmenter, CVPR 2023, without its refinement by
        attention.
    """

    BY_CLASS, ALL_CLASSES = ('class_texts', 'background_texts'), ('class_names',)

    def __init__(
        self,
        image_head: dict,
        text_head: dict,
        class_names: Sequence[str],
        background_texts: Sequence[str] | Mapping[str, Sequence[str]],
        class_texts: Mapping[str, str] | None = None,
        prompt: str = 'a photo of {text}.',
        scale: float = 100.0,
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or dict(type='WeakDataPreprocessor')))
        self.image_head = MODELS.build(image_head)
        if self.image_head.mask_prompt is not None:
            raise ValueError(
                'CLIPCAM makes no masks, but image_head.mask_prompt is '
                f'{self.image_head.mask_prompt!r}; set it to None.'
            )
        self.fixed_texts = FixedTexts(class_names, background_texts, class_texts, prompt)
        self.text_head, self.scale = text_head, scale
        self._texts: Tensor | None = None

    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add the maps, as ``CAMNetwork.predict`` does.

        Args:
            inputs: For each image its normalised copies ``(3, h, w)``, one a scale.
            data_samples: Have ``class_indices``; a sample with ``failed`` is passed on as it is.
        """
        for scales, sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            maps = sum_over_flips(partial(self._maps, sample.class_indices.tolist()), scales)
            strided, high_res = merge_multiscale_cams(maps, sample.ori_shape)
            sample.set_field(sample.class_indices, 'cam_class_indices')
            sample.set_field(strided, 'cam_strided')
            sample.set_field(high_res, 'cam_high_res')
        return list(data_samples)

    def _maps(self, present: Sequence[int], images: Tensor) -> Tensor:
        """Map normalised copies of an image ``(B, 3, h, w)`` to ``(B, P, p, q)``."""
        if not present:
            return images.new_zeros(len(images), 0, 1, 1)
        images = to_clip_input(images, self.data_preprocessor, self.image_head)
        images = resize(images, self.image_head.input_size, align_corners=False)
        return self.text_maps(images, self._texts_of(present).to(images), len(present))

    def text_maps(self, images: Tensor, texts: Tensor, count: int) -> Tensor:
        """Return the maps of the first of several texts.

        Args:
            images: As CLIP takes them, ``(B, 3, H, W)``.
            texts: L2-normalised, ``(T, D)``.
            count: P, how many have maps.

        Returns:
            In [0, 1], ``(B, P, p, q)``.
        """
        return text_grad_cams(self.image_head.encoder, images, texts, count, self.scale)

    def _texts_of(self, present: Sequence[int]) -> Tensor:
        """Return the texts that compete for an image, the present classes first, ``(T, D)``."""
        if self._texts is None:
            self._texts = self.fixed_texts.encode(self.text_head, self.image_head)
        return self._texts[self.fixed_texts.competing_rows(present)]
