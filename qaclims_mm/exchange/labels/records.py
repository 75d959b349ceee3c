"""Labels in records with typed values: lines of JSON, lists of JSON and Parquet."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    column_of,
    problem_of_head,
)
from qaclims_mm.exchange.labels.source import Source
from qaclims_mm.exchange.labels.values import labels_of_value
from qaclims_mm.schemas.files import shown_json
from qaclims_mm.schemas.names import shown_text

# Hugging Face keeps boxes and their classes in a column of this name
_LABEL_COLUMNS = (*LABEL_COLUMNS, 'objects')
_BATCH = 1024


def read_json_lines(path: Path) -> Source:
    """Read a file with an object of JSON a line.

    Raises:
        FormatError: If no line names an image and its labels.
    """
    source = Source('lines of JSON')
    return _read(source, path, _lines(source, path))


def read_json_records(path: Path, records: Iterable[object]) -> Source:
    """Read a list of objects of JSON.

    Args:
        path: The file, for messages.
        records: The objects.

    Raises:
        FormatError: If none names an image and its labels.
    """
    places = enumerate(records, start=1)
    return _read(Source('list of JSON'), path, ((f'record {n}', value) for n, value in places))


def read_parquet_records(path: Path) -> Source:
    """Read a table of Parquet; classes that are numbers get the names that datasets stores.

    Raises:
        FormatError: If it is broken, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if _is_wanted(name)]
            if len(wanted) < 2:
                raise FormatError(f'{shown_text(path)} {problem_of_head(file.schema_arrow.names)}')
            names = _names_of_classes(file.schema_arrow.metadata or {})
            rows = _rows(file.iter_batches(_BATCH, columns=_without_bytes(file, wanted)), names)
            return _read(Source('Parquet'), path, rows)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = shown_text(str(error).partition('\n')[0])
        raise FormatError(
            f'{shown_text(path)} is no Parquet that can be read ({reason}); write it again.'
        ) from error


def _is_wanted(name: str) -> bool:
    return name.lower() in (*IMAGE_COLUMNS, *_LABEL_COLUMNS)


def _without_bytes(file: Any, wanted: list[str]) -> list[str]:
    """Return the columns to read: of images that are in the table themselves, the path alone."""
    import pyarrow as pa

    return [
        f'{name}.path' if pa.types.is_struct(field.type) and 'bytes' in _fields(field) else name
        for name in wanted
        for field in [file.schema_arrow.field(name)]
    ]


def _fields(field: Any) -> list[str]:
    return [field.type.field(k).name for k in range(field.type.num_fields)]


def _rows(batches: Iterable[Any], names: Mapping[str, list]) -> Iterator[tuple[str, object]]:
    """Yield place and values of each row of a table of Parquet."""
    row = 0
    for batch in batches:
        for record in batch.to_pylist():
            row += 1
            yield f'row {row}', {key: _named(v, names.get(key)) for key, v in record.items()}


def _named(value: Any, names: list | None) -> Any:
    """Return the name of a class instead of its number; an image's path instead of the image."""
    if isinstance(value, dict) and set(value) <= {'bytes', 'path'}:
        return value.get('path')
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if names and type(value) is int and 0 <= value < len(names) else value


def _names_of_classes(metadata: Mapping[bytes, bytes]) -> dict[str, list]:
    """Return {column: class names} that Hugging Face's datasets stores in the file."""
    try:
        info = json.loads(metadata.get(b'huggingface', b'{}'))
        features = info['info']['features'].items()
        columns = {key: f.get('feature', f) if isinstance(f, dict) else {} for key, f in features}
        return {k: f['names'] for k, f in columns.items() if isinstance(f.get('names'), list)}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return {}


def _lines(source: Source, path: Path) -> Iterator[tuple[str, object]]:
    """Yield place and value of each line that is no blank."""
    with path.open('rb') as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield f'line {number}', json.loads(line.decode('utf-8-sig'))
            except (RecursionError, ValueError) as error:
                text = f'no valid JSON ({error}); left out'
                source.leave_out(f'{shown_text(path)}, line {number}', text, 'no valid JSON')


def _read(source: Source, path: Path, records: Iterable[tuple[str, object]]) -> Source:
    """Add the records.

    Raises:
        FormatError: If the first record lacks the image or the labels.
    """
    first = True
    for place, record in records:
        where = f'{shown_text(path)}, {place}'
        if not isinstance(record, dict):
            source.leave_out(where, f'is {shown_json(record)}, not an object; left out')
            continue
        keys = list(record)
        image, label = column_of(keys, IMAGE_COLUMNS), column_of(keys, _LABEL_COLUMNS)
        if first and (image is None or label is None):
            raise FormatError(f'{where}: {problem_of_head(keys)}')
        first = False
        named = record[keys[image]] if image is not None else None
        labels = labels_of_value(record[keys[label]]) if label is not None else []
        if labels is None:
            shown = shown_json(record[keys[label or 0]])
            source.leave_out(where, f'labels are {shown}, not texts; left out')
        else:
            source.add(named if isinstance(named, str) else '', labels, where)
    return source
