"""Edits of the answers of a corpus before they are encoded, to measure what other answers do."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from mmengine.registry import TRANSFORMS

from qaclims_mm.corpus.store import Rows, VQACorpus
from qaclims_mm.errors import ConfigError


@runtime_checkable
class CorpusEdit(Protocol):
    """The interface of the classes for ``text_encoding.edit``; registered in ``TRANSFORMS``.

    The texts of an edit depend on its options and on the corpus only.
    """

    def prepare(self, corpus: VQACorpus) -> None:
        """Read the corpus once, before the first image is edited."""

    def __call__(self, rows: Rows) -> Rows:
        """Return the corpus rows of one image with other texts, without changing the given rows.

        Each class of the image keeps at least one row, and the order of its rows.
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
        corpus: Corpus of answers.
        edit: Config of a ``CorpusEdit``; ``None`` leaves the rows as they are.

    Raises:
        ConfigError: If ``edit`` is not the config of an edit, or has no texts for an answer.
        DataError: If the corpus lacks data that the edit needs.
    """
    change = None if edit is None else _build(edit)
    if change is not None:
        change.prepare(corpus)
    for _, rows in corpus.by_shard():
        yield rows if change is None else change(rows)


def _build(edit: Any) -> CorpusEdit:
    example = "it must be the config of an edit, such as dict(type='AnswersOfOthers')"
    if not isinstance(edit, Mapping) or 'type' not in edit:
        raise ConfigError(f'text_encoding.edit is {edit!r}, but {example}.')
    built = TRANSFORMS.build(dict(edit))
    if not isinstance(built, CorpusEdit):
        raise ConfigError(f'text_encoding.edit is a {type(built).__name__}, but {example}.')
    return built
