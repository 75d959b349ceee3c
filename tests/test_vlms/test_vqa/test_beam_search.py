import math

import pytest
import torch

from qaclims_mm.vlms.vqa.beam_search import beam_search

START, END, FILL, WORDS, STEPS = 0, 1, 9, 10, 4


def next_words(question, prefix):
    """Return made-up log-probabilities of the word after a prefix."""
    seed = hash((question, *prefix)) % 2**31
    # question 0 ends early, question 2 never
    favour = {0: 50.0, 2: -100.0}.get(question, 0.0)
    logits = 2 * torch.randn(WORDS, generator=torch.Generator().manual_seed(seed))
    logits[END] += favour
    return logits.log_softmax(0)


class Table:
    """A decoder that remembers what all answers are so far."""

    device = torch.device('cpu')

    def __init__(self, questions):
        self.questions, self.number = list(questions), len(questions)
        self.prefixes = [()] * self.number
        self.asked = []

    def __call__(self, tokens):
        each = tokens.shape[1]
        assert tokens.shape[0] == len(self.questions)
        if len(self.prefixes) != tokens.numel():
            self.prefixes = [p for p in self.prefixes for _ in range(each)]
        words = tokens.flatten().tolist()
        self.prefixes = [(*p, w) for p, w in zip(self.prefixes, words, strict=True)]
        self.asked.append(list(self.questions))
        rows = [next_words(self.questions[n // each], p) for n, p in enumerate(self.prefixes)]
        return torch.stack(rows).view(len(self.questions), each, WORDS)

    def keep(self, questions, rows):
        self.questions = [self.questions[q] for q in questions.tolist()]
        self.prefixes = [self.prefixes[r] for r in rows.tolist()]


def naive_search(question, num_beams):
    """Follow the best answers to one question, all of them in lists."""
    running, finished = [(0.0, (START,))], []
    for step in range(1, STEPS + 1):
        grown = [
            (score + float(next_words(question, prefix)[word]), (*prefix, word))
            for score, prefix in running
            for word in range(WORDS)
        ]
        best = sorted(grown, reverse=True)[: 2 * num_beams]
        over = [x for x in best[:num_beams] if x[1][-1] == END or step == STEPS]
        finished = sorted(finished + [(s / step, p) for s, p in over], reverse=True)[:num_beams]
        running = [x for x in best if x[1][-1] != END and step < STEPS][:num_beams]
        worst = finished[-1][0] if len(finished) == num_beams else -math.inf
        if not running or running[0][0] / step <= worst:
            break
    mean, answer = finished[0]
    return [*answer[1:], *[FILL] * (STEPS + 1 - len(answer))], mean


@pytest.mark.parametrize('num_beams', [1, 2, 5])
def test_equals_lists_of_one_question(num_beams):
    decoder = Table(range(6))
    tokens, means = beam_search(decoder, START, END, FILL, num_beams, STEPS)
    wanted = [naive_search(q, num_beams) for q in range(6)]
    assert tokens.tolist() == [answer for answer, _ in wanted]
    torch.testing.assert_close(means, torch.tensor([mean for _, mean in wanted]))
    # one that has its answer is asked no more
    assert len(decoder.asked[-1]) < 6
    assert 2 in decoder.asked[-1]


def test_more_beams_find_what_one_misses():
    greedy, wide = (beam_search(Table(range(40)), START, END, FILL, n, STEPS)[1] for n in (1, 5))
    assert (wide > greedy + 1e-4).any()
    assert wide.mean() > greedy.mean()
