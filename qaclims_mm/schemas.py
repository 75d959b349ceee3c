"""Every file that passes between stages: how it is written, read and checked.

All files appear whole (temporary file, then rename) or not at all, and none can carry code: no
pickle, no object arrays.
"""

import contextlib
import hashlib
import itertools
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from qaclims_mm.version import __version__

SCHEMA_VERSION = 1
IGNORE_INDEX = 255
SHARD_SIZE = 512
MANIFEST = 'manifest.json'
METRICS = 'metrics.json'
CLAIM = 'run.json'
# What numpy raises for an archive that was cut, overwritten or made by something else.
BROKEN_NPZ = (
    KeyError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
# Config keys that change how a run is carried out, not what it makes.
_RUN_ONLY_KEYS = frozenset(
    [
        'work_dir',
        'launcher',
        'num_workers',
        'persistent_workers',
        'pin_memory',
        'prefetch_factor',
        'log_level',
        'log_processor',
        'visualizer',
        'vis_backends',
        'default_hooks',
        'custom_hooks',
        'env_cfg',
        'resume',
        'dist_cfg',
        'device',
        'strict',
        'model_wrapper_cfg',
        'custom_imports',
        'out_dir',
        'out_file',
        'journal',
        'load_from',
    ]
)

CORPUS_SCHEMA = pa.schema(
    [
        ('image_id', pa.string()),
        ('class_name', pa.string()),
        ('kind', pa.string()),
        ('question_id', pa.string()),
        ('question', pa.string()),
        ('answer', pa.string()),
        ('text', pa.string()),
        ('score', pa.float32()),
    ]
)
TEXT_INDEX_SCHEMA = pa.schema(
    [
        ('image_id', pa.string()),
        ('class_name', pa.string()),
        ('label', pa.int32()),
        ('fg', pa.list_(pa.int32())),
        ('bg', pa.list_(pa.int32())),
        ('no', pa.int32()),
    ]
)


class FormatError(ValueError):
    """A file between stages is broken or of another version; the message has the mend."""


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it when the block ends well; else remove it.

    Raises:
        OSError: If the file cannot be written (disk full, no permission); nothing is left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def image_id_of(path: str | Path, root: str | Path) -> str:
    """Return the id of an image: its path under ``root``, POSIX, without the suffix."""
    return Path(path).relative_to(root).with_suffix('').as_posix()


def file_of(root: str | Path, image_id: str, suffix: str) -> Path:
    """Return the file of an image below ``root``; a dot inside the id is kept.

    Raises:
        ValueError: If the id would leave ``root``.
    """
    if image_id.startswith('/') or '..' in image_id.split('/'):
        raise ValueError(f'image_id must stay below its folder, but got {image_id!r}.')
    return Path(root) / f'{image_id}{suffix}'


# ------------------------------------------------------------------------------------------- JSON


def write_json(path: str | Path, value: object) -> None:
    """Write sorted, indented JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + '\n')


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        FormatError: If it is not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FormatError(
            f'{path} is not valid JSON ({error}); delete it and run its stage again.'
        ) from error


def update_metrics(path: str | Path, stage: str, values: Mapping[str, float]) -> None:
    """Set one stage of ``metrics.json``, {stage: {metric: value}}; the others stay."""
    metrics = read_metrics(path) if Path(path).exists() else {}
    metrics[stage] = dict(values)
    write_json(path, metrics)


def read_metrics(path: str | Path) -> dict[str, dict[str, float]]:
    """Read ``metrics.json``.

    Raises:
        FormatError: If it is not {stage: {metric: number}}.
    """
    metrics = read_json(path)
    if not (_is_table(metrics, dict) and all(_is_table(v, (int, float)) for v in metrics.values())):
        raise FormatError(
            f'{path} is not {{stage: {{metric: number}}}}; delete it and run the test again.'
        )
    return metrics


# --------------------------------------------------------------------------------------- manifest


@dataclass
class Manifest:
    """What a stage's folder holds and from what it was made; no dates: equal runs, equal bytes.

    Attributes:
        stage: Name of the stage.
        config_hash: ``hash_config`` of what made it.
        inputs: {name: hash of that input's manifest}.
        counts: {what: how many}.
        failed: ``[image_id, reason]`` of each record that could not be done.
        extra: What a reader of this stage must match (question set, CLIP, ...).
    """

    stage: str
    config_hash: str
    inputs: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failed: list[list[str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA_VERSION
    version: str = __version__

    def write(self, folder: str | Path) -> None:
        """Write ``folder/manifest.json``."""
        write_json(Path(folder) / MANIFEST, asdict(self))

    @classmethod
    def read(cls, folder: str | Path) -> 'Manifest':
        """Read ``folder/manifest.json``.

        Raises:
            FormatError: If it is absent, broken or of another schema.
        """
        path = Path(folder) / MANIFEST
        if not path.is_file():
            raise FormatError(
                f'{path} is missing: the stage that fills {folder} has not finished; run it.'
            )
        value = read_json(path)
        if not isinstance(value, dict) or value.get('schema') != SCHEMA_VERSION:
            found = value.get('schema') if isinstance(value, dict) else type(value).__name__
            raise FormatError(
                f'{path} has schema {found}, but this version reads {SCHEMA_VERSION}; '
                'run its stage again.'
            )
        unknown = set(value) - set(cls.__dataclass_fields__)
        if unknown or not {'stage', 'config_hash'} <= set(value):
            raise FormatError(
                f'{path} is no manifest (unknown keys: {sorted(unknown)}); run its stage again.'
            )
        manifest = cls(**value)
        wrong = manifest._wrong_fields()
        if wrong:
            raise FormatError(
                f'{path} is no manifest ({", ".join(wrong)} not as written); run its stage again.'
            )
        return manifest

    def _wrong_fields(self) -> list[str]:
        """Return the fields that hold something else than what stages write."""
        right = dict(
            stage=isinstance(self.stage, str),
            config_hash=isinstance(self.config_hash, str),
            inputs=_is_table(self.inputs, str),
            counts=_is_table(self.counts, int),
            failed=isinstance(self.failed, list)
            and all(
                isinstance(f, list) and [type(v) for v in f] == [str, str] for f in self.failed
            ),
            extra=_is_table(self.extra, object),
        )
        return [name for name, good in right.items() if not good]


def _is_table(value: object, kind: type | tuple[type, ...]) -> bool:
    """Return whether a value is a dict from strings to a kind."""
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, kind) for k, v in value.items()
    )


def manifest_hash(folder: str | Path) -> str:
    """Return the sha256 of a folder's manifest, by which other stages name it as their input."""
    Manifest.read(folder)
    return hashlib.sha256((Path(folder) / MANIFEST).read_bytes()).hexdigest()


def hash_config(config: Mapping[str, Any]) -> str:
    """Return the sha256 of a config without work_dir, launcher, workers and logging.

    A ``work_dir`` in a path and the folder above it count as words, so that a chain of stages keeps
    its hashes when it is moved.
    """
    work_dir = Path(config.get('work_dir') or '')
    words = [(str(p), w) for p, w in ((work_dir, '{dir}'), (work_dir.parent, '{root}')) if p.name]

    def keep(node: object) -> object:
        if isinstance(node, Mapping):
            return {
                str(k): keep(v)
                for k, v in sorted(node.items(), key=lambda kv: str(kv[0]))
                if k not in _RUN_ONLY_KEYS
            }
        if isinstance(node, (list, tuple)):
            return [keep(v) for v in node]
        if isinstance(node, str):
            for path, word in words:
                node = node.replace(path, word)
        return node if isinstance(node, (str, int, float, bool, type(None))) else repr(node)

    return hashlib.sha256(json.dumps(keep(config), sort_keys=True).encode()).hexdigest()


def claim_folder(folder: str | Path, fingerprint: Mapping[str, str]) -> None:
    """Mark a folder as filled from something, or check that it is; so no two runs ever mix in it.

    Args:
        folder: Where a run writes one file an image or a shard.
        fingerprint: {what: hash} of all that the files depend on.

    Raises:
        FormatError: If another run began it.
    """
    path = Path(folder) / CLAIM
    if not path.is_file():
        write_json(path, dict(fingerprint))
        return
    found = read_json(path)
    differ = sorted(k for k in {*found, *fingerprint} if found.get(k) != fingerprint.get(k))
    if differ:
        raise FormatError(
            f'{folder} holds files of another run ({", ".join(differ)} differ); '
            'delete the folder or choose another one.'
        )


def hash_file(path: str | Path) -> str:
    """Return the sha256 of a file."""
    with Path(path).open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


# ------------------------------------------------------------------------------------------- CAMs


class Cams(NamedTuple):
    """Maps of one image: ``keys`` (n,), ``strided`` (n, h, w), ``high_res`` (n, H, W) in [0, 1]."""

    keys: np.ndarray
    strided: np.ndarray
    high_res: np.ndarray
    size: tuple[int, int]


def strided_size(height: int, width: int, stride: int = 4) -> tuple[int, int]:
    """Return the size of a strided map: ceil(H / stride), ceil(W / stride)."""
    return -(-height // stride), -(-width // stride)


def write_cams(
    path: str | Path, keys: np.ndarray, strided: np.ndarray, high_res: np.ndarray
) -> None:
    """Write ``cams/<image_id>.npz``: floor(255 ``high_res`` + 0.5) and float16 ``strided``.

    Args:
        path: The file.
        keys: Class indices without the background, ``(n,)``; n may be 0.
        strided: Maps in [0, 1], ``(n, ceil(H/4), ceil(W/4))``.
        high_res: Maps in [0, 1], ``(n, H, W)``; H and W count even when n is 0.

    Raises:
        ValueError: If shapes disagree or a value is outside [0, 1].
    """
    keys = np.asarray(keys, dtype=np.int64).reshape(-1)
    height, width = high_res.shape[-2:]
    if not _fit(len(keys), (height, width), strided, high_res):
        raise ValueError(
            f'maps must be (n, ceil(H/4), ceil(W/4)) and (n, H, W) for n = {len(keys)} keys, '
            f'but got strided {strided.shape} and high_res {high_res.shape} for {path}.'
        )
    for name, maps in (('strided', strided), ('high_res', high_res)):
        if maps.size and not (maps.min() >= 0 and maps.max() <= 1):
            raise ValueError(
                f'{name} must be in [0, 1], but got [{maps.min()}, {maps.max()}] for {path}.'
            )
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(
            file,
            keys=keys,
            strided=strided.astype(np.float16),
            high_res=np.floor(255 * high_res.astype(np.float32) + 0.5).astype(np.uint8),
            size=np.array([height, width], dtype=np.int64),
        )


def read_cams(path: str | Path) -> Cams:
    """Read ``cams/<image_id>.npz``.

    Raises:
        FormatError: If the file is truncated, lacks an array, or has arrays of other types,
            disagreeing shapes or impossible values.
    """
    try:
        with Path(path).open('rb') as raw, np.load(raw, allow_pickle=False) as file:
            keys, strided, high_res, size = (
                file[k] for k in ('keys', 'strided', 'high_res', 'size')
            )
    except BROKEN_NPZ as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FormatError(
            f'{path} is not a CAM file ({error}); delete it and run the CAM export again.'
        ) from error
    problem = _problem_of_cams(keys, strided, high_res, size)
    if problem:
        raise FormatError(f'{path} has {problem}; delete it and run the CAM export again.')
    height, width = (int(v) for v in size)
    return Cams(
        keys, strided.astype(np.float32), high_res.astype(np.float32) / 255, (height, width)
    )


def _fit(number: int, size: tuple[int, ...], strided: np.ndarray, high_res: np.ndarray) -> bool:
    """Return whether maps have the shapes that follow from an image's size and its classes."""
    return (
        len(size) == 2
        and strided.shape == (number, *strided_size(*size))
        and high_res.shape == (number, *size)
    )


def _problem_of_cams(
    keys: np.ndarray, strided: np.ndarray, high_res: np.ndarray, size: np.ndarray
) -> str:
    """Return what a CAM file has that ``write_cams`` does not write, or nothing."""
    types = tuple(a.dtype for a in (keys, strided, high_res, size))
    if types != (np.int64, np.float16, np.uint8, np.int64):
        return 'arrays of other types (' + ', '.join(str(t) for t in types) + ')'
    image_size = tuple(size.reshape(-1).tolist())
    if keys.ndim != 1 or not _fit(len(keys), image_size, strided, high_res):
        return 'maps of disagreeing shapes'
    if len(set(keys.tolist())) != len(keys) or (keys < 0).any():
        return f'classes {keys.tolist()}, which are negative or stand twice'
    # written so that NaN is refused too
    if not ((strided >= 0) & (strided <= 1)).all():
        return 'strided maps outside [0, 1]'
    return ''


# ------------------------------------------------------------------------------------------ masks


def voc_palette() -> list[int]:
    """Return VOC's 256 RGB colours as a flat list: the index's bits spread over the channels."""
    index = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.int64)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return palette.reshape(-1).tolist()


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write a palette PNG: 0 background, k + 1 classes, 255 ignore.

    Raises:
        ValueError: If the mask is not 2-D or has a value outside 0..255.
    """
    from PIL import Image

    if mask.ndim != 2 or (mask.size and not (mask.min() >= 0 and mask.max() <= 255)):
        raise ValueError(
            f'a mask must be (H, W) with values in 0..255, but got shape {mask.shape} for {path}.'
        )
    image = Image.fromarray(mask.astype(np.uint8), mode='P')
    image.putpalette(voc_palette())
    with atomic_path(path) as temporary:
        image.save(temporary, format='PNG')


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask, uint8 ``(H, W)``, from a palette or grey PNG.

    Raises:
        FormatError: If it is not an image of one channel or is truncated.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode not in ('P', 'L'):
                raise FormatError(
                    f'{path} must be a palette or grey PNG, but its mode is {image.mode}.'
                )
            return np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise FormatError(f'{path} is not a readable mask ({error}); make it again.') from error


# ---------------------------------------------------------------------------------------- parquet


def write_parquet(
    path: str | Path, columns: Mapping[str, Sequence[Any]], schema: pa.Schema
) -> None:
    """Write a Parquet file whose bytes depend on its content only."""
    table = pa.Table.from_pydict(dict(columns), schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression='zstd', store_schema=False)


def read_parquet(
    path: str | Path, schema: pa.Schema, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a Parquet file memory-mapped and check its columns.

    Raises:
        FormatError: If it is truncated or has other columns.
    """
    try:
        file = pq.ParquetFile(path, memory_map=True)
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
    return table


def shard_path(folder: str | Path, shard: int) -> Path:
    """Return the file of a corpus shard."""
    return Path(folder) / f'part-{shard:05d}.parquet'


def read_shard(path: str | Path) -> pa.Table:
    """Read a corpus shard and check every row.

    Raises:
        FormatError: If it is broken, or holds what the qape stage does not write.
    """
    table = read_parquet(path, CORPUS_SCHEMA)
    problem = _problem_of_columns(table, CORPUS_SCHEMA) or _problem_of_rows(table)
    if problem:
        raise FormatError(f'{path} has {problem}; delete it and run the qape stage again.')
    return table


def _problem_of_columns(table: pa.Table, schema: pa.Schema) -> str:
    """Return which column has another type or empty cells, or nothing."""
    for field_ in schema:
        column = table[field_.name]
        if column.type != field_.type:
            return f'a column {field_.name} of {column.type} instead of {field_.type}'
        if column.null_count:
            return f'{column.null_count} empty cells in its column {field_.name}'
    return ''


def _pairs(table: pa.Table, first: str, second: str) -> Iterator[tuple[str, str]]:
    """Yield two columns row by row."""
    return zip(table[first].to_pylist(), table[second].to_pylist(), strict=True)


def _problem_of_rows(table: pa.Table) -> str:
    """Return what is wrong in the rows of a shard, or nothing."""
    ids = table['image_id'].to_pylist()
    if ids != sorted(ids):
        return 'images that are not in the order of their ids'
    if len(set(ids)) > SHARD_SIZE:
        return f'{len(set(ids))} images, more than the {SHARD_SIZE} of a shard'
    if not np.isfinite(table['score'].to_numpy()).all():
        return 'scores that are not finite'
    for kind, question_id in set(_pairs(table, 'kind', 'question_id')):
        group = re.fullmatch(r'(fine|alias|object|scene)_[1-9]', question_id)
        if group is None or kind != ('fg' if group[1] in ('fine', 'alias') else 'bg'):
            return f'a question {question_id!r} of kind {kind!r}'
    return ''


# -------------------------------------------------------------------------------------- text bank


def write_text_bank(
    folder: str | Path,
    embeddings: np.ndarray,
    texts: Sequence[str],
    index: Mapping[str, Sequence[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Write ``texts.safetensors``, ``texts.json`` and ``index.parquet``.

    Args:
        folder: The text bank's folder.
        embeddings: L2-normalised, ``(T, D)``; stored as float16.
        texts: The T strings without prompt.
        index: Columns of ``TEXT_INDEX_SCHEMA``.
        metadata: clip, weights_sha256, prompt and corpus_hash.

    Raises:
        ValueError: If the number of texts and of embeddings differ.
    """
    from safetensors.numpy import save

    if len(texts) != len(embeddings):
        raise ValueError(
            f'there must be one embedding a text, but got {len(embeddings)} for {len(texts)}.'
        )
    folder = Path(folder)
    write_json(folder / 'texts.json', list(texts))
    write_parquet(folder / 'index.parquet', index, TEXT_INDEX_SCHEMA)
    content = save(
        {'embeddings': np.ascontiguousarray(embeddings, dtype=np.float16)},
        metadata={'schema': str(SCHEMA_VERSION), **metadata},
    )
    with atomic_path(folder / 'texts.safetensors') as temporary:
        temporary.write_bytes(_with_sorted_header(content))


def _with_sorted_header(content: bytes) -> bytes:
    """Return a safetensors file with its header's keys in order: the library has them in any."""
    size = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8 : 8 + size])
    text = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, 'little') + text + content[8 + size :]


class TextBankFiles(NamedTuple):
    """A text bank: memory-mapped embeddings (T, D) float16, texts, index table, metadata."""

    embeddings: Any
    texts: list[str]
    index: pa.Table
    metadata: dict[str, str]


def read_text_bank(folder: str | Path) -> TextBankFiles:
    """Open a text bank; the embeddings stay on disk until they are used.

    Raises:
        FormatError: If a file is missing, truncated, of another schema, or the parts disagree.
    """
    from safetensors import SafetensorError, safe_open

    folder = Path(folder)
    for name in ('texts.safetensors', 'texts.json', 'index.parquet'):
        if not (folder / name).is_file():
            raise FormatError(
                f'{folder / name} is missing; make the text bank with tools/encode_texts.py.'
            )
    path = folder / 'texts.safetensors'
    try:
        with safe_open(path, framework='pt') as file:
            metadata = dict(file.metadata() or {})
            embeddings = file.get_tensor('embeddings')
    except SafetensorError as error:
        raise FormatError(
            f'{path} is broken ({error}); run tools/encode_texts.py again.'
        ) from error
    if metadata.get('schema') != str(SCHEMA_VERSION):
        raise FormatError(
            f'{path} has schema {metadata.get("schema")}, but this version reads {SCHEMA_VERSION}.'
        )
    texts = read_json(folder / 'texts.json')
    index = read_parquet(folder / 'index.parquet', TEXT_INDEX_SCHEMA)
    if len(texts) != len(embeddings):
        raise FormatError(
            f'{folder} has {len(texts)} texts but {len(embeddings)} embeddings; '
            'run tools/encode_texts.py again.'
        )
    return TextBankFiles(embeddings, texts, index, metadata)


def check_text_bank(folder: str | Path) -> TextBankFiles:
    """Read a text bank and check every row of it.

    Raises:
        FormatError: As ``read_text_bank``, or if a part holds what ``tools/encode_texts.py`` does
            not write.
    """
    files = read_text_bank(folder)
    problem = _problem_of_columns(files.index, TEXT_INDEX_SCHEMA) or _problem_of_bank(files)
    if problem:
        raise FormatError(f'{folder} has {problem}; run tools/encode_texts.py again.')
    return files


def _problem_of_bank(files: TextBankFiles) -> str:
    """Return what is wrong in a text bank whose parts can be read, or nothing."""
    embeddings, texts, index, metadata = files
    missing = {'clip', 'weights_sha256', 'prompt', 'corpus_hash'} - set(metadata)
    if missing:
        return f'no {", ".join(sorted(missing))} in its metadata'
    if not all(isinstance(t, str) for t in texts) or len(set(texts)) != len(texts):
        return 'texts that stand twice or are no texts'
    vectors = np.asarray(embeddings)
    norms = np.linalg.norm(vectors.astype(np.float32), axis=-1)
    if vectors.dtype != np.float16 or vectors.ndim != 2 or not (abs(norms - 1) < 0.01).all():
        return 'embeddings that are not float16 of norm 1'
    keys = list(_pairs(index, 'image_id', 'class_name'))
    if any(a >= b for a, b in itertools.pairwise(keys)):
        return 'pairs that stand twice or are not in order'
    for name in ('label', 'no', 'fg', 'bg'):
        column = index[name]
        rows = (pc.list_flatten(column) if name in ('fg', 'bg') else column).to_numpy()
        if not ((rows >= 0) & (rows < len(texts))).all():
            return f'rows in its column {name} that are not among the {len(texts)} texts'
    return ''
