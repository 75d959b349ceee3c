"""The text bank: every distinct text encoded once, and which belong to an image and class."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from torch import Tensor

from qaclims_mm.corpus.answers import select_backgrounds
from qaclims_mm.corpus.prompts import fill_prompt
from qaclims_mm.corpus.questions import ALL_GROUPS, BACKGROUND_GROUPS, QUESTION_GROUPS
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.errors import StageError
from qaclims_mm.schemas import Manifest, read_text_bank, write_text_bank
from qaclims_mm.schemas.text_bank import hash_text_bank, read_texts

NONE = -1


class PairTexts(NamedTuple):
    """The processed answers about one class of one image, in question order."""

    image_id: str
    class_name: str
    fg: Sequence[str]
    bg: Sequence[str]


class PairRows(NamedTuple):
    """Rows of the bank for P pairs, int64.

    ``fg_rows`` (P, L+1) are the answers and, last, the label; ``bg_rows`` (P, N); ``no_rows``
    (P, 1), "no {class}".
    """

    fg_rows: np.ndarray
    bg_rows: np.ndarray
    no_rows: np.ndarray


def group_rows(rows: Iterable[dict[str, Any]], groups: Iterable[str]) -> Iterable[PairTexts]:
    """Turn the rows of one image, in the corpus's order, into one ``PairTexts`` a class."""
    groups = frozenset(groups)
    pairs: dict[tuple[str, str], PairTexts] = {}
    for row in rows:
        key = (row['image_id'], row['class_name'])
        pair = pairs.setdefault(key, PairTexts(*key, [], []))
        if row['question_id'].split('_')[0] in groups and row['text']:
            getattr(pair, row['kind']).append(row['text'])
    return pairs.values()


