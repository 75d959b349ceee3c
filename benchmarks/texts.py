"""A training's start: labels and texts, against the pickled caches of the released code.

Shapes: T texts, D embedding, L foreground answers, N distinct background answers.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.cam_export import temporary_folder
from benchmarks.case import Case
from benchmarks.coco_scale import draw_classes, simulate_answers
from benchmarks.growth import Point, Work, measure_sizes
from benchmarks.machine import call_alone
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.text_bank import TextIndex
from qaclims_mm.datasets.coco14 import CLASSES, COCO14WeakDataset
from qaclims_mm.datasets.transforms.texts import LoadTextRows
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import write_text_bank
from qaclims_mm.schemas.labels import write_labels

# images, and of how many the reference has one: the features of COCO's would take over 10 GB
_SIZES = {'tiny': (2000, 2), 'full': (82_081, 5)}
# of speed and memory. For few images, mmengine's collecting of garbage takes most of the time, and
# what Arrow sets aside most of the memory
_BARS = {'tiny': (3.0, 6.0), 'full': (20.0, 50.0)}
# of ViT-L/14
WIDTH = 768
_PAGE = 4096
# {(image, class): features of its answers, (L + N, D)}
Sample = dict[tuple[str, str], np.ndarray]


def simulate(root: Path, images: int, share: int) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Write what both ways open: of all images below ``all``, of one in ``share`` below ``part``.

    Args:
        root: An empty folder.
        images: How many.
        share: See above.

    Returns:
        Some pairs of image and class, and the numbers of texts of both.
    """
    rng = np.random.default_rng(0)
    questions = get_questions('paper')
    # which texts the released code keeps
    indices = {name: TextIndex('distinct') for name in ('all', 'part')}
    labels: dict[str, dict[str, list[str]]] = {name: {} for name in indices}
    for number in range(images):
        image_id = f'COCO_train2014_{number:012d}'
        names = [CLASSES[1 + k] for k in draw_classes(rng)]
        rows = simulate_answers(image_id, names, questions, rng)
        for name in ('all', 'part') if number % share == 0 else ('all',):
            labels[name][image_id] = names
            indices[name].add_image(rows)
    embeddings = rng.standard_normal((len(indices['all'].texts), WIDTH), dtype=np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=-1, keepdims=True)
    row_of = {text: row for row, text in enumerate(indices['all'].texts)}
    features = {k: embeddings[[row_of[text] for text in v.texts]] for k, v in indices.items()}
    for name, index in indices.items():
        write_labels(root / name / 'labels.csv', labels[name])
        write_text_bank(root / name, features[name], index.texts, index.columns, {})
    write_caches(root / 'part', indices['part'], torch.from_numpy(features['part']))
    hot = [[float(c in names) for c in CLASSES[1:]] for names in labels['part'].values()]
    np.save(root / 'part/labels.npy', np.array(hot))
    columns = (indices['part'].columns[k] for k in ('image_id', 'class_name'))
    pairs = list(zip(*columns, strict=True))
    return pairs[:: len(pairs) // 5], {k: len(v.texts) for k, v in indices.items()}


def write_caches(folder: Path, index: TextIndex, embeddings: Tensor) -> None:
    """Pickle answers and features as the released code does: those of each pair are its own.

    Args:
        folder: Where to.
        index: Of the texts.
        embeddings: Theirs, ``(T, D)``.
    """
    texts = index.texts
    contents: dict[str, dict[str, Any]] = {k: {} for k in ('answers', 'fg', 'bg')}
    columns = (index.columns[k] for k in ('image_id', 'class_name', 'fg', 'bg'))
    for image_id, class_name, fg, bg in zip(*columns, strict=True):
        entries = dict(
            answers=[texts[row] for row in fg],
            fg={texts[row]: embeddings[row][None].clone() for row in fg},
            bg=dict(answers=[texts[row] for row in bg], answer_feats=embeddings[bg]),
        )
        for name, entry in entries.items():
            contents[name].setdefault(image_id, {})[class_name] = entry
    for name, content in contents.items():
        np.save(folder / f'{name}.npy', content)  # type: ignore[arg-type]


def unpickle(path: Path) -> Any:
    """Read a pickle. Only the reference does, and only what this tool has just written."""
    return np.load(path, allow_pickle=True).item()


def open_bank(folder: Path, pairs: Sequence[tuple[str, str]], kept: list[Any]) -> Sample:
    """Open the data set and its texts.

    Args:
        folder: Has the table of labels and the text bank.
        pairs: Whose features to return.
        kept: Gets what a training would keep.
    """
    loading = LoadTextRows(str(folder))
    kept.append(COCO14WeakDataset('labels.csv', data_root=str(folder), pipeline=[loading]))
    bank = loading.bank
    embeddings = bank.embeddings.numpy()
    # a byte of every page: all have been read from the disk, as after an epoch
    embeddings.view(np.uint8).reshape(-1)[::_PAGE].sum()
    sample = {}
    for image_id, class_name in pairs:
        rows = bank.rows(image_id, [class_name])
        used = np.concatenate([rows.fg_rows[0, :-1], rows.bg_rows[0]])
        sample[image_id, class_name] = embeddings[used[used >= 0]].astype(np.float32)
    return sample


def open_caches(folder: Path, pairs: Sequence[tuple[str, str]], kept: list[Any]) -> Sample:
    """Open what ``write_caches`` wrote as the released code's training does; see ``open_bank``."""
    labels = np.load(folder / 'labels.npy', allow_pickle=False)
    bg = unpickle(folder / 'bg.npy')
    answers, cache = unpickle(folder / 'answers.npy'), unpickle(folder / 'fg.npy')
    fg = {
        image_id: {
            name: torch.cat([cache[image_id][name][text] for text in texts])
            for name, texts in classes.items()
        }
        for image_id, classes in answers.items()
    }
    kept.append((labels, fg, bg))
    return {
        (i, name): torch.cat([fg[i][name], bg[i][name]['answer_feats']]).numpy()
        for i, name in pairs
    }


def check_samples(results: Sequence[Any]) -> None:
    """Refuse ways that have other features than the last one.

    Raises:
        FormatError: If one has.
    """
    *others, wanted = results
    for sample in others:
        for pair, features in wanted.items():
            # half precision of numbers below 1
            if not np.allclose(sample[pair], features, atol=5e-4, rtol=0):
                raise FormatError(f'the texts of {pair} have other features than the caches.')


def growth(sizes: Sequence[int]) -> list[Point]:
    """Return the points of opening labels and texts of so many images."""
    folder = temporary_folder()

    def make(images: int) -> Work:
        root = folder / str(images)
        # the reference, which is not opened, has fifty
        pairs, _ = call_alone(partial(simulate, root, images, max(1, images // 50)))
        return Work(lambda: open_bank(root / 'all', pairs, []), 0, traffic_of(root / 'all'))

    return measure_sizes(make, sizes)


def traffic_of(folder: Path) -> int:
    """Return the bytes of the files that ``open_bank`` reads."""
    opened = ('labels.csv', 'texts.safetensors', 'texts.json', 'index.parquet')
    return sum((folder / name).stat().st_size for name in opened)


def build(size: str, device: torch.device) -> Case:
    """Return the start of a training on simulated COCO, on the CPU whatever the device."""
    images, share = _SIZES[size]
    root = temporary_folder()
    # what it frees would serve the calls that are measured
    pairs, texts = call_alone(partial(simulate, root, images, share))
    kept: list[Any] = []
    speed, memory = _BARS[size]
    return Case(
        {
            'text bank': partial(open_bank, root / 'part', pairs, kept),
            'text bank of all': partial(open_bank, root / 'all', pairs, kept),
            'pickled caches': partial(open_caches, root / 'part', pairs, kept),
        },
        f'1 in {share} of {images} images with {texts["part"]} texts; all have {texts["all"]}; '
        f'{WIDTH} features, which the bank maps',
        1,
        unit='starts',
        bar=speed,
        memory_bar=memory,
        memory='held',
        traffic=traffic_of(root / 'part'),
        flops=0,
        check=check_samples,
    )
