"""How stages are called in a report, and in which order they stand."""

import re
from collections.abc import Iterable

# {folder: title}, in the order of the pipelines
TITLES = {
    'data': 'the data',
    'qape': 'QAPE, questions and answers',
    'cam': 'CAM, the baseline',
    'clip_cam': 'CLIP, not trained',
    'puzzle': 'Puzzle-CAM',
    'clims': 'CLIMS',
    'ritc': 'RITC without QAPE',
    'texts': 'texts encoded by CLIP',
    'qa_clims': 'QA-CLIMS',
    'upper_bound': 'bound: CLIP on true regions',
    'ir_label': 'what is sure of the maps',
    'irn': 'QA-CLIMS + IRN, masks',
    'par': 'QA-CLIMS + PAR, masks',
    'sheet': 'sheet of maps',
    'segment': 'segmentor on the masks',
    'segment_full': 'segmentor on true masks',
}
# a stage that tests a training, ``cam_maps``, and what a stage writes, ``cam/cams``, follow it
_BEHIND = r'(_(maps|masks|test|export)|/.*)$'


def in_order(names: Iterable[str]) -> list[str]:
    """Return stages in the order of the pipelines; those that no pipeline has come last."""
    known = list(TITLES)

    def place(name: str) -> tuple[int, str]:
        base = re.sub(_BEHIND, '', name)
        return (known.index(base) if base in known else len(known), name)

    return sorted(names, key=place)
