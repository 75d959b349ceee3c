"""Masks by a trained segmentor."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import qaclims_mm.plugin  # noqa: F401 - registers what configs name
from qaclims_mm.datasets.class_names import class_names_of
from qaclims_mm.datasets.collate import list_collate
from qaclims_mm.datasets.read_image import read_image
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError, RecordError
from qaclims_mm.inference.networks import build_network
from qaclims_mm.inference.segmentation import Segmentation
from qaclims_mm.paths import config_file
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import resize_mask, voc_palette
from qaclims_mm.schemas.images import find_images

ImageOrFolder = str | Path | np.ndarray
# steps of a pipeline that read ground truth, which a new image has not
_OF_TRUTH = ('LoadMask', 'LoadAnnotations')


class Segmenter:
    """A segmentor that is loaded once and predicts many images.

    Args:
        config: Config of the segmentor, ours or any of mmseg's: a file, the name of a config that
            ships, or what ``read_config`` returns.
        weights: Checkpoint.
        device: Device; by default a GPU if there is one.

    Raises:
        ConfigError: If there is no such config.
        FormatError: If there is no such checkpoint, or its weights are not the model's.

    Example:
        >>> from qaclims_mm.inference import Segmenter
        >>> from qaclims_mm.miniworld.generate import make_picture
        >>> image = make_picture(seed=999, index=0, size=112)[1].image
        >>> name = 'deeplabv2_r18-mini_qa-clims-irn_1xb16-10e_miniworld-112x112'
        >>> segmenter = Segmenter(name, 'miniworld://segment/r18-mini.safetensors', device='cpu')
        >>> [found] = segmenter(image)
        >>> found.mask.shape, str(found.mask.dtype), found.classes[0]
        ((112, 112), 'uint8', 'background')
    """

    def __init__(
        self, config: str | Path | Config, weights: str | Path, device: str | None = None
    ) -> None:
        init_default_scope('mmseg')
        self.cfg = config if isinstance(config, Config) else read_config(config_file(config))
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.model = build_network(self.cfg.model, weights, device)
        reading, *steps = self.cfg.test_dataloader.dataset.pipeline
        self._steps = [TRANSFORMS.build(step) for step in steps if step.type not in _OF_TRUTH]
        self._reading = {k: v for k, v in reading.items() if k in ('oriented', 'max_side')}
        self.classes = class_names_of(self.cfg.test_dataloader.dataset)
        self.palette = _colours()

    def __call__(self, images: ImageOrFolder | Sequence[ImageOrFolder]) -> list[Segmentation]:
        """Segment images.

        Args:
            images: File, folder (whose images are taken, those of its folders too), RGB uint8
                array ``(H, W, 3)``, or several of these.

        Returns:
            One result for each image, in order; images of a folder are sorted by their paths.

        Raises:
            FormatError: If there is no such file, or no image in a folder.
            RecordError: If an image cannot be read.
        """
        return list(self.stream(images))

    def stream(self, images: ImageOrFolder | Sequence[ImageOrFolder]) -> Iterator[Segmentation]:
        """Yield the results one by one, which takes the memory of one image; see ``__call__``."""
        given = [images] if isinstance(images, (str, Path, np.ndarray)) else images
        for image in list_images(given):
            yield self.segment(image)

    @torch.no_grad()
    def segment(self, image: Path | np.ndarray) -> Segmentation:
        """Segment one image.

        Raises:
            RecordError: If it cannot be read.
        """
        pixels, size = self._read(image)
        record: dict[str, Any] = dict(
            img=np.ascontiguousarray(pixels[..., ::-1]),
            img_path='' if isinstance(image, np.ndarray) else str(image),
            image_id='',
            img_shape=pixels.shape[:2],
            ori_shape=pixels.shape[:2],
        )
        for step in self._steps:
            record = step(record)
        [sample] = self.model.test_step(list_collate([record]))
        mask = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
        mask = mask.astype(np.uint8 if mask.max(initial=0) <= 255 else np.uint16)
        return Segmentation(
            image, resize_mask(mask, size), self.classes, self.palette, self._reading
        )

    def _read(self, image: Path | np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        """Return the pixels, and height and width of the file."""
        if isinstance(image, np.ndarray):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
                raise RecordError(
                    f'an image must be RGB uint8 (H, W, 3), but got {image.dtype} {image.shape}.'
                )
            return image, image.shape[:2]
        try:
            return read_image(image, **self._reading)
        except OSError as error:
            raise RecordError(f'image {image} cannot be read ({error}); replace it.') from error


def list_images(images: Iterable[ImageOrFolder]) -> Iterator[Path | np.ndarray]:
    """Yield files and arrays as they are, and the images of folders.

    Raises:
        FormatError: If there is no such file, or no image in a folder.
    """
    for image in images:
        if isinstance(image, np.ndarray):
            yield image
        else:
            yield from list_files(Path(image))


def list_files(place: Path) -> list[Path]:
    """Return a file, or the images of a folder.

    Raises:
        FormatError: If there is no such file, or no image in the folder.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise FormatError(f'there is no image or folder {place}.')
    found = list(find_images(place))
    if not found:
        raise FormatError(f'there is no image in the folder {place}.')
    return found


def _colours() -> tuple[tuple[int, int, int], ...]:
    """Return the colours of a mask's values."""
    flat = voc_palette()
    return tuple((flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 3))
