"""Measure how strongly a prompt makes CLIP prefer one class of an image to the others."""

from torch import Tensor


def prompt_sharpness(logits: Tensor, present: Tensor) -> Tensor:
    """Compute the sharpness of a prompt; the prompt with the lowest sharpness is best for maps.

    With a good prompt for classification, one class wins. Maps are needed of every class of an
    image, so the scores of these classes must not differ much.

    Args:
        logits: Scaled cosines of images and the texts of all classes in the prompt, ``(B, K)``.
        present: Whether each image has each class, bool ``(B, K)``. Images with fewer than two
            classes do not count.

    Returns:
        Sum over the images of the variance of the present classes' shares in a softmax over all
        classes, divided by the sum of their means, ``()``.

    Raises:
        ValueError: If the shapes differ, or no image has two classes.

    Source:
        Lin et al., CLIP is Also an Efficient Segmenter, CVPR 2023, section 3.3.
    """
    if logits.shape != present.shape or logits.ndim != 2:
        raise ValueError(
            'logits and present must have the same shape (B, K), but got '
            f'{tuple(logits.shape)} and {tuple(present.shape)}.'
        )
    several = present.sum(1) > 1
    if not several.any():
        raise ValueError('no image has two classes, so prompts cannot be ranked.')
    shares, mask = logits[several].double().softmax(1), present[several].double()
    count = mask.sum(1)
    mean = (shares * mask).sum(1) / count
    variance = ((shares - mean[:, None]).square() * mask).sum(1) / count
    return variance.sum() / mean.sum()
