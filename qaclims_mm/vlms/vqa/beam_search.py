"""The most probable answers of a decoder, found by following several at once.

Shapes: B questions, R answers followed to each.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad as pad_right


class Decoder(Protocol):
    """Says how probable the next tokens of answers are.

    Attributes:
        number: Of questions.
        device: Where it runs.
    """

    number: int
    device: torch.device

    def __call__(self, tokens: Tensor) -> Tensor:
        """Map the last token of each answer ``(B, R)`` to log-probabilities ``(B, R, words)``."""

    def keep(self, questions: Tensor, rows: Tensor) -> None:
        """Go on with some questions, and some of the ``B * R`` answers."""


def beam_search(
    decoder: Decoder, start: int, end: int, fill: int, num_beams: int, steps: int
) -> tuple[Tensor, Tensor]:
    """Find the answer with the largest mean log-probability of its tokens.

    Args:
        decoder: Says how probable the next tokens are.
        start: Token before all answers.
        end: Token that ends an answer.
        fill: Token after the end.
        num_beams: Answers that are followed at once; one is greedy.
        steps: Tokens of an answer at most, its end included.

    Returns:
        Tokens ``(B, steps)`` without the start, and means ``(B,)`` on the CPU.

    Source:
        ``generate`` of transformers with ``early_stopping=False`` and ``length_penalty=1``; a
        question is left as soon as its own answers cannot improve.
    """
    number, device = decoder.number, decoder.device
    answers = torch.full((number, num_beams, steps), fill, device=device)
    means = torch.full((number, num_beams), -torch.inf, device=device)
    open_ = torch.arange(number, device=device)
    running = torch.full((number, 1, 1), start, device=device)
    scores = torch.zeros(number, 1, device=device)
    for step in range(1, steps + 1):
        total = scores[..., None] + decoder(running[..., -1])
        # as many again: each beam may end
        top, index = total.flatten(1).topk(2 * num_beams)
        parents, words = index // total.shape[2], index % total.shape[2]
        candidates = torch.cat([_pick(running, parents), words[..., None]], 2)
        over = (words == end) | (step == steps)

        made = (top / step).masked_fill(~over, -torch.inf)[:, :num_beams]
        filled = pad_right(candidates[:, :num_beams, 1:], (0, steps - step), value=fill)
        means[open_], chosen = torch.cat([means[open_], made], 1).topk(num_beams)
        answers[open_] = _pick(torch.cat([answers[open_], filled], 1), chosen)

        scores, chosen = top.masked_fill(over, -torch.inf).topk(num_beams)
        better = scores[:, 0] / step > means[open_, -1]
        kept = better.nonzero()[:, 0]
        if not len(kept):
            break
        rows = torch.arange(len(open_), device=device)[:, None] * running.shape[1]
        decoder.keep(kept, (rows + parents.gather(1, chosen))[kept].flatten())
        open_, scores, running = open_[kept], scores[kept], _pick(candidates, chosen)[kept]
    return answers[:, 0], means[:, 0].cpu()


def _pick(sequences: Tensor, chosen: Tensor) -> Tensor:
    """Choose among sequences ``(B, R, T)`` by indices ``(B, S)``."""
    return sequences.gather(1, chosen[..., None].expand(-1, -1, sequences.shape[2]))
