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
            f'{path}: {shipped} is not there; make it with tools/train_miniworld_models.py.'
        )
    return str(shipped)


def config_path(name: str) -> str:
    """Return the file of a config that ships.

    Args:
        name: Its path below ``configs``, as ``cam/cam_r50_2xb8-5e_voc12aug-512x512.py``.
    """
    return str(Path(__file__).parents[1] / 'configs' / name)
