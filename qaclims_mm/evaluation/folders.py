"""Where evaluators write that were given no folder."""

from qaclims_mm.errors import ConfigError


def check_has_work_dir(writer: object, is_placed: bool) -> None:
    """Refuse to write into the current folder because nobody has named another one.

    Args:
        writer: An evaluator that writes files.
        is_placed: Whether it was given a folder or the work dir of its run.

    Raises:
        ConfigError: If it was not.
    """
    if not is_placed:
        raise ConfigError(
            f'{type(writer).__name__} does not know where to write: custom_hooks of the config '
            "lacks dict(type='WorkDirHook'). Add it, or give out_dir."
        )
