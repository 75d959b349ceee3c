"""From activation maps on disk to confident labels."""

import numpy as np
from mmcv.transforms import BaseTransform

from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.functional.crf import CRFSettings, confident_labels
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import file_of, read_cams


@TRANSFORMS.register_module()
class LoadCAMs(BaseTransform):
    """Reads an image's maps into ``cam_class_indices`` (n,), ``cam_strided`` and ``cam_high_res``.

    Args:
        cams: Folder of the maps.

    Raises:
        RecordError: If the file is missing, broken, or of an image of another size.
    """

    def __init__(self, cams: str) -> None:
        self.cams = cams

    @property
    def input_folder(self) -> str:
        """Folder of the stage that made the maps."""
        return self.cams

    def transform(self, results: dict) -> dict:
        """Add the maps, float32 in [0, 1]."""
        path = file_of(self.cams, results['image_id'], '.npz')
        try:
            cams = read_cams(path)
        except FileNotFoundError:
            raise RecordError(
                f'maps {path} are missing; run qaclims test on the CAM config for this image'
            ) from None
        except FormatError as error:
            raise RecordError(str(error)) from error
        if cams.size != tuple(results['ori_shape']):
            raise RecordError(
                f'maps {path} are of an image of {cams.size[1]}x{cams.size[0]}, but the image has '
                f'{results["ori_shape"][1]}x{results["ori_shape"][0]}; delete them and run the CAM '
                'export again'
            )
        results['cam_class_indices'] = cams.class_indices
        results['cam_strided'], results['cam_high_res'] = cams.strided, cams.high_res
        return results


@TRANSFORMS.register_module()
class MakeIRLabel(BaseTransform):
    """Adds ``ir_label``, uint8 ``(H, W)``; see ``functional.crf.confident_labels``.

    Args:
        conf_fg: Map value of the background where foreground is looked for.
        conf_bg: The same where background is looked for.
        crf: Fields of ``CRFSettings`` that differ from the defaults.
    """

    def __init__(
        self, conf_fg: float = 0.3, conf_bg: float = 0.05, crf: dict | None = None
    ) -> None:
        self.conf_fg, self.conf_bg = conf_fg, conf_bg
        self.crf = CRFSettings(**(crf or {}))

    def transform(self, results: dict) -> dict:
        """Add the labels."""
        results['ir_label'] = confident_labels(
            results['cam_high_res'],
            results['cam_class_indices'],
            np.asarray(results['img']),
            self.conf_fg,
            self.conf_bg,
            self.crf,
        )
        return results
