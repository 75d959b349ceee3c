"""What all models of transformers share that write their answers after a prompt.

Shapes: B questions, L tokens of an answer.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from qaclims_mm.errors import ConfigError, FormatError, RecordError
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.vlms.clip.hf_read import read_pretrained, read_weights
from qaclims_mm.vlms.vqa.base import Answer, check_lengths
from qaclims_mm.vlms.vqa.halving import halve_on_out_of_memory
from qaclims_mm.vlms.vqa.vqa_text import check_prompt, parse_answer

# a picture that every model can use
_PLAIN = Image.new('RGB', (64, 64), (128, 128, 128))
SPECIAL_TOKENS = ('bos_token_id', 'eos_token_id', 'pad_token_id', 'decoder_start_token_id')


class GenerativeVQA:
    """Answers by writing; subclasses make the inputs.

    Questions of different lengths are padded on the side that changes no answer, so a batch
    answers as a loop does.

    Args:
        model: Local folder or hub id; its weights must be safetensors.
        prompt: Template with ``{question}``.
        num_beams: Beams of the decoding; one is greedy. The model's own sampling and penalties are
            not used: an answer depends on image and question alone.
        max_new_tokens: Tokens of an answer, its end included.
        length_penalty: Power of the length by which beams are compared; below 0 the short win.
        question_batch: Questions answered at once, at most.
        dtype: ``bfloat16`` or ``float16``; ``None`` is float32.
        processor_options: Of the processor, such as ``max_pixels``.
    """

    # model_type of the configs that fit; None are all that write about images
    _kinds: tuple[str, ...] | None = None
    _wanted = 'a model that writes about images, such as Qwen/Qwen2.5-VL-3B-Instruct'

    def __init__(
        self,
        model: str,
        prompt: str,
        num_beams: int = 1,
        max_new_tokens: int = 16,
        length_penalty: float = 1.0,
        question_batch: int = 64,
        dtype: str | None = None,
        processor_options: dict | None = None,
    ) -> None:
        self.model, self.prompt = model, check_prompt(prompt)
        self.num_beams, self.max_new_tokens = num_beams, max_new_tokens
        self.length_penalty, self.question_batch = length_penalty, question_batch
        self.dtype, self.processor_options = dtype, dict(processor_options or {})
        self._network: Any = None

    def load(self, device: str = 'cpu') -> None:
        """Read weights and processor.

        Raises:
            ImportError: If transformers is not installed.
            FormatError: If the model cannot be read or lacks parts.
        ConfigError: If it is of another kind.
        """
        try:
            from transformers import AutoModelForImageTextToText, AutoProcessor
        except ImportError as error:
            raise ImportError(
                f"{type(self).__name__} needs transformers; run: pip install 'qaclims_mm[vlm]'"
            ) from error
        self._check_kind()
        self._processor = read_pretrained(
            AutoProcessor.from_pretrained,
            self.model,
            'its processor: preprocessor_config.json and tokenizer.json',
            **self.processor_options,
        )
        for part in ('image_processor', 'tokenizer'):
            if getattr(self._processor, part, None) is None:
                raise FormatError(
                    f'{self.model!r} has no {part}; add its preprocessor_config.json, '
                    'processor_config.json and tokenizer.json.'
                )
        self._check_processor()
        self._dtype = getattr(torch, self.dtype) if self.dtype else torch.float32
        network = read_weights(AutoModelForImageTextToText, self.model, dtype=self._dtype)
        self._device = torch.device(device)
        self._network = network.to(self._device)
        self._set_up()
        self._writer.generation_config = self._generation_config()

    def _check_kind(self) -> None:
        from transformers import AutoConfig
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as WRITERS,
        )

        config = read_pretrained(AutoConfig.from_pretrained, self.model, 'config.json')
        if config.model_type not in (self._kinds or WRITERS):
            raise ConfigError(
                f'{self.model!r} is a model of type {config.model_type!r}, but '
                f'{type(self).__name__} takes {self._wanted}.'
            )

    def _check_processor(self) -> None:
        """Check and complete the processor before the weights, which take longer, are read."""
        tokenizer = self._processor.tokenizer
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    def _set_up(self) -> None:
        """Prepare what depends on the model that was read."""

    @property
    def _writer(self) -> Any:
        """The module that writes."""
        return self._network

    def _generation_config(self) -> Any:
        """Return settings with the model's own special tokens, and nothing else of its own."""
        from transformers import GenerationConfig

        own = [self._network.generation_config, self._writer.generation_config]
        tokens: dict[str, Any] = {}
        for name in SPECIAL_TOKENS:
            known = [v for c in own if (v := getattr(c, name, None)) is not None]
            tokens[name] = known[0] if known else None
        if tokens['pad_token_id'] is None:
            tokens['pad_token_id'] = self._processor.tokenizer.pad_token_id
        beams = dict(length_penalty=self.length_penalty) if self.num_beams > 1 else {}
        return GenerationConfig(
            do_sample=False,
            num_beams=self.num_beams,
            max_new_tokens=self.max_new_tokens,
            return_dict_in_generate=True,
            output_scores=True,
            **beams,
            **tokens,
        )

    @torch.inference_mode()
    def answer(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> list[list[Answer] | RecordError]:
        """Answer every question, in order.

        Args:
            images: RGB uint8, ``(H, W, 3)`` of any size.
            questions_per_image: As many lists as images; a list may be empty.

        Returns:
            The answers about each image, or the error if the model cannot use this image alone:
            its aspect ratio is refused, or it does not fit the memory of the device.

        Raises:
            ValueError: If the numbers differ, or the model can use no image.
            torch.OutOfMemoryError: If no image fits the memory of the device.
        """
        check_lengths(images, questions_per_image)
        if self._network is None:
            self.load()
        pictures = [Image.fromarray(image) for image in images]
        asked = zip(pictures, questions_per_image, strict=True)
        pairs = [(picture, q) for picture, questions in asked for q in questions]
        refused: dict[int, RecordError] = {}

        def answer_part(part: Sequence[tuple[Image.Image, str]]) -> list[Answer | RecordError]:
            # a refused image is not tried again for each of its questions
            if all(id(picture) in refused for picture, _ in part):
                return [refused[id(picture)] for picture, _ in part]
            return [*self._answer_together(part)]

        def refuse(pair: tuple[Image.Image, str], error: Exception) -> RecordError:
            refused[id(pair[0])] = self._refusal_of(pair[1], error)
            return refused[id(pair[0])]

        done = iter(halve_on_out_of_memory(answer_part, pairs, self.question_batch, refuse))
        groups = [[next(done) for _ in questions] for questions in questions_per_image]
        return [refused.get(id(p), g) for p, g in zip(pictures, groups, strict=True)]

    def _refusal_of(self, question: str, error: Exception) -> RecordError:
        """Return the error of an image with which the model fails.

        Raises:
            Exception: The error itself, if the model fails with a plain image too.
        """
        try:
            self._answer_together([(_PLAIN, question)])
        except (torch.OutOfMemoryError, ValueError):
            raise error from None
        said = str(error).strip().partition('\n')[0]
        return RecordError(f'the model cannot use the image ({shown_text(said)}).')

    def _answer_together(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[Answer]:
        prompts = [self.prompt.format(question=self._as_text(q)) for _, q in pairs]
        output = self._generate([picture for picture, _ in pairs], prompts)
        each = self._writer.compute_transition_scores(
            output.sequences,
            output.scores,
            getattr(output, 'beam_indices', None),
            normalize_logits=self.num_beams == 1,
        )
        tokens = output.sequences[:, -each.shape[1] :]
        scores = mean_scores(each, tokens, self._writer.generation_config.eos_token_id)
        texts = self._processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            Answer(parse_answer(text, q), score)
            for text, (_, q), score in zip(texts, pairs, scores.tolist(), strict=True)
        ]

    def _as_text(self, question: str) -> str:
        """Return a question with a blank in each special token, which a class may be called.

        Tokenizers would read ``<image>`` in a question as the place of a second image.
        """
        for token in self._processor.tokenizer.added_tokens_decoder.values():
            if token.special and len(token.content) > 1:
                broken = f'{token.content[0]} {token.content[1:]}'
                question = question.replace(token.content, broken)
        return question

    @abstractmethod
    def _generate(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Any:
        """Return the output of ``generate`` to prompts, each about its picture."""

    def _to_device(self, inputs: Any) -> Any:
        # not the network's dtype: BLIP-2 in float16 keeps its first weights in float32
        return inputs.to(self._device, self._dtype)


def mean_scores(each: Tensor, tokens: Tensor, end: int | Sequence[int] | None) -> Tensor:
    """Return the mean log-probability of the tokens of each answer, its end included.

    Args:
        each: Log-probabilities ``(B, L)``; what comes after the end does not count.
        tokens: ``(B, L)``.
        end: Tokens that end an answer.

    Returns:
        Float32 ``(B,)``.
    """
    ends = [] if end is None else [end] if isinstance(end, int) else list(end)
    ended = torch.isin(tokens, torch.tensor(ends, dtype=tokens.dtype, device=tokens.device))
    written = ended.cumsum(1) - ended.int() == 0
    total = each.float().masked_fill(~written, 0).sum(1)
    # rounding may lift what is certain above 0
    return (total / written.sum(1)).clamp(max=0)
