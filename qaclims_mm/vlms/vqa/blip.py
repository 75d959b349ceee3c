"""BLIP through transformers, asked many questions about an image that is encoded once.

Shapes: B images, Q questions, L tokens, S side of the input in pixels, E features.
"""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn

from qaclims_mm.errors import ConfigError
from qaclims_mm.paths import resolve
from qaclims_mm.vlms.clip.frozen import IMAGE_STATS
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, check_lengths
from qaclims_mm.vlms.vqa.beam_search import beam_search
from qaclims_mm.vlms.vqa.blip_decoder import BlipDecoder
from qaclims_mm.vlms.vqa.blip_layers import encode_images, pad, project_image, read_text
from qaclims_mm.vlms.vqa.cpu_linear import Int8Linear, PackedLinear, can_pack, replace_linears
from qaclims_mm.vlms.vqa.halving import halve_on_out_of_memory

# tokens of a question, in the estimate of the memory
_QUESTION_LENGTH = 16


def preprocess(
    images: Sequence[np.ndarray], side: int, device: str | torch.device = 'cpu'
) -> Tensor:
    """Resize to a square (bicubic, aspect not kept) and normalise with CLIP's constants.

    Args:
        images: RGB uint8, ``(H, W, 3)`` of any size.
        side: S.
        device: Where the result is.

    Returns:
        Float32 ``(B, 3, S, S)``.
    """

    def resize(image: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))

    # a GPU waits for this; Pillow lets threads resize at the same time
    with ThreadPoolExecutor() as threads:
        resized = np.stack(list(threads.map(resize, images)))
    pixels = torch.from_numpy(resized).to(device).permute(0, 3, 1, 2).contiguous().float().div_(255)
    mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in IMAGE_STATS['clip'])
    return pixels.sub_(mean).div_(std)


