import pytest

pytest.importorskip('gradio')
from qaclims_mm.demo.actions import Actions, begin_empty
from qaclims_mm.demo.album import Album, Entry
from qaclims_mm.demo.controls import Inputs, Outputs


def test_actions_fill_their_outputs(explainer, drawn, tmp_path):
    from PIL import Image

    Image.fromarray(drawn[0]).save(tmp_path / 'a.png')
    album = Album((Entry('a', tmp_path / 'a.png', tuple(drawn[1])),))
    found = Actions(explainer).find(album, drawn[1], 0.5, 0.25)
    by_name = dict(zip(Outputs._fields, found, strict=True))
    assert by_name['asked'].labels == tuple(drawn[1])
    assert by_name['shown']['choices'] == drawn[1]
    assert 'What kind of' in by_name['answers']
    assert all(name in by_name['mask_legend'] for name in drawn[1])
    # album, image, ticks, gallery and messages beside them
    assert len(begin_empty()) == len(Outputs._fields) + 5
    assert len(Inputs._fields) == 13
