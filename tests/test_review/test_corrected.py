import pytest
from tiny_review import CLASSES, square

from qaclims_mm.errors import DataError
from qaclims_mm.review.corrected import (
    check_classes,
    corrected_ids,
    ids_below,
    known_classes,
    write_manifest,
)
from qaclims_mm.schemas import Manifest, hash_file, write_mask


def test_ids_and_hashes(tmp_path):
    assert corrected_ids(tmp_path) == []
    for name in ('b.c', 'a', 'sub dir/a'):
        write_mask(tmp_path / f'corrected/{name}.png', square())
    assert corrected_ids(tmp_path) == ids_below(tmp_path / 'corrected') == ['a', 'b.c', 'sub dir/a']
    write_manifest(tmp_path / 'corrected', CLASSES)
    manifest = Manifest.read(tmp_path / 'corrected')
    assert manifest.counts == dict(images=3, failed=0)
    assert manifest.extra['masks']['b.c'] == hash_file(tmp_path / 'corrected/b.c.png')
    assert known_classes(tmp_path) == list(CLASSES)
    again = (tmp_path / 'corrected/manifest.json').read_bytes()
    write_manifest(tmp_path / 'corrected', CLASSES)
    assert (tmp_path / 'corrected/manifest.json').read_bytes() == again


@pytest.mark.parametrize(
    ('classes', 'fits'),
    [
        (CLASSES, True),
        # a class that came later has a value of its own
        ((*CLASSES, 'bus'), True),
        (CLASSES[:2], False),
        (('cat', 'dog', 'car'), False),
        ((), False),
    ],
)
def test_masks_numbered_by_other_classes(tmp_path, classes, fits):
    check_classes(tmp_path, classes)
    write_mask(tmp_path / 'corrected/a.png', square())
    write_manifest(tmp_path / 'corrected', CLASSES)
    if fits:
        check_classes(tmp_path, classes)
    else:
        with pytest.raises(DataError, match=r'numbered by other classes .* --corrected none'):
            check_classes(tmp_path, classes)
