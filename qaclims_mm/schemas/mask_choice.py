"""Which stage of a work dir makes the masks that its segmentor is trained on."""

from pathlib import Path
from typing import NamedTuple

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_table, problem_of_file, read_json, write_json
from qaclims_mm.schemas.work_dir import LOGS

_FILE = 'masks_by.json'
# {choice: stages that make its masks}. Those of the first stage that a plan has are trained on;
# those of the last one are compared with ground truth.
MASKS_BY = {
    'irn': ('irn_export', 'irn_masks'),
    'par': ('par',),
    'sam': ('sam',),
    'prompted': ('prompted_export', 'prompted'),
    'prompted+answers': ('prompted_answers_export', 'prompted_answers'),
    'prompted+maps': ('prompted_maps',),
}
DEFAULT = 'irn'
# how masks are called in sentences and on sheets
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
    """Read the choice of a work dir; ``None`` if nobody has made one.

    Raises:
        FormatError: If the file is something else.
    """
    path = choice_path(root)
    if problem_of_file(path) == 'is missing':
        return None
    fix = 'delete it, and give --masks-by again'
    value = read_json(path, fix)
    is_right = is_table(value, str) and set(value) == set(MaskChoice._fields)
    if not is_right or value['stage'] not in MASKS_BY.get(value['masks_by'], ()):
        raise FormatError(f'{path} is not {{masks_by, stage}} of masks that can be chosen; {fix}.')
    return MaskChoice(**value)


def write_choice(root: str | Path, choice: MaskChoice) -> None:
    """Keep a choice for later runs of a work dir."""
    write_json(choice_path(root), choice._asdict())
