"""Train one of MiniWorld's tiny models: qaclims train-miniworld clip."""

import argparse
from pathlib import Path

from qaclims_mm import miniworld
from qaclims_mm.console import new_console


def main() -> None:
    """Train one model, write it, and print how well it does on unseen pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', choices=('clip', 'blip', 'clipseg', 'backbone', 'vit'))
    parser.add_argument('--out', help='folder; by default that of the shipped weights')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--steps', type=int, help='training steps; by default those of the recipe')
    parser.add_argument('--pictures', type=int, help='to train on; by default those of the recipe')
    parser.add_argument('--test-pictures', type=int, default=200, help='unseen ones to count on')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.miniworld.backbone_recipe import train_backbone
    from qaclims_mm.miniworld.blip_recipe import answer_rates, train_blip
    from qaclims_mm.miniworld.clip_quality import recognition_rates
    from qaclims_mm.miniworld.clip_recipe import train_clip
    from qaclims_mm.miniworld.clipseg_quality import prompt_ious
    from qaclims_mm.miniworld.clipseg_recipe import train_clipseg

    weights = Path(miniworld.__file__).parent / 'weights'
    out = args.out or str(weights / ('backbone' if args.model == 'vit' else args.model))
    chosen = dict(steps=args.steps, pictures=args.pictures)
    options = dict(seed=args.seed) | {k: v for k, v in chosen.items() if v}
    console = new_console()
    if args.model == 'clip':
        losses = train_clip(out, **options)
        for prompt in (f'{out}/mask_prompt.safetensors', None):
            rates = recognition_rates(f'local-dir:{out}', prompt, args.test_pictures)
            console.print('with mask prompts' if prompt else 'plain', _rounded(rates))
    elif args.model == 'clipseg':
        losses = train_clipseg(out, **options)
        console.print(_rounded(prompt_ious(out, args.test_pictures)))
    elif args.model in ('backbone', 'vit'):
        name = 'vit-mini' if args.model == 'vit' else 'r18-mini'
        losses = train_backbone(out, name, **options)
    else:
        losses = train_blip(out, **options)
        console.print(_rounded(answer_rates(out, args.test_pictures)))
    last = losses[-50:]
    console.print(f'loss {losses[0]:.2f} -> {sum(last) / len(last):.3f}, weights in {out}')


def _rounded(rates: dict[str, float]) -> str:
    return str({name: round(rate, 1) for name, rate in rates.items()})


if __name__ == '__main__':
    main()