class TextIndex:
    """Numbers every distinct text and records which of them belong to an image and class.

    Images that are added in another order than that of their ids need a ``sort`` at the end.

    Args:
        bg_filter: Which background answers are kept; see ``answers.select_backgrounds``.
        groups: Question groups in use (table 5 of the paper). Without ``object`` and ``scene`` the
            background's text is "no {class}", without the other two the foreground's is the class.
    """

    def __init__(self, bg_filter: str = 'none', groups: Sequence[str] = QUESTION_GROUPS) -> None:
        unknown = sorted(set(groups) - set(ALL_GROUPS))
        if unknown:
            raise ValueError(f'groups must be among {ALL_GROUPS}, but got {unknown}.')
        self.bg_filter, self.groups = bg_filter, tuple(groups)
        self._rows: dict[str, int] = {}
        self.columns: dict[str, list[Any]] = {
            k: [] for k in ('image_id', 'class_name', 'label', 'fg', 'bg', 'no')
        }

    @property
    def texts(self) -> list[str]:
        """The distinct texts in the order of their numbers."""
        return list(self._rows)

    def _row(self, text: str) -> int:
        return self._rows.setdefault(text, len(self._rows))

    def _backgrounds(self, pair: PairTexts, present: Sequence[str]) -> Sequence[str]:
        """Return a pair's background texts: without a question about it, what there is not."""
        if not set(BACKGROUND_GROUPS) & set(self.groups):
            return [f'no {pair.class_name}']
        return select_backgrounds(pair.bg, pair.class_name, self.bg_filter, present=present)

    def add_image(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add the corpus rows of one image."""
        pairs = list(group_rows(rows, self.groups))
        present = [p.class_name for p in pairs]
        for pair in sorted(pairs, key=lambda p: p.class_name):
            kept = self._backgrounds(pair, present)
            for name, value in (
                ('image_id', pair.image_id),
                ('class_name', pair.class_name),
                ('label', self._row(pair.class_name)),
                ('fg', [self._row(t) for t in pair.fg]),
                ('bg', [self._row(t) for t in kept]),
                ('no', self._row(f'no {pair.class_name}')),
            ):
                self.columns[name].append(value)

    def sort(self) -> None:
        """Make the index that adding the images in the order of their ids would have made."""
        columns = self.columns
        order = np.array(columns['image_id'], dtype=object).argsort(kind='stable').tolist()
        self.columns = {name: [column[i] for i in order] for name, column in columns.items()}
        texts, numbers = self.texts, dict[int, int]()

        def renumber(row: int) -> int:
            return numbers.setdefault(row, len(numbers))

        parts = (self.columns[name] for name in ('label', 'fg', 'bg', 'no'))
        for i, (label, fg, bg, no) in enumerate(zip(*parts, strict=True)):
            self.columns['label'][i] = renumber(label)
            self.columns['fg'][i] = list(map(renumber, fg))
            self.columns['bg'][i] = list(map(renumber, bg))
            self.columns['no'][i] = renumber(no)
        self._rows = {texts[row]: number for row, number in numbers.items()}


def encode_index(
    index: TextIndex,
    encode: Callable[..., Tensor],
    prompt: str,
    on_batch: Callable[[int], object] = lambda n: None,
) -> np.ndarray:
    """Encode the texts of an index in their prompt, ``(T, D)`` float32.

    Raises:
        ConfigError: If ``prompt`` has no ``{answer}``.
    """
    return encode(fill_prompt(prompt, index.texts), on_batch=on_batch).numpy()


def save_text_bank(
    folder: str | Path,
    index: TextIndex,
    embeddings: np.ndarray,
    head: Any,
    prompt: str,
    corpus: VQACorpus,
    config_hash: str,
    **counts: int,
) -> dict[str, int]:
    """Write a text bank and its manifest.

    Args:
        folder: The text bank's folder.
        index: Of the whole corpus.
        embeddings: Of its texts, ``(T, D)``.
        head: The text encoder, loaded.
        prompt: With ``{answer}``.
        corpus: Where the answers are from.
        config_hash: Of what decides about the files.
        **counts: Further counts of the manifest.

    Returns:
        The counts of the manifest.
    """
    failed = corpus.manifest.failed
    metadata = dict(
        clip=head.model,
        weights_sha256=head.weights_sha256,
        prompt=prompt,
        corpus_hash=corpus.corpus_hash,
        failed='\n'.join(image_id for image_id, _ in failed),
    )
    counts = dict(texts=len(index.texts), pairs=len(index.columns['label']), **counts)
    write_text_bank(folder, embeddings, index.texts, index.columns, metadata)
    inputs = dict(corpus=corpus.corpus_hash)
    extra = dict(files=hash_text_bank(folder))
    Manifest('text_bank', config_hash, inputs, counts, failed, extra).write(folder)
    return counts


class TextBank:
    """A text bank on disk.

    Args:
        folder: Folder made by ``qaclims encode-texts``.

    Raises:
        FormatError: If it is missing, broken or of another version.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        # a training has no use for the texts, which would stay in the memory of every worker
        self.embeddings, _, table, self.metadata = read_text_bank(folder)
        images, names = (_numbered(table[k]) for k in ('image_id', 'class_name'))
        self._images = {name: k for k, name in enumerate(images.dictionary.to_pylist())}
        self._classes = {name: k for k, name in enumerate(names.dictionary.to_pylist())}
        # an image's rows follow each other
        self._first = np.searchsorted(images.indices, np.arange(len(self._images) + 1))
        self._class_of = names.indices.to_numpy()
        label, self._no = (table[k].to_numpy()[:, None] for k in ('label', 'no'))
        self._fg = np.concatenate([_matrix(table['fg']), label], axis=1)
        self._bg = _matrix(table['bg'])
        self.width_fg, self.width_bg = self._fg.shape[1] - 1, self._bg.shape[1]

    def __reduce__(self) -> tuple:
        """Go to a loader's worker as the folder's name; the files are mapped there."""
        return TextBank, (self.folder,)

    def __len__(self) -> int:
        return len(self._no)

    @property
    def texts(self) -> list[str]:
        """The T strings without prompt, read from disk."""
        return read_texts(self.folder)

    def check_clip(self, weights_sha256: str) -> None:
        """Refuse an image encoder that does not belong to these texts.

        Raises:
            StageError: If the texts were encoded by another CLIP.
        """
        found = self.metadata.get('weights_sha256', '')
        if found != weights_sha256:
            raise StageError(
                f'the text bank {self.folder} was made by CLIP {self.metadata.get("clip")} '
                f'({found[:8]}), but the image encoder belongs to {weights_sha256[:8]}; '
                'encode the texts with the same CLIP: qaclims encode-texts CONFIG.'
            )

    def find(self, image_id: str, class_names: Sequence[str]) -> list[int]:
        """Return the rows of an image's classes in the index.

        Raises:
            KeyError: If the corpus has no answers about one of them.
        """
        image = self._images.get(image_id)
        first, end = (0, 0) if image is None else self._first[image : image + 2].tolist()
        rows = dict(zip(self._class_of[first:end].tolist(), range(first, end), strict=True))
        found = [rows.get(self._classes.get(name, NONE), NONE) for name in class_names]
        if NONE in found:
            raise KeyError((image_id, class_names[found.index(NONE)]))
        return found

    def rows(self, image_id: str, class_names: Sequence[str]) -> PairRows:
        """Return the text rows of an image's P classes, -1 = none.

        Raises:
            KeyError: If the corpus has no answers about one of them.
        """
        found = np.array(self.find(image_id, class_names), dtype=np.int64)
        return PairRows(*(x[found].astype(np.int64) for x in (self._fg, self._bg, self._no)))


def _numbered(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column of strings as its distinct ones, in order, and their numbers."""
    return column.combine_chunks().dictionary_encode()


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of lists of integers with -1 behind each list."""
    array = column.combine_chunks()
    lengths = np.diff(array.offsets.to_numpy())
    matrix = np.full((len(lengths), lengths.max(initial=0)), NONE, dtype=np.int32)
    matrix[np.arange(matrix.shape[1]) < lengths[:, None]] = array.flatten().to_numpy()
    return matrix
