"""How stages are called in a report, and in which order they stand."""

import re
from collections.abc import Iterable, Mapping

# {stage: title}, in the order of the plans
TITLES = {
    'data': 'the data',
    'qape': 'QAPE, questions and answers',
    'cam': 'CAM, the baseline',
    'clip_cam': 'CLIP, not trained',
    'clip_es': 'CLIP-ES, not trained',
    'weclip': 'WeCLIP',
    'puzzle': 'Puzzle-CAM',
    'clims': 'CLIMS',
    'ritc': 'RITC without QAPE',
    'texts': 'texts encoded by CLIP',
    'qa_clims': 'QA-CLIMS',
    'upper_bound': 'bound: CLIP on ground-truth regions',
    'ir_label': 'confident labels of the maps',
    'irn': 'QA-CLIMS + IRN, masks',
    'par': 'QA-CLIMS + PAR, masks',
    'sam': 'QA-CLIMS + SAM, masks',
    'prompted': 'the label as a prompt, not trained',
    'prompted_answers': 'label and answers as prompts, not trained',
    'prompted_maps': 'QA-CLIMS + prompted segmenter, masks',
    'sheet': 'sheet of maps',
    'segment': 'segmentor on the masks',
    'segment_full': 'segmentor on ground truth',
}
# how a stage that tests a training is called beside it, and one that writes for other images
_TESTS, _EXPORT = r'_(maps|masks|test)$', r'_export$'


class Titles:
    """Titles of stages: those of the plans, and those of the rows of ablations.

    Args:
        rows: {stage of the maps: title} of the rows.
    """

    def __init__(self, rows: Mapping[str, str] | None = None) -> None:
        self.rows = dict(rows or {})

    def of(self, stage: str) -> str:
        """Return the title of a stage; a training and the test of it share one.

        A row that is a stage of the plans itself keeps the title of that; a stage without a title
        is called by its name.
        """
        own = TITLES.get(stage) or TITLES.get(re.sub(_TESTS, '', stage))
        return own or self.rows.get(stage) or self.rows.get(f'{stage}_maps') or stage

    @property
    def variants(self) -> set[str]:
        """The stages of the maps of rows that are not stages of the plans."""
        return {stage for stage in self.rows if re.sub(_TESTS, '', stage) not in TITLES}


def in_order(names: Iterable[str]) -> list[str]:
    """Return stages, or folders in theirs, in the order of the plans; unknown ones come last."""
    known = list(TITLES)

    def place(name: str) -> tuple[int, str]:
        stage = name.partition('/')[0]
        base = re.sub(_EXPORT, '', re.sub(_TESTS, '', stage))
        return (known.index(base) if base in known else len(known), name)

    return sorted(names, key=place)
