"""How sharply a prompt makes CLIP prefer one of the classes of an image to the others."""

from torch import Tensor


def prompt_sharpness(logits: Tensor, present: Tensor) -> Tensor:
    """Compute the sharpness of a prompt; of several prompts the one with the lowest suits maps.

    A prompt that suits classification lets one class win. Maps are wanted of every class of an
    image, so their scores must not differ much.

    Args:
        logits: Scaled cosines of images and the texts of all classes in the prompt, ``(B, K)``.
        present: Bool, which classes each image has, ``(B, K)``. Images with fewer than two say
            nothing and are left out.

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
            'logits and present must be of one shape (B, K), but got '
            f'{tuple(logits.shape)} and {tuple(present.shape)}.'
        )
    several = present.sum(1) > 1
    if not several.any():
        raise ValueError('no image has two classes, so no prompt can be preferred.')
    shares, mask = logits[several].double().softmax(1), present[several].double()
    count = mask.sum(1)
    mean = (shares * mask).sum(1) / count
    variance = ((shares - mean[:, None]).square() * mask).sum(1) / count
    return variance.sum() / mean.sum()
