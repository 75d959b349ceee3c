"""The recipe of the tiny CLIP: open_clip's own model, trained to match regions with texts.

Shapes: B regions of a batch and as many texts, S side of the input.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.functional.cam import resize
from qaclims_mm.miniworld.regions import (
    PROMPTS,
    Region,
    draw_pictures,
    is_background,
    sample_region,
    sample_text,
)
from qaclims_mm.miniworld.world import vocabulary
from qaclims_mm.progress import track
from qaclims_mm.schemas import atomic_path
from qaclims_mm.schemas.files import atomic_files
from qaclims_mm.vlms.clip.frozen import IMAGE_STATS
from qaclims_mm.vlms.clip.mask_prompt import encode_vit
from qaclims_mm.vlms.clip.quick_gelu import speed_up_quick_gelu

SPECIAL = ('[PAD]', '[UNK]', '[BOS]', '[EOS]')
PROMPT_WORDS = ('a', 'photo', 'of', 'no', '.')
PROMPT_DEPTH = 3
MIN_STEPS = 20
# A world apart from every one that users draw with a small seed.
TRAINING_WORLD = 1_000_000


def write_tokenizer(folder: Path) -> int:
    """Write a word-level tokenizer of the world's words; returns its size."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = (*SPECIAL, *PROMPT_WORDS, *(w for w in vocabulary() if w not in PROMPT_WORDS))
    tokenizer = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(words)}, unk_token=SPECIAL[1])
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[BOS] $A [EOS]', special_tokens=[(t, SPECIAL.index(t)) for t in SPECIAL[2:]]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[0],
        unk_token=SPECIAL[1],
        bos_token=SPECIAL[2],
        eos_token=SPECIAL[3],
    )
    with atomic_files(folder) as temporary:
        fast.save_pretrained(temporary)
    return len(words)


def write_config(folder: Path, vocab_size: int) -> None:
    """Write open_clip's config of a 3-layer ViT and a 2-layer text encoder."""
    mean, std = IMAGE_STATS['clip']
    config = dict(
        model_cfg=dict(
            embed_dim=64,
            quick_gelu=True,
            vision_cfg=dict(image_size=96, layers=3, width=128, head_width=32, patch_size=8),
            text_cfg=dict(
                context_length=12,
                vocab_size=vocab_size,
                hf_tokenizer_name='.',
                width=64,
                heads=2,
                layers=2,
                pool_type='eos',
                eos_id=SPECIAL.index('[EOS]'),
            ),
        ),
        preprocess_cfg=dict(mean=mean, std=std),
    )
    with atomic_path(folder / 'open_clip_config.json') as path:
        path.write_text(json.dumps(config, indent=2) + '\n', encoding='utf-8')


def collate(
    rng: np.random.Generator, regions: list[Region], side: int
) -> tuple[Tensor, Tensor, Tensor, list[str]]:
    """Return normalised region images (B, 3, S, S), masks (B, 1, S, S), targets (B, B) and prompts.

    ``targets[i, j]`` is how well text j fits region i; the prompts come as a list of B strings.
    """
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in IMAGE_STATS['clip'])
    images = torch.from_numpy(np.stack([r.image for r in regions])).permute(0, 3, 1, 2)
    weights = torch.from_numpy(np.stack([r.weight for r in regions]))[:, None]
    flip = torch.from_numpy(rng.random(len(regions)) < 0.5).view(-1, 1, 1, 1)
    images, weights = (torch.where(flip, x.flip(-1), x) for x in (images, weights))
    images = resize((images / 255 - mean) / std, (side, side), align_corners=True)
    weights = resize(weights, (side, side), align_corners=True)
    texts = [sample_text(rng, r) for r in regions]
    targets = torch.tensor([[r.scores.get(t, 0.0) for t in texts] for r in regions])
    targets = fade(targets, weights.amax((1, 2, 3)), [is_background(t) for t in texts])
    prompts = [PROMPTS[rng.integers(len(PROMPTS))].format(t) for t in texts]
    return images * weights, (weights > 0).float(), targets, prompts


