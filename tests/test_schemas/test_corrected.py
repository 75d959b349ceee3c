import json

import pytest

from qaclims_mm.errors import DataError, FormatError
from qaclims_mm.schemas import Manifest
from qaclims_mm.schemas.corrected import check_numbering, is_numbered_by, numbering_of

CLASSES = ('dog', 'cat', 'car')


def note(folder, classes):
    folder.mkdir(parents=True, exist_ok=True)
    Manifest('corrected', 'x', extra=dict(classes=classes)).write(folder)


@pytest.mark.parametrize(
    ('classes', 'fits'),
    [
        (CLASSES, True),
        # a class that came later has a value of its own
        ((*CLASSES, 'bus'), True),
        (CLASSES[:2], False),
        (('cat', 'dog', 'car'), False),
        (('dog', 'kitten', 'car'), False),
        ((), False),
    ],
)
def test_masks_numbered_by_other_classes(tmp_path, classes, fits):
    check_numbering(tmp_path / 'absent', classes)
    note(tmp_path, list(CLASSES))
    assert numbering_of(tmp_path) == list(CLASSES)
    assert is_numbered_by(tmp_path, classes) == fits
    if fits:
        check_numbering(tmp_path, classes)
    else:
        with pytest.raises(DataError, match=r'numbered by other classes .* qaclims run'):
            check_numbering(tmp_path, classes)


def test_manifests_that_say_nothing(tmp_path):
    assert numbering_of(tmp_path) is None
    note(tmp_path, 'dog')
    assert numbering_of(tmp_path) == []
    (tmp_path / 'manifest.json').write_text(json.dumps([1]))
    with pytest.raises(FormatError, match=r'manifest\.json'):
        numbering_of(tmp_path)
