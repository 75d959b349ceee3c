"""The released caches of text features, as a text bank.

Shapes: T texts, D embedding.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor
from torch.nn import functional as F

from qaclims_mm.convert.files import atomic_folder, check_free
from qaclims_mm.convert.npy import read_npy
from qaclims_mm.convert.pickled_values import PickledTensor
from qaclims_mm.corpus.edits import edited_rows
from qaclims_mm.corpus.prompts import fill_prompt
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.corpus.text_bank import TextIndex, save_text_bank
from qaclims_mm.errors import ConfigError, DataError, FormatError
from qaclims_mm.progress import track
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import MANIFEST, hash_config, hash_file, join_problems
from qaclims_mm.schemas.names import counted

# Of two caches of half precision; a difference of whole texts is a hundred times as large.
SAME_EMBEDDING = 2e-3
# Texts that are encoded again, and how close they must be to the cache.
SAMPLE_SIZE, SAME_CLIP = 32, 0.99


def _vectors(value: object, number: int, place: str) -> Tensor:
    """Return the embeddings ``(number, D)`` of a cache's entry.

    Raises:
        FormatError: If there are not as many, or one of them is not finite.
    """
    tensor = value.tensor.float() if isinstance(value, PickledTensor) else torch.zeros(0)
    if tensor.ndim != 2 or len(tensor) != number:
        wanted = counted(number, 'embedding')
        raise FormatError(f'{place} must have {wanted} (T, D), but got {tensor.shape}.')
    if not torch.isfinite(tensor).all():
        raise FormatError(f'{place} has embeddings that are not finite.')
    return F.normalize(tensor, dim=-1)


def _entries(content: object, path: str | Path) -> Iterator[tuple[dict, str]]:
    """Yield what a cache has about each class of each image, and what an error calls it."""
    if not isinstance(content, dict):
        raise FormatError(f'{path} is not {{image: {{class: ...}}}}.')
    for image_id, classes in content.items():
        if not isinstance(classes, dict):
            raise FormatError(f'{path}: image {image_id} is not {{class: ...}}.')
        for class_name, entry in classes.items():
            place = f'{path}: image {image_id}, class {class_name}'
            if not isinstance(entry, dict):
                raise FormatError(f'{place} is not a dict.')
            yield entry, place


def _read_fg(path: str | Path) -> Iterator[tuple[str, Tensor, str]]:
    """Yield text, embedding and place of {image: {class: {text: (1, D)}}}."""
    for entry, place in _entries(read_npy(path), path):
        for text, value in entry.items():
            yield text, _vectors(value, 1, place)[0], place


def _read_bg(path: str | Path, prompt: str) -> Iterator[tuple[str, Tensor, str]]:
    """Yield the same of {'profile': ..., 'feats': {image: {class: {answers, answer_feats}}}}.

    Raises:
        FormatError: If the file is nested in another way.
        ConfigError: If the profile has another prompt.
    """
    content = read_npy(path)
    if not isinstance(content, dict) or not {'profile', 'feats'} <= set(content):
        raise FormatError(f"{path} is not {{'profile': ..., 'feats': ...}}.")
    profile = content['profile'] if isinstance(content['profile'], dict) else {}
    found = profile.get('prompt')
    if not isinstance(found, str) or found.replace('{}', '{answer}') != prompt:
        raise ConfigError(f'{path} was made with the prompt {found!r}, the config has {prompt!r}.')
    for entry, place in _entries(content['feats'], path):
        answers = entry.get('answers')
        if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
            raise FormatError(f'{place} has no list of answers.')
        if answers:  # without one there is None in place of the embeddings
            vectors = _vectors(entry.get('answer_feats'), len(answers), place)
            yield from ((text, v, place) for text, v in zip(answers, vectors, strict=True))


def read_caches(fg: str | Path, bg: str | Path, prompt: str) -> dict[str, Tensor]:
    """Read the released caches.

    Args:
        fg: ``.npy`` of the foreground answers' features.
        bg: ``.npy`` of the background answers'.
        prompt: With ``{answer}``; the background's must have been made with it.

    Returns:
        {text: embedding (D,), float32, L2-normalised}.

    Raises:
        FormatError: If a file cannot be read safely or is nested in another way.
        ConfigError: If it was made with another prompt.
        DataError: If a text has two embeddings.
    """
    known: dict[str, Tensor] = {}
    first: dict[str, str] = {}
    problems: dict[str, str] = {}
    for source in (_read_fg(fg), _read_bg(bg, prompt)):
        for text, vector, place in source:
            if known.setdefault(text, vector).shape != vector.shape or (
                (known[text] - vector).abs().max() > SAME_EMBEDDING
            ):
                problems.setdefault(text, f'{text!r}: {first[text]} and {place}')
            first.setdefault(text, place)
    if problems:
        raise DataError(
            join_problems(list(problems.values()), 'text', 'have two embeddings')
            + '\nThe caches were made by different CLIPs; give two that belong together.'
        )
    return known


def embeddings_of(
    texts: Sequence[str],
    cached: dict[str, Tensor],
    encode: Callable[[Sequence[str]], Tensor],
    prompt: str,
) -> np.ndarray:
    """Take embeddings from caches and encode what they lack, once it is sure that both agree.

    Args:
        texts: The T texts.
        cached: {text: embedding (D,), L2-normalised}.
        encode: Maps prompts to embeddings ``(T, D)``, L2-normalised.
        prompt: With ``{answer}``.

    Returns:
        Float32 ``(T, D)``.

    Raises:
        DataError: If the caches have none of the texts.
        ConfigError: If they were made by another CLIP or prompt.
    """
    there = [text for text in texts if text in cached]
    if not there:
        raise DataError('the caches have no text of the corpus: they belong to other answers.')
    spread = np.linspace(0, len(there) - 1, min(SAMPLE_SIZE, len(there))).astype(int)
    sample = [there[i] for i in spread]
    again = encode(fill_prompt(prompt, sample))
    kept = torch.stack([cached[text] for text in sample])
    same_size = kept.shape == again.shape
    cosine = F.cosine_similarity(kept, again).min().item() if same_size else -1.0
    if not cosine >= SAME_CLIP:
        raise ConfigError(
            f'the cache was made by another CLIP or prompt: of {counted(len(sample), "text")} '
            f'encoded again, one has a cosine of {cosine:.3f}, dimensions {kept.shape[1]} and '
            f'{again.shape[1]}; set text_encoding.text_head to its CLIP.'
        )
    lacking = [text for text in texts if text not in cached]
    encoded = encode(fill_prompt(prompt, lacking))
    found = {**cached, **dict(zip(lacking, encoded, strict=True))}
    return torch.stack([found[text] for text in texts]).numpy()


def convert_text_cache(
    corpus: str | Path,
    fg: str | Path,
    bg: str | Path,
    out: str | Path,
    text_encoding: Config,
    force: bool = False,
) -> dict[str, int]:
    """Convert the released caches to a text bank, as ``qaclims encode-texts`` makes it.

    The caches have the answers' embeddings, but neither the labels' nor the order of the questions,
    so the corpus and CLIP's text encoder are needed, from which ``qaclims encode-texts`` makes the
    same without them. What this adds: minutes of encoding are saved, and a cache of another CLIP or
    prompt is found out.

    Args:
        corpus: Folder made by ``convert_vqa`` of the answers that the caches were made from.
        fg: Cache of the foreground answers.
        bg: Cache of the background answers.
        out: Folder of the text bank.
        text_encoding: ``text_encoding`` of a RITC config: prompt, filter, question groups and CLIP.
        force: Whether to replace ``out``.

    Returns:
        The counts of its manifest; ``cached`` are the texts that the caches had.

    Raises:
        FormatError: If a file cannot be read safely.
        ConfigError: If the caches were made by another CLIP or prompt.
        DataError: If the parts do not belong together.
    """
    check_free(out, force, MANIFEST)
    answers = VQACorpus(corpus)
    index = TextIndex(text_encoding.bg_filter, text_encoding.groups)
    edited = edited_rows(answers, text_encoding.get('edit'))
    for rows in track(edited, 'reading the corpus', len(answers)):
        index.add_image(rows)
    index.sort()
    cached = read_caches(fg, bg, text_encoding.prompt)
    head: Any = MODELS.build(text_encoding.text_head).load()
    embeddings = embeddings_of(index.texts, cached, head.encode, text_encoding.prompt)
    made_of = hash_config(dict(text_encoding, fg=hash_file(fg), bg=hash_file(bg)))
    known = sum(text in cached for text in index.texts)
    with atomic_folder(out) as folder:
        return save_text_bank(
            folder, index, embeddings, head, text_encoding.prompt, answers, made_of, cached=known
        )
