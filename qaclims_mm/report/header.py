"""The head of the page of a work dir: what it is about, and whether its masks mean anything."""

from qaclims_mm.inference.meaning import OF_RANDOM_CLIP, preset_of, warning_of
from qaclims_mm.report.work_dir import MAPS, WorkDir

_OTHER_PRESET = 'For masks of photographs, choose networks of full size and run the project again:'


def lead_of(work: WorkDir) -> str:
    """Return what the page is about: of which images, preset and seed."""
    preset = preset_of(work.root)
    return (
        'From image-level labels to masks: a VQA model is asked about every image, its answers '
        'guide the training of activation maps, the maps become masks, and a segmentor is trained '
        f'on these. Maps and masks are of {work.data_of(MAPS, "cam_maps")}, the trainings of '
        f'{work.of_seed}' + (f', with the preset {preset}.' if preset else '.')
    )


def warning_of_work(work: WorkDir) -> tuple[str, str]:
    """Return why the masks of a work dir mean nothing on photographs, and a command that helps.

    Both are '' if nothing is known against the masks; the command is '' without a project.
    """
    warning = warning_of(preset_of(work.root), work.run_configs)
    if not warning or warning == OF_RANDOM_CLIP or work.project is None:
        return warning, ''
    return f'{warning} {_OTHER_PRESET}', f'qaclims init {work.plan} --preset full'
