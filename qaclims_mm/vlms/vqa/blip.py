"""BLIP through transformers, asked many questions about an image that is encoded once.

Shapes: B images, Q questions, L tokens, S side of the input in pixels.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from qaclims_mm.paths import resolve
from qaclims_mm.vlms.clip.frozen import IMAGE_STATS
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, check_lengths
from qaclims_mm.vlms.vqa.beam_search import beam_search
from qaclims_mm.vlms.vqa.halving import halve_on_out_of_memory

KeysValues = tuple[Tensor, Tensor]


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
            raise ImportError(
                "BLIP needs transformers; run: pip install 'qaclims_mm[vlm]'"
            ) from error
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
        check_lengths(images, questions_per_image)
        if self._blip is None:
            self.load()
        pairs = [(x, q) for x, q in zip(images, questions_per_image, strict=True) if len(q)]
        encoded = iter(halve_on_out_of_memory(self._encode, pairs, len(pairs) or 1))
        states = [next(encoded) if len(q) else [] for q in questions_per_image]
        flat = [s for group in states for s in group]
        done = iter(halve_on_out_of_memory(self._generate, flat, self.question_batch))
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
        """Decode encoded questions together."""
        blip: Any = self._blip
        text = blip.config.text_config
        tokens, scores = beam_search(
            BlipDecoder(blip.text_decoder, *pad(states)),
            start=blip.decoder_start_token_id,
            end=text.sep_token_id,
            fill=text.pad_token_id,
            num_beams=self.num_beams,
            steps=self.max_length - 1,
        )
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Answer(t.strip(), s) for t, s in zip(texts, scores.tolist(), strict=True)]


def _by_length(items: Sequence[Any]) -> dict[int, list[int]]:
    """Group the indices of items by their length."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[len(item)].append(index)
    return groups


def pad(items: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack items ``(L, ...)`` of different lengths.

    Returns:
        The items, filled up with zeros, and the mask ``(B, 1, 1, L)`` of what is theirs.
    """
    lengths = torch.tensor([len(x) for x in items])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return pad_sequence(list(items), batch_first=True), mask[:, None, None].to(items[0].device)


def encode_images(vision: Any, pixels: Tensor, interpolate: bool) -> Tensor:
    """Return what ``BlipVisionModel`` does, ``(B, N, E)``.

    transformers' own attention writes out the matrix of all pairs of patches, which takes a third
    of the time.
    """
    hidden = vision.embeddings(pixels, interpolate_pos_encoding=interpolate)
    for layer in vision.encoder.layers:
        attention = layer.self_attn
        projected = attention.qkv(layer.layer_norm1(hidden))
        split = projected.unflatten(2, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4)
        context = scaled_dot_product_attention(*split)
        hidden = hidden + attention.projection(context.transpose(1, 2).flatten(2))
        hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
    return vision.post_layernorm(hidden)


def read_text(
    model: Any,
    ids: Tensor,
    seen: Iterable[KeysValues],
    mask: Tensor | None = None,
    seen_mask: Tensor | None = None,
    past: list[KeysValues] | None = None,
) -> Tensor:
    """Return what ``BlipTextModel`` does, ``(B * R, L, E)``.

    transformers' own cross-attention projects what is seen for each text, and ignores its mask.

    Args:
        model: A ``BlipTextModel``.
        ids: ``(B * R, L)``, R texts in a row that see the same; one token each if there is a past.
        seen: Keys and values ``(B, heads, N, D)`` of what is seen, one a layer.
        mask: True where a text has a token, ``(B * R, 1, 1, L)``; ``None`` is everywhere.
        seen_mask: True where there is something to see, ``(B, 1, 1, N)``.
        past: Keys and values of the tokens before, one a layer or none; those of ``ids`` are added.
    """
    length = past[0][0].shape[2] if past else 0
    positions = torch.arange(length, length + ids.shape[1], device=ids.device)
    hidden = model.embeddings(input_ids=ids, position_ids=positions[None])
    for number, (layer, (keys, values)) in enumerate(zip(model.encoder.layer, seen, strict=True)):
        own_keys, own_values = project(layer.attention.self, hidden)
        if past is not None:
            if length:
                own_keys = torch.cat([past[number][0], own_keys], 2)
                own_values = torch.cat([past[number][1], own_values], 2)
            past[number : number + 1] = [(own_keys, own_values)]
        hidden = attend(layer.attention, hidden, own_keys, own_values, mask)
        # the texts that see the same are one long text to the cross-attention
        joined = hidden.reshape(len(keys), -1, hidden.shape[2])
        looked = attend(layer.crossattention, joined, keys, values, seen_mask)
        hidden = layer.feed_forward_chunk(looked.view_as(hidden))
    return hidden


def attend(
    attention: Any, hidden: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None
) -> Tensor:
    """Return what ``BlipTextAttention`` does, ``(B, L, E)``, its keys and values given."""
    queries = _split_heads(attention.self, attention.self.query(hidden))
    context = scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    return attention.output(context.transpose(1, 2).flatten(2), hidden)


def project(attention: Any, states: Tensor) -> KeysValues:
    """Return an attention's keys and values ``(B, heads, N, D)`` of states ``(B, N, E)``."""
    keys, values = attention.key(states), attention.value(states)
    return _split_heads(attention, keys), _split_heads(attention, values)


def _split_heads(attention: Any, states: Tensor) -> Tensor:
    return states.unflatten(2, (-1, attention.attention_head_size)).transpose(1, 2)


def project_image(text_model: Any, image: Tensor) -> Iterator[KeysValues]:
    """Yield each layer's cross-attention keys and values of images ``(B, N, E)``."""
    for layer in text_model.encoder.layer:
        yield project(layer.crossattention.self, image)


class BlipDecoder:
    """BLIP's text decoder, one token a call.

    Args:
        decoder: A ``BlipTextLMHeadModel``.
        states: Encoded questions, ``(B, L, E)``.
        mask: True where a question has a token, ``(B, 1, 1, L)``.
    """

    def __init__(self, decoder: Any, states: Tensor, mask: Tensor) -> None:
        self._decoder, self._mask = decoder, mask
        self._seen = list(project_image(decoder.bert, states))
        self._past: list[KeysValues] = []
        self.number, self.device = len(states), states.device

    def __call__(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of the next tokens, float32 ``(B, R, vocabulary)``.

        Args:
            tokens: The last token of each of R answers to each question, ``(B, R)``.
        """
        ids = tokens.reshape(-1, 1)
        hidden = read_text(
            self._decoder.bert, ids, self._seen, seen_mask=self._mask, past=self._past
        )
        return self._decoder.cls(hidden).float().log_softmax(-1).view(*tokens.shape, -1)

    def keep(self, questions: Tensor, rows: Tensor) -> None:
        """Go on with some questions, and some rows of what all answers are so far."""
        self._past = [(k[rows], v[rows]) for k, v in self._past]
        if len(questions) < self.number:
            self._seen = [(k[questions], v[questions]) for k, v in self._seen]
            self._mask, self.number = self._mask[questions], len(questions)
