"""The web page: images in, classes ticked, maps, masks and answers out."""

import html
from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from qaclims_mm.demo.actions import MOST, Actions, begin_empty
from qaclims_mm.demo.download import HEAD
from qaclims_mm.demo.model import Explainer
from qaclims_mm.exchange.masks.export import FORMATS

# more classes than these are searched for by their first letters instead of being ticked
TICKED = 40
# what a session holds is forgotten after this time, and its files are deleted
SECONDS = 3600
# gradio shows small images small, lets a long name push what is beside it off the page, keeps the
# word "Error" over a picture after the message is gone, and has a legend paler than the masks
CSS = """
.filled button, .filled .image-frame, .filled img { width: 100%; object-fit: contain; }
label, .legend-item, th, td, td *, .messages li { overflow-wrap: anywhere; min-width: 0; }
[data-testid=status-tracker]:has(> span.error) { display: none; }
.chooser .grid-wrap { min-height: 0; max-height: 16em; }
.results { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); }
.chooser .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
.chooser .caption-label { max-width: 100%; left: 0; right: 0; font-size: .7em; }
.messages ul { margin: 0; padding-left: 1.2em; list-style: disc; }
.warning { margin: 0; border-left: 4px solid #d97706; padding: .6em 1em; }
.warning { background: #fef3c7; color: #78350f; }
.legend-item { position: relative; padding-left: 1.8em !important; }
.legend-item::before, .legend-item::after {
    content: ""; position: absolute; left: .4em; top: calc(50% - .5em); width: 1em; height: 1em;
    background-color: inherit;
}
"""
INTRO = '# From a word to a mask\n'
OF_MAPS = """\
Drop images, tick what is in them (proposals may miss a class), and see where it is. Maps show what
the network takes for a class; masks are where the highest map is above the threshold"""
OF_SEGMENTOR = 'Drop images and see what the segmentor finds in them.'
REFINED = ', and *refined* ones follow the edges'
BESIDE = ' The segmentor needs no ticks; it was trained on such masks.'
# a number may be typed that the slider has not, which gradio would refuse
CLAMP = 'Math.min(1, Math.max(0, value))'
SAVE = """\
(file) => {
    const link = document.createElement('a');
    link.href = file.url;
    link.download = file.orig_name;
    link.click();
}"""
_PRIVATE: dict[str, Any] = dict(api_visibility='private')


class _Inputs(NamedTuple):
    """What a user gives."""

    album: gr.State
    files: gr.File
    drawn: gr.Button
    gallery: gr.Gallery
    preview: gr.Image
    labels: gr.File
    messages: gr.HTML
    classes: gr.CheckboxGroup | gr.Dropdown
    propose: gr.Button
    run: gr.Button


class _Outputs(NamedTuple):
    """What is found; the order is that of ``Actions.find``."""

    found: gr.State
    shown: gr.Radio
    heat: gr.Image
    mask: gr.AnnotatedImage
    refined: gr.AnnotatedImage
    segmented: gr.AnnotatedImage
    answers: gr.Dataframe
    download: gr.Button


class _Controls(NamedTuple):
    """How what was found is shown and written."""

    opacity: gr.Slider
    threshold: gr.Slider
    format: gr.Dropdown
    packed: gr.DownloadButton


