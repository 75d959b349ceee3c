"""BLIP through transformers, asked many questions about an image that is encoded once.

Shapes: B images, Q questions, L tokens, S side of the input in pixels.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from qaclims_mm.paths import resolve
from qaclims_mm.vlms.base import Answer
from qaclims_mm.vlms.frozen import IMAGE_STATS
from qaclims_mm.vlms.registry import VQA_MODELS


def preprocess(images: Sequence[np.ndarray], side: int) -> Tensor:
    """Resize to a square (bicubic, aspect not kept) and normalise with CLIP's constants.

    Args:
        images: RGB uint8, ``(H, W, 3)`` of any size.
        side: S.

    Returns:
        Float32 ``(B, 3, S, S)``.
    """
    resized = [
        np.asarray(Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC))
        for x in images
    ]
    mean, std = (np.array(v, dtype=np.float32) for v in IMAGE_STATS['clip'])
    pixels = (np.stack(resized).astype(np.float32) / 255 - mean) / std
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def halve_on_out_of_memory(function: Callable[[Any], list], batch: Sequence, size: int) -> list:
    """Apply a function to parts of a batch, half as large each time the device is out of memory.

    Args:
        function: Maps a part to a list of results, one an item.
        batch: The items.
        size: Items a part, to begin with.

    Raises:
        torch.OutOfMemoryError: If even one item does not fit.
    """
    results: list = []
    while len(results) < len(batch):
        part = batch[len(results) : len(results) + size]
        try:
            results += function(part)
        except torch.OutOfMemoryError:
            if len(part) == 1:
                raise
            size = max(1, len(part) // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return results


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
        question_batch: Questions decoded at once, at most.
        dtype: ``float16`` or ``bfloat16`` on a GPU; ``None`` is float32.
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
        question_batch: int = 256,
        dtype: str | None = None,
        encoder_token_id: int | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.config, self.seed = model, config, seed
        self.num_beams, self.max_length = num_beams, max_length
        self.image_size, self.question_batch = image_size, question_batch
        self.dtype, self.encoder_token_id = dtype, encoder_token_id
        self._blip: nn.Module | None = None

    def load(self, device: str = 'cpu') -> None:
        """Read weights and tokenizer.

        Raises:
            ImportError: If transformers is not installed.
            OSError: If the model is neither a folder nor a hub id that can be read, or has no
                vocabulary.
        """
        try:
            from transformers import BertTokenizer, BlipConfig, BlipForQuestionAnswering
        except ImportError as error:
            raise ImportError('BLIP needs transformers; run: pip install -e ".[vlm]"') from error
        source = resolve(self.model)
        try:
            self._tokenizer = BertTokenizer.from_pretrained(source)
            if self.config is None:
                blip = BlipForQuestionAnswering.from_pretrained(source, dtype=torch.float32)
            else:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(self.seed)
                    blip = BlipForQuestionAnswering(BlipConfig(**self.config))
        except OSError as error:
            raise OSError(
                f'BLIP {self.model!r} cannot be read: {error} Give a folder with its config, '
                'weights and vocabulary, or a hub id and a network.'
            ) from error
        if not set(self._tokenizer.get_vocab()) - set(self._tokenizer.all_special_tokens):
            # transformers then reads every word as [UNK] and says nothing
            raise OSError(f'BLIP {self.model!r} has no vocabulary; add its vocab.txt.')
        dtype = getattr(torch, self.dtype) if self.dtype else torch.float32
        self._device = torch.device(device)
        self._blip = blip.requires_grad_(False).eval().to(self._device, dtype)
        own = blip.config.vision_config.image_size
        self._side = self.image_size or own
        self._interpolate = self._side != own

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
        if len(images) != len(questions_per_image):
            raise ValueError(
                f'there must be one list of questions an image, but got {len(images)} images and '
                f'{len(questions_per_image)} lists.'
            )
        if self._blip is None:
            self.load()
        pairs = [(x, q) for x, q in zip(images, questions_per_image, strict=True) if len(q)]
        encoded = iter(halve_on_out_of_memory(self._encode, pairs, len(pairs) or 1))
        states = [next(encoded) if len(q) else [] for q in questions_per_image]
        flat = self._decode([s for group in states for s in group])
        done = iter(flat)
        return [[next(done) for _ in q] for q in questions_per_image]

    def _encode(self, pairs: Sequence[tuple[np.ndarray, Sequence[str]]]) -> list[list[Tensor]]:
        """Return the encoded questions, each (L, E), of images that are encoded once."""
        blip: Any = self._blip
        pixels = preprocess([x for x, _ in pairs], self._side).to(self._device, blip.dtype)
        embeds = blip.vision_model(pixel_values=pixels, interpolate_pos_encoding=self._interpolate)[
            0
        ]
        return [self._encode_questions(embeds[i : i + 1], q) for i, (_, q) in enumerate(pairs)]

    def _encode_questions(self, image: Tensor, questions: Sequence[str]) -> list[Tensor]:
        """Encode the questions about one image ``(1, N, E)``, those of equal length together.

        The image's keys and values are projected once a layer and serve all questions.
        """
        blip: Any = self._blip
        keys_values = project_image(blip.text_encoder, image)
        tokens = self._tokenizer(list(questions))['input_ids']
        states: dict[int, Tensor] = {}
        for indices in _by_length(tokens).values():
            ids = torch.tensor([tokens[i] for i in indices], device=self._device)
            if self.encoder_token_id is not None:
                ids[:, 0] = self.encoder_token_id
            hidden = blip.text_encoder(
                input_ids=ids,
                encoder_hidden_states=image,
                past_key_values=filled_cache(keys_values),
                use_cache=True,
            )[0]
            states |= dict(zip(indices, hidden, strict=True))
        return [states[i] for i in range(len(questions))]

    def _decode(self, states: Sequence[Tensor]) -> list[Answer]:
        """Decode encoded questions, those of equal length together."""
        answers: dict[int, Answer] = {}
        for indices in _by_length(states).values():
            group = [states[i] for i in indices]
            decoded = halve_on_out_of_memory(self._generate, group, self.question_batch)
            answers |= dict(zip(indices, decoded, strict=True))
        return [answers[i] for i in range(len(states))]

    def _generate(self, states: Sequence[Tensor]) -> list[Answer]:
        blip: Any = self._blip
        questions = torch.stack(list(states))
        start = torch.full((len(states), 1), blip.decoder_start_token_id, device=self._device)
        text = blip.config.text_config
        output = blip.text_decoder.generate(
            input_ids=start,
            encoder_hidden_states=questions,
            encoder_attention_mask=torch.ones(questions.shape[:2], device=self._device).long(),
            bos_token_id=blip.decoder_start_token_id,
            eos_token_id=text.sep_token_id,
            pad_token_id=text.pad_token_id,
            num_beams=self.num_beams,
            do_sample=False,
            length_penalty=1.0,
            early_stopping=False,
            repetition_penalty=1.0,
            max_length=self.max_length,
            min_length=1,
            output_scores=True,
            return_dict_in_generate=True,
        )
        # without the start token, which not every tokenizer counts as special
        texts = self._tokenizer.batch_decode(output.sequences[:, 1:], skip_special_tokens=True)
        return [
            Answer(t.strip(), float(s)) for t, s in zip(texts, self._scores(output), strict=True)
        ]

    def _scores(self, output: Any) -> Tensor:
        """Return the sum of the tokens' log-probabilities over their number, ``(B,)``."""
        if self.num_beams > 1:
            return output.sequences_scores.float().cpu()
        blip: Any = self._blip
        steps = blip.text_decoder.compute_transition_scores(
            output.sequences, output.scores, normalize_logits=True
        )
        # an answer that ends before others is filled up with padding, which has scores too
        made = output.sequences[:, 1:] != blip.config.text_config.pad_token_id
        return (steps.where(made, 0).sum(1) / made.sum(1).clamp(min=1)).float().cpu()


def _by_length(items: Sequence[Any]) -> dict[int, list[int]]:
    """Group the indices of items by their length; padding would change the answers."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[len(item)].append(index)
    return groups


def project_image(text_encoder: Any, image: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return each layer's cross-attention keys and values of images ``(B, N, E)``."""
    projected = []
    for layer in text_encoder.encoder.layer:
        attention = layer.crossattention.self
        shape = (*image.shape[:2], -1, attention.attention_head_size)
        keys, values = (f(image).view(shape) for f in (attention.key, attention.value))
        projected.append((keys.transpose(1, 2), values.transpose(1, 2)))
    return projected


def filled_cache(keys_values: Sequence[tuple[Tensor, Tensor]]) -> Any:
    """Return a cache whose cross-attention part is there already and not computed again."""
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    cross = DynamicCache()
    for layer, (keys, values) in enumerate(keys_values):
        cross.update(keys, values, layer)
    cache = EncoderDecoderCache(DynamicCache(), cross)
    cache.is_updated = dict.fromkeys(range(len(keys_values)), True)
    return cache
