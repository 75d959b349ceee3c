"""Where the configs and the weights lie that ship with the package."""

from importlib.util import find_spec
from pathlib import Path

SHIPPED = 'miniworld://'


def resolve(path: str) -> str:
    """Return a path or name as it is, or the file for ``miniworld://...``, the shipped weights.

    Raises:
        FileNotFoundError: If the package ships no such file.
    """
    if not path.startswith(SHIPPED):
        return path
    shipped = Path(__file__).parent / 'miniworld' / 'weights' / path.removeprefix(SHIPPED)
    if not shipped.exists():
        raise FileNotFoundError(
            f'{path}: {shipped} is not there; make it with qaclims train-miniworld.'
        )
    return str(shipped)


def config_path(name: str) -> str:
    """Return the file of a config that ships.

    Args:
        name: Its path below ``configs``, as ``cam/cam_r50_2xb8-5e_voc12aug-512x512.py``.
    """
    return str(_shipped('configs') / name)


def mmseg_config(name: str) -> str:
    """Return the file of a config of mmseg, for a ``_base_`` that any tool can read.

    mmengine looks for ``mmseg::`` bases under the distribution's old name, mmsegmentation, and that
    is mended only by the ``custom_imports`` of a config whose bases have been read.

    Args:
        name: Its path below ``configs``, as ``_base_/models/segformer_mit-b0.py``.

    Raises:
        ImportError: If mmseg is not installed.
        FileNotFoundError: If the installed mmseg has no such config.
    """
    found = find_spec('mmseg')
    if found is None or not found.submodule_search_locations:
        raise ImportError(
            f"mmseg, whose config {name} is a base, is not installed; run pip install '.[mm]'."
        )
    package = Path(found.submodule_search_locations[0])
    # a checkout has its configs beside the package
    for folder in (package / '.mim/configs', package.parent / 'configs'):
        if (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(f'the mmseg in {package} has no config {name}.')


def tools_folder() -> Path:
    """Return the folder of the tools that ship."""
    return _shipped('tools')


def _shipped(folder: str) -> Path:
    """Return a folder of package data: in a wheel below ``.mim``, as mim asks, else beside it."""
    package = Path(__file__).parent
    return next(p for p in (package / '.mim' / folder, package.parent / folder) if p.is_dir())
