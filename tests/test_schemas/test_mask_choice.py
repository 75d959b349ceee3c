import json

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.mask_choice import (
    MASKS_BY,
    TITLES,
    MaskChoice,
    choice_path,
    read_choice,
    write_choice,
)


def test_round_trip(tmp_path):
    assert read_choice(tmp_path) is None
    write_choice(tmp_path, MaskChoice('irn', 'irn_export'))
    write_choice(tmp_path, MaskChoice('prompted+maps', 'prompted_maps'))
    assert read_choice(tmp_path) == ('prompted+maps', 'prompted_maps')


def test_every_choice_has_a_title():
    assert set(MASKS_BY) == set(TITLES)


@pytest.mark.parametrize(
    'content',
    [
        '{',
        '[]',
        '{"masks_by": "par"}',
        '{"masks_by": "par", "stage": 3}',
        '{"masks_by": "par", "stage": "../../elsewhere"}',
        '{"masks_by": "nothing", "stage": "par"}',
        '{"masks_by": "par", "stage": "par", "more": "x"}',
    ],
)
def test_a_file_of_something_else(tmp_path, content):
    path = choice_path(tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(FormatError, match=r'masks_by\.json .*give --masks-by again'):
        read_choice(tmp_path)


def test_the_file_is_plain_json(tmp_path):
    write_choice(tmp_path, MaskChoice('par', 'par'))
    assert json.loads(choice_path(tmp_path).read_text()) == dict(masks_by='par', stage='par')
