"""Recommend one choice of masks from a comparison, and state how certain that is."""

from collections.abc import Sequence

from qaclims_mm.paths import SHIPPED
from qaclims_mm.schemas.names import counted, shown_text
from qaclims_mm.schemas.numbers.comparison import ComparedMasks, Comparison

# with fewer images an interval is too narrow
FEW = 30


def choose(comparison: Comparison) -> ComparedMasks | None:
    """Return the best masks that can be trained on; ``None`` without ground truth."""
    return next((m for m in comparison.masks if m.miou is not None and not m.note), None)


def verdict(comparison: Comparison) -> list[str]:
    """Return the verdict as paragraphs."""
    best = choose(comparison)
    if best is None:
        return [*_without_truth(comparison), *_supervision(comparison)]
    images = counted(comparison.judged, 'image')
    text = f'Take the masks by {best.masks_by}: {best.miou:.1f} mIoU on {images}.'
    first = f'{text} {_sureness(comparison, best)}'
    return [first, *_supervision(comparison), *_doubts(comparison)]


def _sureness(comparison: Comparison, best: ComparedMasks) -> str:
    """Return sentences about how certain it is that no other masks are better."""
    others = [m for m in comparison.masks if m is not best and not m.note]
    if not others:
        return 'No other masks could be compared with them.'
    known = [(m, m.behind) for m in others if m.behind is not None]
    second, behind = known[0]
    text = (
        f'They are {behind.points:.1f} points above those by {second.masks_by} (95 % interval '
        f'{behind.low:.1f} to {behind.high:.1f}).'
    )
    # the interval of masks further behind may be wider than that of the second
    close = [m.masks_by for m, b in known if not b.is_sure]
    if not close:
        return f'{text} Another draw of such images would very likely give the same best masks.'
    verb = 'intervals of the differences' if len(close) > 1 else 'interval of the difference'
    include = 'include' if len(close) > 1 else 'includes'
    return (
        f'{text} The {verb} to those by {_listed(close)} {include} 0, so these images cannot '
        f'separate {_listed([best.masks_by, *close])}: take the one that costs least.'
    )


def _supervision(comparison: Comparison) -> list[str]:
    """Return a paragraph about the choices whose models were trained with masks, if there are any.

    QA-CLIMS is trained with image-level labels only, so its masks are made with less supervision.
    """
    choices: dict[tuple[str, ...], list[str]] = {}
    # a note says that the masks are of random weights
    for masks in (m for m in comparison.masks if not m.note):
        choices.setdefault(tuple(masks.mask_models), []).append(masks.masks_by)
    others = choices.pop((), [])
    found = [
        f'The masks by {_listed(names)} were made with {_listed([_described(m) for m in models])}, '
        f'which {"were" if len(models) > 1 else "was"} trained with masks.'
        for models, names in choices.items()
    ]
    if found and others:
        found.append(f'The training for those by {_listed(others)} used no masks.')
        scored = [m for m in comparison.masks if m.masks_by in others and m.miou is not None]
        if scored and choose(comparison) is not scored[0]:
            found.append(f'Of these, {scored[0].masks_by} is best: {scored[0].miou:.1f} mIoU.')
    return [' '.join(found)] if found else []


def _described(model: str) -> str:
    """Return the name of a model; MiniWorld's own have seen the masks of other seeds."""
    if not model.startswith(SHIPPED):
        return shown_text(model)
    return f'{shown_text(model)} (masks of MiniWorld pictures with other seeds)'


def _listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: ``a, b and c``."""
    return ' and '.join([', '.join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _doubts(comparison: Comparison) -> list[str]:
    """Return the reasons to doubt the verdict."""
    found = []
    if comparison.judged < FEW:
        found.append(
            f'Only {counted(comparison.judged, "image", "have ground truth")}. With fewer than '
            f'{FEW} the intervals are too narrow, and the verdict is a hint.'
        )
    if comparison.corrected:
        found.append(
            f'The ground truth of {counted(comparison.corrected, "image")} is a mask that was '
            'corrected in review. People correct the worst masks first, so such images are harder '
            'than others. '
            'A corrected mask also resembles the mask that it was made from.'
        )
    return found


def _without_truth(comparison: Comparison) -> list[str]:
    """Return the verdict of a comparison without ground truth."""
    found = [
        'No image has ground truth, so these numbers cannot show which masks are right. Agreement '
        'is not correctness: masks that agree may share a mistake. Look at the pictures, or '
        'correct some masks (qaclims review), which then serve as ground truth, and compare again.'
    ]
    if comparison.judged:
        found[0] = (
            'None of these masks can be recommended: '
            + '; '.join(f'{m.masks_by}: {m.note}' for m in comparison.masks)
            + '.'
        )
    elif len(comparison.agreement) > 1:
        closest = max(comparison.agreement, key=lambda a: a.miou)
        furthest = min(comparison.agreement, key=lambda a: a.miou)
        found.append(
            f'The masks by {closest.one} and {closest.other} agree most ({closest.miou:.0f} mIoU), '
            f'those by {furthest.one} and {furthest.other} least ({furthest.miou:.0f}).'
        )
    return found
