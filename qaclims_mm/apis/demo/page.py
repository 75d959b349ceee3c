"""The web page: an image in, classes ticked, maps, masks and answers out."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from qaclims_mm.apis.demo.download import HEAD, pack
from qaclims_mm.apis.demo.explainer import Explainer, Found
from qaclims_mm.schemas import FormatError, voc_palette
from qaclims_mm.visualization.sheets import overlay_cam

# more classes than these are searched for by their first letters instead of being ticked
TICKED = 40
# what a session holds is forgotten after this time, and its files are deleted
SECONDS = 3600
# gradio shows small images small
CSS = '.filled button, .filled .image-frame, .filled img { width: 100%; object-fit: contain; }'
INTRO = """\
# From a word to a mask
Drop an image, tick what is in it, and see where it is. Maps show what the network takes for a
class; masks are where the highest map is above the threshold, and *refined* ones follow the edges.
"""


def told(function: Callable) -> Callable:
    """Show the message of what a user can mend; anything else stays in the server's log."""

    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        try:
            return function(*args)
        except (FormatError, ValueError) as error:
            raise gr.Error(str(error)) from error

    return wrapped


class Page:
    """The page of an explainer.

    Args:
        explainer: What answers.
        draw: Returns an image to try, RGB uint8 ``(H, W, 3)``; ``None`` has no button for it.
    """

    def __init__(self, explainer: Explainer, draw: Callable[[], np.ndarray] | None = None) -> None:
        self.explainer, self._draw = explainer, draw

    def build(self) -> gr.Blocks:
        """Return the page, not yet served."""
        with gr.Blocks(
            title='qaclims_mm', analytics_enabled=False, delete_cache=(SECONDS, SECONDS)
        ) as blocks:
            gr.Markdown(INTRO)
            image = gr.State(time_to_live=SECONDS)
            found = gr.State(time_to_live=SECONDS)
            with gr.Row():
                with gr.Column(scale=1, min_width=280):
                    file = gr.File(label='image', file_types=['image'], type='filepath')
                    drawn = gr.Button('Draw a picture', visible=self._draw is not None)
                    preview = _picture('as it is read')
                    classes = self._classes()
                    propose = gr.Button('Propose classes')
                    run = gr.Button('Find', variant='primary')
                with gr.Column(scale=2, min_width=320):
                    with gr.Row():
                        shown = gr.Radio([], label='map of')
                        opacity = gr.Slider(0, 1, 0.55, step=0.05, label='opacity of the map')
                        threshold = gr.Slider(0, 1, 0.25, step=0.01, label='threshold of the masks')
                    with gr.Row():
                        heat = _picture('map')
                        mask = gr.AnnotatedImage(label='mask', min_width=200)
                        refined = gr.AnnotatedImage(
                            label='refined mask',
                            min_width=200,
                            visible=self.explainer.can_refine,
                        )
                    download = gr.DownloadButton('Download masks and answers', interactive=False)
                    answers = gr.Dataframe(
                        headers=list(HEAD),
                        label='questions and answers',
                        wrap=True,
                        interactive=False,
                    )
            views = [heat, mask, refined]
            begun = [image, preview, classes, found, *views]
            file.upload(self.read, file, begun, api_name='read')
            drawn.click(self.draw, None, begun, api_visibility='private')
            propose.click(self.propose, image, classes, api_name='propose')
            run.click(
                self.find,
                [image, classes, opacity, threshold],
                [found, shown, *views, answers, download],
                api_name='find',
            )
            gr.on(
                [opacity.input, shown.input],
                self.show_map,
                [found, shown, opacity],
                heat,
                api_visibility='private',
                show_progress='hidden',
            )
            threshold.input(
                self.show_masks,
                [found, threshold],
                [mask, refined],
                api_visibility='private',
                show_progress='hidden',
            )
            # the files are written when the slider rests
            threshold.release(
                self.files, [found, threshold, answers], download, api_visibility='private'
            )
        return blocks.queue(max_size=256)

    def _classes(self) -> gr.CheckboxGroup | gr.Dropdown:
        names = list(self.explainer.class_names)
        if len(names) <= TICKED:
            return gr.CheckboxGroup(names, label='classes in it')
        return gr.Dropdown(names, multiselect=True, label='classes in it')

    @told
    def read(self, path: str) -> tuple[Any, ...]:
        """Read an uploaded file; nothing of the image before it stays."""
        return _begin(self.explainer.read(path))

    def draw(self) -> tuple[Any, ...]:
        """Draw an image to try."""
        if self._draw is None:
            raise gr.Error('there is nothing that draws.')
        return _begin(self._draw())

    @told
    def propose(self, image: np.ndarray | None) -> list[str]:
        """Tick what may be in the image."""
        proposed = self.explainer.propose(_given(image))
        if not proposed:
            gr.Warning('Nothing is proposed; tick what you see.')
        return proposed

    @told
    def find(
        self, image: np.ndarray | None, labels: Sequence[str], opacity: float, threshold: float
    ) -> tuple[Any, ...]:
        """Make all that is shown of an image and its classes."""
        found = self.explainer.find(_given(image), labels)
        answers = [list(row) for row in self.explainer.ask(found.image, found.classes)]
        first = found.classes[0]
        return (
            found,
            gr.Radio(list(found.classes), value=first),
            self.show_map(found, first, opacity),
            *self.show_masks(found, threshold),
            answers,
            self.files(found, threshold, answers),
        )

    def show_map(self, found: Found | None, name: str | None, opacity: float) -> Any:
        """Lay the map of a class over the image."""
        if found is None or name not in found.classes:
            return None
        return overlay_cam(found.image, found.cams[found.classes.index(name)], opacity)

    def show_masks(self, found: Found | None, threshold: float) -> tuple[Any, Any]:
        """Lay the mask and the refined mask over the image, each class in VOC's colour."""
        if found is None:
            return None, None
        return _annotated(found, threshold, False), _annotated(found, threshold, True)

    def files(self, found: Found | None, threshold: float, answers: Any) -> gr.DownloadButton:
        """Write what can be downloaded: masks (0 background, k + 1 classes) and answers."""
        if found is None:
            return gr.DownloadButton(interactive=False)
        rows = answers if isinstance(answers, list) else answers.to_numpy().tolist()
        packed = pack(found, threshold, rows)
        # the one folder that gradio empties
        path = save_bytes_to_cache(packed, 'qaclims_mm.zip', get_upload_folder())
        return gr.DownloadButton(value=path, interactive=True)


def _picture(label: str) -> gr.Image:
    return gr.Image(
        label=label,
        interactive=False,
        min_width=200,
        buttons=['download', 'fullscreen'],
        elem_classes='filled',
    )


def _begin(image: np.ndarray) -> tuple[Any, ...]:
    """Return an image, its preview, no class, nothing found, and no view."""
    return image, image, [], None, None, None, None


def _given(image: np.ndarray | None) -> np.ndarray:
    """Return an image.

    Raises:
        ValueError: If there is none yet.
    """
    if image is None:
        raise ValueError('there is no image yet; drop one first.')
    return image


def _annotated(found: Found, threshold: float, refined: bool) -> Any:
    """Return an image and the parts of its mask, for gradio."""
    mask = found.mask(threshold, refined)
    parts = [(mask == key + 1, name) for key, name in zip(found.keys, found.classes, strict=True)]
    palette = np.array(voc_palette()).reshape(256, 3)
    colours = {
        name: '#{:02x}{:02x}{:02x}'.format(*palette[(key + 1) % 256])
        for key, name in zip(found.keys, found.classes, strict=True)
    }
    return gr.AnnotatedImage(value=(found.image, parts), color_map=colours)
