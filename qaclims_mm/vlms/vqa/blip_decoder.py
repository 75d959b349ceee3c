"""BLIP's text decoder over questions that begin and end one by one.

Shapes: B live questions, R answers followed to each, L tokens of the longest question, E features,
D features of a head, S places for the tokens of all answers to a question.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qaclims_mm.vlms.vqa.blip_layers import KeysValues, pad, project_image, read_text


class LiveQuestions:
    """Keys and values of questions and of all tokens of their answers.

    The answers to a question share its places, and a mask says which of them an answer has: a token
    is written once and never copied when several answers continue the same one.

    Args:
        seen: Keys and values of the questions, ``(B, heads, L, D)``, one a layer.
        seen_mask: True where a question has a token, ``(B, 1, 1, L)``.
        own: Keys and values of the places, ``(B, heads, S, D)``, one a layer.
        visible: True where an answer has a place, ``(B, R, S)``.
        length: Tokens of each answer, ``(B,)``.
    """

    def __init__(
        self,
        seen: list[KeysValues],
        seen_mask: Tensor,
        own: list[KeysValues],
        visible: Tensor,
        length: Tensor,
    ) -> None:
        self.seen, self.seen_mask, self.own = seen, seen_mask, own
        self.visible, self.length = visible, length
        self._rows = torch.arange(len(length), device=length.device)[:, None]

    def open_places(self, number: int) -> Tensor:
        """Choose the places of the next token of R answers.

        Args:
            number: R; 1 for the first token.

        Returns:
            What each answer attends to, ``(B, 1, R, S)``.
        """
        first = (1 + number * (self.length - 1)).clamp(min=0)
        self._places = first[:, None] + torch.arange(number, device=first.device)
        self.visible = self.visible.scatter(2, self._places[..., None], True)
        return self.visible[:, None]

    def add(self, layer: int, keys: Tensor, values: Tensor) -> KeysValues:
        """Write a layer's keys and values ``(B, heads, R, D)``; return those of all places."""
        stored = self.own[layer]
        for old, new in zip(stored, (keys, values), strict=True):
            old[self._rows, :, self._places] = new.transpose(1, 2)
        return stored

    def join(self, other: 'LiveQuestions') -> 'LiveQuestions':
        """Return these questions, followed by others that have a first token."""
        visible = other.visible.expand(-1, self.visible.shape[1], -1)
        return LiveQuestions(
            _concatenate(self.seen, other.seen),
            torch.cat([self.seen_mask, other.seen_mask]),
            _concatenate(self.own, other.own),
            torch.cat([self.visible, visible]),
            torch.cat([self.length, other.length]),
        )

    def keep(self, questions: Tensor, parents: Tensor) -> 'LiveQuestions':
        """Return some questions ``(b,)``, with the answers ``(b, R)`` that are continued."""
        visible = self.visible[questions]
        visible = visible.gather(1, parents[..., None].expand(-1, -1, visible.shape[2]))
        if len(questions) == len(self.length):
            return LiveQuestions(self.seen, self.seen_mask, self.own, visible, self.length)
        return LiveQuestions(
            [(k[questions], v[questions]) for k, v in self.seen],
            self.seen_mask[questions],
            [(k[questions], v[questions]) for k, v in self.own],
            visible,
            self.length[questions],
        )


def _concatenate(first: list[KeysValues], second: list[KeysValues]) -> list[KeysValues]:
    pairs = zip(first, second, strict=True)
    return [(torch.cat([k, c]), torch.cat([v, w])) for (k, v), (c, w) in pairs]


class BlipDecoder:
    """BLIP's text decoder, one token a call.

    Args:
        decoder: A ``BlipTextLMHeadModel``.
        states: Encoded questions, ``(L, E)`` each.
        start: Token before all answers.
        num_beams: R.
        steps: Tokens of an answer at most, without the start.
    """

    def __init__(
        self, decoder: Any, states: Sequence[Tensor], start: int, num_beams: int, steps: int
    ) -> None:
        self._decoder, self._start = decoder, start
        self._states, self._mask = pad(states)
        self._num_beams, self._places = num_beams, 1 + num_beams * (steps - 1)
        self.number, self.device = len(states), self._states.device
        self._live: LiveQuestions | None = None

    def begin(self, start: int, stop: int) -> Tensor:
        """Add questions to the live ones.

        Args:
            start: Index of the first one.
            stop: Index after the last one.

        Returns:
            Log-probabilities of their first tokens, float32 ``(b, vocabulary)``.
        """
        seen = list(project_image(self._decoder.bert, self._states[start:stop]))
        number, heads, _, size = seen[0][0].shape
        shape = number, heads, self._places, size
        fresh = LiveQuestions(
            seen,
            self._mask[start:stop],
            # zeros: what is not written yet is read, and has the weight 0
            [(k.new_zeros(shape), k.new_zeros(shape)) for k, _ in seen],
            torch.zeros(number, 1, self._places, dtype=torch.bool, device=self.device),
            torch.zeros(number, dtype=torch.long, device=self.device),
        )
        logs = self._read(fresh, torch.full((number, 1), self._start, device=self.device))
        self._live = fresh if self._live is None else self._live.join(fresh)
        return logs[:, 0]

    def __call__(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of the next tokens, float32 ``(B, R, vocabulary)``.

        Args:
            tokens: The last token of each answer to the live questions, ``(B, R)``.

        Raises:
            ValueError: If no question has begun.
        """
        if self._live is None:
            raise ValueError('no question has begun; call begin() first.')
        return self._read(self._live, tokens)

    def keep(self, questions: Tensor, parents: Tensor) -> None:
        """Continue with some live questions ``(b,)``, and the answers ``(b, R)`` of each."""
        if self._live is not None:
            self._live = self._live.keep(questions, parents)

    def _read(self, live: LiveQuestions, tokens: Tensor) -> Tensor:
        mask = live.open_places(tokens.shape[1])
        hidden = read_text(self._decoder.bert, tokens, live.seen, mask, live.seen_mask, live)
        live.length = live.length + 1
        return self._decoder.cls(hidden).float().log_softmax(-1)
