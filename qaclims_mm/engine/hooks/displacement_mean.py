"""What IRN does when its training ends."""

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class DisplacementMeanHook(Hook):
    """Sets the mean of ``IRNDisplacementHead``, that of all cells of the training images.

    It runs after the last epoch and before the checkpoint is written.

    Source:
        train_irn.py of the released code (IRN's mean shift), over unaugmented images there.
    """

    @torch.no_grad()
    def after_train_epoch(self, runner: Runner) -> None:
        """Go through the training images once more, if this was the last epoch."""
        if runner.epoch + 1 < runner.max_epochs:
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        head = model.displacement_head
        head.mean.zero_()
        model.eval()
        total = torch.zeros(3, dtype=torch.float64, device=head.mean.device)
        for batch in runner.train_dataloader:
            data = model.data_preprocessor(batch, training=True)
            displacement = model(data['inputs'])[1].double()
            total[:2] += displacement.sum((0, 2, 3))
            total[2] += displacement[:, 0].numel()
        all_reduce(total)
        head.mean.copy_(total[:2] / total[2])
        model.train()
