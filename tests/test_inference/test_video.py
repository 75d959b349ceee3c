import sys
import wave

import numpy as np
import pytest
from tiny_videos import write_video

from qaclims_mm.errors import RecordError
from qaclims_mm.inference.video import count_frames, frame_id, is_video, read_frames


@pytest.mark.parametrize('name', ['a.mp4', 'a.avi', 'a.mov', 'a.mkv'])
def test_frames_in_order(tmp_path, name):
    path = write_video(tmp_path / name)
    assert is_video(path)
    frames = list(read_frames(path, 1))
    assert [number for number, _ in frames] == list(range(7))
    assert {pixels.shape for _, pixels in frames} == {(48, 64, 3)}
    means = [pixels.mean() for _, pixels in frames]
    np.testing.assert_allclose(means, [20 + 30 * n for n in range(7)], atol=6)


def test_a_frame_of_so_many(tmp_path):
    path = write_video(tmp_path / 'a.mp4')
    assert [number for number, _ in read_frames(path, 3)] == [0, 3, 6]
    assert count_frames(path, 3) == 3
    assert count_frames(path, 100) == 1
    assert frame_id('sub/a', 6) == 'sub/a/frame_000006'


def test_a_video_that_was_cut(tmp_path):
    path = write_video(tmp_path / 'a.avi', 40, (240, 320))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    seen = []
    try:
        seen.extend(number for number, _ in read_frames(path, 1))
    except RecordError as error:
        assert 'breaks off after' in str(error)  # noqa: PT017 - a codec may also just end
    assert 0 < len(seen) < 40


def test_files_without_frames(tmp_path):
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'empty.mkv').write_bytes(b'')
    (tmp_path / 'folder.mov').mkdir()
    with wave.open(str(tmp_path / 'sound.avi'), 'wb') as file:
        file.setparams((1, 2, 8000, 100, 'NONE', ''))
        file.writeframes(bytes(200))
    write_video(tmp_path / 'none.avi', 0)
    for name in ('text.mp4', 'empty.mkv', 'folder.mov', 'sound.avi', 'none.avi', 'gone.mp4'):
        assert count_frames(tmp_path / name, 1) == 0
        with pytest.raises(RecordError, match=rf'video .*{name} .*'):
            list(read_frames(tmp_path / name, 1))


def test_without_pyav(tmp_path, monkeypatch):
    path = write_video(tmp_path / 'a.mp4')
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match='av'):
        next(read_frames(path, 1))
