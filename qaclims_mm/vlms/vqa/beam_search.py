"""The most probable answers of a decoder, found by following several at once.

Shapes: B live questions, R answers followed to each, T tokens of an answer at most.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Decoder(Protocol):
    """Computes how probable the next tokens of the answers to live questions are.

    Attributes:
        number: Number of all questions.
        device: Where it runs.
    """

    number: int
    device: torch.device

    def begin(self, start: int, stop: int) -> Tensor:
        """Add questions to the live ones.

        Args:
            start: Index of the first one.
            stop: Index after the last one.

        Returns:
            Log-probabilities of their first tokens, ``(b, words)``.
        """

    def __call__(self, tokens: Tensor) -> Tensor:
        """Map the last token of each answer ``(B, R)`` to log-probabilities ``(B, R, words)``."""

    def keep(self, questions: Tensor, parents: Tensor) -> None:
        """Continue with some live questions ``(b,)``, and the answers ``(b, R)`` of each."""


class _Beams(NamedTuple):
    """The answers to live questions.

    Attributes:
        questions: Index of each question, ``(B,)``.
        steps: Tokens so far, ``(B,)``.
        running: Answers without an end, ``(B, R, T)``, best first.
        scores: Sums of their log-probabilities, ``(B, R)``.
        ended: The best answers with an end, ``(B, R, T)``.
        means: Means of their log-probabilities, ``(B, R)``; minus infinity where there is none yet.
    """

    questions: Tensor
    steps: Tensor
    running: Tensor
    scores: Tensor
    ended: Tensor
    means: Tensor


def beam_search(
    decoder: Decoder, end: int, fill: int, num_beams: int, steps: int, room: int
) -> tuple[Tensor, Tensor]:
    """Find the answer with the largest mean log-probability of its tokens to every question.

    Questions that wait begin as soon as a part of the room is free, beside those that go on.

    Args:
        decoder: Computes the log-probabilities of the next tokens.
        end: Token that ends an answer.
        fill: Token after the end.
        num_beams: R; one is greedy.
        steps: T, the end included.
        room: Live questions at most.

    Returns:
        Tokens ``(questions, T)``, and means ``(questions,)``, both on the CPU.

    Source:
        ``generate`` of transformers with ``early_stopping=False`` and ``length_penalty=1``. A
        question is also left as soon as no running answer can become better than its best one.
    """
    number, device = decoder.number, decoder.device
    answers = torch.full((number, steps), fill, device=device)
    means = torch.full((number,), -torch.inf, device=device)
    live = _begin(range(0), num_beams, steps, fill, device)
    begun = 0
    while begun < number or len(live.questions):
        fresh = min(room - len(live.questions), number - begun)
        if fresh and (fresh >= min(room // 4, number - begun) or not len(live.questions)):
            new = _begin(range(begun, begun + fresh), num_beams, steps, fill, device)
            logs = decoder.begin(begun, begun + fresh)
            begun += fresh
            new, parents, is_open = _advance(new, logs[:, None], end)
            rows = torch.arange(num_beams, device=device).expand(len(live.questions), -1)
            parents = torch.cat([rows, parents])
            is_open = torch.cat([torch.ones_like(live.questions, dtype=torch.bool), is_open])
            live = _Beams(*(torch.cat(pair) for pair in zip(live, new, strict=True)))
        else:
            last = (live.steps - 1)[:, None, None].expand(-1, num_beams, 1)
            logs = decoder(live.running.gather(2, last)[..., 0])
            live, parents, is_open = _advance(live, logs, end)
        answers[live.questions], means[live.questions] = live.ended[:, 0], live.means[:, 0]
        kept = is_open.nonzero()[:, 0]
        decoder.keep(kept, parents[kept])
        live = _Beams(*(x[kept] for x in live))
    return answers.cpu(), means.cpu()


def _begin(questions: range, num_beams: int, steps: int, fill: int, device: torch.device) -> _Beams:
    """Return questions before their first step."""
    number = len(questions)
    return _Beams(
        torch.tensor(questions, dtype=torch.long, device=device),
        torch.zeros(number, dtype=torch.long, device=device),
        torch.full((number, num_beams, steps), fill, device=device),
        torch.zeros(number, num_beams, device=device),
        torch.full((number, num_beams, steps), fill, device=device),
        torch.full((number, num_beams), -torch.inf, device=device),
    )


def _advance(beams: _Beams, logs: Tensor, end: int) -> tuple[_Beams, Tensor, Tensor]:
    """Add a token to every answer.

    Args:
        beams: The answers so far.
        logs: Log-probabilities of the token, ``(B, R, words)``; ``(B, 1, words)`` of the first one.
        end: Token that ends an answer.

    Returns:
        The answers, which of those before each running one continues ``(B, R)``, and whether a
        question may still get a better answer ``(B,)``.
    """
    num_beams, most = beams.ended.shape[1:]
    total = beams.scores[:, : logs.shape[1], None] + logs
    # as many again: each beam may end
    top, index = total.flatten(1).topk(2 * num_beams)
    parents, words = index // total.shape[2], index % total.shape[2]
    place = beams.steps[:, None, None].expand(-1, 2 * num_beams, 1)
    candidates = _pick(beams.running, parents).scatter(2, place, words[..., None])
    steps = beams.steps + 1
    over = (words == end) | (steps == most)[:, None]

    made = (top / steps[:, None]).masked_fill(~over, -torch.inf)[:, :num_beams]
    means, chosen = torch.cat([beams.means, made], 1).topk(num_beams)
    ended = _pick(torch.cat([beams.ended, candidates[:, :num_beams]], 1), chosen)

    scores, chosen = top.masked_fill(over, -torch.inf).topk(num_beams)
    running = _pick(candidates, chosen)
    # log-probabilities are at most 0: a sum does not rise, and its mean is highest at full length
    is_open = (scores[:, 0] / steps > means[:, -1]) & (scores[:, 0] / most > means[:, 0])
    after = _Beams(beams.questions, steps, running, scores, ended, means)
    return after, parents.gather(1, chosen), is_open


def _pick(sequences: Tensor, chosen: Tensor) -> Tensor:
    """Choose among sequences ``(B, R, T)`` by indices ``(B, S)``."""
    return sequences.gather(1, chosen[..., None].expand(-1, -1, sequences.shape[2]))
