"""What the page does when something is dropped, chosen or pressed."""

import functools
import html
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from qaclims_mm.demo.album import Album, check_given, open_files
from qaclims_mm.demo.download import Result, pack
from qaclims_mm.demo.labels import label_album
from qaclims_mm.demo.model import Explainer, Found
from qaclims_mm.demo.pictures import annotate_maps, annotate_segmented
from qaclims_mm.errors import DataError, QAClimsError
from qaclims_mm.visualization.overlays import overlay_cam

# images that are on the page at once
MOST = 20
# lines of messages that are shown at once
_LINES = 12


def told(function: Callable) -> Callable:
    """Show the message of what a user can fix; anything else stays in the server's log.

    The page reads messages as HTML, so the names in them are escaped.
    """

    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        try:
            return function(*args)
        except (QAClimsError, ValueError) as error:
            message = html.escape(str(error), quote=False)
            raise gr.Error(message, print_exception=False) from error

    return wrapped


class Actions:
    """What the page does.

    Args:
        explainer: What answers.
        draw: Returns an image to try, RGB uint8 ``(H, W, 3)``.
        most: Number of images that are on the page at once.
    """

    def __init__(
        self,
        explainer: Explainer,
        draw: Callable[[], np.ndarray] | None = None,
        most: int = MOST,
    ) -> None:
        self.explainer, self._draw, self._most = explainer, draw, most

    @told
    def read(self, files: Sequence[str], labels: Sequence[str] | None) -> tuple[Any, ...]:
        """Read dropped images; nothing of those before them stays."""
        opened = open_files(files, self.explainer.read, self._most)
        album, messages = opened.album, opened.messages
        if album is None:
            return *begin_empty()[:-1], listed(messages)
        if labels:
            album, more = label_album(album, labels, self.explainer.class_names)
            messages = [*more, *messages]
        smalls = list(zip(opened.smalls, (e.path.name for e in album.entries), strict=True))
        gallery = gr.Gallery(smalls, selected_index=0, visible=len(smalls) > 1)
        return *begin(album), gallery, listed(messages)

    @told
    def draw(self) -> tuple[Any, ...]:
        """Draw an image to try."""
        if self._draw is None:
            raise DataError('there is nothing that draws.')
        drawn = io.BytesIO()
        Image.fromarray(self._draw()).save(drawn, format='PNG')
        return self.read([_kept(drawn.getvalue(), 'miniworld.png')], None)

    @told
    def label(
        self, files: Sequence[str], album: Album | None, classes: Sequence[str]
    ) -> tuple[Any, ...]:
        """Tick the classes that a table of labels has."""
        if not files:
            return album, classes, gr.skip(), gr.skip()
        given = check_given(album).ticked(classes)
        given, messages = label_album(given, files, self.explainer.class_names)
        return given, list(given.current.labels), _button(given), listed(messages)

    @told
    def step(
        self, album: Album | None, classes: Sequence[str], event: gr.SelectData
    ) -> tuple[Any, ...]:
        """Look at another image; the ticked classes of the one before are kept."""
        given = check_given(album).ticked(classes)
        place = min(max(0, int(event.index)), len(given.entries) - 1)
        picture = self.explainer.read(given.entries[place].path)
        return begin(replace(given, place=place, picture=picture))

    @told
    def propose(self, album: Album | None) -> list[str]:
        """Tick what may be in the image."""
        proposed = self.explainer.propose(check_given(album).picture.pixels)
        if not proposed:
            gr.Warning('Nothing is proposed; tick what you see.')
        return proposed

    @told
    def find(
        self, album: Album | None, labels: Sequence[str], opacity: float, threshold: float
    ) -> tuple[Any, ...]:
        """Make all that is shown of an image and its classes."""
        given = check_given(album)
        found = self.explainer.find(given.picture.pixels, labels, given.picture.size)
        answers = [list(row) for row in self.explainer.ask(found.image, found.classes)]
        first = next(iter(found.classes), None)
        return (
            found,
            gr.Radio(list(found.classes), value=first),
            self.show_map(found, first, opacity),
            *self.show_masks(found, threshold),
            annotate_segmented(found),
            answers,
            gr.Button(interactive=True),
        )

    def show_map(self, found: Found | None, name: str | None, opacity: float) -> Any:
        """Lay the map of a class over the image."""
        if found is None or name not in found.classes:
            return None
        return overlay_cam(found.image, found.cams[found.classes.index(name)], opacity)

    def show_masks(self, found: Found | None, threshold: float) -> tuple[Any, Any]:
        """Lay the mask and the refined mask over the image."""
        if found is None:
            return None, None
        return annotate_maps(found, threshold, False), annotate_maps(found, threshold, True)

    @told
    def files(
        self,
        album: Album | None,
        classes: Sequence[str],
        found: Found | None,
        answers: Any,
        threshold: float,
        format: str,
    ) -> str:
        """Write what is downloaded: the masks of all images whose classes are known."""
        given = check_given(album).ticked(classes)
        known = [k for k, entry in enumerate(given.entries) if self._is_known(given, k, found)]
        if not known:
            raise DataError('no class was chosen; tick those that are in the image.')
        if others := len(given.entries) - len(known):
            gr.Info(f'{others} images without a ticked class are left out.')
        packed = io.BytesIO()
        shown = None if found is None else (found, answers.to_numpy().tolist())
        results = self._results(given, known, shown)
        names = self.explainer.class_names if self.explainer.can_map else ()
        pack(packed, results, names, threshold, format)
        return _kept(packed.getvalue(), 'qaclims_mm.zip')

    def _is_known(self, album: Album, place: int, found: Found | None) -> bool:
        if not self.explainer.can_map or (place == album.place and found is not None):
            return True
        return bool(album.entries[place].labels)

    def _results(
        self,
        album: Album,
        places: Sequence[int],
        shown: tuple[Found, Sequence[Sequence[str]]] | None,
    ) -> Iterator[Result]:
        """Yield what was found in images; all but the one that is shown are asked about now."""
        for place in places:
            entry = album.entries[place]
            if place == album.place and shown is not None:
                yield Result(entry.image_id, entry.path, *shown)
                continue
            picture = self.explainer.read(entry.path)
            found = self.explainer.find(picture.pixels, entry.labels, picture.size)
            answers = self.explainer.ask(found.image, found.classes)
            yield Result(entry.image_id, entry.path, found, answers)


