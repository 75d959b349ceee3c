"""The recipe of the tiny CLIPSeg: the model of transformers, trained with the masks of MiniWorld.

It starts from MiniWorld's CLIP. Like CLIPSeg and SAM 3, and unlike QA-CLIMS, it is trained with
masks.

Shapes: B pictures of a batch, T texts a picture, S side of the input, H W pixels.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from qaclims_mm.miniworld.clip_recipe import SPECIAL, TRAINING_WORLD, check_steps, write_tokenizer
from qaclims_mm.miniworld.regions import PROMPTS, draw_pictures, object_mask
from qaclims_mm.miniworld.scene import Picture, Scene
from qaclims_mm.miniworld.world import CLASS_FACTS, CLASSES, SCENE_FACTS, THINGS, names_of
from qaclims_mm.paths import resolve
from qaclims_mm.progress import track
from qaclims_mm.schemas import IGNORE_INDEX
from qaclims_mm.vlms.segment.inputs import normalise

IMAGE_SIZE = 96
PATCH_SIZE = 8
WIDTH = 128
# Every text that a prompt can be.
ALL_TEXTS = tuple(
    dict.fromkeys(
        (
            *(n for c in CLASSES for kind in CLASS_FACTS[c].kinds for n in names_of(c, kind)),
            *THINGS,
            *(n for facts in SCENE_FACTS.values() for n in facts.names),
        )
    )
)


class Prompts(NamedTuple):
    """Texts of one picture, and the masks of the things that they name, bool ``(T, H, W)``."""

    texts: list[str]
    masks: np.ndarray


def build_model(vocab_size: int) -> Any:
    """Return transformers' CLIPSeg with the sizes of MiniWorld's CLIP and random weights."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    text = dict(
        vocab_size=vocab_size,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        pad_token_id=SPECIAL.index('[PAD]'),
        bos_token_id=SPECIAL.index('[BOS]'),
        eos_token_id=SPECIAL.index('[EOS]'),
    )
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
    )
    config = CLIPSegConfig(
        text_config=text,
        vision_config=vision,
        projection_dim=64,
        extract_layers=[0, 1, 2],
        reduce_dim=64,
        decoder_num_attention_heads=4,
        decoder_intermediate_size=128,
    )
    return CLIPSegForImageSegmentation(config)


def start_from_clip(model: Any, weights: dict[str, Tensor]) -> None:
    """Copy the weights of MiniWorld's CLIP into the CLIP of a CLIPSeg.

    Args:
        model: The CLIPSeg.
        weights: State of open_clip's model; its text encoder has the same vocabulary.

    Raises:
        KeyError: If a weight is missing.
    """
    state = dict(logit_scale=weights['logit_scale'])
    state |= _copy_vision({k.removeprefix('visual.'): v for k, v in weights.items()})
    state |= {
        'text_model.embeddings.token_embedding.weight': weights['token_embedding.weight'],
        'text_model.embeddings.position_embedding.weight': weights['positional_embedding'],
        'text_projection.weight': weights['text_projection'].T,
    }
    for name in ('weight', 'bias'):
        state[f'text_model.final_layer_norm.{name}'] = weights[f'ln_final.{name}']
    state |= _copy_layers(weights, 'transformer.', 'text_model.')
    state |= _copy_layers(weights, 'visual.transformer.', 'vision_model.')
    model.clip.load_state_dict({k: v.float().contiguous() for k, v in state.items()})
    _start_from_similarity(model)


@torch.no_grad()
def _start_from_similarity(model: Any) -> None:
    """Let the decoder begin with the similarity of patch and text that CLIP's projections give.

    Their products have alternating signs, since the layer norm behind them removes the mean; the
    last layer sums them up again.
    """
    decoder = model.decoder
    signs = torch.ones(model.config.reduce_dim)
    signs[1::2] = -1
    decoder.reduces[0].weight.copy_(model.clip.visual_projection.weight)
    decoder.film_mul.weight.copy_(signs.diag())
    for layer in (decoder.film_add, *decoder.reduces[1:]):
        layer.weight.zero_()
    for layer in (decoder.film_mul, decoder.film_add, *decoder.reduces):
        layer.bias.zero_()
    decoder.transposed_convolution.weight.copy_(0.25 * signs.view(-1, 1, 1, 1))
    decoder.transposed_convolution.bias.fill_(-2)


