"""No checkpoint is loaded half."""

import re
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from qaclims_mm.engine.compat import find_whole_checkpoint
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import HOOKS


def coverage_report(
    wanted: dict[str, Tensor], found: dict[str, Tensor], optional: Sequence[str] = ()
) -> str:
    """Return what is missing, unexpected or of another shape; empty if all fits.

    Args:
        wanted: The model's state.
        found: The checkpoint's.
        optional: Patterns (``re.match``) of keys that may be absent on either side.
    """

    def listed(title: str, keys: list[str]) -> list[str]:
        kept = sorted(k for k in keys if not any(re.match(p, k) for p in optional))
        more = f' and {len(kept) - 5} more' if len(kept) > 5 else ''
        return [f'  {title} ({len(kept)}): {", ".join(kept[:5])}{more}'] if kept else []

    reshaped = [
        f'{k} {tuple(found[k].shape)} instead of {tuple(wanted[k].shape)}'
        for k in wanted.keys() & found.keys()
        if found[k].shape != wanted[k].shape
    ]
    lines = (
        listed('missing', list(wanted.keys() - found.keys()))
        + listed('unexpected', list(found.keys() - wanted.keys()))
        + listed('of another shape', reshaped)
    )
    if not lines:
        return ''
    covered = len(wanted.keys() & found.keys()) - len(reshaped)
    return '\n'.join([f'covered: {covered} of {len(wanted)} weights', *lines])


def load_strictly(model: nn.Module, checkpoint: dict) -> None:
    """Load the weights of a checkpoint outside a runner.

    Raises:
        FormatError: With a key-coverage report, if they are not the model's.
    """
    state = checkpoint.get('state_dict', checkpoint)
    report = coverage_report(model.state_dict(), state)
    if report:
        raise FormatError(f'the checkpoint does not fit {type(model).__name__}: {report}')
    model.load_state_dict(state, strict=True)


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Stops when the weights of a checkpoint and of the model do not match.

    Args:
        optional: Patterns of keys that may be absent on either side.

    Raises:
        FormatError: With a key-coverage report.
    """

    def __init__(self, optional: Sequence[str] = ()) -> None:
        self.optional = tuple(optional)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare before the weights are copied."""
        model = runner.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        state = checkpoint.get('state_dict', checkpoint)
        found = {re.sub(r'^module\.', '', k): v for k, v in state.items()}
        report = coverage_report(model.state_dict(), found, self.optional)
        if report:
            # --resume without a file takes the last one of the work dir
            path = runner._load_from or find_whole_checkpoint(runner.work_dir)
            raise FormatError(
                f'the checkpoint {path} does not fit {type(model).__name__}: {report}\n'
                'Load the checkpoint of this config, or allow keys with StrictLoadHook.optional.'
            )
