"""Foreground adaptive thresholding (FAT)."""

from torch import Tensor


def foreground_adaptive_threshold(cams: Tensor, omega: float = 0.1) -> Tensor:
    """Keep the pixels of each region whose activation reaches ``omega`` times its peak.

    Args:
        cams: Non-negative activations, float, ``(..., H, W)``; one map per region.
        omega: Fraction of each map's own maximum, in ``[0, 1]``, unitless.

    Returns:
        Mask of 0 and 1, shape and dtype of ``cams``; an all-zero map gives an all-one mask. Not
        differentiable.

    Raises:
        ValueError: If ``omega`` is outside ``[0, 1]`` or ``cams`` has fewer than 2 dimensions.

    Source:
        Eq. 9-10 of the paper.

    Example:
        >>> import torch
        >>> foreground_adaptive_threshold(torch.tensor([[[0.1, 1.0]]]), omega=0.5)
        tensor([[[0., 1.]]])
    """
    if not 0 <= omega <= 1:
        raise ValueError(f'omega must be in [0, 1], but got {omega}; the paper uses 0.1.')
    if cams.ndim < 2:
        raise ValueError(f'cams must be (..., H, W), but got shape {tuple(cams.shape)}.')
    maps = cams.detach()
    return (maps >= omega * maps.amax(dim=(-2, -1), keepdim=True)).to(cams.dtype)
