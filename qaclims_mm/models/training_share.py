"""How far a training has come, for models that change on the way."""

from mmengine.logging import MessageHub


def training_share() -> float:
    """Return the share of a training that is done, in [0, 1]; 0 outside one."""
    hub = MessageHub.get_current_instance()
    step, steps = hub.get_info('iter'), hub.get_info('max_iters')
    return 0.0 if step is None or not steps else step / steps
