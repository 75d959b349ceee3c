"""The recipe of the tiny BLIP: transformers' own model, trained to answer the paper's 16 questions.

Shapes: B pictures of a batch, Q questions a picture, L tokens.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qaclims_mm.corpus.questions import QUESTION_SETS, Question
from qaclims_mm.miniworld.clip_recipe import TRAINING_WORLD, check_steps
from qaclims_mm.miniworld.regions import draw_pictures, object_mask
from qaclims_mm.miniworld.scene import Picture, Scene, truth
from qaclims_mm.miniworld.world import CLASS_FACTS, THINGS, vocabulary
from qaclims_mm.progress import track
from qaclims_mm.schemas.files import atomic_files, atomic_path
from qaclims_mm.vlms.vqa.blip import BlipVQA, preprocess
from qaclims_mm.vlms.vqa.blip_layers import project_image

SPECIAL = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '[DEC]', '[ENC]')
IMAGE_SIZE = 112
PATCHES = 8  # a side
# What a patch can show: the kinds of all classes and the things around them.
NAMES = (*(k for facts in CLASS_FACTS.values() for k in facts.kinds), *THINGS)
MAX_TOKENS = 16


def write_tokenizer(folder: Path) -> int:
    """Write BERT's word pieces, here whole words of the world and of the questions."""
    questions = ' '.join(q.template for qs in QUESTION_SETS.values() for q in qs)
    words = {w.lower() for w in questions.replace('{class}', ' ').replace('?', ' ').split()}
    words |= set(vocabulary())
    vocab = (*SPECIAL, '?', '.', *sorted(words))
    config = dict(
        tokenizer_class='BertTokenizer',
        do_lower_case=True,
        model_max_length=MAX_TOKENS,
        pad_token='[PAD]',  # noqa: S106 - a token of text
        unk_token='[UNK]',  # noqa: S106
        cls_token='[CLS]',  # noqa: S106
        sep_token='[SEP]',  # noqa: S106
        mask_token='[MASK]',  # noqa: S106
        bos_token='[DEC]',  # noqa: S106
        additional_special_tokens=['[ENC]'],
    )
    contents = {
        'vocab.txt': '\n'.join(vocab),
        'tokenizer_config.json': json.dumps(config, indent=2),
    }
    for name, content in contents.items():
        with atomic_path(folder / name) as path:
            path.write_text(f'{content}\n', encoding='utf-8')
    return len(vocab)


def build_model(vocab_size: int) -> Any:
    """Return transformers' BLIP for questions, 128 wide, with random weights."""
    from transformers import BlipConfig, BlipForQuestionAnswering

    text = dict(
        vocab_size=vocab_size,
        hidden_size=128,
        encoder_hidden_size=128,
        intermediate_size=384,
        projection_dim=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        bos_token_id=SPECIAL.index('[DEC]'),
        pad_token_id=SPECIAL.index('[PAD]'),
        eos_token_id=SPECIAL.index('[SEP]'),
        sep_token_id=SPECIAL.index('[SEP]'),
    )
    vision = dict(
        hidden_size=128,
        intermediate_size=384,
        projection_dim=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=IMAGE_SIZE // PATCHES,
    )
    return BlipForQuestionAnswering(BlipConfig(text_config=text, vision_config=vision))


def sample_batch(
    rng: np.random.Generator, world: list[tuple[Scene, Picture]], pictures: int
) -> tuple[np.ndarray, list[str], list[str]]:
    """Return which pictures, and for each 8 questions about one object and their answers."""
    questions, answers = [], []
    chosen = rng.integers(len(world), size=pictures)
    for index in chosen:
        scene = world[index][0]
        number = int(rng.integers(len(scene.objects)))
        right = truth(scene, number)
        templates = list(QUESTION_SETS.values())[rng.integers(len(QUESTION_SETS))]
        asked = _choose(rng, templates)
        questions += [q.fill(scene.objects[number].class_name) for q in asked]
        answers += [right[q.id][0] for q in asked]
    return chosen, questions, answers


def _choose(rng: np.random.Generator, templates: Sequence[Question]) -> list[Question]:
    """Draw 8 of the 16: those whose answer has to be seen in the picture more often than others."""
    by_id = {q.id: q for q in templates}
    seen = ['fine_1', 'object_1', 'object_3', 'object_5', 'object_6', 'object_7']
    seen[0] = str(rng.choice(['fine_1', 'fine_2']))
    others = sorted(set(by_id) - set(seen))
    return [by_id[i] for i in (*seen, *rng.choice(others, size=2, replace=False))]


def seen_in_patches(scene: Scene, picture: Picture, cells: int = PATCHES) -> np.ndarray:
    """Return the share of each patch that every name covers, float32 ``(cells², names)``."""
    side = len(picture.mask) // cells
    shares = np.zeros((cells * cells, len(NAMES)), dtype=np.float32)
    masks = dict(picture.things)
    masks |= {t.name: object_mask(picture, t.class_name) for t in scene.objects}
    for name, mask in masks.items():
        share = mask.reshape(cells, side, cells, side).mean((1, 3), dtype=np.float32)
        shares[:, NAMES.index(name)] = share.reshape(-1)
    return shares


