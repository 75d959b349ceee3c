"""Weights that other libraries would fetch at first use, fetched into their caches beforehand."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from qaclims_mm.downloads.catalogue import Item
from qaclims_mm.errors import ConfigError, DownloadError

# {how a name begins: function of mmengine.runner.checkpoint that knows the rest}
_RESOLVERS = {
    'torchvision://': 'get_torchvision_models',
    'open-mmlab://': 'get_external_models',
}
# files of a model that are for other frameworks
_LEFT_OUT = ['*.h5', '*.msgpack', '*.bin', '*.onnx', '*.ot', '*.md']


def address_of(weights: str) -> str:
    """Return the address from which mmengine fetches weights.

    Args:
        weights: Name in a config: an address, ``torchvision://NAME`` or ``open-mmlab://NAME``.

    Raises:
        ConfigError: If there is no such name.
    """
    import mmengine.runner.checkpoint as known

    for prefix, function in _RESOLVERS.items():
        if weights.startswith(prefix):
            found = getattr(known, function)()
            name = weights.removeprefix(prefix)
            if name not in found:
                raise ConfigError(f'mmengine knows no weights {weights}; correct the catalogue.')
            return str(found[name])
    return weights


def file_of_weights(item: Item) -> tuple[Path, Item]:
    """Return where weights go that mmengine would fetch, and how they are fetched.

    The name of such a file may end with the first digits of its checksum, as torch.hub has it.
    """
    # torch takes seconds
    from qaclims_mm.engine.checkpoints import cached_path

    url = address_of(item.weights)
    path = cached_path(url)
    digits = re.search(r'-([0-9a-f]{8,64})\.pth$', path.name)
    file = Path(urlsplit(url).path).name
    sha256 = item.sha256 or (digits[1] if digits else '')
    return path, replace(item, weights='', file=file, urls=(url,), sha256=sha256)


def has_hub_model(name: str) -> bool:
    """Return whether a model of the Hugging Face hub is in the cache, or is a folder here."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if Path(name).is_dir():
        return True
    try:
        folder = Path(snapshot_download(name, ignore_patterns=_LEFT_OUT, local_files_only=True))
    except LocalEntryNotFoundError:
        return False
    return (folder / 'config.json').is_file() and any(folder.glob('*.safetensors'))


def fetch_hub_model(name: str) -> None:
    """Fetch a model of the Hugging Face hub into its cache; what is there of it is kept.

    ``HF_ENDPOINT`` names a mirror of the hub, ``HF_HUB_CACHE`` its cache.

    Raises:
        DownloadError: If that fails.
    """
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(name, ignore_patterns=_LEFT_OUT)
    # of the network, of HTTP, and the hub's own
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DownloadError(
            f'{name} cannot be fetched from the Hugging Face hub ({reason}). Give the same command '
            'again, or name a mirror of the hub in HF_ENDPOINT; --mirror serves no models of the '
            f'hub. Or {advice_without_hub(name)}.'
        ) from error


def advice_without_hub(name: str, key: str = 'model.vqa.model of a VQA model') -> str:
    """Return how a model gets here without the hub, in words.

    Args:
        name: Model of the hub.
        key: Where configs have its name.
    """
    return (
        f'run "hf download {name}" on a machine with a network and copy its cache (HF_HUB_CACHE) '
        f'here, or add --local-dir FOLDER, copy that folder, and give it as {key} in the config'
    )
