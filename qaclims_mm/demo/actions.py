"""What the page does when something is dropped, chosen or pressed."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from qaclims_mm.demo.album import Album, Entry, check_given, open_files
from qaclims_mm.demo.answers import answer_tables
from qaclims_mm.demo.download import Result, pack
from qaclims_mm.demo.examples import Example, draw_examples
from qaclims_mm.demo.found import Explained
from qaclims_mm.demo.labels import label_album
from qaclims_mm.demo.model import Explainer
from qaclims_mm.demo.notices import listed
from qaclims_mm.demo.pictures import show_maps, show_segmented
from qaclims_mm.demo.shelf import Shelf
from qaclims_mm.errors import DataError
from qaclims_mm.schemas.names import counted
from qaclims_mm.visualization.overlays import overlay_cam

# images that are on the page at once
MOST = 20
# examples that are on the page at once
EXAMPLES = 6
NOTHING_PROPOSED = 'Nothing was proposed. Tick the classes that you see.'


class Actions:
    """Actions of the page.

    Each returns the values of its outputs. A further text is a remark on them.

    Args:
        explainer: Networks of the page.
        most: Number of images that are on the page at once.
    """

    def __init__(self, explainer: Explainer, most: int = MOST) -> None:
        self.explainer, self._most = explainer, most
        self.shelf: Shelf[tuple[Path, tuple[str, ...]], Explained] = Shelf(
            lambda key: explainer.explain(*key)
        )

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
        gallery = gr.update(value=smalls, selected_index=0, visible=len(smalls) > 1)
        return *self._begin(album), gallery, listed(messages)

    def take_example(self, start: int, event: gr.SelectData) -> tuple[Any, ...]:
        """Take an example with its classes, as if it were dropped."""
        examples = draw_examples(start, EXAMPLES)
        example = examples[min(max(0, int(event.index)), len(examples) - 1)]
        file = io.BytesIO()
        Image.fromarray(example.pixels).save(file, format='PNG')
        path = Path(_kept(file.getvalue(), f'miniworld_{example.index}.png'))
        album = Album((Entry(path.stem, path, example.classes),))
        return *self._begin(album), *begin_empty()[-2:]

    def more_examples(self, start: int) -> tuple[int, Any]:
        """Show the next examples."""
        following = draw_examples(start, EXAMPLES)[-1].index + 1
        return following, gr.update(value=thumbnails(draw_examples(following, EXAMPLES)))

    def label(
        self, files: Sequence[str], album: Album | None, classes: Sequence[str]
    ) -> tuple[Any, ...]:
        """Tick the classes that a table of labels has."""
        if not files:
            return album, classes, gr.skip(), gr.skip()
        given = check_given(album).ticked(classes)
        given, messages = label_album(given, files, self.explainer.class_names)
        return given, list(given.current.labels), _button(given), listed(messages)

    def step(
        self, album: Album | None, classes: Sequence[str], event: gr.SelectData
    ) -> tuple[Any, ...]:
        """Look at another image; the ticked classes of the one before are kept."""
        given = check_given(album).ticked(classes)
        place = min(max(0, int(event.index)), len(given.entries) - 1)
        return self._begin(replace(given, place=place))

    def propose(self, album: Album | None) -> tuple[list[str], str]:
        """Tick what may be in the image."""
        picture = self.explainer.read(check_given(album).current.path)
        proposed = self.explainer.propose(picture.pixels)
        return proposed, '' if proposed else NOTHING_PROPOSED

    def find(
        self, album: Album | None, labels: Sequence[str], opacity: float, threshold: float
    ) -> tuple[Any, ...]:
        """Make all that is shown of an image and its classes."""
        asked = replace(check_given(album).current, labels=tuple(labels))
        explained = self._explain(asked)
        first = next(iter(explained.found.classes), None)
        segmented = show_segmented(explained.found)
        return (
            asked,
            gr.update(visible=True),
            gr.update(visible=False),
            gr.update(choices=list(explained.found.classes), value=first),
            self.show_map(asked, first, opacity),
            *self.show_masks(asked, threshold),
            *(segmented or (None, '')),
            answer_tables(explained.answers),
            gr.update(interactive=True),
        )

    def show_map(self, asked: Entry | None, name: str | None, opacity: float) -> Any:
        """Lay the map of a class over the image."""
        found = self._explain(asked).found if asked else None
        if found is None or name not in found.classes:
            return None
        return overlay_cam(found.image, found.cams[found.classes.index(name)], opacity)

    def show_masks(self, asked: Entry | None, threshold: float) -> tuple[Any, ...]:
        """Lay the mask and the refined mask over the image, each with its legend."""
        found = self._explain(asked).found if asked else None
        if found is None or not found.classes:
            return None, '', None, ''
        mask = show_maps(found, threshold, refined=False)
        refined = show_maps(found, threshold, refined=True) if self.explainer.can_refine else None
        return *mask, *(refined or (None, ''))

    def files(
        self,
        album: Album | None,
        classes: Sequence[str],
        asked: Entry | None,
        threshold: float,
        format: str,
    ) -> tuple[str, str]:
        """Write what is downloaded: the masks of all images whose classes are known."""
        given = check_given(album).ticked(classes)
        entries = list(given.entries)
        if asked is not None:
            # the image as it is shown, though other classes may be ticked by now
            entries[given.place] = asked
        needs = self.explainer.can_map
        known = [entry for entry in entries if entry.labels or not needs]
        if not known:
            raise DataError('no class was chosen; tick those that are in the image.')
        packed = io.BytesIO()
        names = self.explainer.class_names if needs else ()
        pack(packed, self._results(known), names, threshold, format)
        others = len(entries) - len(known)
        left = counted(others, 'image')
        remark = f'Left out, as no class is ticked: {left}.' if others else ''
        return _kept(packed.getvalue(), 'qaclims_mm.zip'), remark

    def _explain(self, entry: Entry) -> Explained:
        return self.shelf[entry.path, entry.labels]

    def _results(self, entries: Sequence[Entry]) -> Iterator[Result]:
        """Yield the results of images; those that are not on the shelf are made now."""
        for entry in entries:
            yield Result(entry.image_id, entry.path, self._explain(entry))

    def _begin(self, album: Album) -> tuple[Any, ...]:
        """Return an album, the image that is looked at, its classes, and no results."""
        entry = album.current
        preview = gr.update(value=self.explainer.read(entry.path).pixels, visible=True)
        return album, preview, list(entry.labels), *_no_results(album)


def begin_empty() -> tuple[Any, ...]:
    """Return what ``Actions.read`` returns, of no image."""
    preview = gr.update(value=None, visible=False)
    gallery = gr.update(value=[], visible=False)
    return None, preview, [], *_no_results(None), gallery, listed([])


def thumbnails(examples: Sequence[Example]) -> list[tuple[Any, str]]:
    """Return examples as a gallery shows them."""
    return [(example.pixels, example.caption) for example in examples]


def _no_results(album: Album | None) -> tuple[Any, ...]:
    """Return what ``Actions.find`` returns, before anything was found."""
    hidden, hint = gr.update(visible=False), gr.update(visible=True)
    masks = (None, '') * 3
    return None, hidden, hint, gr.update(choices=[], value=None), None, *masks, '', _button(album)


def _button(album: Album | None) -> Any:
    """Return the button of the download: whether there is something to find."""
    return gr.update(interactive=any(e.labels for e in album.entries) if album else False)


def _kept(content: bytes, name: str) -> str:
    """Write a file into the one folder that gradio empties; returns its path."""
    return str(Path(save_bytes_to_cache(content, name, get_upload_folder())))
