"""Pictures of the maps while they are trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.datasets.collate import list_collate
from qaclims_mm.registry import DATASETS, HOOKS


@HOOKS.register_module()
class CAMVisualizationHook(Hook):
    """Shows the maps of the same images again and again, in every backend of the visualizer.

    Nothing that is trained depends on it. An image's first class is shown.

    Args:
        dataset: Config of the data set; ``engine.launch.build_runner`` gives that of the tests.
        interval: Steps between two pictures; there is one before the first step and one at the end.
        num: How many of its images, at equal distances.
        image_ids: Which ones, instead.

    Raises:
        ValueError: If ``interval`` or ``num`` is below 1, or (when training starts) an image is
            not in the test set or none has a label.
    """

    def __init__(
        self,
        dataset: dict,
        interval: int = 100,
        num: int = 4,
        image_ids: Sequence[str] | None = None,
    ) -> None:
        for name, value in (('interval', interval), ('num', num)):
            if value < 1:
                raise ValueError(f'{name} must be at least 1, but got {value}.')
        self.dataset, self.interval = dataset, interval
        self.num, self.image_ids = num, image_ids
        self._data: list[dict[str, Any]] = []

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Read the images and show their maps."""
        dataset = DATASETS.build(self.dataset)
        self._read = dataset.read_image
        self._data = [dataset[i] for i in self._choose(list(dataset.iterate_records()))]
        self._show(runner, runner.iter)

    def _choose(self, records: Sequence[dict]) -> list[int]:
        """Return the indices of the images that are shown."""
        labelled = [i for i, r in enumerate(records) if r['class_indices']]
        if self.image_ids is None:
            if not labelled:
                raise ValueError('the test set has no image with a label, so no map to show.')
            spread = np.linspace(0, len(labelled) - 1, min(self.num, len(labelled)))
            return [labelled[int(i)] for i in spread]
        place = {records[i]['image_id']: i for i in labelled}
        unknown = [i for i in self.image_ids if i not in place]
        if unknown:
            raise ValueError(f'image {unknown[0]} is not in the test set, or has no label.')
        return [place[i] for i in self.image_ids]

    @master_only
    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Show the maps, if it is time."""
        last = runner.iter + 1 == runner.max_iters
        if last or self.every_n_train_iters(runner, self.interval):
            self._show(runner, runner.iter + 1)

    @torch.no_grad()
    def _show(self, runner: Runner, step: int) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.eval()
        samples = model.test_step(list_collate(self._data))
        model.train()
        columns = [self._column(s) for s in samples if not s.get('failed')]
        if columns:
            # matplotlib, which other runs do without
            from qaclims_mm.visualization.sheets import draw_cam_sheet, figure_to_array

            picture = figure_to_array(draw_cam_sheet(columns))
            runner.visualizer.add_image('cams', picture, step)

    def _column(self, sample: Any) -> Any:
        """Return an image and the map of its first class, a column of a sheet."""
        from qaclims_mm.visualization.sheets import SheetColumn

        pixels = self._read(dict(img_path=sample.img_path))
        mask = sample.gt_sem_seg.data[0].cpu().numpy() if 'gt_sem_seg' in sample else None
        maps = {'map': sample.cam_high_res[0].float().cpu().numpy()}
        return SheetColumn(pixels, sample.label_names[0], mask, maps)
