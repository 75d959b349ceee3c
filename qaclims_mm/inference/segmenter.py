"""Masks by a trained segmentor."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope

import qaclims_mm.plugin  # noqa: F401 - registers what configs name
from qaclims_mm.datasets.class_names import class_names_of
from qaclims_mm.datasets.collate import list_collate
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.inference.networks import Weights, build_network
from qaclims_mm.inference.pictures import Picture, check_image, read_ahead, read_picture
from qaclims_mm.inference.segmentation import Segmentation
from qaclims_mm.inference.tiles import tiles_of
from qaclims_mm.paths import config_file
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import resize_mask
from qaclims_mm.schemas.images import find_images
from qaclims_mm.schemas.names import shown_text

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
        tile: Longest side in pixels up to which an image is segmented at once. A larger one is
            segmented in tiles that overlap, at the size of its file. By default it is made as small
            as the config reads images (``max_side``).

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
        self,
        config: str | Path | Config,
        weights: Weights,
        device: str | None = None,
        tile: int | None = None,
    ) -> None:
        init_default_scope('mmseg')
        self.cfg = config if isinstance(config, Config) else read_config(config_file(config))
        self.model = build_network(self.cfg.model, weights, device or get_device())
        reading, *steps = self.cfg.test_dataloader.dataset.pipeline
        self._steps = [TRANSFORMS.build(step) for step in steps if step.type not in _OF_TRUTH]
        self.reading = {k: v for k, v in reading.items() if k in ('oriented', 'max_side')}
        self.tile = tile
        if tile is not None:
            # at full size
            self.reading.pop('max_side', None)
        self.classes = class_names_of(self.cfg.test_dataloader.dataset)

    def __call__(self, images: ImageOrFolder | Iterable[ImageOrFolder]) -> list[Segmentation]:
        """Segment images.

        Args:
            images: File, folder (whose images are taken, those of its folders too), RGB uint8
                array ``(H, W, 3)``, or several of these in any iterable.

        Returns:
            One result for each image, in order; images of a folder are sorted by their paths.

        Raises:
            TypeError: If an image is neither a path nor an array.
            FormatError: If there is no such file, or no image in a folder.
            RecordError: If an image cannot be read.
        """
        return list(self.stream(images))

    def stream(self, images: ImageOrFolder | Iterable[ImageOrFolder]) -> Iterator[Segmentation]:
        """Yield the results one by one, which takes the memory of one image; see ``__call__``."""
        for _, reading in read_ahead(list_images(_as_several(images)), self.read):
            yield self.predict(reading.result())

    def segment(self, image: str | Path | np.ndarray) -> Segmentation:
        """Segment one image.

        Raises:
            TypeError: If it is neither a path nor an array.
            FormatError: If it is a folder.
            RecordError: If it cannot be read.
        """
        if isinstance(image, (str, Path)) and os.path.isdir(image):
            raise FormatError(
                f'{shown_text(image)} is a folder, and segment takes one image; call the segmenter '
                'itself for all images of a folder: segmenter(folder).'
            )
        return self.predict(self.read(image))

    def read(self, image: str | Path | np.ndarray) -> Picture:
        """Read an image as the config says, for ``predict``; any thread may do it.

        Raises:
            RecordError: If it cannot be read.
        """
        return read_picture(image, self.reading)

    def predict(self, picture: Picture) -> Segmentation:
        """Segment an image that was read."""
        height, width = picture.pixels.shape[:2]
        mask = np.empty((height, width), np.uint8 if len(self.classes) <= 256 else np.uint16)
        for tile in tiles_of((height, width), self.tile or max(height, width)):
            mask[tile.kept] = self._labels_of(picture.pixels[tile.place])[tile.inside]
        if mask.max(initial=0) <= 255:
            mask = mask.astype(np.uint8, copy=False)
        if picture.size != mask.shape:
            mask = resize_mask(mask, picture.size)
        return Segmentation(picture.image, mask, self.classes, self.reading)

    @torch.no_grad()
    def _labels_of(self, pixels: np.ndarray) -> np.ndarray:
        """Return the values of a mask, ``(H, W)``, of RGB pixels."""
        record: dict[str, Any] = dict(
            img=np.ascontiguousarray(pixels[..., ::-1]),
            img_path='',
            image_id='',
            img_shape=pixels.shape[:2],
            ori_shape=pixels.shape[:2],
        )
        for step in self._steps:
            record = step(record)
        [sample] = self.model.test_step(list_collate([record]))
        return sample.pred_sem_seg.data.squeeze(0).cpu().numpy()


def _as_several(images: ImageOrFolder | Iterable[ImageOrFolder]) -> Iterable[ImageOrFolder]:
    if isinstance(images, (str, bytes, Path, np.ndarray)) or not isinstance(images, Iterable):
        return [images]
    return images


def list_images(images: Iterable[ImageOrFolder]) -> Iterator[Path | np.ndarray]:
    """Yield files and arrays as they are, and the images of folders.

    Raises:
        TypeError: If one is neither a path nor an array.
        FormatError: If there is no such file, or no image in a folder.
    """
    for image in images:
        check_image(image)
        if isinstance(image, np.ndarray):
            yield image
        else:
            yield from list_files(Path(image))


def list_files(place: Path) -> list[Path]:
    """Return a file, or the images of a folder.

    Raises:
        FormatError: If there is no such file, or no image in the folder.
    """
    # false for a name that no file can have, which pathlib raises of
    if os.path.isfile(place):
        return [place]
    if not os.path.isdir(place):
        raise FormatError(f'there is no image or folder {shown_text(place)}.')
    found = list(find_images(place))
    if not found:
        raise FormatError(f'there is no image in the folder {shown_text(place)}.')
    return found
