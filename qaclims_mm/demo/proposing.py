"""Which classes are in an image that nobody labelled."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.corpus.prompts import fill_prompt
from qaclims_mm.datasets.transforms.formatting import to_chw
from qaclims_mm.errors import RecordError
from qaclims_mm.vlms.vqa.base import VQAModel

QUESTION = 'Is there a {class} in the photo?'
# CLIP's own factor of cosines, as it was trained
LOGIT_SCALE = 100.0


def propose_by_questions(
    vqa: VQAModel, image: np.ndarray, classes: Sequence[str]
) -> list[str] | None:
    """Return the classes that a VQA model says are there.

    Args:
        vqa: Any VQA model.
        image: RGB uint8 ``(H, W, 3)``.
        classes: Names to ask about.

    Returns:
        Those answered by yes; ``None`` if no answer is yes or no, since the model then has no words
        for it.

    Raises:
        RecordError: If the model refuses the image.
    """
    questions = [QUESTION.replace('{class}', name) for name in classes]
    [answers] = vqa.answer([image], [questions])
    if isinstance(answers, RecordError):
        raise answers
    firsts = [answer.text.lower().strip(' .,!').split(' ')[0].strip(',') for answer in answers]
    if not {'yes', 'no'} & set(firsts):
        return None
    return [name for name, first in zip(classes, firsts, strict=True) if first == 'yes']


class CLIPProposer:
    """Names the classes whose text is nearest to the image.

    Args:
        image_head: A ``CLIPImageHead`` or ``HFImageHead``.
        text_head: The text encoder of the same model.
        classes: Names to choose among.
        prompt: With ``{answer}`` where a name goes.
        share: Probability among the classes from which a class is proposed; the likeliest always
            is.
    """

    def __init__(
        self,
        image_head: Any,
        text_head: Any,
        classes: Sequence[str],
        prompt: str,
        share: float = 0.2,
    ) -> None:
        self.image_head, self.classes, self.share = image_head, tuple(classes), share
        self.texts_KD: Tensor = text_head.load().encode(fill_prompt(prompt, classes))

    @torch.no_grad()
    def __call__(self, image: np.ndarray) -> list[str]:
        """Return the proposed classes of an RGB uint8 image ``(H, W, 3)``, likeliest first."""
        head = self.image_head.load()
        resized = F.interpolate(
            to_chw(image)[None].to(head.mean.device).float(),
            head.input_size,
            mode='bicubic',
            align_corners=False,
            antialias=True,
        ).clamp(0, 255)
        feature = F.normalize(head(head.normalise(resized)), dim=-1).float().cpu()
        shares = (LOGIT_SCALE * feature @ self.texts_KD.T).softmax(-1)[0]
        order = shares.argsort(descending=True).tolist()
        return [self.classes[k] for n, k in enumerate(order) if n == 0 or shares[k] >= self.share]


def clip_proposer_of(
    cfg: Mapping[str, Any], model: Any, classes: Sequence[str], build: Any
) -> CLIPProposer | None:
    """Return a proposer by the CLIP of a network's config, or ``None`` if it has none.

    Args:
        cfg: Config of the network.
        model: The network itself.
        classes: Its classes.
        build: What makes a text encoder of its config.
    """
    if 'text_encoding' not in cfg or not hasattr(model, 'image_head'):
        return None
    encoding = cfg['text_encoding']
    # by default it would take the GPU, whatever the device of the page
    head = build({**encoding['text_head'], 'device': str(model.data_preprocessor.device)})
    return CLIPProposer(model.image_head, head, classes, encoding['prompt'])
