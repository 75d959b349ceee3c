import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.inference.sources import Sources


def test_images_and_videos_by_their_ids(tmp_path):
    found = Sources()
    for name in ('a.png', 'b.MP4', 'a.png'):
        found.add(tmp_path / name, name[0])
    assert found.images == {'a': tmp_path / 'a.png'}
    assert found.videos == {'b': tmp_path / 'b.MP4'}


def test_what_cannot_be_added(tmp_path):
    found = Sources(images=dict(a=tmp_path / 'a.png'))
    with pytest.raises(FormatError, match=r'would have the same mask a\.png; rename one'):
        found.add(tmp_path / 'a.jpg', 'a')
    with pytest.raises(FormatError, match='it has a control character; rename it'):
        found.add(tmp_path / 'b.png', 'b\x07')
