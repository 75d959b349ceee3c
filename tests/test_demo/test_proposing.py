import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from strategies import ODD_NAMES

from qaclims_mm.demo.proposing import CLIPProposer, clip_proposer_of, propose_by_questions
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.miniworld.world import CLASSES
from qaclims_mm.vlms.clip.open_clip import CLIPImageHead, CLIPTextHead
from qaclims_mm.vlms.vqa.base import Answer

IMAGE = np.zeros((8, 8, 3), np.uint8)


class Parrot:
    """Says what it was told to."""

    def __init__(self, replies):
        self.replies, self.asked = replies, []

    def answer(self, images, questions_per_image):
        self.asked += questions_per_image
        return [[Answer(reply, 0.0) for reply in self.replies] for _ in images]


@pytest.mark.parametrize(
    ('replies', 'wanted'),
    [
        (('yes', 'no', 'yes'), ['cat', 'potted plant']),
        (('Yes, there is.', 'No', ' YES!'), ['cat', 'potted plant']),
        (('no', 'no', 'no'), []),
        # one that is neither is not a yes
        (('yes', 'tarmac', ''), ['cat']),
        # a model without the words
        (('tarmac', 'tabby', ''), None),
        (('yesterday', 'not', 'nothing'), None),
    ],
)
def test_questions(replies, wanted):
    vqa = Parrot(replies)
    assert propose_by_questions(vqa, IMAGE, ['cat', 'dog', 'potted plant']) == wanted
    assert vqa.asked == [
        [f'Is there a {name} in the photo?' for name in ('cat', 'dog', 'potted plant')]
    ]


@pytest.fixture(scope='module')
def proposer():
    return CLIPProposer(
        CLIPImageHead('miniworld://clip'),
        CLIPTextHead('miniworld://clip'),
        tuple(CLASSES),
        'a photo of {answer}',
    )


def test_clip_finds_what_is_in_pictures(proposer):
    drawn = list(draw_pictures(77, 40))
    right = [
        proposer(picture.image)[0] in {thing.class_name for thing in scene.objects}
        for scene, picture in drawn
    ]
    # of eight classes with one or two in each picture, chance is below a quarter
    assert np.mean(right) > 0.8


def test_clip_proposes_the_likeliest_and_whatever_is_likely(proposer):
    image = next(iter(draw_pictures(77, 1)))[1].image
    everything = CLIPProposer.__new__(CLIPProposer)
    everything.__dict__.update(proposer.__dict__, share=0.0)
    nothing_else = CLIPProposer.__new__(CLIPProposer)
    nothing_else.__dict__.update(proposer.__dict__, share=1.1)
    order = everything(image)
    assert sorted(order) == sorted(CLASSES)
    assert nothing_else(image) == order[:1]
    # of any size and aspect
    assert proposer(np.repeat(image, 3, axis=1)[:50])[0] in CLASSES


def test_a_network_without_clip_proposes_nothing():
    assert clip_proposer_of({}, object(), ['cat'], None) is None
    assert clip_proposer_of(dict(text_encoding=dict()), object(), ['cat'], None) is None


def test_the_texts_are_encoded_on_the_device_of_the_network():
    model = SimpleNamespace(
        image_head=None, data_preprocessor=SimpleNamespace(device=torch.device('meta'))
    )
    built = []
    encoding = dict(text_head=dict(type='CLIPTextHead'), prompt='a {}')
    with contextlib.suppress(AttributeError):
        clip_proposer_of(dict(text_encoding=encoding), model, ['cat'], built.append)
    assert built == [dict(type='CLIPTextHead', device='meta')]
    assert 'device' not in encoding['text_head']


@pytest.mark.parametrize('name', ODD_NAMES)
def test_a_class_is_asked_about_by_its_literal_name(name):
    parrot = Parrot(['yes'])
    assert propose_by_questions(parrot, IMAGE, [name]) == [name]
    assert parrot.asked == [[f'Is there a {name} in the photo?']]
