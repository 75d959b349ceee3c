"""Reading activation maps from disk."""

from mmcv.transforms import BaseTransform

from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import file_of, read_cams


@TRANSFORMS.register_module()
class LoadCAMs(BaseTransform):
    """Reads an image's maps into ``cam_class_indices`` (n,), ``cam_strided``, ``cam_high_res``.

    Args:
        cams: Folder of the maps.
        full_size: Whether ``cam_high_res`` is read, which IRN does not need: maps of full size
            of many classes fill the memory.

    Raises:
        RecordError: If the file is missing, broken, of an image of another size, or has a class
            that the dataset does not have.
    """

    def __init__(self, cams: str, full_size: bool = True) -> None:
        self.cams, self.full_size = cams, full_size

    @property
    def input_folder(self) -> str:
        """Folder of the stage that made the maps."""
        return self.cams

    def transform(self, results: dict) -> dict:
        """Add the maps, float32 in [0, 1]."""
        path = file_of(self.cams, results['image_id'], '.npz')
        try:
            cams = read_cams(path, self.full_size, image_size=tuple(results['ori_shape']))
        except FileNotFoundError:
            raise RecordError(
                f'maps {path} are missing; run qaclims test on the CAM config for this image'
            ) from None
        except FormatError as error:
            raise RecordError(str(error)) from error
        unknown = [k for k in cams.class_indices.tolist() if k >= results['num_classes']]
        if unknown:
            raise RecordError(
                f'maps {path} have class {unknown[0]}, but the number of classes is '
                f'{results["num_classes"]}, and the first is 0; delete them and run the CAM export '
                'again'
            )
        results['cam_class_indices'] = cams.class_indices
        results['cam_strided'] = cams.strided
        if self.full_size:
            results['cam_high_res'] = cams.high_res
        return results
