"""BLIP-2 and InstructBLIP through transformers, with an image that is encoded once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.generation import GenerativeVQA


@VQA_MODELS.register_module()
class Blip2VQA(GenerativeVQA):
    """BLIP-2 or InstructBLIP for visual question answering.

    Args:
        model: See ``GenerativeVQA``.
        prompt: See ``GenerativeVQA``; with OPT the paper has ``Question: {question} Answer:``.
        image_size: Input side in pixels; positions are interpolated where it is not the model's
            own, which ``None`` keeps.
        max_new_tokens: Tokens of an answer, its end included.
        **options: See ``GenerativeVQA``.

    Source:
        Prompt, and five beams with a length penalty of -1 as an option: section 4.1 of BLIP-2 (Li
        et al., ICML 2023) for FlanT5; InstructBLIP has the same prompt for short answers.
    """

    _kinds = ('blip-2', 'instructblip')
    _wanted = (
        'BLIP-2 and InstructBLIP, such as Salesforce/blip2-flan-t5-xl; ChatVQA takes models that '
        'chat'
    )

    def __init__(
        self,
        model: str,
        prompt: str = 'Question: {question} Short answer:',
        image_size: int | None = None,
        max_new_tokens: int = 10,
        **options: Any,
    ) -> None:
        super().__init__(model, prompt, max_new_tokens=max_new_tokens, **options)
        self.image_size = image_size

    @property
    def _writer(self) -> Any:
        return self._network.language_model

    def _set_up(self) -> None:
        config = self._network.config
        if config.image_token_id is None:
            raise FormatError(
                f'{self.model!r} has no image_token_index in its config.json, as it was written by '
                'an old transformers; fetch the newest files of the hub.'
            )
        self._processor.num_query_tokens = config.num_query_tokens
        # T5 knows tokens by their distance, which padding inside changes; a decoder must go on
        # where the prompt ends
        side = 'right' if config.text_config.is_encoder_decoder else 'left'
        self._processor.tokenizer.padding_side = side
        own = config.vision_config.image_size
        self._side = self.image_size or own
        self._interpolate = self._side != own

    def _generate(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Any:
        # the same picture, questions in a row
        place = {key: i for i, key in enumerate(dict.fromkeys(map(id, pictures)))}
        rows = torch.tensor([place[id(picture)] for picture in pictures], device=self._device)
        inputs = self._processor(
            images=list({id(picture): picture for picture in pictures}.values()),
            text=list(prompts),
            size=dict(height=self._side, width=self._side),
            padding=True,
            return_tensors='pt',
        )
        with repeat_images(self._network.vision_model, rows):
            return self._network.generate(
                **self._to_device(inputs), interpolate_pos_encoding=self._interpolate
            )


@contextmanager
def repeat_images(encoder: nn.Module, rows: Tensor) -> Iterator[None]:
    """Let an encoder see each image once, and give what it saw to each question.

    Args:
        encoder: Gives ``last_hidden_state`` of all images.
        rows: The image of each question.
    """

    def repeat(module: nn.Module, args: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[rows]
        output.pooler_output = output.pooler_output[rows]
        return output

    handle = encoder.register_forward_hook(repeat)
    try:
        yield
    finally:
        handle.remove()
