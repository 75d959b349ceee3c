"""Models that chat about an image, through transformers' interface for them."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.generation import GenerativeVQA


@VQA_MODELS.register_module()
class ChatVQA(GenerativeVQA):
    """Any chat model of transformers that takes images: LLaVA, Qwen-VL, SmolVLM and their kind.

    A question is a conversation of its own, of one image and one turn, so the image is encoded for
    each. The model's chat template is a text of Jinja, which transformers fills in a sandbox.

    Args:
        model: See ``GenerativeVQA``.
        prompt: See ``GenerativeVQA``.
        **options: See ``GenerativeVQA``.

    Source:
        The prompt of LLaVA-1.5 for short answers (Liu et al., CVPR 2024, section 3.2).
    """

    def __init__(
        self,
        model: str,
        prompt: str = '{question}\nAnswer the question using a single word or phrase.',
        **options: Any,
    ) -> None:
        super().__init__(model, prompt, **options)

    def _check_processor(self) -> None:
        super()._check_processor()
        processor = self._processor
        # older folders have it in the tokenizer's file, where the processor does not look
        processor.chat_template = processor.chat_template or processor.tokenizer.chat_template
        if not processor.chat_template:
            raise FormatError(
                f'{self.model!r} has no chat template; put the chat_template.jinja of its hub '
                'repository beside its tokenizer.json, or give the chat version of the model '
                '(..-Instruct, ..-chat). BLIP-2 and InstructBLIP do not chat: use Blip2VQA.'
            )
        # a decoder goes on where the prompt ends
        processor.tokenizer.padding_side = 'left'

    def _generate(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> Any:
        chats = [
            [
                dict(
                    role='user',
                    content=[dict(type='image', image=picture), dict(type='text', text=prompt)],
                )
            ]
            for picture, prompt in zip(pictures, prompts, strict=True)
        ]
        inputs = self._processor.apply_chat_template(
            chats,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors='pt',
            processor_kwargs=dict(padding=True),
        )
        return self._network.generate(**self._to_device(inputs))
