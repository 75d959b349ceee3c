"""Labels of Label Studio's exports: JSON and JSON-MIN."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.json_stream import Entry
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.values import labels_of_value
from qaclims_mm.schemas.images import SUFFIXES
from qaclims_mm.schemas.names import counted, shown_name, shown_text

# what JSON-MIN says of a task besides its data and its labels
META = ('annotation_id', 'annotator', 'created_at', 'updated_at', 'lead_time')
_IMAGE_KEYS = ('image', 'img', 'image_url', 'photo', 'picture', 'url')
_CHOICE_KEYS = ('choice', 'choices', 'label', 'labels', 'tag', 'tags', 'class', 'category')
_OTHER_TASKS = ('text', 'audio', 'video', 'html', 'dialogue', 'timeseries', 'csv')
_WAY_OUT = (
    'label images with Choices, RectangleLabels, PolygonLabels or BrushLabels, submit the '
    'tasks, and export JSON'
)


def is_task(value: object) -> bool:
    """Return whether an object is a task of Label Studio's JSON."""
    return (
        isinstance(value, dict)
        and isinstance(value.get('data'), dict)
        and bool({'annotations', 'completions', 'predictions', 'total_annotations'} & value.keys())
    )


def is_min_task(value: object) -> bool:
    """Return whether an object is a task of Label Studio's JSON-MIN."""
    return isinstance(value, dict) and len(value.keys() & set(META)) > 1


def read_label_studio(path: Path, entries: Iterable[Entry]) -> Source:
    """Read the labels of Label Studio's JSON or JSON-MIN; regions are not used.

    Args:
        path: The file, for messages.
        entries: What it holds.

    Raises:
        FormatError: If its tasks are of another kind than images.
    """
    source, several = Source("Label Studio's JSON"), []
    minimal: list[tuple[str, dict[str, object], str]] = []
    for _, position, task in entries:
        where = f'{shown_text(path)}, task {position + 1}'
        if not is_task(task) and not is_min_task(task):
            source.leave_out(where, 'is no task of Label Studio; left out')
            continue
        data = task['data'] if is_task(task) else task
        image = _image_of(data)
        if not image:
            _check_kind(path, data)
            source.leave_out(where, 'names no image; left out')
            continue
        if is_task(task):
            annotations = _annotations(task)
            several += [where] if len(annotations) > 1 else []
            source.add(image, _labels_of_annotations(annotations), where)
        else:
            minimal.append((image, _fields_of_min(task), where))
    _add_minimal(source, minimal)
    if several:
        source.notes.append(
            f'{counted(len(several), "task", "have several annotations")} (first: {several[0]}); '
            'the image gets the labels of all'
        )
    source.check_labelled(path, _WAY_OUT)
    return source


def _image_of(data: dict) -> str:
    """Return the path or address of a task's image, or ''."""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value}
    named = next((texts[key] for key in _IMAGE_KEYS if key in texts), '')
    return named or next(
        (t for t in texts.values() if t.lower().partition('?')[0].endswith(SUFFIXES)), ''
    )


def _check_kind(path: Path, data: dict) -> None:
    """Refuse tasks that are about texts, sounds or videos.

    Raises:
        FormatError: If a task is.
    """
    other = next((key for key in _OTHER_TASKS if key in data), '')
    if other:
        raise FormatError(
            f"{shown_text(path)} is Label Studio's JSON, but of tasks about {shown_name(other)}; "
            f'{_WAY_OUT}.'
        )


def _annotations(task: dict) -> list[dict]:
    """Return the annotations of a task that were submitted and not skipped."""
    found = task.get('annotations') or task.get('completions') or []
    return [
        annotation
        for annotation in (found if isinstance(found, list) else ())
        if isinstance(annotation, dict) and not annotation.get('was_cancelled')
    ]


def _labels_of_annotations(annotations: list[dict]) -> list[str]:
    """Return the labels of all results; results of other kinds, such as ratings, have none."""
    return [
        label
        for annotation in annotations
        for result in annotation.get('result') or ()
        if isinstance(result, dict) and isinstance(result.get('value'), dict)
        for label in labels_of_value(result['value']) or ()
    ]


def _fields_of_min(task: dict) -> dict[str, object]:
    """Return the fields of a task of JSON-MIN that may hold labels, without the regions."""
    fields = {key: v for key, v in task.items() if key not in META and key not in _IMAGE_KEYS}
    return {
        key: labels_of_value(value) if isinstance(value, (dict, list)) else value
        for key, value in fields.items()
    }


def _add_minimal(source: Source, tasks: Sequence[tuple[str, Mapping[str, object], str]]) -> None:
    """Add the tasks of JSON-MIN, in which a single choice is a text, and several are an object.

    Args:
        source: What they are added to.
        tasks: Image, fields and place of each.
    """
    controls = {
        key for _, fields, _ in tasks for key, value in fields.items() if isinstance(value, list)
    }
    for image, fields, where in tasks:
        found = [fields[key] for key in fields if key in controls or key in _CHOICE_KEYS]
        source.add(
            image, [label for value in found for label in labels_of_value(value) or ()], where
        )