def begin(album: Album | None = None) -> tuple[Any, ...]:
    """Return an album, its image and ticked classes, and nothing found or shown."""
    preview = album and album.picture.pixels
    ticked = list(album.current.labels) if album else []
    nothing = None, gr.Radio([], value=None), None, None, None, None, None
    return album, preview, ticked, *nothing, _button(album)


def begin_empty() -> tuple[Any, ...]:
    """Return what ``Actions.read`` returns, of no image."""
    return *begin(), gr.Gallery([], visible=False), listed([])


def listed(messages: Sequence[str]) -> Any:
    """Return messages as they are shown on the page; nothing is shown without one."""
    shown = [html.escape(text, quote=False) for text in messages[:_LINES]]
    if len(messages) > _LINES:
        shown.append(f'and {len(messages) - _LINES} more')
    items = ''.join(f'<li>{text}</li>' for text in shown)
    return gr.HTML(f'<ul>{items}</ul>', visible=bool(messages))


def _button(album: Album | None) -> Any:
    """Return the button of the download: whether there is something to find."""
    return gr.Button(interactive=any(e.labels for e in album.entries) if album else False)


def _kept(content: bytes, name: str) -> str:
    """Write a file into the one folder that gradio empties; returns its path."""
    return str(Path(save_bytes_to_cache(content, name, get_upload_folder())))
