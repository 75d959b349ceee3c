"""The released answers, ``voc_vqa_fg_blip.npy`` and ``voc_vqa_bg_blip.npy``, as a corpus."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qaclims_mm.convert.files import atomic_folder, check_free, read_lines
from qaclims_mm.convert.npy import read_npy
from qaclims_mm.corpus.answers import process_answer
from qaclims_mm.corpus.builder import hash_questions
from qaclims_mm.corpus.questions import Question, get_questions
from qaclims_mm.corpus.store import write_shard
from qaclims_mm.errors import DataError, FormatError
from qaclims_mm.progress import track
from qaclims_mm.schemas import (
    MANIFEST,
    Manifest,
    claim_folder,
    hash_config,
    hash_file,
    hash_shards,
    ids_by_shard,
    join_problems,
    number_of_shards,
)

# vqa_fg.py of the released code; configs/qape/blip-vqa-base_fg6-bg10-official_... has the same.
OFFICIAL_ALIASES = {
    'dining table': ['table'],
    'potted plant': ['plant'],
    'tv monitor': ['monitor'],
}
# The released files have none; a mean log-probability of a real answer is below.
NO_SCORE = 0.0


class RawAnswer(NamedTuple):
    """What BLIP said, and its lemma."""

    answer: str
    lemma: str


# {image: {class: {question id: answer}}}
Answers = dict[str, dict[str, dict[str, RawAnswer]]]


def _check(good: bool, place: str, problem: str) -> None:
    if not good:
        raise FormatError(f'{place} {problem}; give the released files of the VQA results.')


def _record(entry: Any, ids: Mapping[str, str], place: str) -> dict[str, RawAnswer]:
    """Read the answers about one class of one image.

    Args:
        entry: {'vqa': [(template, answer), ...], 'answers': [lemma, ...]}.
        ids: {template: question id} of those that are wanted; others are left out.
        place: What an error calls it.
    """
    _check(
        isinstance(entry, dict) and {'vqa', 'answers'} <= set(entry),
        place,
        "is not {'vqa': ..., 'answers': ...}",
    )
    pairs, lemmas = entry['vqa'], entry['answers']
    good = all(isinstance(x, (list, tuple)) for x in (pairs, lemmas))
    _check(good and len(pairs) == len(lemmas), place, 'has not one lemma an answer')
    found: dict[str, RawAnswer] = {}
    for pair, lemma in zip(pairs, lemmas, strict=True):
        texts = (*pair, lemma) if isinstance(pair, (list, tuple)) else ()
        good = len(texts) == 3 and all(isinstance(t, str) for t in texts)
        _check(good, place, f'has {pair!r} and {lemma!r} instead of question, answer and lemma')
        template, answer, _ = texts
        if template in ids:
            # the released code takes the first of two
            found.setdefault(ids[template], RawAnswer(answer, lemma))
    lacking = [template for template, name in ids.items() if name not in found]
    _check(not lacking, place, f'has no answer to {lacking[:1]}')
    return found


def read_answers(path: str | Path, kind: str) -> Answers:
    """Read a released file of answers.

    Args:
        path: ``.npy`` of {image: {class: {'vqa': [(template, answer), ...], 'answers': [lemma,
            ...]}}}, with ``{}`` for the class in a template.
        kind: ``fg`` or ``bg``: which of the official questions it must answer; answers to others
            are left out.

    Raises:
        FormatError: If the file cannot be read safely, or is nested in another way; the message
            says at which image and class.
    """
    content = read_npy(path)
    questions = [q for q in get_questions('official') if q.kind == kind]
    ids = {q.template.replace('{class}', '{}'): q.id for q in questions}
    _check(isinstance(content, dict) and len(content) > 0, str(path), 'is not {image: ...}')
    answers: Answers = {}
    for image_id, classes in content.items():
        place = f'{path}: image {image_id}'
        _check(isinstance(classes, dict), place, 'is not {class: ...}')
        answers[image_id] = {
            name: _record(entry, ids, f'{place}, class {name}') for name, entry in classes.items()
        }
    return answers


def _choose(foreground: Answers, background: Answers, ids: Sequence[str] | None) -> list[str]:
    """Return the images of the corpus, sorted.

    Raises:
        DataError: If an image or class is in one file alone, or an id in neither.
    """
    chosen = sorted(set(foreground) | set(background) if ids is None else set(ids))
    known = foreground.keys() & background.keys()
    absent = [i for i in chosen if i not in known]
    if absent:
        said = 'are not in both files' if ids is None else 'are in the list, but not in both files'
        raise DataError(
            join_problems(absent, 'image', said, shown=len(absent) if ids else 10)
            + '\nGive the two files that belong together, and ids of images with a label.'
        )
    differ = [f'{i}: {", ".join(c)}' for i in chosen if (c := foreground[i].keys() ^ background[i])]
    if differ:
        raise DataError(join_problems(differ, 'image', 'have a class in one file alone'))
    return chosen


def corpus_rows(
    image_id: str, foreground: dict, background: dict, questions: Sequence[Question]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of an image: the official preset's texts of the released lemmas.

    Args:
        image_id: The image.
        foreground: {class: {question id: answer}}, in the order of the rows.
        background: The same.
        questions: In the order of the rows.
    """
    for class_name, answers in foreground.items():
        both = answers | background[class_name]
        for question in questions:
            raw = both[question.id]
            yield dict(
                image_id=image_id,
                class_name=class_name,
                kind=question.kind,
                question_id=question.id,
                question=question.fill(class_name),
                answer=raw.answer,
                text=process_answer(
                    raw.lemma, question.kind, class_name, OFFICIAL_ALIASES, test='substring'
                ),
                score=NO_SCORE,
            )


