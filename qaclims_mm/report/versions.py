"""What made the files, and from which configs."""

import platform
from collections.abc import Iterable
from datetime import datetime
from importlib import metadata

from qaclims_mm.inference.meaning import preset_of
from qaclims_mm.report.blocks import Block, Details, Table
from qaclims_mm.report.titles import in_order
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.version import __version__

# {title: distributions of which the first that is installed is taken}
PACKAGES = {
    'torch': ('torch',),
    'mmsegmentation': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'transformers': ('transformers',),
    'open_clip': ('open_clip_torch',),
}


def version_blocks(work: WorkDir, now: datetime) -> list[Block]:
    """Return versions, and the configs of the stages as text, of which nothing is executed."""
    made = sorted({manifest.version for manifest in work.manifests.values()})
    rows = [
        ['qaclims_mm, which made the files', ', '.join(made) or 'unknown'],
        ['qaclims_mm, which made the report', __version__],
        *([title, installed_version(names)] for title, names in PACKAGES.items()),
        ['Python', platform.python_version()],
        ['preset', preset_of(work.root) or 'none'],
        ['seeds', ', '.join(work.seeds) or 'unknown'],
        ['work dir', str(work.root)],
        ['date of the report', f'{now:%Y-%m-%d %H:%M}'],
    ]
    caption = 'Versions of packages are those of the environment in which the report was made.'
    configs = [
        Details(f'{folder}/{path.name}', path.read_text(encoding='utf-8', errors='replace'))
        for folder in in_order(work.folders)
        for path in work.config_files(folder)
    ]
    return [Table(['what', 'version'], rows, caption), *configs]


def installed_version(names: Iterable[str]) -> str:
    """Return the version of the first distribution that is installed."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return 'not installed'
