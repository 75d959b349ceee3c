"""The first steps of a training, in which the head learns alone."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from qaclims_mm.registry import HOOKS


@HOOKS.register_module()
class HeadWarmUpHook(Hook):
    """Trains only the head in the first steps, as its weights are random and the others are not.

    The other weights have a learning rate of 0 in these iterations. The statistics of their batch
    norms move, the optimizer's momentum gathers their gradients, and clipping counts these. The
    schedule runs on, and a log shows its rates.

    Args:
        iters: Iterations in which the head learns alone.
        head: Name of the model's attribute that holds the head.

    Raises:
        ValueError: If ``iters`` is negative. Before the first iteration: if the model has no such
            head, if no weight of it is trained, or if the optimizer has weights of the head and
            others in one group.
    """

    def __init__(self, iters: int, head: str = 'cam_head') -> None:
        if iters < 0:
            raise ValueError(f'iters must be at least 0, but got {iters}.')
        self.iters, self.head = iters, head
        self.others: list[dict] = []  # the optimizer's groups without weights of the head
        self.rates: list[float] = []  # what the schedule gives them

    def before_train(self, runner: Runner) -> None:
        """Find the groups of the other weights."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not hasattr(model, self.head):
            raise ValueError(
                f'{type(model).__name__} has no attribute {self.head!r}; give HeadWarmUpHook the '
                'name of its head.'
            )
        weights = {id(p) for p in getattr(model, self.head).parameters()}
        self.others, groups = [], runner.optim_wrapper.param_groups
        for group in groups:
            of_head = {id(p) in weights for p in group['params']}
            if len(of_head) > 1:
                raise ValueError(
                    f'{self.head} shares a group of the optimizer with other weights; give it an '
                    'entry in optim_wrapper.paramwise_cfg.custom_keys.'
                )
            if of_head == {False}:
                self.others.append(group)
        if len(self.others) == len(groups):
            raise ValueError(f'the optimizer has no weights of {self.head}, which is to warm up.')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Hold the other weights."""
        self.rates = []
        if runner.iter < self.iters:
            self.rates = [group['lr'] for group in self.others]
            for group in self.others:
                group['lr'] = 0.0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Give the rates back, before the schedule takes its step."""
        for group, rate in zip(self.others, self.rates, strict=False):
            group['lr'] = rate
