import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from tiny_prompted import Painter, painter, sample

from qaclims_mm.errors import ConfigError
from qaclims_mm.models.prompting import Prompting, remark_of

IMAGE = torch.zeros(3, 6, 8, dtype=torch.uint8)


def make(boxes, **options):
    return Prompting(painter(boxes), **options)


def test_texts_are_names_aliases_and_answers():
    prompting = make(
        {},
        aliases={'dog': ['hound'], 'unused': ['x']},
        foreground_answers=True,
        background_answers=True,
    )
    made = sample(
        ['dog', 'cat'],
        label_aliases={'dog': ['mutt', 'hound']},
        answers={
            'dog': (['poodle dog', 'dog', 'Cat'], ['grass', 'sky']),
            'cat': (['tabby cat'], ['sky']),
        },
    )
    foreground, background = prompting.texts_of(made)
    # an answer that is another class of the image is no prompt of this one
    assert foreground == [['dog', 'hound', 'mutt', 'poodle dog'], ['cat', 'tabby cat']]
    assert background == ['grass', 'sky']
    plain = make({})
    assert plain.texts_of(made) == ([['dog', 'mutt', 'hound'], ['cat']], [])


def test_masks_come_in_the_order_of_the_labels():
    boxes = {'dog': (slice(0, 2), 0.9), 'cat': (slice(2, 6), 0.8)}
    found = make(boxes, prompt='{text}').class_masks(IMAGE, sample(['cat', 'dog']), 'cpu')
    assert found.masks.shape == (2, 6, 8)
    assert found.masks[0, 3, 0] == pytest.approx(0.8)
    assert found.masks[1, 0, 0] == pytest.approx(0.9)
    assert found.problems == ['', '']
    assert not found.background.any()


def test_the_prompt_is_data():
    made = make({'a photo of {text} {x}': (slice(0, 2), 0.9)}, prompt='a photo of {text}')
    found = made.class_masks(IMAGE, sample(['{text} {x}']), 'cpu')
    assert found.problems == ['']
    assert made.segmenter.asked == [['a photo of {text} {x}']]


def test_a_text_of_two_classes_is_asked_once():
    made = make({}, aliases={'dog': ['pet'], 'cat': ['pet']})
    made.class_masks(IMAGE, sample(['dog', 'cat']), 'cpu')
    assert made.segmenter.asked == [['dog', 'pet', 'cat']]
    assert made.segmenter.loads == 1
    made.class_masks(IMAGE, sample(['dog']), 'cpu')
    assert made.segmenter.loads == 1


def test_background_is_the_surest_of_its_answers():
    boxes = {'dog': (slice(0, 2), 0.9), 'grass': (slice(4, 6), 0.8), 'sky': (slice(0, 1), 0.5)}
    made = make(boxes, background_answers=True)
    found = made.class_masks(IMAGE, sample(['dog'], answers={'dog': ([], ['grass', 'sky'])}), 'cpu')
    # mask times score, and the painter's score is its mask's value
    torch.testing.assert_close(found.background[:, 0], torch.tensor([0.25, 0, 0, 0, 0.64, 0.64]))


def test_classes_that_are_not_found_or_are_everywhere():
    boxes = {'dog': (slice(0, 6), 0.9), 'cat': (slice(0, 2), 0.1), 'cow': (slice(0, 2), 0.9)}
    found = make(boxes).class_masks(IMAGE, sample(['dog', 'cat', 'cow']), 'cpu')
    assert [p.split(' (')[0] for p in found.problems] == [
        'found nearly everywhere',
        'not found',
        '',
    ]


def test_names_of_a_remark_are_shown_as_text():
    assert remark_of(['dog', 'a\nb', 'cow'], ['x', 'y', '']) == r"dog x; 'a\nb' y"


def test_an_image_without_labels():
    found = make({}).class_masks(IMAGE, sample([]), 'cpu')
    assert found.masks.shape == (0, 6, 8)
    assert found.problems == []


def test_masks_of_another_size_name_the_model():
    made = make({})
    made.segmenter.size = (3, 3)
    with pytest.raises(ConfigError, match=r'Painter must return masks \(1, 6, 8\)'):
        made.class_masks(IMAGE, sample(['dog']), 'cpu')


def test_answers_that_were_not_loaded():
    made = make({}, foreground_answers=True)
    with pytest.raises(ConfigError, match='put LoadAnswers before PackWeakInputs'):
        made.texts_of(SegDataSample(metainfo=dict(label_names=('dog',))))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(prompt='a photo'), r"prompt must have \{text\} in it, but got 'a photo'"),
        (dict(merge='sum'), r"merge must be one of .*, but got 'sum'"),
        (dict(min_score=1.5), r'min_score must be in \[0, 1\], but got 1.5'),
        (dict(min_area='0.1'), r"min_area must be in \[0, 1\], but got '0.1'"),
        (dict(max_area=-1), r'max_area must be in \[0, 1\], but got -1'),
        (dict(min_area=0.9, max_area=0.5), r'min_area must be below max_area, but got 0.9 and 0.5'),
        (dict(aliases={'dog': 'hound'}), "aliases of 'dog' must be a list of texts, but got 'ho"),
        (
            dict(aliases={'dog': ['hound', ' ']}),
            "aliases of 'dog' must be a list of texts, but has",
        ),
        (dict(aliases=['hound']), r"aliases must be \{class: list of texts\}, but got \['hound'\]"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ConfigError, match=message):
        make({}, **options)


def test_the_painter_is_a_segmenter():
    painted = Painter({'dog': (slice(0, 2), 0.9)}).segment(np.zeros((6, 8, 3), np.uint8), ['dog'])
    assert painted.masks.sum() == pytest.approx(0.9 * 16)