def convert_vqa(
    fg: str | Path,
    bg: str | Path,
    out: str | Path,
    ids: str | Path | None = None,
    force: bool = False,
) -> dict[str, int]:
    """Convert the released answers to a corpus, as the official preset's ``CorpusWriter`` writes.

    Texts come from the released lemmas, which WordNet made; scores, which the files lack, are 0.

    Args:
        fg: Released answers to the foreground questions.
        bg: Those to the background questions.
        out: Folder of the corpus.
        ids: Text file of the images to keep, one a line; without it all are kept, VOC's validation
            images too.
        force: Whether to replace ``out``.

    Returns:
        The counts of its manifest.

    Raises:
        FormatError: If a file cannot be read safely or is nested in another way.
        DataError: If the files and the list do not fit together.
        StageError: If the folder was made from something else.
    """
    check_free(out, force, MANIFEST)
    wanted = None if ids is None else read_lines(ids)
    foreground, background = read_answers(fg, 'fg'), read_answers(bg, 'bg')
    chosen = _choose(foreground, background, wanted)
    questions = get_questions('official')
    shards = number_of_shards(len(chosen))
    counts = dict(images=0, answers=0, empty=0, shards=shards)
    with atomic_folder(out) as folder:
        parts = ids_by_shard(chosen, shards)
        for shard, part in enumerate(track(parts, 'writing shards', shards)):
            rows_of = {}
            for image_id in part:
                raw = foreground[image_id], background[image_id]
                rows = list(corpus_rows(image_id, *raw, questions))
                rows_of[image_id] = rows
                counts['images'] += bool(rows)
                counts['answers'] += len(rows)
                counts['empty'] += sum(not r['text'] for r in rows)
            write_shard(folder, shard, rows_of, shards)
        made_of = dict(convert='vqa', fg=hash_file(fg), bg=hash_file(bg), ids=chosen)
        config_hash, question_hash = hash_config(made_of), hash_questions(questions)
        claim_folder(folder, dict(config=config_hash, questions=question_hash))
        extra = dict(
            questions=question_hash, scores='none', shards_sha256=hash_shards(folder, shards)
        )
        Manifest('qape', config_hash, counts=counts, extra=extra).write(folder)
    return counts
