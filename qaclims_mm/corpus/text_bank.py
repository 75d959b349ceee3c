"""The text bank: every distinct text encoded once, and which belong to an image and class."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from torch import Tensor

from qaclims_mm.corpus.answers import select_backgrounds
from qaclims_mm.corpus.questions import BACKGROUND_GROUPS, QUESTION_GROUPS
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.schemas import FormatError, Manifest, read_text_bank, write_text_bank

NONE = -1


class PairTexts(NamedTuple):
    """The processed answers about one class of one image, in question order."""

    image_id: str
    class_name: str
    fg: Sequence[str]
    bg: Sequence[str]


class PairRows(NamedTuple):
    """Rows of the bank for P pairs, int64.

    ``fg`` (P, L+1) are the answers and, last, the label; ``bg`` (P, N); ``no`` (P, 1), "no
    {class}".
    """

    fg: np.ndarray
    bg: np.ndarray
    no: np.ndarray


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

    Args:
        bg_filter: Which background answers are kept; see ``answers.select_backgrounds``.
        groups: Question groups in use (table 5 of the paper). Without ``object`` and ``scene`` the
            background's text is "no {class}", without the other two the foreground's is the class.
    """

    def __init__(self, bg_filter: str = 'none', groups: Sequence[str] = QUESTION_GROUPS) -> None:
        unknown = sorted(set(groups) - set(QUESTION_GROUPS))
        if unknown:
            raise ValueError(f'groups must be among {QUESTION_GROUPS}, but got {unknown}.')
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


def encode_index(
    index: TextIndex,
    encode: Callable[..., Tensor],
    prompt: str,
    on_batch: Callable[[int], object] = lambda n: None,
) -> np.ndarray:
    """Encode the texts of an index in their prompt, ``(T, D)`` float32.

    Raises:
        ValueError: If ``prompt`` has no ``{answer}``.
    """
    if '{answer}' not in prompt:
        raise ValueError(
            f'prompt must hold {{answer}}, but got {prompt!r}; the paper has '
            "'a photo of {answer}'."
        )
    prompts = [prompt.replace('{answer}', text) for text in index.texts]
    return encode(prompts, on_batch=on_batch).numpy()


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
    Manifest('text_bank', config_hash, inputs, counts, failed).write(folder)
    return counts


class TextBank:
    """A text bank on disk.

    Args:
        folder: Folder made by ``tools/encode_texts.py``.

    Raises:
        FormatError: If it is missing, broken or of another version.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.embeddings, self.texts, table, self.metadata = read_text_bank(folder)
        self._ids, self._names = (_Strings(table[k]) for k in ('image_id', 'class_name'))
        self._label, self._no = (table[k].to_numpy() for k in ('label', 'no'))
        self._fg, self._bg = (_Lists(table[k]) for k in ('fg', 'bg'))
        self.width_fg, self.width_bg = self._fg.width, self._bg.width

    def __reduce__(self) -> tuple:
        """Go to a loader's worker as the folder's name; the files are mapped there."""
        return TextBank, (self.folder,)

    def __len__(self) -> int:
        return len(self._ids)

    def check_clip(self, weights_sha256: str) -> None:
        """Refuse an image encoder that does not belong to these texts.

        Raises:
            FormatError: If the texts were encoded by another CLIP.
        """
        found = self.metadata.get('weights_sha256', '')
        if found != weights_sha256:
            raise FormatError(
                f'the text bank {self.folder} was made by CLIP {self.metadata.get("clip")} '
                f'({found[:8]}), but the image encoder belongs to {weights_sha256[:8]}; '
                'encode the texts with the same CLIP: tools/encode_texts.py CONFIG.'
            )

    def find(self, image_id: str, class_names: Sequence[str]) -> list[int]:
        """Return the rows of an image's classes in the index.

        Raises:
            KeyError: If the corpus has no answers about one of them.
        """
        first = bisect_left(self._ids, key := image_id.encode())
        rows: dict[bytes, int] = {}
        # an image's rows follow each other
        for row in range(first, len(self)):
            if self._ids[row] != key:
                break
            rows[self._names[row]] = row
        try:
            return [rows[name.encode()] for name in class_names]
        except KeyError as error:
            raise KeyError((image_id, error.args[0].decode())) from None

    def rows(self, image_id: str, class_names: Sequence[str]) -> PairRows:
        """Return the text rows of an image's P classes, -1 = none.

        Raises:
            KeyError: If the corpus has no answers about one of them.
        """
        found = self.find(image_id, class_names)
        label, no = (x[found].astype(np.int64)[:, None] for x in (self._label, self._no))
        fg = np.full((len(found), self.width_fg + 1), NONE, dtype=np.int64)
        fg[:, -1:] = label
        bg = np.full((len(found), self.width_bg), NONE, dtype=np.int64)
        for pair, row in enumerate(found):
            for target, lists in ((fg, self._fg), (bg, self._bg)):
                values = lists[row]
                target[pair, : len(values)] = values
        return PairRows(fg, bg, no)


class _Strings(Sequence[bytes]):
    """A column of strings, of which nothing is decoded; UTF-8 sorts as what it encodes does."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        array = column.cast(pa.large_string()).combine_chunks()
        _, offsets, data = array.buffers()
        # a memory view gives Python's integers, which are faster than numpy's
        self._offsets = memoryview(offsets).cast('q')[array.offset :][: len(array) + 1]
        self._data = memoryview(data or b'')
        self._length = len(array)

    def __getitem__(self, row: Any) -> Any:
        return self._data[self._offsets[row] : self._offsets[row + 1]].tobytes()

    def __len__(self) -> int:
        return self._length


class _Lists:
    """A column of lists of integers, as views of its memory."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        array = column.combine_chunks()
        self._values = array.values.to_numpy()
        offsets = array.offsets.to_numpy()
        self._offsets = memoryview(offsets)
        self.width = int(np.diff(offsets).max(initial=0))

    def __getitem__(self, row: int) -> np.ndarray:
        return self._values[self._offsets[row] : self._offsets[row + 1]]