@VQA_MODELS.register_module()
class BlipVQA:
    """BLIP for visual question answering.

    Args:
        model: Local folder, hub id, or ``miniworld://blip``.
        config: Config of a ``BlipConfig`` instead of weights: random ones from ``seed``, to try the
            chain at full size without a download; the tokenizer still comes from ``model``.
        num_beams: Beams of the decoding.
        max_length: Tokens of an answer, the start token included.
        image_size: Input side in pixels; positions are interpolated where it is not the model's
            own, which ``None`` keeps.
        batch_bytes: Memory that a batch of images, and one of questions, may take beside the
            weights, about; each has at least one item.
        dtype: ``float16`` or ``bfloat16`` on a GPU, ``int8`` on a CPU (linear layers are rounded to
            8 bits); ``None`` is float32.
        encoder_token_id: Replaces the first token of each question; 30523, [ENC], for the released
            BLIP, which was trained so, while transformers leaves [CLS].
        seed: Of random weights.

    Source:
        get_blip_vqa_results.py and blip_vqa.py of the released code (480 px, 3 beams, length 10).
    """

    def __init__(
        self,
        model: str,
        config: dict | None = None,
        num_beams: int = 3,
        max_length: int = 10,
        image_size: int | None = 480,
        batch_bytes: int = 2**30,
        dtype: str | None = None,
        encoder_token_id: int | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.config, self.seed = model, config, seed
        self.num_beams, self.max_length = num_beams, max_length
        self.image_size, self.batch_bytes = image_size, batch_bytes
        self.dtype, self.encoder_token_id = dtype, encoder_token_id
        self._blip: nn.Module | None = None

    def load(self, device: str = 'cpu') -> None:
        """Read weights and tokenizer.

        Raises:
            ConfigError: If the device does not run the dtype.
            ImportError: If transformers is not installed.
            OSError: If the model is neither a folder nor a hub id that can be read, or has no
                vocabulary.
        """
        try:
            from transformers import BertTokenizer, BlipConfig, BlipForQuestionAnswering
        except ImportError as error:
            raise ImportError(
                "BLIP needs transformers; run: pip install 'qaclims_mm[vlm]'"
            ) from error
        source = resolve(self.model)
        try:
            self._tokenizer = BertTokenizer.from_pretrained(source)
            if self.config is None:
                # a pickle could run code, or never end
                blip = BlipForQuestionAnswering.from_pretrained(
                    source, dtype=torch.float32, use_safetensors=True
                )
            else:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(self.seed)
                    blip = BlipForQuestionAnswering(BlipConfig(**self.config))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise OSError(
                f'BLIP {self.model!r} cannot be read: {error} Give a folder with its config, '
                'weights and vocabulary, or a hub id and a network.'
            ) from error
        if not set(self._tokenizer.get_vocab()) - set(self._tokenizer.all_special_tokens):
            # transformers then reads every word as [UNK] and says nothing
            raise OSError(f'BLIP {self.model!r} has no vocabulary; add its vocab.txt.')
        self._device = torch.device(device)
        self._blip = self._place(blip.requires_grad_(False).eval())
        own = blip.config.vision_config.image_size
        self._side = self.image_size or own
        self._interpolate = self._side != own

    def _place(self, blip: nn.Module) -> nn.Module:
        """Move a network to the device, in its dtype and the layers that are fastest there."""
        on_cpu = self._device.type == 'cpu'
        if self.dtype == 'int8':
            if not on_cpu:
                raise ConfigError(
                    f"dtype 'int8' runs on a CPU, but the device is {str(self._device)!r}; use "
                    "'bfloat16' there."
                )
            replace_linears(blip, Int8Linear)
            return blip
        blip.to(self._device, getattr(torch, self.dtype) if self.dtype else torch.float32)
        if self.dtype is None and on_cpu and can_pack():
            replace_linears(blip, PackedLinear)
        return blip

    @torch.inference_mode()
    def answer(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> list[list[Answer]]:
        """Answer every question, in order.

        Args:
            images: RGB uint8, ``(H, W, 3)`` of any size.
            questions_per_image: As many lists as images; a list may be empty.

        Raises:
            ValueError: If the numbers differ.
        """
        check_lengths(images, questions_per_image)
        if self._blip is None:
            self.load()
        pairs = [(x, q) for x, q in zip(images, questions_per_image, strict=True) if len(q)]
        number = max((len(q) for q in questions_per_image), default=0)
        encoded = halve_on_out_of_memory(self._encode, pairs, self._images_at_once(number))
        states = [s for group in encoded for s in group]
        done = iter(halve_on_out_of_memory(self._generate, states, len(states) or 1))
        return [[next(done) for _ in q] for q in questions_per_image]

    def _encode(self, pairs: Sequence[tuple[np.ndarray, Sequence[str]]]) -> list[list[Tensor]]:
        """Return the encoded questions, each (L, E), of images that are encoded once."""
        blip: Any = self._blip
        pixels = preprocess([x for x, _ in pairs], self._side, self._device).to(blip.dtype)
        embeds = encode_images(blip.vision_model, pixels, self._interpolate)
        states: dict[int, list[Tensor]] = {}
        for indices in _by_length([q for _, q in pairs]).values():
            group = self._encode_questions(embeds[indices], [pairs[i][1] for i in indices])
            states |= dict(zip(indices, group, strict=True))
        return [states[i] for i in range(len(pairs))]

    def _encode_questions(
        self, images: Tensor, questions: Sequence[Sequence[str]]
    ) -> list[list[Tensor]]:
        """Encode the questions about images ``(B, N, E)``, as many about each."""
        blip: Any = self._blip
        # a class may be called [SEP]
        options = dict(split_special_tokens=True)
        tokens = self._tokenizer([q for g in questions for q in g], **options)['input_ids']
        ids, mask = (x.to(self._device) for x in pad([torch.tensor(t) for t in tokens]))
        if self.encoder_token_id is not None:
            ids[:, 0] = self.encoder_token_id
        seen = project_image(blip.text_encoder, images)
        hidden = read_text(blip.text_encoder, ids, seen, mask)
        states = [h[: len(t)] for h, t in zip(hidden, tokens, strict=True)]
        number = len(questions[0])
        return [states[i : i + number] for i in range(0, len(states), number)]

    def _generate(self, states: Sequence[Tensor]) -> list[Answer]:
        """Decode encoded questions ``(L, E)``, as many at once as there is memory for."""
        blip: Any = self._blip
        text = blip.config.text_config
        steps = self.max_length - 1
        tokens, scores = beam_search(
            BlipDecoder(
                blip.text_decoder, states, blip.decoder_start_token_id, self.num_beams, steps
            ),
            end=text.sep_token_id,
            fill=text.pad_token_id,
            num_beams=self.num_beams,
            steps=steps,
            room=self._questions_at_once(max(len(s) for s in states)),
        )
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Answer(t.strip(), s) for t, s in zip(texts, scores.tolist(), strict=True)]

    def _images_at_once(self, questions: int) -> int:
        """Return how many images are encoded together, with as many questions about each."""
        blip: Any = self._blip
        vision, text = blip.config.vision_config, blip.config.text_config
        patches = (self._side // vision.patch_size) ** 2 + 1
        widest = max(_activations(vision), _activations(text))
        rows = patches + questions * _QUESTION_LENGTH
        return max(1, int(self.batch_bytes // (rows * widest * blip.dtype.itemsize)))

    def _questions_at_once(self, length: int) -> int:
        """Return how many questions of L tokens are decoded together."""
        blip: Any = self._blip
        text, size = blip.config.text_config, blip.dtype.itemsize
        # keys and values of the question and of the answers' tokens
        kept = 2 * (length + self.num_beams * self.max_length)
        numbers = text.num_hidden_layers * kept * text.hidden_size
        # of a step: log-probabilities, which are float32 and there four times
        each = _activations(text) * size + 4 * 4 * text.vocab_size
        return max(1, int(self.batch_bytes // (numbers * size + self.num_beams * each)))


def _activations(config: Any) -> int:
    """Return how many numbers of a token a transformer holds at once: 8 E and two of its MLP."""
    return 8 * config.hidden_size + 2 * config.intermediate_size


def _by_length(items: Sequence[Any]) -> dict[int, list[int]]:
    """Group the indices of items by their length."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[len(item)].append(index)
    return groups
