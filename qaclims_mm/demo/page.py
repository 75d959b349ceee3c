"""The web page: images in, classes ticked, maps, masks and answers out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from qaclims_mm.demo.actions import EXAMPLES, MOST, Actions, thumbnails
from qaclims_mm.demo.controls import Controls, Inputs, Outputs
from qaclims_mm.demo.events import wire
from qaclims_mm.demo.examples import draw_examples
from qaclims_mm.demo.model import Explainer
from qaclims_mm.demo.overview import overview_html
from qaclims_mm.demo.pictures import colour_of
from qaclims_mm.exchange.masks.export import FORMATS
from qaclims_mm.miniworld import CLASSES
from qaclims_mm.visualization.colours import DISTINCT

# more classes than these are searched for by their first letters instead of being ticked
TICKED = 40
# what a session holds is forgotten after this time, and its files are deleted
SECONDS = 3600
HERE = Path(__file__).parent
INTRO = '# From a word to a mask\n'
OF_MAPS = """\
Drop images, tick the classes in them, and press *Find masks*. An activation map shows where the
network sees a class. A mask marks the pixels whose highest map is above the threshold"""
OF_SEGMENTOR = 'Drop images and press *Find masks*. The segmentor marks its classes.'
REFINED = ', and the refined mask follows the edges of the image'
BESIDE = ' The mask of the segmentor, which was trained on such masks, stands beside it.'
HINT = '<p class="hint">Maps, masks and answers appear here.</p>'
HINT_OF_SEGMENTOR = '<p class="hint">Masks appear here.</p>'


class Page:
    """The page of an explainer.

    Args:
        explainer: Networks of the page.
        most: Number of images that are on the page at once.
    """

    def __init__(self, explainer: Explainer, most: int = MOST) -> None:
        self.explainer, self.actions = explainer, Actions(explainer, most)

    def build(self) -> gr.Blocks:
        """Return the page, not yet served."""
        runs_on = overview_html(self.explainer.runs_on, self.explainer.warning)
        with gr.Blocks(
            title='qaclims_mm', analytics_enabled=False, delete_cache=(SECONDS, SECONDS)
        ) as blocks:
            gr.Markdown(f'{INTRO}{self._intro()}')
            gr.HTML(runs_on)
            with gr.Row():
                with gr.Column(scale=1, min_width=280):
                    inputs = self._inputs()
                with gr.Column(scale=2, min_width=320):
                    outputs, controls = self._outputs()
            wire(self.actions, inputs, outputs, controls)
        return blocks.queue(max_size=256)

    def _intro(self) -> str:
        if not self.explainer.can_map:
            return OF_SEGMENTOR
        refined = REFINED if self.explainer.can_refine else ''
        return f'{OF_MAPS}{refined}.{BESIDE if self.explainer.can_segment else ""}'

    def _inputs(self) -> Inputs:
        maps = self.explainer.can_map
        album = gr.State(time_to_live=SECONDS)
        files = gr.File(label='images', file_count='multiple', type='filepath', height=140)
        examples, start, more = self._examples()
        with gr.Accordion('Labels of many images', open=False, visible=maps):
            gr.Markdown('A table or an export with image and labels, as for `qaclims init`.')
            labels = gr.File(label='labels', file_count='multiple', type='filepath', height=120)
        gallery = _chooser([], 'dropped images', 'album', visible=False)
        messages = gr.HTML(visible=False, elem_classes='messages')
        preview = _picture('image as the networks read it', 'preview', visible=False)
        classes = self._classes()
        with gr.Row():
            propose = gr.Button('Propose classes', visible=maps, min_width=120)
            run = gr.Button('Find masks', variant='primary', min_width=120)
        status = gr.HTML(visible=False)
        return Inputs(
            album,
            files,
            examples,
            start,
            more,
            gallery,
            preview,
            labels,
            messages,
            classes,
            propose,
            run,
            status,
        )

    def _examples(self) -> tuple[gr.Gallery, gr.State, gr.Button]:
        """Return pictures to choose, the number of the first, and a button for others.

        They are shown for the classes of MiniWorld alone.
        """
        names = self.explainer.class_names
        known = len(names) > 0 and set(names) <= set(CLASSES)
        shown = thumbnails(draw_examples(0, EXAMPLES)) if known else []
        with gr.Column(visible=known, elem_classes='examples'):
            gr.HTML('<p>Or click an example from MiniWorld:</p>')
            examples = _chooser(shown, 'examples from MiniWorld', 'offered', visible=known)
            more = gr.Button('Show other examples', size='sm')
        return examples, gr.State(0), more

    def _outputs(self) -> tuple[Outputs, Controls]:
        maps, asks = self.explainer.can_map, self.explainer.can_ask
        asked = gr.State(time_to_live=SECONDS)
        hint = gr.HTML(HINT if maps else HINT_OF_SEGMENTOR)
        with gr.Column(visible=False) as results:
            with gr.Row(visible=maps):
                shown = gr.Radio([], label='map of')
                opacity = gr.Slider(
                    0, 1, 0.55, step=0.05, label='opacity of the map', min_width=200
                )
                threshold = gr.Slider(
                    0, 1, 0.25, step=0.01, label='threshold of the masks', min_width=200
                )
            with gr.Row(elem_classes='results'):
                with gr.Column(min_width=200, visible=maps):
                    heat = _picture('map')
                mask, mask_legend = _mask('mask', maps)
                refined, refined_legend = _mask('refined mask', self.explainer.can_refine)
                segmented, segmented_legend = _mask('segmentor', self.explainer.can_segment)
        with gr.Row(elem_classes='taking'):
            format_ = gr.Dropdown(list(FORMATS), value=FORMATS[0], label='format of the masks')
            what = 'masks and answers' if asks else 'masks'
            download = gr.Button(f'Download {what}', interactive=False)
        # what the button's click has made
        packed = gr.DownloadButton(visible='hidden')
        packed_status = gr.HTML(visible=False)
        answers = gr.HTML(elem_classes='answers', visible=asks)
        outputs = Outputs(
            asked,
            results,
            hint,
            shown,
            heat,
            mask,
            mask_legend,
            refined,
            refined_legend,
            segmented,
            segmented_legend,
            answers,
            download,
        )
        return outputs, Controls(opacity, threshold, format_, packed, packed_status)

    def _classes(self) -> gr.CheckboxGroup | gr.Dropdown:
        names, maps = list(self.explainer.class_names), self.explainer.can_map
        label = 'classes in the image'
        if len(names) <= TICKED:
            coloured = 'coloured' if len(names) <= DISTINCT else ''
            return gr.CheckboxGroup(
                names, label=label, visible=maps, elem_classes=f'ticks {coloured}'
            )
        return gr.Dropdown(names, multiselect=True, label=label, visible=maps)


def page_css() -> str:
    """Return the style of the page, with the colours of classes beside their ticks."""
    colours = [
        f'.coloured label:nth-of-type({value}) {{ --class: rgb{colour_of(value)}; }}'
        for value in range(1, DISTINCT + 1)
    ]
    return '\n'.join([(HERE / 'page.css').read_text(encoding='utf-8'), *colours])


def _chooser(shown: Sequence[Any], label: str, kind: str, visible: bool) -> gr.Gallery:
    return gr.Gallery(
        list(shown),
        label=label,
        show_label=False,
        columns=3,
        height='auto',
        elem_classes=f'chooser {kind}',
        object_fit='contain',
        allow_preview=False,
        interactive=False,
        buttons=[],
        visible=visible,
    )


def _picture(
    label: str, kind: str = 'result', visible: bool = True, format: str = 'webp'
) -> gr.Image:
    return gr.Image(
        label=label,
        format=format,
        interactive=False,
        min_width=200,
        buttons=['download', 'fullscreen'],
        elem_classes=f'filled {kind}',
        visible=visible,
    )


def _mask(label: str, visible: bool) -> tuple[gr.Image, gr.HTML]:
    with gr.Column(min_width=200, visible=visible):
        # webp changes the colours of thin lines
        return _picture(label, format='png'), gr.HTML()
