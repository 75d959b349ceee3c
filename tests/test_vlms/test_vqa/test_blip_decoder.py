import functools

import pytest
import torch

from qaclims_mm.vlms.vqa.blip import BlipVQA
from qaclims_mm.vlms.vqa.blip_decoder import BlipDecoder

pytest.importorskip('transformers')
START, STEPS = 5, 6


@functools.cache
def text_decoder():
    model = BlipVQA('miniworld://blip')
    model.load()
    return model._blip.text_decoder


def make_states(*lengths):
    random = torch.Generator().manual_seed(0)
    size = text_decoder().config.hidden_size
    return [torch.randn(n, size, generator=random) for n in lengths]


def by_transformers(state, prefix):
    """Read a whole answer again, without what is kept of its tokens."""
    ids = torch.tensor([prefix])
    logits = text_decoder()(ids, encoder_hidden_states=state[None]).logits
    return logits[0, -1].log_softmax(-1)


class Checked:
    """A decoder, and the words of the answers that it follows."""

    def __init__(self, states, num_beams):
        self.states, self.num_beams = states, num_beams
        self.decoder = BlipDecoder(text_decoder(), states, START, num_beams, STEPS)
        # (question, answers)
        self.live = []
        self.random = torch.Generator().manual_seed(num_beams)

    def begin(self, start, stop):
        logs = self.decoder.begin(start, stop)
        for question in range(start, stop):
            self.live.append((question, [[START]]))
            self.check(logs[question - start], question, [START])
        # each answer continues the one that there is
        parents = [[0] * len(answers) for _, answers in self.live]
        parents = torch.tensor([(row * self.num_beams)[: self.num_beams] for row in parents])
        for row, (_, answers) in enumerate(self.live):
            if len(answers) > 1:
                parents[row] = torch.arange(self.num_beams)
        self.keep(torch.arange(len(self.live)), parents)

    def step(self):
        shape = len(self.live), self.num_beams
        words = torch.randint(7, 30, shape, generator=self.random)
        logs = self.decoder(words)
        for row, (question, answers) in enumerate(self.live):
            for beam, answer in enumerate(answers):
                answer.append(int(words[row, beam]))
                self.check(logs[row, beam], question, answer)

    def shuffle(self, *rows):
        """Go on with some questions, each answer after a random one."""
        shape = len(rows), self.num_beams
        self.keep(torch.tensor(rows), torch.randint(self.num_beams, shape, generator=self.random))

    def keep(self, questions, parents):
        self.decoder.keep(questions, parents)
        chosen = zip(questions.tolist(), parents.tolist(), strict=True)
        self.live = [
            (self.live[q][0], [list(self.live[q][1][p]) for p in row]) for q, row in chosen
        ]

    def check(self, logs, question, answer):
        wanted = by_transformers(self.states[question], answer)
        torch.testing.assert_close(logs, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize('num_beams', [1, 3])
@torch.no_grad()
def test_answers_that_share_tokens_are_those_read_alone(num_beams):
    checked = Checked(make_states(4, 7), num_beams)
    checked.begin(0, 2)
    for _ in range(STEPS - 1):
        checked.step()
        checked.shuffle(0, 1)


@torch.no_grad()
def test_questions_join_and_leave():
    checked = Checked(make_states(3, 5, 2, 4), 3)
    checked.begin(0, 2)
    checked.step()
    checked.shuffle(0, 1)
    # beside others that are two tokens ahead
    checked.begin(2, 3)
    checked.step()
    checked.shuffle(1, 2)
    checked.step()
    checked.begin(3, 4)
    checked.step()
    assert [question for question, _ in checked.live] == [1, 2, 3]
    # after the last one there may be none
    checked.shuffle(2)
    checked.keep(torch.zeros(0, dtype=torch.long), torch.zeros(0, 3, dtype=torch.long))
    checked.begin(0, 1)
    checked.step()


@torch.no_grad()
def test_padding_is_not_seen():
    short, long = make_states(3, 5)
    decoder = BlipDecoder(text_decoder(), [short, long], START, 3, STEPS)
    decoder._states[0, 3:] = 100.0
    logs = decoder.begin(0, 2)
    for found, state in zip(logs, (short, long), strict=True):
        wanted = by_transformers(state, [START])
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_a_call_before_any_question():
    decoder = BlipDecoder(text_decoder(), make_states(3), START, 3, STEPS)
    with pytest.raises(ValueError, match=r'^no question has begun; call begin\(\) first\.$'):
        decoder(torch.zeros(0, 3, dtype=torch.long))
