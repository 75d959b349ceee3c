"""The text bank: every distinct text encoded once, and which belong to an image and class."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
from torch import Tensor

from qaclims_mm.corpus.answers import select_backgrounds
from qaclims_mm.corpus.questions import QUESTION_GROUPS
from qaclims_mm.schemas import FormatError, read_text_bank

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
        groups: Question groups in use (table 5 of the paper).
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

    def add_image(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add the corpus rows of one image."""
        pairs = list(group_rows(rows, self.groups))
        present = [p.class_name for p in pairs]
        for pair in sorted(pairs, key=lambda p: p.class_name):
            kept = select_backgrounds(pair.bg, pair.class_name, self.bg_filter, present=present)
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
        self._ids = table['image_id'].combine_chunks()
        self._names = table['class_name'].combine_chunks()
        self._columns = {k: table[k].combine_chunks() for k in ('label', 'fg', 'bg', 'no')}
        self.width_fg, self.width_bg = (self._width(k) for k in ('fg', 'bg'))

    def _width(self, column: str) -> int:
        lengths = pc.list_value_length(self._columns[column])
        return int(pc.max(lengths).as_py() or 0)

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

    def find(self, image_id: str, class_name: str) -> int:
        """Return the row of an image and class in the index.

        Raises:
            KeyError: If the corpus has no answers about it.
        """
        position = bisect_left(_Keys(self._ids, self._names), (image_id, class_name))
        if position < len(self) and self._key(position) == (image_id, class_name):
            return position
        raise KeyError((image_id, class_name))

    def _key(self, position: int) -> tuple[str, str]:
        return self._ids[position].as_py(), self._names[position].as_py()

    def rows(self, image_id: str, class_names: Sequence[str]) -> PairRows:
        """Return the text rows of an image's P classes, -1 = none.

        Raises:
            KeyError: If the corpus has no answers about one of them.
        """
        found = [self.find(image_id, name) for name in class_names]
        get = {k: [c[i].as_py() for i in found] for k, c in self._columns.items()}
        label, no = (np.array(get[k], dtype=np.int64).reshape(-1, 1) for k in ('label', 'no'))
        fg = np.concatenate([_pad(get['fg'], self.width_fg), label], axis=1)
        return PairRows(fg, _pad(get['bg'], self.width_bg), no)


class _Keys(Sequence[tuple[str, str]]):
    """The sorted keys of the index, read only where a binary search looks."""

    def __init__(self, *columns: Any) -> None:
        self.columns = columns

    def __getitem__(self, position: Any) -> Any:
        return tuple(c[position].as_py() for c in self.columns)

    def __len__(self) -> int:
        return len(self.columns[0])


def _pad(lists: Sequence[Sequence[int]], width: int) -> np.ndarray:
    padded = np.full((len(lists), width), NONE, dtype=np.int64)
    for target, values in zip(padded, lists, strict=True):
        target[: len(values)] = values
    return padded
