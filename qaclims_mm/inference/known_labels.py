"""Which classes are in images, as a user says it: for networks that do not tell."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from qaclims_mm.errors import ConfigError, RecordError
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.names import shown_name, shown_text


class KnownLabels:
    """Classes of images.

    Args:
        given: Names of classes, those of all images; or one ``.csv`` with the columns ``image`` and
            ``labels``, as of a project.
        classes: Names that are known.

    Raises:
        ConfigError: If a name is none of the classes.
        FormatError: If the table is wrong.
    """

    def __init__(self, given: Sequence[str], classes: Sequence[str]) -> None:
        self.table: Path | None = None
        self._of_all, self._rows = tuple(given), {}
        if len(given) == 1 and given[0].lower().endswith('.csv') and given[0] not in classes:
            self.table, self._of_all = Path(given[0]), ()
            self._rows = _without_suffixes(read_labels(self.table))
        named = {name for names in (self._of_all, *self._rows.values()) for name in names}
        if unknown := sorted(named - set(classes)):
            raise ConfigError(
                f'{", ".join(map(shown_name, unknown[:5]))}: there is no such class; the network '
                f'knows {", ".join(map(shown_name, classes))}.'
            )

    def fingerprint(self) -> str:
        """Return a hash of all that was said."""
        said = [list(self._of_all), sorted((k, list(v)) for k, v in self._rows.items())]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def of(self, image_id: str) -> Sequence[str]:
        """Return the classes of an image.

        Raises:
            RecordError: If it has no row in the table.
        """
        if self.table is None:
            return self._of_all
        found = self._rows.get(image_id)
        if found is None:
            raise RecordError(
                f'image {shown_text(image_id)} has no row in {shown_text(self.table)}; add one.'
            )
        return found


def _without_suffixes(rows: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return rows by what they call an image, with and without the suffix of its file."""
    short = {str(Path(image).with_suffix('').as_posix()): names for image, names in rows.items()}
    return short | dict(rows)
