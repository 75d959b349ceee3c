"""What is in the corpus, and which answers serve as texts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Any

from qaclims_mm.corpus.answers import clean_answer, contains_label
from qaclims_mm.corpus.questions import ALL_GROUPS, BACKGROUND_GROUPS
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.report.blocks import (
    Block,
    Gallery,
    MissingError,
    Table,
    Text,
)
from qaclims_mm.report.plots import paint_counts, plot
from qaclims_mm.report.work_dir import MAPS, WorkDir, part_of
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.work_dir import CORPUS
from qaclims_mm.visualization.sheets import BG_COLOUR, FG_COLOUR

MOST_ANSWERS = 12
EMPTY = 'nothing left after cleaning'
LABEL = 'background answer that is the class itself'
PRESENT = 'background answer that names a class of the image'
DOUBLE = 'background answer that stands twice'
COMPLETED = 'foreground answer, completed by the class'


def corpus_blocks(work: WorkDir) -> list[Block]:
    """Return the size of the corpus, its most frequent texts and what becomes of the others.

    Raises:
        MissingError: If there is no corpus.
    """
    if work.corpus is None:
        raise MissingError(f'{work.root / CORPUS} has not been made; run', work.command('qape'))
    bg_filter = _bg_filter(work)
    texts, fates, sizes = count_answers(work.corpus, bg_filter)
    if not sizes['answers']:
        return [Text('The corpus is empty: it has no answer.')]
    failed = len(work.corpus.manifest.failed)
    blocks: list[Block] = [
        Text(
            f'{counted(sizes["answers"], "answer")} about {counted(sizes["pairs"], "pair")} of an '
            f'image and a class, in {counted(sizes["images"], "image")}.'
            + (f' Images that could not be asked about: {failed}.' if failed else '')
        )
    ]
    pictures = [
        plot(
            partial(
                paint_counts,
                counts=_most_frequent(texts[group]),
                colour=BG_COLOUR if group in BACKGROUND_GROUPS else FG_COLOUR,
            ),
            'answers, number',
            '',
            f'Most frequent answers, group {group}',
            f'{min(MOST_ANSWERS, len(texts[group]))} of {counted(len(texts[group]), "text")} from '
            f'the questions of group {group}, the most frequent.',
        )
        for group in ALL_GROUPS
        if texts[group]
    ]
    blocks.append(Gallery(pictures))
    blocks.append(_fates_table(fates, sizes['answers'], bg_filter))
    return blocks


def _most_frequent(texts: Counter[str]) -> dict[str, int]:
    """Return the most frequent texts; the alphabet decides between equally frequent ones."""
    return dict(sorted(texts.items(), key=lambda item: (-item[1], item[0]))[:MOST_ANSWERS])


def _bg_filter(work: WorkDir) -> str:
    """Return by which rule QA-CLIMS drops background answers."""
    return str(part_of(work.config(MAPS), 'text_encoding').get('bg_filter', 'none'))


def count_answers(
    corpus: VQACorpus, bg_filter: str
) -> tuple[dict[str, Counter[str]], Counter[str], dict[str, int]]:
    """Count the answers of a corpus.

    Args:
        corpus: The corpus.
        bg_filter: As in ``select_backgrounds``.

    Returns:
        {group of questions: how often each text}, how many answers have which fate, and the numbers
        of images, pairs and answers.
    """
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    fates: Counter[str] = Counter()
    sizes = dict(images=0, pairs=0, answers=0)
    for _, rows in corpus.by_shard():
        present = tuple(dict.fromkeys(row['class_name'] for row in rows))
        sizes['images'] += 1
        sizes['pairs'] += len(present)
        sizes['answers'] += len(rows)
        fates.update(fates_of(rows, bg_filter, present))
        for row in rows:
            if row['text']:
                texts[row['question_id'].partition('_')[0]][row['text']] += 1
    return texts, fates, sizes


def fates_of(
    rows: Iterable[dict[str, Any]], bg_filter: str, present: tuple[str, ...]
) -> Iterator[str]:
    """Yield, for each answer of an image that is dropped or changed, why.

    Args:
        rows: Of the corpus.
        bg_filter: As in ``select_backgrounds``.
        present: Classes of the image.
    """
    seen: set[tuple[str, str]] = set()
    for row in rows:
        text, name = row['text'], row['class_name']
        if not text:
            yield EMPTY
        elif row['kind'] == 'fg':
            if text.endswith(f' {name}') and not _names(clean_answer(row['answer']), (name,)):
                yield COMPLETED
        elif bg_filter != 'none':
            if text == name.lower():
                yield LABEL
            elif bg_filter == 'distinct_absent' and _names(text, present):
                yield PRESENT
            elif (name, text) in seen:
                yield DOUBLE
            seen.add((name, text))


@cache
def _names(text: str, names: tuple[str, ...]) -> bool:
    return contains_label(text, [n.lower() for n in names])


def _fates_table(fates: Counter[str], number: int, bg_filter: str) -> Table:
    dropped = [EMPTY] if bg_filter == 'none' else [EMPTY, LABEL, DOUBLE]
    dropped += [PRESENT] if bg_filter == 'distinct_absent' else []
    rows = []
    for fate in (*dropped, COMPLETED):
        share = f'{100 * fates[fate] / number:.1f}'
        rows.append([fate, 'kept' if fate == COMPLETED else 'dropped', str(fates[fate]), share])
    caption = (
        f'Answers that are not taken as they come; the filter of background answers is '
        f'"{bg_filter}"' + (', which keeps all that have a text.' if bg_filter == 'none' else '.')
    )
    return Table(['answer', 'fate', 'answers, number', 'of all answers, %'], rows, caption)
