import numpy as np
import pytest
from tiny_review import CLASSES, end_stage, square, write_masks

from qaclims_mm.errors import FormatError
from qaclims_mm.review import renumbering
from qaclims_mm.review.changes import BEFORE, keep_predictions, measure_change
from qaclims_mm.review.corrected import corrected_ids, write_manifest
from qaclims_mm.review.renumbering import renumber
from qaclims_mm.schemas import read_mask, write_mask
from qaclims_mm.schemas.corrected import numbering_of
from qaclims_mm.schemas.project import with_gap


@pytest.fixture
def work(tmp_path):
    """Return a work dir with a corrected mask of all three classes and ignored pixels."""
    mask = np.zeros((4, 5), np.uint8)
    mask[0] = [0, 1, 2, 3, 255]
    write_mask(tmp_path / 'corrected/sub dir/a.png', mask)
    write_manifest(tmp_path / 'corrected', CLASSES)
    return tmp_path


def row_of(work):
    return read_mask(work / 'corrected/sub dir/a.png')[0].tolist()


@pytest.mark.parametrize(
    ('classes', 'former', 'row'),
    [
        # moved, renamed, added in between, merged, gone
        (('cat', 'dog', 'car'), {}, [0, 2, 1, 3, 255]),
        (('dog', 'kitten', 'car'), {'cat': 'kitten'}, [0, 1, 2, 3, 255]),
        (('auto', 'bus', 'cat', 'dog'), {'car': 'auto'}, [0, 4, 3, 1, 255]),
        (('car', 'pet'), {'cat': 'pet', 'dog': 'pet'}, [0, 2, 2, 1, 255]),
        (('car', 'dog'), {}, [0, 2, 255, 1, 255]),
        ((), {}, [0, 255, 255, 255, 255]),
    ],
)
def test_values_follow_the_names(work, classes, former, row):
    lines = renumber(work, classes, former)
    assert row_of(work) == row
    assert lines[0].startswith('1 corrected mask is numbered anew')
    gone = [n for n in CLASSES if former.get(n, n) not in classes]
    assert len(lines) == 1 + len(gone)
    assert all(repr(name) in line for name, line in zip(gone, lines[1:], strict=True))
    assert numbering_of(work / 'corrected') == list(classes)
    assert corrected_ids(work) == ['sub dir/a']
    assert not [p for p in work.iterdir() if p.name.startswith('.')]
    assert renumber(work, classes, former) == []


@pytest.mark.parametrize('classes', [CLASSES, (*CLASSES, 'bus')])
def test_right_values_stay(work, classes):
    before = (work / 'corrected/manifest.json').read_bytes()
    assert renumber(work, classes, {}) == []
    assert (work / 'corrected/manifest.json').read_bytes() == before


def test_a_dry_run_writes_nothing(work):
    lines = renumber(work, ('car', 'dog'), {}, dry_run=True)
    assert len(lines) == 2
    assert row_of(work) == [0, 1, 2, 3, 255]
    assert numbering_of(work / 'corrected') == list(CLASSES)


def test_many_classes(tmp_path):
    names = with_gap([f'c{n}' for n in range(300)])
    write_mask(tmp_path / 'corrected/a.png', np.array([[0, 1, 254, 255, 256, 301]]))
    write_manifest(tmp_path / 'corrected', names)
    fewer = ['c299', 'c0', 'c254', 'c253']
    lines = renumber(tmp_path, fewer, {})
    assert read_mask(tmp_path / 'corrected/a.png').tolist() == [[0, 2, 4, 255, 3, 1]]
    assert not any('nobody' in line for line in lines)
    renumber(tmp_path, names, {})
    assert read_mask(tmp_path / 'corrected/a.png').tolist() == [[0, 1, 254, 255, 256, 301]]


def test_a_broken_mask_keeps_all_as_they_are(work):
    (work / 'corrected/b.png').write_bytes(b'\x89PNG')
    with pytest.raises(FormatError, match=r'b\.png'):
        renumber(work, ('cat', 'dog', 'car'), {})
    assert row_of(work) == [0, 1, 2, 3, 255]
    assert numbering_of(work / 'corrected') == list(CLASSES)


def test_killed_before_the_folder_is_replaced(work, monkeypatch):
    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(renumbering, 'replace_folder', kill)
        with pytest.raises(KeyboardInterrupt):
            renumber(work, ('cat', 'dog', 'car'), {})
    assert row_of(work) == [0, 1, 2, 3, 255]
    renumber(work, ('cat', 'dog', 'car'), {})
    assert row_of(work) == [0, 2, 1, 3, 255]


def test_predictions_with_old_values_are_compared_with_no_new_ones(work):
    write_masks(work, 'segment_test', 'predictions', {'sub dir/a': square(1), 'b': square(2)})
    end_stage(work, 'segment_test')
    keep_predictions(work, ['sub dir/a'], CLASSES)
    assert [*(work / BEFORE).rglob('*.png')]
    now = ('cat', 'dog', 'car')
    renumber(work, now, {})
    assert not [*(work / BEFORE).rglob('*.png')]
    # that segmentor's predictions have the old values, also when more masks are corrected
    keep_predictions(work, ['sub dir/a'], now)
    assert not [*(work / BEFORE).rglob('*.png')]
    end_stage(work, 'segment_test', seed=1)
    change = measure_change(work, ['sub dir/a'])
    assert (change.corrected.images, change.others.images) == (0, 0)
    # the next one has the new values
    keep_predictions(work, ['sub dir/a'], now)
    assert len([*(work / BEFORE).rglob('*.png')]) == 2
