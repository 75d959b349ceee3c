"""Which action follows a drop, a choice or a press on the page."""

from collections.abc import Callable, Sequence
from typing import Any

from qaclims_mm.demo.actions import Actions, begin_empty
from qaclims_mm.demo.controls import Controls, Inputs, Outputs
from qaclims_mm.demo.notices import told

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
# places of messages: below the buttons of an image, and below the download
_BESIDE_IMAGE, _BESIDE_DOWNLOAD = range(2)


def wire(actions: Actions, inputs: Inputs, outputs: Outputs, controls: Controls) -> None:
    """Connect the components of a page to its actions."""
    wiring = _Wiring(actions, inputs, outputs, controls)
    finding = wiring.finding()
    wiring.images(finding)
    wiring.showing()
    wiring.download()


class _Wiring:
    """The events of a page.

    Args:
        actions: Its actions.
        inputs: What a user gives.
        outputs: What is found.
        controls: How it is shown and written.
    """

    def __init__(
        self, actions: Actions, inputs: Inputs, outputs: Outputs, controls: Controls
    ) -> None:
        self.actions, self.inputs, self.outputs = actions, inputs, outputs
        self.controls = controls
        self.places = [inputs.status, controls.packed_status]

    def on(
        self,
        trigger: Callable,
        action: Callable,
        given: Any,
        made: Sequence[Any],
        place: int = _BESIDE_IMAGE,
        **options: Any,
    ) -> Any:
        """Let an event run an action; an error becomes a message at its place."""
        function = told(action, len(made), place, len(self.places))
        return trigger(function, given, [*made, *self.places], **options)

    def finding(self) -> list[Any]:
        """Let the buttons propose and find; returns what may come late."""
        inputs, controls, actions = self.inputs, self.controls, self.actions
        proposing = self.on(
            inputs.propose.click,
            actions.propose,
            inputs.album,
            [inputs.classes],
            api_name='propose',
            show_progress_on=inputs.classes,
        )
        finding = self.on(
            inputs.run.click,
            actions.find,
            [inputs.album, inputs.classes, controls.opacity, controls.threshold],
            self.outputs,
            api_name='find',
            show_progress_on=[self.outputs.hint, self.outputs.heat, self.outputs.segmented],
        )
        return [proposing, finding]

    def images(self, cancels: list[Any]) -> None:
        """Begin anew with dropped files, an example and another image of the album.

        Args:
            cancels: What makes something of the image before, and may come late.
        """
        actions, inputs, files = self.actions, self.inputs, self.inputs.files
        begun = [inputs.album, inputs.preview, inputs.classes, *self.outputs]
        all_begun = [*begun, inputs.gallery, inputs.messages]
        # beside a file that cannot be read nothing of the image before it stays
        emptied = self.on(
            files.upload,
            begin_empty,
            None,
            all_begun,
            show_progress='hidden',
            cancels=cancels,
            **_PRIVATE,
        )
        read = self.on(
            emptied.then,
            actions.read,
            [files, inputs.labels],
            all_begun,
            api_name='read',
            show_progress_on=inputs.preview,
        )
        # gradio takes no file into a box that is filled
        for ended in (read.success, read.failure):
            ended(None, None, files, js='() => [null]', **_PRIVATE)
        chosen: dict[str, Any] = dict(show_progress_on=inputs.preview, cancels=cancels, **_PRIVATE)
        take, step = actions.take_example, actions.step
        self.on(inputs.examples.select, take, inputs.start, all_begun, **chosen)
        self.on(inputs.gallery.select, step, [inputs.album, inputs.classes], begun, **chosen)
        shown = [inputs.start, inputs.examples]
        self.on(inputs.more.click, actions.more_examples, inputs.start, shown, **_PRIVATE)
        self.on(
            inputs.labels.upload,
            actions.label,
            [inputs.labels, inputs.album, inputs.classes],
            [inputs.album, inputs.classes, self.outputs.download, inputs.messages],
            api_name='label',
            show_progress_on=inputs.classes,
        )

    def showing(self) -> None:
        """Let the sliders change what is shown."""
        outputs, controls = self.outputs, self.controls
        quiet: dict[str, Any] = dict(show_progress='hidden', **_PRIVATE)
        for trigger in (controls.opacity.input, outputs.shown.input):
            self.on(
                trigger,
                self.actions.show_map,
                [outputs.asked, outputs.shown, controls.opacity],
                [outputs.heat],
                js=f'(asked, name, value) => [asked, name, {CLAMP}]',
                **quiet,
            )
        masks = outputs[outputs.index(outputs.mask) : outputs.index(outputs.segmented)]
        self.on(
            controls.threshold.input,
            self.actions.show_masks,
            [outputs.asked, controls.threshold],
            masks,
            js=f'(asked, value) => [asked, {CLAMP}]',
            **quiet,
        )

    def download(self) -> None:
        """Let the button write what was found."""
        inputs, outputs, controls = self.inputs, self.outputs, self.controls
        # masks of large files take time and space, so that they are made when they are wanted
        self.on(
            outputs.download.click,
            self.actions.files,
            [inputs.album, inputs.classes, outputs.asked, controls.threshold, controls.format],
            [controls.packed],
            _BESIDE_DOWNLOAD,
            show_progress_on=controls.format,
            **_PRIVATE,
        ).success(None, controls.packed, None, js=SAVE)
