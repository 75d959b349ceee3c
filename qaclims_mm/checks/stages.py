"""Checks the folders of stages: their files, their manifests, and what they were made from."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import MANIFEST, Manifest, read_claim
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.schemas.stage_folder import StageFolder
from qaclims_mm.schemas.work_dir import OUTPUTS

_AGAIN = 'give the same qaclims run or qaclims ablate command again, which {}'
_REMAKE = _AGAIN.format('makes the stage again')


def check_stage(path: Path) -> Iterator[str]:
    """Yield the problems of the folder of a stage that has ended.

    Args:
        path: The folder.

    Raises:
        FormatError: If its list of files is broken.
    """
    folder = StageFolder(path)
    outputs = folder.read_outputs()
    name = shown_text(path.name)
    if damage := folder.damage(outputs, by_content=True):
        yield f'{path}: stage {name} is damaged: {_shortened(damage)}; {_REMAKE}.'
    if _is_readable(path) and not folder.has_right_manifest(outputs):
        yield (
            f'{path / MANIFEST} of stage {name} does not follow from run.json and {OUTPUTS} beside '
            f'it; {_AGAIN.format("corrects it")}.'
        )
    if foreign := folder.foreign(outputs):
        yield (
            f'{path} has files that stage {name} has not made: {_shortened(foreign)}; move them '
            'to another place.'
        )
    if other := _other_inputs(folder):
        yield f'{path}: stage {name} was made from another {", ".join(other)}; {_REMAKE}.'


def _is_readable(path: Path) -> bool:
    """Tell whether a manifest and its claim can be read; others are reported as themselves."""
    try:
        Manifest.read(path)
        read_claim(path)
    except FormatError:
        return False
    return True


def _other_inputs(folder: StageFolder) -> list[str]:
    """Return the stages beside a stage that are not those that it was made from."""
    found = []
    for name, wanted in sorted(folder.read_claim().get('inputs', {}).items()):
        other = folder.path.parent / name
        # one that is not there or is broken is made again anyway
        if '/' in name or not (other / OUTPUTS).is_file() or not _is_readable(other):
            continue
        with contextlib.suppress(FormatError):
            if StageFolder(other).manifest_hash() != wanted:
                found.append(shown_text(name))
    return found


def _shortened(found: Sequence[str]) -> str:
    more = f' and {len(found) - 1} more' if len(found) > 1 else ''
    return shown_text(found[0]) + more
