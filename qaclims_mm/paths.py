"""Where the configs and the weights lie that ship with the package."""

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


def tools_folder() -> Path:
    """Return the folder of the tools that ship."""
    return _shipped('tools')


def _shipped(folder: str) -> Path:
    """Return a folder of package data: in a wheel below ``.mim``, as mim asks, else beside it."""
    package = Path(__file__).parent
    return next(p for p in (package / '.mim' / folder, package.parent / folder) if p.is_dir())
