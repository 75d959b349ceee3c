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
    """A decoder that remembers what the answers to its live questions are so far."""

    device = torch.device('cpu')

    def __init__(self, number):
        self.number = number
        self.prefixes = {}
        # questions a step, those that begin apart
        self.asked, self.begun = [], []

    def begin(self, start, stop):
        self.prefixes |= {q: [(START,)] for q in range(start, stop)}
        self.begun.append((len(self.prefixes), stop - start))
        return torch.stack([next_words(q, (START,)) for q in range(start, stop)])

    def __call__(self, tokens):
        self.asked.append(list(self.prefixes))
        rows = []
        for question, words in zip(self.prefixes, tokens.tolist(), strict=True):
            grown = zip(self.prefixes[question], words, strict=True)
            self.prefixes[question] = [(*prefix, word) for prefix, word in grown]
            rows += [next_words(question, prefix) for prefix in self.prefixes[question]]
        return torch.stack(rows).view(*tokens.shape, WORDS)

    def keep(self, questions, parents):
        live = list(self.prefixes.items())
        chosen = zip(questions.tolist(), parents.tolist(), strict=True)
        self.prefixes = {live[q][0]: [live[q][1][p] for p in rows] for q, rows in chosen}


def search(number, num_beams, room):
    decoder = Table(number)
    return decoder, *beam_search(decoder, END, FILL, num_beams, STEPS, room)


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


@pytest.mark.parametrize('room', [1, 2, 4, 6, 100])
@pytest.mark.parametrize('num_beams', [1, 2, 5])
def test_equals_lists_of_one_question(num_beams, room):
    decoder, tokens, means = search(6, num_beams, room)
    wanted = [naive_search(q, num_beams) for q in range(6)]
    assert tokens.tolist() == [answer for answer, _ in wanted]
    torch.testing.assert_close(means, torch.tensor([mean for _, mean in wanted]))
    assert max(map(len, decoder.asked)) <= room
    # one that has its answer is asked no more, one without an end until its last token
    assert sum(0 in asked for asked in decoder.asked) < STEPS - 1
    assert sum(2 in asked for asked in decoder.asked) == STEPS - 1


def test_questions_begin_while_others_go_on():
    decoder, _, _ = search(40, 3, 8)
    assert decoder.begun[0] == (8, 8)
    # beside those that were there, and not one by one
    assert any(live > fresh for live, fresh in decoder.begun)
    assert all(fresh >= 2 for _, fresh in decoder.begun)
    assert sum(fresh for _, fresh in decoder.begun) == 40
    steps = sum(map(len, decoder.asked)) / 8
    # as if every step had as many questions as there is room for, nearly
    assert len(decoder.asked) < 1.25 * steps + STEPS


def test_a_question_without_a_better_answer_in_sight_is_left():
    """Its second best answers are still to be found, but they are not asked for."""

    class Sure(Table):
        def begin(self, start, stop):
            super().begin(start, stop)
            return torch.tensor([[-3.0, -0.1, *[-4.0] * (WORDS - 2)]]).expand(stop - start, -1)

    decoder = Sure(3)
    tokens, means = beam_search(decoder, END, FILL, 3, STEPS, 3)
    # -3 / 4 is less than -0.1
    assert decoder.asked == []
    assert tokens.tolist() == [[END, FILL, FILL, FILL]] * 3
    torch.testing.assert_close(means, torch.full((3,), -0.1))


def test_no_questions():
    decoder, tokens, means = search(0, 3, 4)
    assert tokens.shape == (0, STEPS)
    assert means.shape == (0,)
    assert decoder.begun == decoder.asked == []


def test_more_beams_find_what_one_misses():
    greedy, wide = (search(40, n, 40)[2] for n in (1, 5))
    assert (wide > greedy + 1e-4).any()
    assert wide.mean() > greedy.mean()


class Trigrams:
    """Log-probabilities by the question and the last two tokens, of which it has seen the first."""

    def __init__(self, table, num_beams):
        self.table, self.device, self.number = table, table.device, len(table)
        self.live = torch.zeros(0, dtype=torch.long)
        self.before = torch.zeros(0, num_beams, dtype=torch.long)
        self.left = []

    def begin(self, start, stop):
        self.live = torch.cat([self.live, torch.arange(start, stop)])
        first = self.before.new_ones(stop - start, self.before.shape[1])
        self.before = torch.cat([self.before, first])
        return self.table[start:stop, 0, 1]

    def __call__(self, tokens):
        logs = self.table[self.live[:, None], self.before, tokens]
        self.before = tokens
        return logs

    def keep(self, questions, parents):
        self.live = self.live[questions]
        self.before = self.before[questions].gather(1, parents)
        self.left.append(len(questions))


def search_plainly(table, start, end, num_beams, steps):
    """Search for the answer to one question, by the definition."""
    running, ended = [(0.0, [0, start])], []
    for step in range(1, steps + 1):
        candidates = [
            (score + float(table[words[-2], words[-1], word]), [*words, word])
            for score, words in running
            for word in range(table.shape[2])
        ]
        candidates = sorted(candidates, reverse=True)[: 2 * num_beams]
        over = [c for c in candidates if c[1][-1] == end or step == steps]
        made = [(c[0] / step, c[1][2:]) for c in candidates[:num_beams] if c in over]
        ended = sorted(ended + made, reverse=True)[:num_beams]
        running = [c for c in candidates if c not in over][:num_beams]
        if len(ended) == num_beams and running and running[0][0] / step <= ended[-1][0]:
            break
    return ended[0]


@pytest.mark.parametrize('num_beams', [1, 2, 3])
@pytest.mark.parametrize('steps', [1, 4, 9])
@pytest.mark.parametrize('room', [7, 30])
def test_equals_a_plain_search(num_beams, steps, room):
    random = torch.Generator().manual_seed(steps)
    logits = 2 * torch.randn(30, 8, 8, 8, generator=random)
    # answers of all lengths, and not all to the end
    logits[..., 3] += torch.linspace(-4, 4, 30)[:, None, None]
    table = logits.log_softmax(-1)
    decoder = Trigrams(table, num_beams)
    tokens, means = beam_search(decoder, end=3, fill=0, num_beams=num_beams, steps=steps, room=room)
    for question, (row, mean) in enumerate(zip(tokens.tolist(), means.tolist(), strict=True)):
        wanted_mean, wanted = search_plainly(table[question], 1, 3, num_beams, steps)
        assert row == wanted + [0] * (steps - len(wanted))
        assert mean == pytest.approx(wanted_mean, abs=1e-5)
    assert max(decoder.left) <= room
    if steps == 9 and room == 30:
        # those that are done are left
        assert decoder.left == sorted(decoder.left, reverse=True)
        assert 0 in decoder.left
