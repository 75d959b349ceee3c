"""Check that options of components are in their range."""

from numbers import Integral, Real

from qaclims_mm.errors import ConfigError


def check_shares(**shares: float) -> None:
    """Check that options are shares.

    Args:
        **shares: Values by the names of their options.

    Raises:
        ConfigError: If one is not a number in [0, 1].

    Example:
        >>> check_shares(weight=0.7, min_area=0)
    """
    for name, value in shares.items():
        # a comparison with NaN is false
        if not _is_a(value, Real) or not 0 <= value <= 1:
            raise ConfigError(f'{name} must be in [0, 1], but got {value!r}.')


def check_whole(least: int = 1, **numbers: int) -> None:
    """Check that options are whole numbers that are large enough.

    Args:
        least: Lowest number that is allowed.
        **numbers: Values by the names of their options.

    Raises:
        ConfigError: If one is not a whole number, or is below ``least``.

    Example:
        >>> check_whole(max_boxes=20)
    """
    for name, value in numbers.items():
        if not _is_a(value, Integral) or value < least:
            raise ConfigError(
                f'{name} must be a whole number of at least {least}, but got {value!r}.'
            )


def _is_a(value: object, kind: type) -> bool:
    """Return whether a value is a number of a kind; Python takes booleans for whole numbers."""
    return isinstance(value, kind) and not isinstance(value, bool)