def _copy_vision(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {
        'vision_model.embeddings.class_embedding': weights['class_embedding'],
        'vision_model.embeddings.patch_embedding.weight': weights['conv1.weight'],
        'vision_model.embeddings.position_embedding.weight': weights['positional_embedding'],
        'visual_projection.weight': weights['proj'].T,
    }
    for name in ('weight', 'bias'):
        state[f'vision_model.pre_layrnorm.{name}'] = weights[f'ln_pre.{name}']
        state[f'vision_model.post_layernorm.{name}'] = weights[f'ln_post.{name}']
    return state


def _copy_layers(weights: dict[str, Tensor], source: str, target: str) -> dict[str, Tensor]:
    names = dict(
        ln_1='layer_norm1', ln_2='layer_norm2', c_fc='mlp.fc1', c_proj='mlp.fc2',
        out_proj='self_attn.out_proj',
    )  # fmt: skip
    state = {}
    for key, value in weights.items():
        if not key.startswith(f'{source}resblocks.'):
            continue
        number, *_, module, kind = key.removeprefix(f'{source}resblocks.').split('.')
        layer = f'{target}encoder.layers.{number}.'
        if kind.startswith('in_proj_'):
            for part, chunk in zip('qkv', value.chunk(3), strict=True):
                name = kind.removeprefix('in_proj_')
                state[f'{layer}self_attn.{part}_proj.{name}'] = chunk
        else:
            state[f'{layer}{names[module]}.{kind}'] = value
    return state


def sample_prompts(rng: np.random.Generator, scene: Scene, picture: Picture, texts: int) -> Prompts:
    """Draw texts, three quarters of which name something in a picture.

    Args:
        rng: Random generator.
        scene: Scene of the picture.
        picture: Picture of the scene.
        texts: Number of texts, T.
    """
    named = named_masks(scene, picture)
    kinds = {t.name for t in scene.objects}
    near = [k for t in scene.objects for k in CLASS_FACTS[t.class_name].kinds if k not in kinds]
    absent = [t for t in ALL_TEXTS if t not in named]
    objects = [n for t in scene.objects for n in names_of(t.class_name, t.name)]
    groups = (objects, list(named), near if rng.random() < 0.5 else absent, objects)
    chosen = [group[rng.integers(len(group))] for group in (groups * texts)[:texts]]
    nothing = np.zeros_like(picture.mask, dtype=bool)
    return Prompts(chosen, np.stack([named.get(text, nothing) for text in chosen]))


def named_masks(scene: Scene, picture: Picture) -> dict[str, np.ndarray]:
    """Return {text: mask of the pixels that it names in a picture}, bool ``(H, W)`` each.

    The name of a scene names all pixels without an object.
    """
    masks = dict(picture.things)
    masks |= dict.fromkeys(SCENE_FACTS[scene.name].names, picture.mask == 0)
    for thing in scene.objects:
        own = object_mask(picture, thing.class_name) > 0
        masks |= dict.fromkeys(names_of(thing.class_name, thing.name), own)
    return masks


def mask_loss(logits: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return the binary cross entropy plus the Dice loss of the texts that the picture shows.

    Args:
        logits: ``(N, H, W)``.
        masks: Ground truth in [0, 1], ``(N, H, W)``.
        known: Weight of each pixel, 0 at the soft edges of objects, ``(N, H, W)``.

    Returns:
        Scalar; cross entropy in nats a pixel.
    """
    crossed = F.binary_cross_entropy_with_logits(logits, masks, weight=known)
    probability = logits.sigmoid() * known
    masks = masks * known
    both = 2 * (probability * masks).sum((1, 2)) + 1
    dice = 1 - both / (probability.sum((1, 2)) + masks.sum((1, 2)) + 1)
    present = (masks.amax((1, 2)) > 0).float()
    return crossed + (dice * present).sum() / present.sum().clamp(min=1)


def predict_logits(
    model: Any, reader: nn.Module, images: Tensor, tokens: Any, texts: int
) -> tuple[Tensor, Tensor]:
    """Return the logits of texts, with gradients for all weights.

    Args:
        model: The CLIPSeg, whose own ``forward`` holds its CLIP fixed.
        reader: Layer that reads a logit from each patch before the decoder's transformer.
        images: Normalised, ``(B, 3, S, S)``.
        tokens: Token ids and attention mask of B T texts.
        texts: T.

    Returns:
        Logits of the decoder ``(B T, S, S)`` and of the reader ``(B T, C, C)``, C patches a side.
    """
    states = model.clip.vision_model(pixel_values=images, output_hidden_states=True).hidden_states
    layers = [states[i + 1].repeat_interleave(texts, dim=0) for i in model.extract_layers]
    features = model.clip.get_text_features(**tokens).pooler_output
    decoder = model.decoder
    mixed = decoder.film_mul(features)[:, None] * decoder.reduces[0](layers[-1])
    mixed = mixed + decoder.film_add(features)[:, None]
    cells = IMAGE_SIZE // PATCH_SIZE
    patches = reader(mixed[:, 1:]).view(-1, cells, cells)
    return decoder(layers, features).logits, patches


def train_clipseg(
    folder: str | Path,
    seed: int = 0,
    steps: int = 1500,
    batch_size: int = 10,
    texts: int = 4,
    pictures: int = 2000,
    lr: float = 1e-3,
) -> list[float]:
    """Train the tiny CLIPSeg and write the folder that ``CLIPSegSegmenter`` loads, in float16.

    With the mask loss alone the encoders learn slowly. A linear layer therefore also predicts from
    each patch whether it shows the text. This layer is not saved.

    Args:
        folder: Folder for config, tokenizer and weights.
        seed: Seed of the world, the weights and the batches.
        steps: Training steps.
        batch_size: Pictures a step, B.
        texts: Texts a picture, T.
        pictures: Pictures in the training world.
        lr: Peak learning rate of AdamW.

    Returns:
        The loss of every step.

    Raises:
        ValueError: If there are too few steps to warm up.
        FileNotFoundError: If MiniWorld's CLIP has no weights.
    """
    from transformers import AutoTokenizer

    folder = Path(folder)
    check_steps(steps)
    folder.mkdir(parents=True, exist_ok=True)
    vocab_size = write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = build_model(vocab_size).train()
    start_from_clip(model, load_file(resolve('miniworld://clip/open_clip_model.safetensors')))
    world = draw_pictures(TRAINING_WORLD + seed, pictures)
    reader = nn.Linear(model.config.reduce_dim, 1)
    parameters = [*model.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in track(range(steps), 'training CLIPSeg', steps):
        chosen = [world[i] for i in rng.integers(len(world), size=batch_size)]
        images, prompts, masks, known = collate(rng, chosen, texts)
        tokens = tokenizer(prompts, padding=True, return_tensors='pt')
        tokens = {name: tokens[name] for name in ('input_ids', 'attention_mask')}
        logits, patches = predict_logits(model, reader, images, tokens, texts)
        loss = mask_loss(logits, masks, known)
        coarse = (F.avg_pool2d(m[:, None], PATCH_SIZE)[:, 0] for m in (masks, known))
        optimizer.zero_grad()
        (loss + mask_loss(patches, *coarse)).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.half().save_pretrained(folder)
    return losses


def collate(
    rng: np.random.Generator, chosen: list[tuple[Scene, Picture]], texts: int
) -> tuple[Tensor, list[str], Tensor, Tensor]:
    """Return images ``(B, 3, S, S)``, B T prompts, and masks and weights ``(B T, S, S)``."""
    size = (IMAGE_SIZE, IMAGE_SIZE)
    images, prompts, masks, known = [], [], [], []
    for scene, picture in chosen:
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        found = sample_prompts(rng, scene, picture, texts)
        prompts += [PROMPTS[rng.integers(len(PROMPTS))].format(t) for t in found.texts]
        images.append(normalise(picture.image[:, flip], size, 'imagenet', 'cpu'))
        masks.append(torch.from_numpy(found.masks[..., flip].astype(np.float32)))
        sharp = picture.mask[:, flip] != IGNORE_INDEX
        known.append(torch.from_numpy(sharp.astype(np.float32)).expand(texts, -1, -1))
    shrunk, clear = (
        F.interpolate(torch.cat(m)[:, None], size=size, mode='bilinear', antialias=True)[:, 0]
        for m in (masks, known)
    )
    return torch.cat(images), prompts, shrunk, clear
