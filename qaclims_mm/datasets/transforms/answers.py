"""Load the answers of the corpus about an image, as texts."""

from collections.abc import Iterable, Sequence

from mmcv.transforms import BaseTransform

from qaclims_mm.corpus.answers import select_backgrounds
from qaclims_mm.corpus.questions import ALL_GROUPS
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.corpus.text_bank import PairTexts, group_rows
from qaclims_mm.errors import DataError, RecordError
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import join_problems


@TRANSFORMS.register_module()
class LoadAnswers(BaseTransform):
    """Adds ``answers``: {class: (foreground texts, background texts)}, each text once.

    Background texts that name a class of the image are left out.

    Args:
        corpus: Folder of the corpus.
        groups: Question groups whose answers are loaded.

    Raises:
        FormatError: If the corpus is unfinished or broken.
        ValueError: If a group is unknown.
        DataError: When the dataset is opened, if images have no answers in the corpus.
    """

    def __init__(self, corpus: str, groups: Sequence[str] = ('fine', 'object', 'scene')) -> None:
        unknown = sorted(set(groups) - set(ALL_GROUPS))
        if unknown:
            raise ValueError(f'groups must be among {ALL_GROUPS}, but got {unknown}.')
        self.groups = tuple(groups)
        self.corpus = VQACorpus(corpus)

    def __reduce__(self) -> tuple:
        """Pickle the name of the folder only; a worker of the loader reads the files itself."""
        return type(self), (str(self.corpus.folder), self.groups)

    @property
    def input_folder(self) -> str:
        """Folder of the corpus."""
        return str(self.corpus.folder)

    def check_records(self, records: Iterable[dict]) -> None:
        """Refuse a corpus that lacks images, except images that it lists as failed."""
        known = {*self.corpus.image_ids, *(i for i, _ in self.corpus.manifest.failed)}
        missing = [
            r['image_id'] for r in records if r['label_names'] and r['image_id'] not in known
        ]
        if missing:
            raise DataError(
                join_problems(missing, 'image', f'have no answers in {self.corpus.folder}')
                + '\nRun the qape stage on the same images and labels.'
            )

    def transform(self, results: dict) -> dict:
        """Add the answers."""
        found = self._pairs_of(results)
        lacking = [name for name in results['label_names'] if name not in found]
        if lacking:
            raise RecordError(
                f'{self.corpus.folder} has no answers about {lacking[0]!r} in this image; run the '
                'qape stage again'
            )
        answers = {}
        for name in results['label_names']:
            others = select_backgrounds(
                found[name].bg, name, 'distinct_absent', results['label_names']
            )
            answers[name] = (list(dict.fromkeys(found[name].fg)), others)
        return {**results, 'answers': answers}

    def _pairs_of(self, results: dict) -> dict[str, PairTexts]:
        if not results['label_names']:
            return {}
        if results['image_id'] not in self.corpus:
            raise RecordError(
                f'{self.corpus.folder} has no answers about this image; run the qape stage again'
            )
        rows = self.corpus[results['image_id']]
        return {pair.class_name: pair for pair in group_rows(rows, self.groups)}
