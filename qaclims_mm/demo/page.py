"""The web page: an image in, classes ticked, maps, masks and answers out."""

import colorsys
import functools
import html
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from scipy import ndimage

from qaclims_mm.demo.download import HEAD, pack
from qaclims_mm.demo.model import Explainer, Found, Picture
from qaclims_mm.errors import QAClimsError
from qaclims_mm.visualization.overlays import overlay_cam

# more classes than these are searched for by their first letters instead of being ticked
TICKED = 40
# what a session holds is forgotten after this time, and its files are deleted
SECONDS = 3600
# gradio shows small images small, and lets a long name push what is beside it off the page
CSS = """
.filled button, .filled .image-frame, .filled img { width: 100%; object-fit: contain; }
label, .legend-item, th, td, td * { overflow-wrap: anywhere; min-width: 0; }
"""
INTRO = """\
# From a word to a mask
Drop an image, tick what is in it (proposals may miss a class), and see where it is. Maps show what
the network takes for a class; masks are where the highest map is above the threshold"""
REFINED = ', and *refined* ones follow the edges'
# a number may be typed that the slider has not, which gradio would refuse
CLAMP = 'Math.min(1, Math.max(0, value))'
SAVE = """\
(file) => {
    const link = document.createElement('a');
    link.href = file.url;
    link.download = file.orig_name;
    link.click();
}"""
# a mask over an image: how opaque it is, and its first hue; rare in photographs
OPACITY, HUE = 0.6, 300 / 360
# a step of hues after which all before are far
GOLDEN = (5**0.5 - 1) / 2


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
            gr.Markdown(f'{INTRO}{REFINED if self.explainer.can_refine else ""}.')
            image = gr.State(time_to_live=SECONDS)
            found = gr.State(time_to_live=SECONDS)
            with gr.Row():
                with gr.Column(scale=1, min_width=280):
                    file = gr.File(label='image', file_types=['image'], type='filepath', height=140)
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
                    what = 'masks and answers' if self.explainer.can_ask else 'masks'
                    download = gr.Button(f'Download {what}', interactive=False)
                    # what the button's click has made
                    packed = gr.DownloadButton(visible='hidden')
                    answers = gr.Dataframe(
                        headers=list(HEAD),
                        datatype='str',
                        column_widths=['20%', '15%', '35%', '30%'],
                        label='questions and answers',
                        wrap=True,
                        interactive=False,
                        visible=self.explainer.can_ask,
                    )
            results = [found, shown, heat, mask, refined, answers, download]
            proposing = propose.click(self.propose, image, classes, api_name='propose')
            finding = run.click(
                self.find,
                [image, classes, opacity, threshold],
                results,
                api_name='find',
                show_progress_on=heat,
            )
            begun = [image, preview, classes, *results]
            self._take_images(file, drawn, begun, cancels=[proposing, finding])
            gr.on(
                [opacity.input, shown.input],
                self.show_map,
                [found, shown, opacity],
                heat,
                api_visibility='private',
                show_progress='hidden',
                js=f'(found, name, value) => [found, name, {CLAMP}]',
            )
            threshold.input(
                self.show_masks,
                [found, threshold],
                [mask, refined],
                api_visibility='private',
                show_progress='hidden',
                js=f'(found, value) => [found, {CLAMP}]',
            )
            # masks of large files take time and space, so that they are made when they are wanted
            download.click(
                self.files, [found, threshold, answers], packed, api_visibility='private'
            ).success(None, packed, None, js=SAVE)
        return blocks.queue(max_size=256)

    def _take_images(
        self, file: gr.File, drawn: gr.Button, begun: list[Any], cancels: list[Any]
    ) -> None:
        """Begin anew with each file and each drawn picture.

        Args:
            file: Where files are dropped.
            drawn: Draws a picture.
            begun: What ``_begin`` fills; the second is the preview.
            cancels: What makes something of the image before, and may come late.
        """
        private: dict[str, Any] = dict(api_visibility='private')
        # beside a file that cannot be read nothing of the image before it stays
        emptied = file.upload(
            _begin, None, begun, show_progress='hidden', cancels=cancels, **private
        )
        read = emptied.then(self.read, file, begun, api_name='read', show_progress_on=begun[1])
        # gradio takes no file into a box that is filled
        for ended in (read.success, read.failure):
            ended(None, None, file, js='() => [null]', **private)
        drawn.click(self.draw, None, begun, show_progress_on=begun[1], cancels=cancels, **private)

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
            raise gr.Error('there is nothing that draws.', print_exception=False)
        pixels = self._draw()
        return _begin(Picture(pixels, pixels.shape[:2]))

    @told
    def propose(self, image: Picture | None) -> list[str]:
        """Tick what may be in the image."""
        proposed = self.explainer.propose(_given(image).pixels)
        if not proposed:
            gr.Warning('Nothing is proposed; tick what you see.')
        return proposed

    @told
    def find(
        self, image: Picture | None, labels: Sequence[str], opacity: float, threshold: float
    ) -> tuple[Any, ...]:
        """Make all that is shown of an image and its classes."""
        given = _given(image)
        found = self.explainer.find(given.pixels, labels, given.size)
        answers = [list(row) for row in self.explainer.ask(found.image, found.classes)]
        first = found.classes[0]
        return (
            found,
            gr.Radio(list(found.classes), value=first),
            self.show_map(found, first, opacity),
            *self.show_masks(found, threshold),
            answers,
            gr.Button(interactive=True),
        )

    def show_map(self, found: Found | None, name: str | None, opacity: float) -> Any:
        """Lay the map of a class over the image."""
        if found is None or name not in found.classes:
            return None
        return overlay_cam(found.image, found.cams[found.classes.index(name)], opacity)

    def show_masks(self, found: Found | None, threshold: float) -> tuple[Any, Any]:
        """Lay the mask and the refined mask over the image, each class in a colour of its own."""
        if found is None:
            return None, None
        return _annotated(found, threshold, False), _annotated(found, threshold, True)

    @told
    def files(self, found: Found | None, threshold: float, answers: Any) -> str:
        """Write what is downloaded: masks (0 background, k + 1 classes) and answers."""
        if found is None:
            raise ValueError('nothing was found yet; press Find first.')
        packed = pack(found, threshold, answers.to_numpy().tolist())
        # the one folder that gradio empties
        return save_bytes_to_cache(packed, 'qaclims_mm.zip', get_upload_folder())