def fade(targets: Tensor, clarity: Tensor, background: list[bool]) -> Tensor:
    """Let a faint region fit the texts of backgrounds, as an empty picture does.

    Args:
        targets: Scores of regions and texts, ``(B, B)``.
        clarity: How well each region is seen, in [0, 1], ``(B,)``.
        background: Which texts name no object, B.

    Returns:
        Scores ``(B, B)`` whose rows sum to 1, but where nothing fits.
    """
    empty = torch.tensor(background, dtype=targets.dtype).expand_as(targets)
    clear, empty = (t / t.sum(1, keepdim=True).clamp(min=1e-6) for t in (targets, empty))
    return clarity[:, None] * clear + (1 - clarity[:, None]) * empty


def contrastive_loss(image: Tensor, text: Tensor, targets: Tensor, scale: Tensor) -> Tensor:
    """Cross entropy in both directions against scores, so that two right texts are no negatives.

    Args:
        image: Unit features of the regions, ``(B, D)``.
        text: Unit features of the texts, ``(B, D)``.
        targets: Scores in [0, 1], ``(B, B)``, not normalised.
        scale: Factor of the cosine.
    """
    logits = scale * image @ text.T
    rows = targets / targets.sum(1, keepdim=True).clamp(min=1e-6)
    columns = targets / targets.sum(0, keepdim=True).clamp(min=1e-6)
    return 0.5 * (
        -(rows * logits.log_softmax(1)).sum(1).mean()
        - (columns * logits.log_softmax(0)).sum(0).mean()
    )


def check_steps(steps: int) -> None:
    """Refuse a training too short for its learning rate to rise.

    Raises:
        ValueError: If there are fewer than ``MIN_STEPS``.
    """
    if steps < MIN_STEPS:
        raise ValueError(
            f'steps must be at least {MIN_STEPS}, of which a tenth warms up, but got {steps}.'
        )


def train_clip(
    folder: str | Path,
    seed: int = 0,
    steps: int = 2000,
    batch_size: int = 64,
    pictures: int = 4000,
    lr: float = 1e-3,
) -> list[float]:
    """Train the tiny CLIP and its mask prompts and write the folder that open_clip loads.

    Args:
        folder: Where config, tokenizer, ``open_clip_model.safetensors`` and
            ``mask_prompt.safetensors`` (float16) go.
        seed: Of the world, the weights and the batches.
        steps: Training steps.
        batch_size: Regions a step.
        pictures: Pictures to cut them from.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step, in nats.

    Raises:
        ValueError: If there are too few steps to warm up.
    """
    import open_clip

    folder = Path(folder)
    check_steps(steps)
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, write_tokenizer(folder))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    # weights of an earlier training stay until the new ones are there
    model = open_clip.create_model(f'local-dir:{folder}', load_weights=False).train()
    speed_up_quick_gelu(model)
    tokenizer = open_clip.get_tokenizer(f'local-dir:{folder}')
    patches = int(np.prod(model.visual.grid_size))
    prompts = nn.Parameter(0.02 * torch.randn(PROMPT_DEPTH, patches, 128))
    world = draw_pictures(TRAINING_WORLD + seed, pictures)
    optimizer = torch.optim.AdamW([*model.parameters(), prompts], lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training CLIP', steps):
        chosen = rng.integers(len(world), size=batch_size)
        regions = [sample_region(rng, *world[i]) for i in chosen]
        images, masks, targets, texts = collate(rng, regions, model.visual.image_size[0])
        half = batch_size // 2
        features = torch.cat(
            [
                encode_vit(model.visual, images[:half], masks[:half], prompts),
                model.visual(images[half:]),
            ]
        )
        text = model.encode_text(tokenizer(texts), normalize=True)
        loss = contrastive_loss(
            F.normalize(features, dim=-1), text, targets, model.logit_scale.exp().clamp(max=100)
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*model.parameters(), prompts], 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    state = {k: v.detach().half().contiguous() for k, v in model.state_dict().items()}
    with atomic_path(folder / 'open_clip_model.safetensors') as path:
        save_file(state, path)
    with atomic_path(folder / 'mask_prompt.safetensors') as path:
        save_file({'mask_embedding': prompts.detach().half()}, path)
    return losses
