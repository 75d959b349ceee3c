"""Estimate the uncertainty of a mean IoU by resampling images with replacement."""

import numpy as np

# rounds at once, which bounds the memory
_CHUNK = 100


def resample_miou(
    correct: np.ndarray,
    predicted: np.ndarray,
    true: np.ndarray,
    rounds: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """Return the mean IoU of several methods on resampled images (a paired bootstrap).

    Each round draws N of the N images with replacement. All methods are scored on the same draw, so
    their differences can be computed in each round.

    Args:
        correct: Number of pixels of each value that a method marks correctly, ``(M, N, V)``: M
            methods, N images, V values.
        predicted: Number of pixels that a method marks with each value, ``(M, N, V)``.
        true: Number of pixels that have each value, ``(N, V)``.
        rounds: Number of rounds.
        seed: Seed of the draws.

    Returns:
        Mean IoU in percent, ``(rounds, M)``; the mean of a round is over the values that occur.

    Raises:
        ValueError: If there is no image, or fewer than one round.

    Example:
        >>> counts = np.ones((1, 3, 2))
        >>> resample_miou(counts, counts, counts[0], rounds=2)
        array([[100.],
               [100.]])
    """
    methods, images, values = correct.shape
    if images < 1 or rounds < 1:
        raise ValueError(f'images and rounds must be at least 1, but got {images} and {rounds}.')
    rng = np.random.default_rng(seed)
    # images first, so that a round is one matrix product
    parts = [np.moveaxis(a, 1, 0).reshape(images, -1) for a in (correct, predicted)]
    table = np.concatenate([*parts, true], axis=1).astype(np.float64)
    found = []
    for start in range(0, rounds, _CHUNK):
        number = min(_CHUNK, rounds - start)
        drawn = rng.multinomial(images, np.full(images, 1 / images), size=number)
        sums = drawn.astype(np.float64) @ table
        both, marked = (
            sums[:, i * methods * values : (i + 1) * methods * values].reshape(number, methods, -1)
            for i in range(2)
        )
        union = marked + sums[:, None, -values:] - both
        with np.errstate(invalid='ignore'):
            found.append(np.nanmean(np.where(union > 0, both / union, np.nan), axis=2))
    return 100 * np.concatenate(found)
