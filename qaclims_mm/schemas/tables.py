"""Parquet files whose bytes depend on their content only."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import atomic_path, check_regular
from qaclims_mm.schemas.names import counted


def write_parquet(
    path: str | Path,
    columns: Mapping[str, Sequence[Any]],
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a Parquet file whose bytes depend on its content only.

    Args:
        path: The file.
        columns: {name: cells}.
        schema: Types of the columns.
        metadata: Key-value metadata of the file.
    """
    table = pa.Table.from_pydict(dict(columns), schema=schema)
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression='zstd', store_schema=False, write_page_checksum=True
        ) as writer,
    ):
        writer.write_table(table)
        if metadata:
            writer.add_key_value_metadata(dict(metadata))


def read_parquet(
    path: str | Path, schema: pa.Schema, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a Parquet file memory-mapped and check its columns and the checksums of its pages.

    Raises:
        FormatError: If it is truncated or damaged, or has other columns or types or empty cells.
    """
    check_regular(path)
    try:
        file = pq.ParquetFile(path, memory_map=True, page_checksum_verification=True)
        missing = set(columns or schema.names) - set(file.schema_arrow.names)
        table = None if missing else file.read(columns=list(columns) if columns else None)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FormatError(
            f'{path} is not a readable Parquet file ({error}); delete it and run its stage again.'
        ) from error
    if table is None:
        raise FormatError(
            f'{path} lacks the columns {sorted(missing)}: another version made it; '
            'run its stage again.'
        )
    if problem := _problem_of_columns(table, schema, columns or schema.names):
        raise FormatError(f'{path} has {problem}; delete it and run its stage again.')
    return table


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read the key-value metadata of a Parquet file, and none of its rows.

    Raises:
        FormatError: If it is no Parquet file, or has metadata that are not UTF-8.
    """
    check_regular(path)
    try:
        found = pq.read_metadata(path).metadata or {}
        return {key.decode(): value.decode() for key, value in found.items()}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FormatError(
            f'{path} is not a readable Parquet file ({error}); delete it and run its stage again.'
        ) from error


def _problem_of_columns(table: pa.Table, schema: pa.Schema, names: Sequence[str]) -> str:
    """Return which column has another type or empty cells, or ''."""
    for field_ in (schema.field(name) for name in names):
        column = table[field_.name]
        if column.type != field_.type:
            return f'a column {field_.name} of {column.type} instead of {field_.type}'
        if column.null_count:
            return f'{counted(column.null_count, "empty cell")} in its column {field_.name}'
    return ''


def pairs_of(table: pa.Table, first: str, second: str) -> Iterator[tuple[str, str]]:
    """Yield two columns row by row."""
    return zip(table[first].to_pylist(), table[second].to_pylist(), strict=True)
