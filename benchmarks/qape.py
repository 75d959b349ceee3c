"""Questions and answers: an image encoded once, its questions together, against one a call."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.case import Case
from benchmarks.growth import Point, Work, measure_sizes
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.errors import FormatError
from qaclims_mm.miniworld import CLASSES
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.schemas.names import counted
from qaclims_mm.vlms.vqa.base import Answer
from qaclims_mm.vlms.vqa.blip import BlipVQA, preprocess

# classes of each image. VOC has 1.5 an image, and one image of one class, where encoding it once
# saves least, takes the plain way a minute on two cores
_CLASSES = {
    ('tiny', 'cpu'): (2, 1),
    ('full', 'cpu'): (1,),
    ('tiny', 'cuda'): (2, 1),
    ('full', 'cuda'): (2, 1) * 8,
}
_BARS = {
    ('tiny', 'cpu'): 12.0,
    ('full', 'cpu'): 18.0,
    ('tiny', 'cuda'): 12.0,
    ('full', 'cuda'): 15.0,
}
_OPTIONS: dict[str, dict[str, Any]] = {
    'tiny': dict(image_size=None),
    # BLIP-base with random weights; the vocabulary is MiniWorld's, whose words the questions have.
    # No answer ends early, while real ones have a word or two: ours gains less than with those
    'full': dict(
        config=dict(
            text_config=dict(sep_token_id=3, pad_token_id=0, bos_token_id=5, eos_token_id=3),
            vision_config={},
        )
    ),
}
# of scores: fewer bits may take another answer that is nearly as probable
_TOLERANCES = {'float32': 1e-3, 'bfloat16': 0.2, 'int8': 0.2}


class PlainBlip(BlipVQA):
    """BLIP in the layers in which transformers reads it."""

    def _place(self, blip: nn.Module) -> nn.Module:
        return blip.to(self._device)


def load(
    size: str, device: torch.device, dtype: str | None = None, kind: type[BlipVQA] = BlipVQA
) -> BlipVQA:
    """Return the BLIP of a size."""
    vqa = kind('miniworld://blip', dtype=dtype, **_OPTIONS[size])
    vqa.load(str(device))
    return vqa


@torch.inference_mode()
def answer_plainly(vqa: PlainBlip, image: np.ndarray, question: str) -> Answer:
    """Answer one question as the released code does: the image is encoded for it alone.

    Args:
        vqa: Whose transformers model is used as it comes.
        image: RGB uint8, ``(H, W, 3)``.
        question: The text.
    """
    blip: Any = vqa._blip
    text = blip.config.text_config
    pixels = preprocess([image], vqa._side).to(vqa._device)
    embeds = blip.vision_model(pixel_values=pixels, interpolate_pos_encoding=vqa._interpolate)[0]
    ids = vqa._tokenizer(question, return_tensors='pt').input_ids.to(vqa._device)
    hidden = blip.text_encoder(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        encoder_hidden_states=embeds,
        encoder_attention_mask=torch.ones_like(embeds[..., 0]).long(),
    )[0]
    output = blip.text_decoder.generate(
        input_ids=torch.full_like(ids[:, :1], blip.decoder_start_token_id),
        encoder_hidden_states=hidden,
        encoder_attention_mask=torch.ones_like(ids),
        bos_token_id=blip.decoder_start_token_id,
        eos_token_id=text.sep_token_id,
        pad_token_id=text.pad_token_id,
        num_beams=vqa.num_beams,
        do_sample=False,
        max_length=vqa.max_length,
        min_length=1,
        output_scores=True,
        return_dict_in_generate=True,
    )
    words = vqa._tokenizer.decode(output.sequences[0, 1:], skip_special_tokens=True)
    return Answer(words.strip(), float(output.sequences_scores[0]))


def check_answers(dtypes: Sequence[str], results: Sequence[Any]) -> None:
    """Refuse ways that answer differently from the last one.

    Args:
        dtypes: Of the ways but the last.
        results: A list of answers a way.

    Raises:
        FormatError: If a score is off, or a text where nothing is rounded to 16 bits.
    """
    *others, wanted = results
    for dtype, answers in zip(dtypes, others, strict=True):
        for ours, theirs in zip(answers, wanted, strict=True):
            differs = dtype == 'float32' and ours.text != theirs.text
            if differs or abs(ours.score - theirs.score) > _TOLERANCES[dtype]:
                raise FormatError(f'{dtype} answers {ours}, one question a call {theirs}.')


def build(size: str, device: torch.device) -> Case:
    """Return the 16 questions about each class of some images, three beams."""
    setup = size, device.type
    pictures = [make_picture(seed=5, index=i, size=112)[1] for i in range(len(_CLASSES[setup]))]
    images = [p.image for p in pictures]
    if size == 'full':
        rng = np.random.default_rng(0)
        images = [rng.integers(0, 256, (375, 500, 3), dtype=np.uint8) for _ in images]
    templates = get_questions('paper')
    asked = [
        [q.fill(name) for name in CLASSES[:number] for q in templates] for number in _CLASSES[setup]
    ]
    plain = load(size, device, kind=PlainBlip)

    def together(vqa: BlipVQA) -> Callable[[], list[Answer]]:
        return lambda: [a for group in vqa.answer(images, asked) for a in group]

    def one_by_one() -> list[Answer]:
        pairs = zip(images, asked, strict=True)
        return [answer_plainly(plain, image, q) for image, group in pairs for q in group]

    dtypes = ['bfloat16', 'float32'] if device.type == 'cuda' else ['float32', 'int8']
    models = {k: load(size, device, None if k == 'float32' else k) for k in dtypes}
    number = sum(map(len, asked))
    return Case(
        {f'questions together, {k}': together(v) for k, v in models.items()}
        | {'one question a call, float32': one_by_one},
        f'{counted(number, "question")} about {counted(len(images), "image")} of {plain._side} px, '
        f'{counted(plain.num_beams, "beam")}',
        number,
        unit='questions',
        bar=_BARS[setup],
        dtype=getattr(torch, dtypes[0]),
        check=lambda results: check_answers(dtypes, results),
    )


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of 16 questions about each of so many images, by MiniWorld's BLIP."""
    vqa = load('tiny', torch.device('cpu'))
    templates = get_questions('paper')

    def make(number: int) -> Work:
        images = [make_picture(seed=5, index=i, size=112)[1].image for i in range(number)]
        asked = [[q.fill(CLASSES[i % len(CLASSES)]) for q in templates] for i in range(number)]
        return Work(lambda: vqa.answer(images, asked))

    return measure_sizes(make, sizes)
