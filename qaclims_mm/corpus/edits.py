"""Edits of a corpus on the way to the text bank: what would other answers have been worth?"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from mmengine.registry import TRANSFORMS

from qaclims_mm.corpus.store import Rows, VQACorpus
from qaclims_mm.errors import ConfigError


@runtime_checkable
class CorpusEdit(Protocol):
    """What ``text_encoding.edit`` of a RITC config builds; registered in ``TRANSFORMS``.

    The texts that an edit gives depend on its options and on the corpus alone.
    """

    def prepare(self, corpus: VQACorpus) -> None:
        """Read what it needs to know of all images, once, before the first image."""

    def __call__(self, rows: Rows) -> Rows:
        """Return the corpus rows of one image with other texts; the given rows stay as they are.

        Each pair of the image keeps at least one row, and the order of its rows.
        """


def rows_by_class(rows: Rows) -> list[Rows]:
    """Return the rows of one image as one list a class, in their order."""
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row['class_name'], []).append(row)
    return list(found.values())


def edited_rows(corpus: VQACorpus, edit: Mapping[str, Any] | None = None) -> Iterator[Rows]:
    """Yield the rows of each image of a corpus, one shard after the other.

    Args:
        corpus: The answers.
        edit: Config of a ``CorpusEdit``; without one the rows are the answers.

    Raises:
        ConfigError: If ``edit`` is no config of an edit, or has no texts for an answer.
        DataError: If the corpus lacks what the edit needs.
    """
    change = None if edit is None else _build(edit)
    if change is not None:
        change.prepare(corpus)
    for _, rows in corpus.by_shard():
        yield rows if change is None else change(rows)


def _build(edit: Any) -> CorpusEdit:
    example = "it needs the class of an edit, such as dict(type='AnswersOfOthers')"
    if not isinstance(edit, Mapping) or 'type' not in edit:
        raise ConfigError(f'text_encoding.edit is {edit!r}, but {example}.')
    built = TRANSFORMS.build(dict(edit))
    if not isinstance(built, CorpusEdit):
        raise ConfigError(f'text_encoding.edit is a {type(built).__name__}, but {example}.')
    return built
