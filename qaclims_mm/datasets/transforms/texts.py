"""Which texts of the bank belong to an image."""

from collections.abc import Iterable
from pathlib import Path

from mmcv.transforms import BaseTransform

from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.errors import DataError, RecordError
from qaclims_mm.registry import TRANSFORMS
from qaclims_mm.schemas import join_problems


@TRANSFORMS.register_module()
class LoadTextRows(BaseTransform):
    """Adds ``fg_rows`` (P, L+1), ``bg_rows`` (P, N) and ``no_rows`` (P, 1); -1 = none.

    Args:
        text_bank: Folder of the text bank.

    Raises:
        DataError: When the dataset is opened, if images have no answers in the corpus.
    """

    def __init__(self, text_bank: str) -> None:
        self.bank = TextBank(text_bank)

    @property
    def input_folder(self) -> str | Path:
        """Folder of the text bank."""
        return self.bank.folder

    def check_records(self, records: Iterable[dict]) -> None:
        """Refuse a bank that lacks images, except those the corpus stage could not read."""
        known_bad = set(self.bank.metadata.get('failed', '').split('\n'))
        missing = [
            f'{r["image_id"]}: {problem}'
            for r in records
            if r['image_id'] not in known_bad and (problem := self._lacks(r))
        ]
        if missing:
            raise DataError(
                join_problems(missing, 'image', f'have a class without texts in {self.bank.folder}')
                + '\nRun the qape stage on the same images and labels, then qaclims encode-texts.'
            )

    def _lacks(self, record: dict) -> str:
        """Return the first class of an image that has no texts, or nothing."""
        try:
            self.bank.find(record['image_id'], record['label_names'])
        except KeyError as error:
            return error.args[0][1]
        return ''

    def transform(self, results: dict) -> dict:
        """Add the rows."""
        try:
            rows = self.bank.rows(results['image_id'], results['label_names'])
        except KeyError as error:
            raise RecordError(
                f'{self.bank.folder} has no texts for {error}; run the qape stage again'
            ) from error
        return {**results, **rows._asdict()}
