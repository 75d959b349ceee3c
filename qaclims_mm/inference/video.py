"""Frames of a video, through PyAV."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qaclims_mm.errors import RecordError
from qaclims_mm.schemas.files import problem_of_file
from qaclims_mm.schemas.names import counted, shown_text

VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.ts')


def is_video(path: Path) -> bool:
    """Tell whether a file's name is that of a video."""
    return path.suffix.lower() in VIDEOS


def frame_id(video: str, number: int) -> str:
    """Return the image id of a frame.

    Args:
        video: Id of the video.
        number: Number of the frame, from 0.
    """
    return f'{video}/frame_{number:06d}'


def count_frames(path: Path, every: int) -> int:
    """Return how many frames ``read_frames`` yields, as far as the file says; 0 if it does not."""
    try:
        with _open(path) as container:
            return -(-_video_of(container, path).frames // every)
    except RecordError:
        return 0


def read_frames(path: Path, every: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield frames with their numbers, from 0.

    Args:
        path: The file.
        every: A frame of so many is taken.

    Yields:
        The number, and RGB uint8 ``(H, W, 3)``, turned as the video says.

    Raises:
        ImportError: If PyAV is not installed.
        RecordError: If the file is missing, no video, has no frames, or breaks off; after the
            frames that are whole.
    """
    number = -1
    with _open(path) as container:
        stream = _video_of(container, path)
        stream.thread_type = 'AUTO'
        try:
            for number, frame in enumerate(container.decode(stream)):
                if number % every == 0:
                    yield number, _upright(frame)
        except _av_error() as error:
            raise RecordError(
                f'video {shown_text(path)} breaks off after {counted(number + 1, "frame")} '
                f'({error}); replace it.'
            ) from error
    if number < 0:
        raise RecordError(f'video {shown_text(path)} has no frame that can be read; replace it.')


def _upright(frame: Any) -> np.ndarray:
    """Return the pixels as a player shows them: phones note how they were held."""
    pixels = frame.to_ndarray(format='rgb24')
    return np.ascontiguousarray(np.rot90(pixels, round(getattr(frame, 'rotation', 0) / 90)))


def _open(path: Path) -> Any:
    """Open a video.

    Raises:
        ImportError: If PyAV is not installed.
        RecordError: If it cannot be opened.
    """
    # a pipe would wait for ever
    if problem := problem_of_file(path):
        raise RecordError(f'video {shown_text(path)} {problem}.')
    import av

    try:
        return av.open(str(path))
    except _av_error() as error:
        raise RecordError(
            f'video {shown_text(path)} cannot be read ({error}); replace it.'
        ) from error


def _video_of(container: Any, path: Path) -> Any:
    """Return the stream of pictures.

    Raises:
        RecordError: If there is none, as in a file of sound.
    """
    if not container.streams.video:
        raise RecordError(f'video {shown_text(path)} has no pictures; give another file.')
    return container.streams.video[0]


def _av_error() -> type[Exception]:
    import av

    return av.error.FFmpegError
