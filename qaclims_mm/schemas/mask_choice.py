"""The choice of the masks that the segmentor of a work dir is trained on."""

from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_table, problem_of_file, read_json, write_json
from qaclims_mm.schemas.work_dir import LOGS

_FILE = 'masks_by.json'
# {choice: stages that make its masks}. The segmentor is trained on the masks of the first stage
# that a plan has; the masks of the last one are compared with ground truth.
MASKS_BY = {
    'irn': ('irn_export', 'irn_masks'),
    'par': ('par',),
    'sam': ('sam',),
    'prompted': ('prompted_export', 'prompted'),
    'prompted+answers': ('prompted_answers_export', 'prompted_answers'),
    'prompted+maps': ('prompted_maps',),
}
DEFAULT = 'irn'
# names of the masks in sentences and on sheets
TITLES = {
    'irn': 'IRN',
    'par': 'PAR',
    'sam': 'SAM',
    'prompted': 'prompted',
    'prompted+answers': 'prompted, answers',
    'prompted+maps': 'prompted, maps',
}


class MaskChoice(NamedTuple):
    """A choice of masks.

    Attributes:
        masks_by: Value of ``qaclims run --masks-by``.
        stage: Name of the stage that makes the masks.
    """

    masks_by: str
    stage: str


def choice_path(root: str | Path) -> Path:
    """Return the file that keeps the choice of a work dir."""
    return Path(root) / LOGS / _FILE


def read_choice(root: str | Path) -> MaskChoice | None:
    """Read the choice of a work dir; ``None`` if it has none.

    Raises:
        FormatError: If the file holds anything but a choice.
    """
    path = choice_path(root)
    if problem_of_file(path) == 'is missing':
        return None
    fix = 'delete it, and give --masks-by again'
    value = read_json(path, fix)
    is_right = is_table(value, str) and set(value) == set(MaskChoice._fields)
    if not is_right or value['stage'] not in MASKS_BY.get(value['masks_by'], ()):
        raise FormatError(f'{path} is not a choice of masks ({{masks_by, stage}}); {fix}.')
    return MaskChoice(**value)


def write_choice(root: str | Path, choice: MaskChoice) -> None:
    """Write a choice into a work dir, for its later runs."""
    write_json(choice_path(root), choice._asdict())
