"""The networks of the page, which are asked by one thread at a time."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from qaclims_mm.datasets.transforms.formatting import to_chw
from qaclims_mm.demo.found import Explained, Found
from qaclims_mm.demo.networks import Networks
from qaclims_mm.demo.overview import overview
from qaclims_mm.demo.proposing import CLIPProposer, clip_proposer_of, propose_by_questions
from qaclims_mm.errors import ConfigError
from qaclims_mm.inference.cam_inferencer import MAX_SIDE, CAMInferencer
from qaclims_mm.inference.networks import build_network
from qaclims_mm.inference.pictures import Picture, read_picture
from qaclims_mm.inference.segmenter import Segmenter
from qaclims_mm.models.predict_only import PredictOnly
from qaclims_mm.registry import MODELS

# classes about each of which a VQA model is asked whether it is there, at most
ASKED = 100


class Explainer:
    """Networks that are loaded once and asked by one thread at a time.

    Args:
        networks: The networks.
        refiner_weights: Checkpoint of the refiner, if it was trained.
        device: By default a GPU if there is one.
        max_side: Longest side in pixels that an image is read with; ``None`` is that of
            ``networks``, the config's, or ``MAX_SIDE``.

    Raises:
        FormatError: If a file is missing or fits no network.
        ConfigError: If a network that has to be trained lacks its checkpoint.
    """

    def __init__(
        self,
        networks: Networks,
        refiner_weights: str | None = None,
        device: str | None = None,
        max_side: int | None = None,
    ) -> None:
        self.warning = networks.warning
        _check_trained(networks)
        self._maker: CAMInferencer | None = None
        self._segmenter: Segmenter | None = None
        self._by_clip: CLIPProposer | None = None
        self._refiner: Any = None
        if (segmentor := networks.segmentor) is not None:
            self._segmenter = Segmenter(segmentor.config, segmentor.checkpoint, device)
            cfg, self.classes = segmentor.config, self._segmenter.classes
        if networks.config is not None:
            cfg = networks.config
            self._maker = CAMInferencer(cfg, networks.weights, device, networks.qape)
            self.classes = self._maker.classes
            self._refiner = _build_refiner(networks.refiner, refiner_weights, self._maker)
            names = self._maker.class_names
            self._by_clip = clip_proposer_of(cfg, self._maker.model, names, MODELS.build)
        self.can_ask = self.can_map and networks.qape is not None
        own = cfg.test_dataloader.dataset.pipeline[0].get('max_side')
        self.max_side = max_side or networks.max_side or own or MAX_SIDE
        self.runs_on = overview(networks, self._device)
        self._lock = threading.Lock()

    @property
    def _device(self) -> torch.device:
        models = [part.model for part in (self._maker, self._segmenter) if part is not None]
        return torch.device(models[0].data_preprocessor.device)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that maps are made of, or else of the segmentor's."""
        return self.classes[1:]

    @property
    def inferencer(self) -> CAMInferencer:
        """The network of maps.

        Raises:
            ValueError: If there is none.
        """
        if self._maker is None:
            raise ValueError('there is no network of activation maps; the segmentor needs none.')
        return self._maker

    @property
    def can_map(self) -> bool:
        """Whether there is a network of maps."""
        return self._maker is not None

    @property
    def can_refine(self) -> bool:
        """Whether there is a refiner."""
        return self._refiner is not None

    @property
    def can_segment(self) -> bool:
        """Whether there is a segmentor."""
        return self._segmenter is not None

    def warm_up(self) -> None:
        """Read all weights now, so that the first image does not wait for them."""
        image = np.zeros((64, 64, 3), np.uint8)
        self.propose(image)
        self.ask(image, self.class_names[:1])
        self.find(image, self.class_names[:1])

    def read(self, path: str | Path) -> Picture:
        """Read an image as people see it.

        Raises:
            RecordError: If it cannot be read.
        """
        return read_picture(path, dict(oriented=True, max_side=self.max_side), Path(path).name)

    def explain(self, path: str | Path, labels: Sequence[str]) -> Explained:
        """Read an image, make its maps and masks, and ask the questions.

        Raises:
            RecordError: If the image cannot be read.
            ValueError: As ``find``.
        """
        picture = self.read(path)
        found = self.find(picture.pixels, labels, picture.size)
        return Explained(found, tuple(self.ask(found.image, found.classes)))

    def propose(self, image: np.ndarray) -> list[str]:
        """Return which classes may be in an image.

        The VQA model is asked about each; CLIP decides where it has no words for yes and no, or
        there are more classes than ``ASKED``.
        """
        with self._lock:
            proposed = None
            few = len(self.class_names) <= ASKED or self._by_clip is None
            if self.can_ask and few:
                vqa = self.inferencer.vqa
                proposed = propose_by_questions(vqa, image, self.class_names)
            if proposed is None and self._by_clip is not None:
                proposed = self._by_clip(image)
        return proposed or []

    def find(
        self, image: np.ndarray, labels: Sequence[str], size: tuple[int, int] | None = None
    ) -> Found:
        """Make the maps of some classes, and the mask of the segmentor.

        Args:
            image: RGB uint8 ``(H, W, 3)``.
            labels: Names of the classes; a segmentor alone needs none.
            size: Height and width of its file; ``None`` are those of the image.

        Raises:
            ValueError: If there is no class, or one is unknown.
        """
        if self.can_map and not labels:
            raise ValueError('no class was chosen; tick those that are in the image.')
        size = size or image.shape[:2]
        with self._lock:
            segmented, values = self._segment(image)
            if not self.can_map:
                none = np.zeros((0, *image.shape[:2]), np.float32)
                return Found(image, size, (), np.zeros(0, np.int64), none, none, segmented, values)
            output = self.inferencer(image, labels=list(labels), return_datasamples=True)
            [sample] = output['predictions']
            cams = sample.cam_high_res.float().cpu().numpy()
            refined = self._refine(image, sample) if self.can_refine else cams
        class_indices = sample.cam_class_indices.cpu().numpy().astype(np.int64)
        classes = tuple(self.class_names[k] for k in class_indices)
        return Found(image, size, classes, class_indices, cams, refined, segmented, values)

    def _segment(self, image: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """Return the segmentor's mask and the names of its values."""
        if self._segmenter is None:
            return None, ()
        picture = Picture(image, image, image.shape[:2])
        return self._segmenter.predict(picture).mask, self._segmenter.classes

    def _refine(self, image: np.ndarray, sample: Any) -> np.ndarray:
        batch = dict(inputs=[[to_chw(image)]], data_samples=[sample])
        [refined] = self._refiner.test_step(batch)
        return refined.refined_maps.float().cpu().numpy()

    def ask(self, image: np.ndarray, labels: Sequence[str]) -> list[tuple[str, str, str, str]]:
        """Return class, kind (about the class, or what is around it), question and answer."""
        if not self.can_ask or not labels:
            return []
        with self._lock:
            answers = self.inferencer.ask(image, labels)
        kinds = dict(fg='the object', bg='around it')
        return [
            (name, kinds[row['kind']], row['question'], row['answer'])
            for name, rows in answers.items()
            for row in rows
        ]


def _check_trained(networks: Networks) -> None:
    """Refuse a network of maps whose weights would be random.

    Raises:
        ConfigError: If it lacks its checkpoint.
    """
    if (config := networks.config) is None or networks.weights is not None:
        return
    kind = MODELS.get(config.model.type)
    if kind is not None and not issubclass(kind, PredictOnly):
        raise ConfigError(
            f'the {kind.__name__} of {config.filename} has to be trained, but no checkpoint was '
            'given, so that its masks would be random; give one (qaclims demo CHECKPOINT --config '
            'CONFIG), or a config of a network that needs none.'
        )


def _build_refiner(config: Config | None, weights: str | None, maker: CAMInferencer) -> Any:
    if config is None:
        return None
    refiner = build_network(config.model, weights, maker.model.data_preprocessor.device)
    if weights is None and not isinstance(refiner, PredictOnly):
        raise ConfigError(
            f'the {type(refiner).__name__} of {config.filename} has to be trained, but no '
            'checkpoint was given; give one (--refiner-weights), or PAR or SAM as the refiner.'
        )
    return refiner