class Page:
    """The page of an explainer.

    Args:
        explainer: What answers.
        draw: Returns an image to try, RGB uint8 ``(H, W, 3)``; ``None`` has no button for it.
        most: Number of images that are on the page at once.
    """

    def __init__(
        self,
        explainer: Explainer,
        draw: Callable[[], np.ndarray] | None = None,
        most: int = MOST,
    ) -> None:
        self.explainer, self.actions = explainer, Actions(explainer, draw, most)
        self._draws = draw is not None

    def build(self) -> gr.Blocks:
        """Return the page, not yet served."""
        with gr.Blocks(
            title='qaclims_mm', analytics_enabled=False, delete_cache=(SECONDS, SECONDS)
        ) as blocks:
            gr.Markdown(f'{INTRO}{self._intro()}')
            if self.explainer.warning:
                warning = html.escape(self.explainer.warning)
                gr.HTML(f'<p class="warning">{warning}</p>', padding=False)
            with gr.Row():
                with gr.Column(scale=1, min_width=280):
                    inputs = self._inputs()
                with gr.Column(scale=2, min_width=320):
                    outputs, controls = self._outputs()
            finding = self._wire_finding(inputs, outputs, controls)
            self._wire_images(inputs, outputs, finding)
            self._wire_showing(inputs, outputs, controls)
        return blocks.queue(max_size=256)

    def _intro(self) -> str:
        if not self.explainer.can_map:
            return OF_SEGMENTOR
        refined = REFINED if self.explainer.can_refine else ''
        return f'{OF_MAPS}{refined}.{BESIDE if self.explainer.can_segment else ""}'

    def _inputs(self) -> _Inputs:
        maps = self.explainer.can_map
        album = gr.State(time_to_live=SECONDS)
        files = gr.File(label='images', file_count='multiple', type='filepath', height=140)
        drawn = gr.Button('Try a MiniWorld picture', visible=self._draws)
        with gr.Accordion('Labels of many images', open=False, visible=maps):
            gr.Markdown('A table or an export with image and labels, as for `qaclims init`.')
            labels = gr.File(label='labels', file_count='multiple', type='filepath', height=120)
        gallery = gr.Gallery(
            show_label=False,
            columns=4,
            height='auto',
            elem_classes='chooser',
            object_fit='contain',
            allow_preview=False,
            interactive=False,
            buttons=[],
            visible=False,
        )
        messages = gr.HTML(visible=False, elem_classes='messages', label='messages')
        preview = _picture('as it is read')
        classes = self._classes()
        with gr.Row():
            propose = gr.Button('Propose classes', visible=maps, min_width=120)
            run = gr.Button('Find', variant='primary', min_width=120)
        return _Inputs(
            album, files, drawn, gallery, preview, labels, messages, classes, propose, run
        )

    def _outputs(self) -> tuple[_Outputs, _Controls]:
        maps, asks = self.explainer.can_map, self.explainer.can_ask
        found = gr.State(time_to_live=SECONDS)
        with gr.Row(visible=maps):
            shown = gr.Radio([], label='map of')
            opacity = gr.Slider(0, 1, 0.55, step=0.05, label='opacity of the map', min_width=200)
            threshold = gr.Slider(
                0, 1, 0.25, step=0.01, label='threshold of the masks', min_width=200
            )
        with gr.Row(elem_classes='results'):
            heat = _picture('map', maps)
            mask = _mask('mask', maps)
            refined = _mask('refined mask', self.explainer.can_refine)
            segmented = _mask('segmentor', self.explainer.can_segment)
        with gr.Row(equal_height=True):
            format_ = gr.Dropdown(list(FORMATS), value=FORMATS[0], label='format of the masks')
            what = 'masks and answers' if asks else 'masks'
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
            visible=asks,
        )
        outputs = _Outputs(found, shown, heat, mask, refined, segmented, answers, download)
        return outputs, _Controls(opacity, threshold, format_, packed)

    def _wire_finding(self, inputs: _Inputs, outputs: _Outputs, controls: _Controls) -> list[Any]:
        """Let the buttons propose and find; returns what may come late."""
        proposing = inputs.propose.click(
            self.actions.propose, inputs.album, inputs.classes, api_name='propose'
        )
        finding = inputs.run.click(
            self.actions.find,
            [inputs.album, inputs.classes, controls.opacity, controls.threshold],
            list(outputs),
            api_name='find',
            show_progress_on=outputs.heat if self.explainer.can_map else outputs.segmented,
        )
        return [proposing, finding]

    def _wire_images(self, inputs: _Inputs, outputs: _Outputs, cancels: list[Any]) -> None:
        """Begin anew with dropped files, a drawn picture and another image of the album.

        Args:
            inputs: What a user gives.
            outputs: What is found.
            cancels: What makes something of the image before, and may come late.
        """
        actions, files = self.actions, inputs.files
        begun = [inputs.album, inputs.preview, inputs.classes, *outputs]
        all_begun = [*begun, inputs.gallery, inputs.messages]
        # beside a file that cannot be read nothing of the image before it stays
        emptied = files.upload(
            begin_empty, None, all_begun, show_progress='hidden', cancels=cancels, **_PRIVATE
        )
        read = emptied.then(
            actions.read,
            [files, inputs.labels],
            all_begun,
            api_name='read',
            show_progress_on=inputs.preview,
        )
        # gradio takes no file into a box that is filled
        for ended in (read.success, read.failure):
            ended(None, None, files, js='() => [null]', **_PRIVATE)
        for event, action, given, made in (
            (inputs.drawn.click, actions.draw, None, all_begun),
            (inputs.gallery.select, actions.step, [inputs.album, inputs.classes], begun),
        ):
            event(
                action,
                given,
                made,
                api_name=action.__name__,
                show_progress_on=inputs.preview,
                cancels=cancels,
            )
        inputs.labels.upload(
            actions.label,
            [inputs.labels, inputs.album, inputs.classes],
            [inputs.album, inputs.classes, outputs.download, inputs.messages],
            api_name='label',
            show_progress_on=inputs.classes,
        )

    def _wire_showing(self, inputs: _Inputs, outputs: _Outputs, controls: _Controls) -> None:
        """Let the sliders change what is shown, and the button write it."""
        quiet: dict[str, Any] = dict(show_progress='hidden', **_PRIVATE)
        gr.on(
            [controls.opacity.input, outputs.shown.input],
            self.actions.show_map,
            [outputs.found, outputs.shown, controls.opacity],
            outputs.heat,
            js=f'(found, name, value) => [found, name, {CLAMP}]',
            **quiet,
        )
        controls.threshold.input(
            self.actions.show_masks,
            [outputs.found, controls.threshold],
            [outputs.mask, outputs.refined],
            js=f'(found, value) => [found, {CLAMP}]',
            **quiet,
        )
        # masks of large files take time and space, so that they are made when they are wanted
        given = [inputs.album, inputs.classes, outputs.found, outputs.answers]
        outputs.download.click(
            self.actions.files,
            [*given, controls.threshold, controls.format],
            controls.packed,
            show_progress_on=controls.format,
            **_PRIVATE,
        ).success(None, controls.packed, None, js=SAVE)

    def _classes(self) -> gr.CheckboxGroup | gr.Dropdown:
        names, maps = list(self.explainer.class_names), self.explainer.can_map
        if len(names) <= TICKED:
            return gr.CheckboxGroup(names, label='classes in it', visible=maps)
        return gr.Dropdown(names, multiselect=True, label='classes in it', visible=maps)


def _picture(label: str, visible: bool = True) -> gr.Image:
    return gr.Image(
        label=label,
        interactive=False,
        min_width=200,
        buttons=['download', 'fullscreen'],
        elem_classes='filled',
        visible=visible,
    )


def _mask(label: str, visible: bool) -> gr.AnnotatedImage:
    return gr.AnnotatedImage(label=label, min_width=200, visible=visible)
