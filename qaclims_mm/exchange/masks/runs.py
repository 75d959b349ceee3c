"""Masks as lengths of runs, of 0 and 1 in turn; the first run is of 0 and may be empty."""

from collections.abc import Sequence

import numpy as np


def run_lengths(pixels: np.ndarray) -> np.ndarray:
    """Return the lengths of the runs of a flat mask.

    Args:
        pixels: 0 and 1, ``(N,)``.

    Returns:
        Int64 lengths that sum up to N.

    Example:
        >>> run_lengths(np.array([1, 1, 0])).tolist()
        [0, 2, 1]
    """
    [changes] = np.nonzero(np.diff(pixels, prepend=0))
    return np.diff(np.concatenate([[0], changes, [len(pixels)]]))


def runs_of_lines(lines: np.ndarray, first: int, number: int) -> list[int]:
    """Return the runs of a mask of which some lines are given.

    Args:
        lines: Rows or columns of 0 and 1, along which the runs go, ``(n, line)``.
        first: Number of the first of them.
        number: Lines of the whole mask; the others have no pixel.

    Example:
        >>> runs_of_lines(np.array([[0, 1]]), 1, 3)
        [3, 1, 2]
    """
    counts = run_lengths(lines.reshape(-1)).tolist()
    counts[0] += first * lines.shape[1]
    after = (number - first - len(lines)) * lines.shape[1]
    # an even number of runs ends with one of 1
    return [*counts, after] if len(counts) % 2 == 0 else [*counts[:-1], counts[-1] + after]


def from_runs(lengths: Sequence[int], number: int, line: int) -> tuple[int, np.ndarray]:
    """Return the lines of a mask between the first and the last that have a pixel.

    Args:
        lengths: What a file says the lengths are.
        number: Number of pixels that they must be of.
        line: Pixels of a row or column, along which the runs go.

    Returns:
        Number of the first line, and lines of 0 and 1, uint8 ``(lines, line)``.

    Raises:
        ValueError: If they are of another number, or one is negative.
    """
    # in Python, whose integers do not overflow
    if any(n < 0 for n in lengths) or sum(lengths) != number:
        raise ValueError(f'its runs are not of {number} pixels')
    edges = np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))])
    values = (np.arange(len(lengths)) & 1).astype(np.uint8)
    [ones] = np.nonzero(values * np.diff(edges))
    if not len(ones):
        return 0, np.zeros((0, line), np.uint8)
    first, last = int(edges[ones[0]]) // line, -(-int(edges[ones[-1] + 1]) // line)
    counts = np.diff(edges.clip(first * line, last * line))
    return first, np.repeat(values, counts).reshape(-1, line)
