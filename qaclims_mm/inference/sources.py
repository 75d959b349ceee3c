"""Images and videos whose masks are asked for, by their ids."""

from dataclasses import dataclass, field
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.inference.video import is_video
from qaclims_mm.schemas.names import problem_of_image_id, shown_text


@dataclass
class Sources:
    """Images and videos by their ids.

    Attributes:
        images: {image id: file}.
        videos: {id: file}; a frame's image id is ``video.frame_id``.
        notes: What was passed over, a line each.
        problems: What was meant but cannot be found, a line each.
    """

    images: dict[str, Path] = field(default_factory=dict)
    videos: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, path: Path, image_id: str) -> None:
        """Add an image or a video.

        Raises:
            FormatError: If another file has its id, or no file can be named by it.
        """
        if problem := problem_of_image_id(image_id):
            raise FormatError(f'image {shown_text(path)}: {problem}; rename it.')
        known = self.videos if is_video(path) else self.images
        other = known.setdefault(image_id, path)
        if other != path:
            raise FormatError(
                f'{shown_text(other)} and {shown_text(path)} would have the same mask '
                f'{shown_text(image_id)}.png; rename one, or give each its own --out.'
            )
