"""Use the masks of a text-prompted segmenter as maps, for comparison with other maps."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.cam import resize
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.models.prompting import Prompting, remark_of
from qaclims_mm.registry import MODELS


@MODELS.register_module()
class PromptedMasks(PredictOnly):
    """Predicts maps with a segmenter that is prompted with the labels; nothing is trained.

    The segmenter was trained with masks. QA-CLIMS uses labels only.

    Args:
        prompting: Arguments of ``Prompting``, without ``background_answers``.

    Raises:
        ConfigError: If an option of ``Prompting`` is wrong, or background answers are used.
    """

    BY_CLASS = ('prompting.aliases',)
    PARTS = MappingProxyType(dict(prompting=Prompting))

    def __init__(self, prompting: dict) -> None:
        super().__init__()
        self.prompting = Prompting(**prompting)
        if self.prompting.background_answers:
            raise ConfigError(
                'PromptedMasks cannot use background_answers; remove this option, or use '
                'PromptedRefiner.'
            )

    @torch.no_grad()
    def predict(self, inputs: Sequence[Sequence[Tensor]], data_samples: Sequence[Any]) -> list[Any]:
        """Add ``cam_class_indices`` (n,), ``cam_strided`` (n, h, w), ``cam_high_res`` (n, H, W).

        A sample gets a ``remark`` if one of its classes is not found or is found nearly everywhere,
        and ``failed`` if the segmenter makes no masks of its image.

        Args:
            inputs: For each image a list of one copy, uint8 RGB ``(3, H, W)``.
            data_samples: Samples with ``class_indices`` and ``label_names``. A sample with
                ``failed`` is not changed.

        Returns:
            The samples in their order.

        Raises:
            ValueError: If answers are used and a sample has none.
            ConfigError: If the segmenter returns masks of another size.
        """
        for (image, *_), sample in zip(inputs, data_samples, strict=True):
            if sample.get('failed'):
                continue
            found = self.prompting.class_masks(image, sample, self.data_preprocessor.device)
            if found is None:
                continue
            strided = tuple((side - 1) // 4 + 1 for side in image.shape[-2:])
            sample.set_field(sample.class_indices, 'cam_class_indices')
            sample.set_field(found.masks, 'cam_high_res')
            sample.set_field(_shrink(found.masks, strided), 'cam_strided')
            if remark := remark_of(sample.label_names, found.problems):
                sample.set_metainfo(dict(remark=remark))
        return list(data_samples)


def _shrink(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    return (
        resize(maps[None], (size[0], size[1]), align_corners=False)[0]
        if len(maps)
        else (maps.new_zeros(0, *size))
    )
