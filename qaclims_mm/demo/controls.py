"""The components of the page that events read or change."""

from typing import NamedTuple

import gradio as gr


class Inputs(NamedTuple):
    """What a user gives."""

    album: gr.State
    files: gr.File
    examples: gr.Gallery
    start: gr.State
    more: gr.Button
    gallery: gr.Gallery
    preview: gr.Image
    labels: gr.File
    messages: gr.HTML
    classes: gr.CheckboxGroup | gr.Dropdown
    propose: gr.Button
    run: gr.Button
    status: gr.HTML


class Outputs(NamedTuple):
    """What is found; the order is that of ``Actions.find``."""

    asked: gr.State
    results: gr.Column
    hint: gr.HTML
    shown: gr.Radio
    heat: gr.Image
    mask: gr.Image
    mask_legend: gr.HTML
    refined: gr.Image
    refined_legend: gr.HTML
    segmented: gr.Image
    segmented_legend: gr.HTML
    answers: gr.HTML
    download: gr.Button


class Controls(NamedTuple):
    """How what was found is shown and written."""

    opacity: gr.Slider
    threshold: gr.Slider
    format: gr.Dropdown
    packed: gr.DownloadButton
    packed_status: gr.HTML