def answer_loss(model: Any, image: Tensor, questions: Any, answers: Tensor) -> Tensor:
    """Cross entropy of the answers' tokens, in nats.

    Args:
        model: The BLIP.
        image: Encoded images, ``(B, N, E)``.
        questions: Token ids and attention mask of B Q questions, ``(B Q, L)``.
        answers: Token ids from ``[DEC]`` to ``[SEP]``, padded, ``(B Q, L)``.
    """
    each = len(answers) // len(image)
    keys_values = [
        (keys.repeat_interleave(each, dim=0), values.repeat_interleave(each, dim=0))
        for keys, values in project_image(model.text_encoder, image)
    ]
    question = model.text_encoder(
        input_ids=questions['input_ids'],
        attention_mask=questions['attention_mask'],
        encoder_hidden_states=image,
        past_key_values=_filled_cache(keys_values),
        use_cache=True,
    )[0]
    pad = SPECIAL.index('[PAD]')
    logits = model.text_decoder(
        input_ids=answers[:, :-1],
        attention_mask=(answers[:, :-1] != pad).long(),
        encoder_hidden_states=question,
        encoder_attention_mask=questions['attention_mask'],
    ).logits
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), answers[:, 1:].flatten(), ignore_index=pad
    )


def train_blip(
    folder: str | Path,
    seed: int = 0,
    steps: int = 2000,
    batch_size: int = 20,
    pictures: int = 4000,
    lr: float = 1.5e-3,
) -> list[float]:
    """Train the tiny BLIP and write the folder that ``from_pretrained`` loads, in float16.

    Answers alone teach the image encoder slowly, so while training a linear layer, not kept, also
    reads from each patch what it shows.

    Args:
        folder: Where config, tokenizer and weights go.
        seed: Of the world, the weights and the batches.
        steps: Training steps.
        batch_size: Pictures a step, with 8 questions each.
        pictures: Pictures in the training world.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step, in nats a token.

    Raises:
        ValueError: If there are too few steps to warm up.
    """
    from transformers import BertTokenizer

    folder = Path(folder)
    check_steps(steps)
    folder.mkdir(parents=True, exist_ok=True)
    size = write_tokenizer(folder)
    tokenizer = BertTokenizer.from_pretrained(folder)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = build_model(size).train()
    reader = nn.Linear(model.config.vision_config.hidden_size, len(NAMES))
    world = draw_pictures(TRAINING_WORLD + seed, pictures)
    seen = torch.from_numpy(np.stack([seen_in_patches(*w) for w in world]))
    parameters = [*model.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training BLIP', steps):
        chosen, questions, answers = sample_batch(rng, world, batch_size)
        asked = tokenizer(questions, padding=True, return_tensors='pt')
        wanted = tokenizer(answers, padding=True, return_tensors='pt')['input_ids']
        wanted[:, 0] = SPECIAL.index('[DEC]')
        images = preprocess([world[i][1].image for i in chosen], IMAGE_SIZE)
        image = model.vision_model(pixel_values=images)[0]
        loss = answer_loss(model, image, asked, wanted)
        reading = nn.functional.binary_cross_entropy_with_logits(
            reader(image[:, 1:]), seen[chosen], reduction='sum'
        ) / (len(chosen) * PATCHES**2)
        optimizer.zero_grad()
        (loss + reading).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    with atomic_files(folder) as temporary:
        model.half().save_pretrained(temporary)
    return losses


def answer_rates(
    folder: str | Path, pictures: int = 100, seed: int = 0, question_set: str = 'paper'
) -> dict[str, float]:
    """Return the share, in percent, of right answers on unseen pictures, by question and in all."""
    vqa = BlipVQA(str(folder), image_size=None)
    vqa.load('cpu')
    templates = QUESTION_SETS[question_set]
    hits: dict[str, list[bool]] = {q.id: [] for q in templates}
    for scene, picture in draw_pictures(seed, pictures):
        for number, thing in enumerate(scene.objects):
            right = truth(scene, number)
            [answers] = vqa.answer([picture.image], [[q.fill(thing.class_name) for q in templates]])
            for question, answer in zip(templates, answers, strict=True):
                hits[question.id].append(answer.text in right[question.id])
    rates = {k: 100 * float(np.mean(v)) for k, v in hits.items()}
    return rates | {'all': float(np.mean(list(rates.values())))}


def _filled_cache(keys_values: Sequence[tuple[Tensor, Tensor]]) -> Any:
    """Return a cache whose cross-attention part is there already and not computed again."""
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    cross = DynamicCache()
    for layer, (keys, values) in enumerate(keys_values):
        cross.update(keys, values, layer)
    cache = EncoderDecoderCache(DynamicCache(), cross)
    cache.is_updated = dict.fromkeys(range(len(keys_values)), True)
    return cache
