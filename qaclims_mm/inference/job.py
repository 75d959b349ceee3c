"""Masks of many images, in a folder: part by part, and again where a killed run stopped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qaclims_mm.engine.shards import Shard
from qaclims_mm.errors import RecordError
from qaclims_mm.inference.cam_inferencer import THRESHOLD, CAMInferencer
from qaclims_mm.inference.folder import MaskFolder
from qaclims_mm.inference.known_labels import KnownLabels
from qaclims_mm.inference.models import FoundModel, load_found
from qaclims_mm.inference.pictures import Picture, read_ahead
from qaclims_mm.inference.segmentation import Segmentation
from qaclims_mm.inference.segmenter import Segmenter
from qaclims_mm.inference.sources import Sources
from qaclims_mm.inference.video import count_frames, frame_id, read_frames
from qaclims_mm.progress import track
from qaclims_mm.schemas import hash_config, hash_file


@dataclass(frozen=True)
class Item:
    """An image that is asked for.

    Attributes:
        image_id: Its id.
        image: Its file, or the pixels of a frame.
        source: Id of the image, or of the frame's video.
    """

    image_id: str
    image: Path | np.ndarray
    source: str


class PredictionJob:
    """Masks of images by a network that is loaded once.

    Args:
        found: The network.
        sources: The images.
        device: By default a GPU if there is one.
        tile: Of a segmentor, see ``Segmenter``.
        every: Of a video, a frame of so many is taken.
        shard: Part of the images that is predicted; ``None`` is all.
        labels: For a network of maps, see ``KnownLabels``; ``None`` asks the network.
        threshold: For a network of maps: map value of the background.

    Raises:
        FormatError: If the weights are not the network's, or a table of labels is wrong.
        ConfigError: If a label is unknown, or none is given and the network does not tell.
    """

    def __init__(
        self,
        found: FoundModel,
        sources: Sources,
        device: str | None = None,
        tile: int | None = None,
        every: int = 1,
        shard: Shard | None = None,
        labels: Sequence[str] | None = None,
        threshold: float = THRESHOLD,
    ) -> None:
        self._found, self._sources, self._tile, self._every = found, sources, tile, every
        self._shard = shard or Shard(1, 1)
        self._threshold = threshold
        self._predictor = load_found(found, device, tile)
        self._labels: KnownLabels | None = None
        if isinstance(self._predictor, CAMInferencer):
            if labels:
                self._labels = KnownLabels(labels, self._predictor.class_names)
            else:
                self._predictor.check_tells()
        self.classes = self._predictor.classes
        # ids of what was asked for, and how many images of a run were larger than a tile
        self.seen: list[str] = []
        self.tiled = 0
        self._failed: list[str] = []

    def fingerprint(self) -> dict[str, str]:
        """Return what the masks depend on."""
        keys = ('model', 'test_dataloader')
        config = {k: self._found.config[k].to_dict() for k in keys}
        known = dict(
            config=hash_config(config),
            weights=hash_file(self._found.file),
            tile=str(self._tile or ''),
        )
        if self._found.makes_maps:
            known['threshold'] = str(self._threshold)
            known['labels'] = self._labels.fingerprint() if self._labels else ''
        return known

    def run(self, folder: MaskFolder) -> list[str]:
        """Write the masks that are not there yet; returns what is wrong with the others."""
        self.seen, self._failed, self.tiled = [], [], 0
        items = track(self._items(folder), 'predicting', self._number())
        for item, reading in read_ahead(items, lambda item: self._predictor.read(item.image)):
            try:
                picture = reading.result()
                folder.write(item.image_id, self._predict(item, picture), picture.pixels)
            except RecordError as error:
                self._failed.append(str(error))
        return self._failed

    def _predict(self, item: Item, picture: Picture) -> Segmentation:
        if isinstance(self._predictor, Segmenter):
            self.tiled += bool(self._tile and max(picture.size) > self._tile)
            return self._predictor.predict(picture)
        labels = self._labels.of(item.source) if self._labels else None
        return self._predictor.predict(picture, labels, self._threshold)

    def _number(self) -> int:
        frames = sum(count_frames(path, self._every) for path in self._sources.videos.values())
        return (len(self._sources.images) + frames) // self._shard.parts

    def _items(self, folder: MaskFolder) -> Iterator[Item]:
        """Yield what has no mask yet, and note all that is asked for."""
        share = self._shard.share([[image_id] for image_id in sorted(self._sources.images)])
        for image_id, path in self._sources.images.items():
            if image_id in share:
                yield from self._new(folder, Item(image_id, path, image_id))
        for video, path in self._sources.videos.items():
            try:
                yield from self._frames(folder, video, path)
            except RecordError as error:
                self._failed.append(str(error))

    def _frames(self, folder: MaskFolder, video: str, path: Path) -> Iterator[Item]:
        for number, pixels in read_frames(path, self._every):
            if number // self._every % self._shard.parts == self._shard.number - 1:
                yield from self._new(folder, Item(frame_id(video, number), pixels, video))

    def _new(self, folder: MaskFolder, item: Item) -> Iterator[Item]:
        self.seen.append(item.image_id)
        if not folder.is_done(item.image_id):
            yield item
