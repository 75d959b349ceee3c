"""Maps and masks of single images, for a notebook or a page.

Shapes: n maps of an image of H by W pixels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope

import qaclims_mm.plugin  # noqa: F401 - registers what configs name
from qaclims_mm.datasets.class_names import class_names_of
from qaclims_mm.datasets.collate import list_collate
from qaclims_mm.datasets.transforms.formatting import PackWeakInputs, to_chw
from qaclims_mm.errors import ConfigError
from qaclims_mm.functional.cam import mask_of_cams
from qaclims_mm.inference.maps import CAMPrediction
from qaclims_mm.inference.networks import Weights, build_network, read_network_config
from qaclims_mm.inference.pictures import Picture, read_picture
from qaclims_mm.inference.segmentation import Segmentation
from qaclims_mm.models.classifiers.cam_classifier import CAMClassifier
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import resize_mask
from qaclims_mm.visualization.overlays import overlay_cam
from qaclims_mm.vlms.vqa.base import VQAModel

Image = str | Path | np.ndarray
# of an image whose config does not say, in pixels
MAX_SIDE = 1024
THRESHOLD = 0.25


class CAMInferencer(BaseInferencer):
    """Activation maps of images whose classes are known, in MMEngine's conventions.

    Args:
        config: Of a network whose test run makes maps: a file, the name of a config that
            ships, or what ``read_config`` returns.
        weights: Checkpoint; ``None`` is for networks that need none.
        device: By default a GPU if there is one.
        qape: Config of the stage that asks the VQA model; then answers come with the maps.

    Raises:
        FormatError: If a file is missing, or the weights are not the network's.
        ConfigError: If a config names a class that its datasets do not have.

    Example:
        >>> from qaclims_mm.inference import CAMInferencer
        >>> from qaclims_mm.miniworld.generate import make_picture
        >>> image = make_picture(seed=999, index=0, size=112)[1].image
        >>> name = 'qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112'
        >>> weights = 'miniworld://qa_clims/r18-mini.safetensors'
        >>> cams = CAMInferencer(name, weights, device='cpu')
        >>> found = cams(image, labels=['cat', 'sheep'])
        >>> found['predictions'][0]['classes'], found['predictions'][0]['cams'].shape
        (['cat', 'sheep'], (2, 112, 112))
    """

    preprocess_kwargs: ClassVar[set] = {'labels'}
    forward_kwargs: ClassVar[set] = set()
    visualize_kwargs: ClassVar[set] = {'opacity'}
    postprocess_kwargs: ClassVar[set] = {'threshold'}

    def __init__(
        self,
        config: str | Path | Config,
        weights: Weights | None = None,
        device: str | None = None,
        qape: str | Path | Config | None = None,
    ) -> None:
        init_default_scope('mmseg')
        cfg = read_network_config(config)
        self.class_names = class_names_of(cfg.test_dataloader.dataset)[1:]
        self._asker = (
            MODELS.build(read_network_config(qape).model).eval() if qape is not None else None
        )
        super().__init__(cfg, weights, device, scope='mmseg', show_progress=False)
        if self._asker is not None:
            self._asker.to(self.model.data_preprocessor.device)

    def _init_pipeline(self, cfg: Config) -> PackWeakInputs:
        steps = cfg.test_dataloader.dataset.pipeline
        self.reading = {k: v for k, v in steps[0].items() if k in ('oriented', 'max_side')}
        if self.reading.get('max_side') is None:
            self.reading['max_side'] = MAX_SIDE
        scales = next(s.get('scales') for s in steps if s.type == 'PackWeakInputs')
        self.scales = tuple(scales or (1.0,))
        return PackWeakInputs(self.scales)

    def _init_collate(self, cfg: Config) -> Callable:
        return list_collate

    def _init_visualizer(self, cfg: Config) -> None:
        """Need none: overlays are arrays."""

    def _init_model(self, cfg: Config, weights: Any, device: str = 'cpu') -> Any:
        model = build_network(cfg.model, weights, device)
        model.cfg = cfg
        return model

    def preprocess(
        self,
        inputs: Sequence[Image],
        batch_size: int = 1,
        labels: Sequence[str] | Sequence[Sequence[str]] | None = None,
    ) -> Iterator[dict]:
        """Yield batches.

        Args:
            inputs: Paths, or RGB uint8 arrays ``(H, W, 3)``.
            batch_size: Images a batch.
            labels: Names of the classes in the images: a list for all, or one for each; ``None``
                makes maps of all classes.

        Raises:
            ValueError: If a class is none of the network's, the lists are not as many as the
                images, or an array is no image.
        """
        named = self._labels_of(inputs, labels)
        records = map(self._record, inputs, named)
        yield from map(list_collate, self._get_chunk_data(map(self.pipeline, records), batch_size))

    def _labels_of(self, inputs: Sequence[Image], labels: Any) -> list[Sequence[str]]:
        if labels is None:
            labels = self.class_names
        each = [labels] * len(inputs) if all(isinstance(n, str) for n in labels) else list(labels)
        unknown = sorted({n for names in each for n in names} - set(self.class_names))
        if unknown or len(each) != len(inputs):
            raise ValueError(
                f'labels must be among {", ".join(self.class_names)}, one list for all or one for '
                f'each image, {len(inputs)} in all, but got {unknown or len(each)}.'
            )
        return each

    def _record(self, image: Image, labels: Sequence[str]) -> dict[str, Any]:
        """Return what a data set would hand to the pipeline."""
        picture = self.read(image)
        pixels, path = picture.pixels, '' if isinstance(image, np.ndarray) else str(image)
        class_indices = sorted({self.class_names.index(name) for name in labels})
        return dict(
            img=pixels,
            img_path=path,
            image_id=Path(path).stem,
            ori_shape=pixels.shape[:2],
            img_shape=pixels.shape[:2],
            file_shape=picture.size,
            class_indices=class_indices,
            label_names=tuple(self.class_names[k] for k in class_indices),
            num_classes=len(self.class_names),
        )

    def visualize(
        self, inputs: Sequence[Image], preds: Sequence[Any], opacity: float = 0.55
    ) -> list[list[np.ndarray]]:
        """Return, for each image, its maps laid over it, RGB uint8 ``(H, W, 3)``."""
        shown = []
        for image, sample in zip(inputs, preds, strict=True):
            pixels = self.read(image).pixels
            maps = sample.cam_high_res.float().cpu().numpy()
            shown.append([overlay_cam(pixels, cam, opacity) for cam in maps])
        return shown

    def postprocess(
        self,
        preds: Sequence[Any],
        visualization: Sequence[Sequence[np.ndarray]],
        return_datasamples: bool = False,
        threshold: float = THRESHOLD,
    ) -> dict[str, Any]:
        """Return ``predictions`` and ``visualization``.

        A prediction has ``image_id``, ``classes``, ``cams`` ``(n, H, W)`` of the size at which the
        image was read, and ``mask`` of the size of its file.

        Args:
            preds: Samples of the network.
            visualization: Of ``visualize``.
            return_datasamples: Whether predictions are the samples themselves.
            threshold: Map value of the background of masks, in [0, 1].
        """
        if return_datasamples:
            return dict(predictions=list(preds), visualization=visualization)
        pairs = zip(preds, visualization, strict=True)
        found = [self._prediction(sample, overlays, threshold) for sample, overlays in pairs]
        return dict(predictions=found, visualization=visualization)

    def _prediction(self, sample: Any, overlays: Any, threshold: float) -> CAMPrediction:
        values = dict(
            image_id=sample.image_id,
            classes=list(sample.label_names),
            cams=sample.cam_high_res.float().cpu().numpy(),
            mask=self._mask_of(sample, sample.file_shape, threshold),
        )
        return CAMPrediction(values, overlays, sample.cam_class_indices.tolist())

    def _mask_of(self, sample: Any, size: tuple[int, int], threshold: float) -> np.ndarray:
        mask = mask_of_cams(sample.cam_high_res, sample.cam_class_indices, threshold).cpu().numpy()
        return resize_mask(mask.astype(np.uint8 if len(self.classes) <= 256 else np.uint16), size)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the values of a mask, the background first."""
        return ('background', *self.class_names)

    def check_tells(self) -> None:
        """Refuse a network that was not trained to tell which classes are there.

        Raises:
            ConfigError: If it is no classifier.
        """
        if not isinstance(self.model, CAMClassifier):
            raise ConfigError(
                f'{type(self.model).__name__} makes maps of classes that are known to be there, '
                'and does not tell which are; say it (--labels).'
            )

    @torch.no_grad()
    def present_in(self, picture: Picture) -> list[str]:
        """Return the classes that a classifier sees: those of a score above 1/2.

        Raises:
            ConfigError: If the network is no classifier.
        """
        self.check_tells()
        prepare = self.model.data_preprocessor
        pixels = prepare.normalise(to_chw(picture.pixels).to(prepare.device))
        logits = self.model.logits(pixels[None]).mean(dim=(-2, -1))[0]
        return [name for name, x in zip(self.class_names, logits, strict=True) if x > 0]

    def read(self, image: Image) -> Picture:
        """Read an image as the config says, for ``predict``; any thread may do it.

        Raises:
            RecordError: If it cannot be read.
        """
        return read_picture(image, self.reading)

    @torch.no_grad()
    def predict(
        self, picture: Picture, labels: Sequence[str] | None = None, threshold: float = THRESHOLD
    ) -> Segmentation:
        """Return the mask that the maps of an image make.

        Args:
            picture: The image.
            labels: Names of its classes; ``None`` asks the network, see ``present_in``.
            threshold: Map value of the background, in [0, 1].

        Raises:
            ValueError: If a class is none of the network's.
            ConfigError: If there are no labels and the network is no classifier.
        """
        known = self.present_in(picture) if labels is None else list(labels)
        [names] = self._labels_of([picture.pixels], [known])
        batch = list_collate([self.pipeline(self._record(picture.pixels, names))])
        [sample] = self.model.test_step(batch)
        mask = self._mask_of(sample, picture.size, threshold)
        return Segmentation(picture.image, mask, self.classes, self.reading)

    def ask(self, image: Image, labels: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """Return what the VQA model answers about each class, rows of a corpus.

        Args:
            image: As in ``preprocess``.
            labels: Names of the classes.

        Raises:
            ValueError: If there is no VQA model (``qape``).
        """
        asker = self._loaded_asker()
        packed = PackWeakInputs()(self._record(image, list(labels)))
        [sample] = asker([packed['inputs']], [packed['data_samples']])
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in sample.label_names}
        for row in sample.answers:
            answers[row['class_name']].append(row)
        return answers

    @property
    def vqa(self) -> VQAModel:
        """The VQA model itself, to ask it something else.

        Raises:
            ValueError: If there is none.
        """
        return self._loaded_asker().vqa

    def _loaded_asker(self) -> Any:
        if self._asker is None:
            raise ValueError('there is no VQA model to ask; give CAMInferencer its config, qape.')
        self._asker.load()
        return self._asker
