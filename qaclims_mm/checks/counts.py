"""Compares what a manifest counts with what lies beside it."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from qaclims_mm.schemas import (
    Manifest,
    check_text_bank,
    hash_shards,
    image_id_of,
    read_records,
    read_shard,
    shard_path,
)
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.text_bank import hash_text_bank

# shards that a problem names, at most
_NAMED = 5


def _differences(manifest: Manifest, found: dict[str, int]) -> Iterator[str]:
    """Yield where a manifest's counts are not what was found."""
    for name, number in found.items():
        if manifest.counts.get(name) != number:
            stated = manifest.counts.get(name)
            says = f'does not count {name}' if stated is None else f'counts {name} as {stated}'
            yield f'{says}, but the number is {number}'


def count_images(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Check a folder with one file an image."""
    if 'images' not in manifest.counts:
        return
    files = (p for suffix in ('.npz', '.png') for p in folder.rglob(f'*{suffix}'))
    ids = {image_id_of(p, folder) for p in files if p.is_file() and not p.name.startswith('.')}
    yield from _differences(manifest, dict(images=len(ids), failed=len(manifest.failed)))
    for image_id, _ in manifest.failed:
        if image_id in ids:
            yield f'lists {shown_text(image_id)} as failed, but its file is there'


def count_corpus(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Check that the shards are those of the manifest."""
    number = manifest.counts.get('shards', 0)
    found = sorted(folder.glob('part-*.parquet'))
    # a manifest may count more shards than there is memory for their names
    shards = [shard_path(folder, n) for n in range(len(found))]
    if number != len(found) or found != shards:
        names = ', '.join(shown_text(name) for name in _misplaced(folder, number, found))
        yield f'counts shards as {number}, but the number is {len(found)} (see {names})'
        return
    counts = dict(images=0, answers=0, empty=0)
    failed: dict[str, str] = {}
    for path in shards:
        table, records = read_shard(path), read_records(path)
        counts['images'] += len(table['image_id'].unique())
        counts['answers'] += len(table)
        counts['empty'] += table['text'].to_pylist().count('')
        failed |= {i: r['failed'] for i, r in records.images.items() if r.get('failed')}
        if records.shards != number:
            yield f'counts shards as {number}, but {path.name} is one of {records.shards}'
            return
    problems = list(_differences(manifest, counts))
    if manifest.failed != [list(f) for f in sorted(failed.items())]:
        problems.append('lists other failed images than its shards')
    if not problems and manifest.extra.get('shards_sha256') != hash_shards(folder, number):
        problems.append('was made of other shards (shards_sha256)')
    yield from problems


def _misplaced(folder: Path, number: int, found: Sequence[Path]) -> list[str]:
    """Return the first names of shards that are missing from a folder, or are too many in it."""
    there = {path.name for path in found}
    wanted = (shard_path(folder, n).name for n in range(number))
    missing = itertools.islice((name for name in wanted if name not in there), _NAMED)
    numbers = {name: re.fullmatch(r'part-(\d{5,16})\.parquet', name) for name in sorted(there)}
    further = [name for name, match in numbers.items() if not match or int(match[1]) >= number]
    return [*missing, *further[:_NAMED]]


def count_bank(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Check that a text bank is the one of the manifest."""
    files = check_text_bank(folder)
    problems = list(_differences(manifest, dict(texts=len(files.texts), pairs=len(files.index))))
    if files.metadata['corpus_hash'] != manifest.inputs.get('corpus'):
        problems.append('names another corpus than texts.safetensors')
    if not problems and manifest.extra.get('files') != hash_text_bank(folder):
        problems.append('was made of other files (files)')
    yield from problems


CROSS_CHECKS: dict[str, Callable[[Path, Manifest], Iterable[str]]] = {
    'qape': count_corpus,
    'text_bank': count_bank,
}
