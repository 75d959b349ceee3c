"""Where the configs, tools, weights and results lie that ship with the package."""

import difflib
from importlib.util import find_spec
from pathlib import Path

from qaclims_mm.errors import ConfigError

SHIPPED = 'miniworld://'
PACKAGE = Path(__file__).parent
# the folder of a wheel in which mim looks for configs and tools
MIM = '.mim'


def resolve(path: str) -> str:
    """Return a path or name as it is, or the file for ``miniworld://...``, the shipped weights.

    Raises:
        FileNotFoundError: If the package ships no such file.
    """
    if not path.startswith(SHIPPED):
        return path
    shipped = PACKAGE / 'miniworld' / 'weights' / path.removeprefix(SHIPPED)
    if not shipped.exists():
        raise FileNotFoundError(
            f'{path}: {shipped} is not there; make it with qaclims train-miniworld.'
        )
    return str(shipped)


def config_file(name: str | Path) -> str:
    """Return the file of a config: an existing file as it is, or a config that ships.

    Args:
        name: A file; the folder of a project, whose ``pipeline.py`` is meant; the name of a config
            that ships, without folder and suffix; or its path below ``configs``, with or without
            ``configs/`` and ``.py``.

    Raises:
        ConfigError: If there is no such config.

    Example:
        >>> config_file('cam_r50_2xb8-5e_voc12aug-512x512').split('configs/')[-1]
        'cam/cam_r50_2xb8-5e_voc12aug-512x512.py'
    """
    if Path(name).is_file():
        return str(name)
    if (Path(name) / 'pipeline.py').is_file():
        return str(Path(name) / 'pipeline.py')
    root = _shipped('configs')
    short = str(name).removeprefix('configs/').removesuffix('.py')
    files = {p.relative_to(root).with_suffix('').as_posix(): p for p in root.rglob('*.py')}
    stems = {p.stem: p for path, p in files.items() if not path.startswith('_base_/')}
    if found := files.get(short) or stems.get(short):
        return str(found)
    close = difflib.get_close_matches(Path(short).name, stems, n=1)
    nearest = f'; the nearest is {close[0]}' if close else ''
    where = root if root.parent.name == MIM else 'configs'
    raise ConfigError(
        f'config {name} does not exist; see {where}/ for those that ship{nearest}. The folder of a '
        'project can be given, too.'
    )


def config_path(name: str) -> str:
    """Return the file of a config that ships.

    Args:
        name: Its path below ``configs``, as ``cam/cam_r50_2xb8-5e_voc12aug-512x512.py``.
    """
    return str(_shipped('configs') / name)


def shipped_name(path: str | Path) -> str:
    """Return the name of a config that is the same wherever the package lies.

    Args:
        path: A file; one that does not ship keeps its path.

    Example:
        >>> shipped_name(config_path('suites/fat.py'))
        'configs/suites/fat.py'
    """
    root, file = _shipped('configs').resolve(), Path(path).resolve()
    return f'configs/{file.relative_to(root)}' if file.is_relative_to(root) else str(path)


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


def results_folder() -> Path:
    """Return the folder of the measured results that ship, ``<suite>.json``."""
    return _shipped('docs/results')


def _shipped(folder: str) -> Path:
    """Return the folder in a wheel, or the checkout's folder beside the package."""
    return next(p for p in (PACKAGE / MIM / folder, PACKAGE.parent / folder) if p.is_dir())