def _picture(label: str) -> gr.Image:
    return gr.Image(
        label=label,
        interactive=False,
        min_width=200,
        buttons=['download', 'fullscreen'],
        elem_classes='filled',
    )


def _begin(image: Picture | None = None) -> tuple[Any, ...]:
    """Return an image, its preview, no class, and nothing found, shown or to be downloaded."""
    preview = None if image is None else image.pixels
    nothing = None, gr.Radio([], value=None), None, None, None, None, gr.Button(interactive=False)
    return image, preview, [], *nothing


def _given(image: Picture | None) -> Picture:
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
    parts = [
        (OPACITY * (mask == key + 1), name)
        for key, name in zip(found.class_indices, found.classes, strict=True)
    ]
    colours = {name: _bright(place) for place, name in enumerate(found.classes)}
    return gr.AnnotatedImage(value=(_outlined(found.image, mask > 0), parts), color_map=colours)


def _bright(place: int) -> str:
    """Return a full colour far from those of the places before; VOC's are also dark and grey."""
    red, green, blue = colorsys.hsv_to_rgb((HUE + place * GOLDEN) % 1, 1, 1)
    return f'#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}'


def _outlined(image: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return an image with a white line around a mask, bool ``(H, W)``."""
    # as wide on the page whatever the size of the image
    width = max(1, round(max(there.shape) / 200))
    line = ndimage.binary_dilation(there, iterations=width) & ~there
    return np.where(line[..., None], np.uint8(255), image)
