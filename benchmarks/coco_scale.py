"""COCO at full size, simulated: what labels, texts and the data set's start cost."""

import json
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import init_default_scope

from qaclims_mm.convert.prepare_coco import prepare_split
from qaclims_mm.corpus.questions import Question, get_questions
from qaclims_mm.corpus.store import VQACorpus, write_shard
from qaclims_mm.corpus.text_bank import TextBank, TextIndex, encode_index, save_text_bank
from qaclims_mm.datasets.coco14 import CLASSES, COCO14WeakDataset
from qaclims_mm.progress import track
from qaclims_mm.schemas import Manifest, ids_by_shard, number_of_shards
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.vlms.clip.open_clip import CLIPTextHead

TRAIN2014, UNLABELLED = 82_783, 702 / 82_783
LOOKUPS = 20_000
PROMPT = 'a photo of {answer}'
_ADJECTIVES = ('red', 'old', 'big', 'small', 'young', 'wooden', 'tall', 'blue', 'wet', 'flat')
_WORDS = [f'{a} thing{n}' for n in range(1200) for a in _ADJECTIVES]


@dataclass(frozen=True)
class Step:
    """What one part took.

    Attributes:
        name: What was done.
        seconds: How long it took.
        gigabytes: Peak memory of the process until its end.
    """

    name: str
    seconds: float
    gigabytes: float


def draw_classes(rng: np.random.Generator) -> np.ndarray:
    """Draw the classes of an image, 2.9 on average, as numbers below 80."""
    return rng.permutation(len(CLASSES) - 1)[: 1 + int(rng.exponential(2.42))]


def simulate_instances(path: Path, images: int, rng: np.random.Generator) -> None:
    """Write instances with COCO's 2.9 classes an image and 7 objects, polygons and all."""
    categories = [dict(id=i, name=name) for i, name in enumerate(CLASSES[1:], start=1)]
    content: dict[str, list[dict]] = dict(images=[], annotations=[], categories=categories)
    for number in range(images):
        name = f'COCO_train2014_{number:012d}.jpg'
        content['images'].append(dict(id=number, file_name=name, height=480, width=640))
        if number < images * UNLABELLED:
            continue
        classes = draw_classes(rng)
        for category in classes.repeat(rng.choice([1, 1, 2, 3, 6], size=len(classes))).tolist():
            outline = rng.uniform(0, 480, size=2 * int(rng.choice([8, 20, 40]))).round(2).tolist()
            content['annotations'].append(
                dict(
                    id=len(content['annotations']),
                    image_id=number,
                    category_id=category + 1,
                    segmentation=[outline],
                    bbox=[1.5, 2.5, 3.5, 4.5],
                    area=1234.5,
                    iscrowd=0,
                )
            )
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content), encoding='utf-8')


def simulate_answers(
    image_id: str,
    class_names: Sequence[str],
    questions: Sequence[Question],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Return an image's rows of a corpus: 12,000 words, a few of which are most of the answers."""
    chosen = rng.zipf(1.3, size=(len(class_names), len(questions))) % len(_WORDS)
    return [
        dict(
            image_id=image_id,
            class_name=name,
            kind=question.kind,
            question_id=question.id,
            question=question.fill(name),
            answer=_WORDS[k],
            text=f'{_WORDS[k]} {name}' if question.kind == 'fg' else _WORDS[k],
            score=-0.5,
        )
        for name, row in zip(class_names, chosen.tolist(), strict=True)
        for question, k in zip(questions, row, strict=True)
    ]


def simulate_corpus(folder: Path, labels: dict[str, list[str]], rng: np.random.Generator) -> None:
    """Write answers to the 16 questions."""
    questions = get_questions('paper')
    shards = number_of_shards(len(labels))
    parts = ids_by_shard(labels, shards)
    for shard, ids in enumerate(track(parts, 'simulating answers', shards)):
        rows_of = {i: simulate_answers(i, labels[i], questions, rng) for i in ids}
        write_shard(folder, shard, rows_of, shards)
    counts = dict(images=len(labels), shards=shards)
    Manifest('qape', 'simulated', counts=counts).write(folder)


def build_bank(corpus_folder: Path, folder: Path) -> int:
    """Make the text bank of a corpus with MiniWorld's CLIP; returns the number of texts."""
    corpus, index = VQACorpus(corpus_folder), TextIndex()
    for _, rows in track(corpus.by_shard(), 'reading the corpus', len(corpus)):
        index.add_image(rows)
    index.sort()
    head = CLIPTextHead('miniworld://clip').load()
    embeddings = encode_index(index, head.encode, PROMPT)
    save_text_bank(folder, index, embeddings, head, PROMPT, corpus, 'simulated')
    return len(index.texts)


def run_coco_scale(images: int = TRAIN2014, seed: int = 0) -> tuple[list[Step], dict[str, int]]:
    """Simulate COCO's training set and time what happens before a training.

    Args:
        images: How many; those of train2014 by default.
        seed: Of the simulation.

    Returns:
        The steps, of which the simulation itself is none, and what was simulated.
    """
    import qaclims_mm.plugin  # noqa: F401 - registers the transforms

    init_default_scope('mmseg')
    steps: list[Step] = []

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        steps.append(Step(name, time.perf_counter() - begin, peak))

    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        simulate_instances(root / 'annotations/instances_train2014.json', images, rng)
        with timed('table of labels from the instances'):
            prepare_split(root, 'train2014', masks=False)
        table = read_labels(root / 'image_labels/train2014.csv')
        labels = {image_id: names for image_id, names in table.items() if names}
        simulate_corpus(root / 'corpus', labels, rng)
        with timed('index of the corpus and its texts through CLIP'):
            texts = build_bank(root / 'corpus', root / 'texts')
        with timed('data set with its texts ready'):
            dataset = COCO14WeakDataset(
                'image_labels/train2014.csv',
                data_root=str(root),
                filter_cfg=dict(filter_empty_gt=True),
                pipeline=[dict(type='LoadTextRows', text_bank=str(root / 'texts'))],
            )
        bank = TextBank(root / 'texts')
        chosen = rng.integers(len(dataset), size=LOOKUPS).tolist()
        records = [dataset.get_data_info(i) for i in chosen]
        with timed(f'texts of {LOOKUPS} images, one by one, in any order'):
            for record in records:
                bank.rows(record['image_id'], record['label_names'])
    counts = dict(images=len(labels), pairs=sum(map(len, labels.values())), texts=texts)
    return steps, counts
