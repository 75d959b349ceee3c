"""Small corpora, each of whose answers says what it is about."""

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.store import VQACorpus, write_shard
from qaclims_mm.schemas import Manifest, shard_of


def make_corpus(folder, pairs, shards=1, say=None):
    """Write a corpus.

    Args:
        folder: Where to.
        pairs: {image id: its classes}.
        shards: Their number.
        say: Makes an answer of image id, class name and question; by default it has all three.
    """
    say = say or (lambda image_id, name, question: f'{question.id} {name} {image_id}')
    rows_of = {
        image_id: [
            dict(
                image_id=image_id,
                class_name=name,
                kind=question.kind,
                question_id=question.id,
                question=question.fill(name),
                answer=(answer := say(image_id, name, question)),
                text=answer,
                score=-1.0,
            )
            for name in names
            for question in get_questions()
        ]
        for image_id, names in pairs.items()
    }
    for shard in range(shards):
        ids = [image_id for image_id in rows_of if shard_of(image_id, shards) == shard]
        write_shard(folder, shard, {i: rows_of[i] for i in ids}, shards)
    answers = sum(map(len, rows_of.values()))
    counts = dict(images=len(pairs), answers=answers, empty=0, shards=shards)
    Manifest('qape', 'c', counts=counts).write(folder)
    return VQACorpus(folder)
