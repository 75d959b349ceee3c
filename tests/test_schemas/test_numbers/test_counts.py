import re

import numpy as np
import pytest

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas.numbers.counts import Counts, part_path, read_part, read_parts, write_part

THRESHOLDS = np.array([0.1, 0.3])


def make_counts(seed, *image_ids):
    rng = np.random.default_rng(seed)
    counts = Counts(3, 2)
    counts.tp, counts.pred = rng.integers(0, 2**40, (2, 3, 2))
    counts.gt = rng.integers(0, 2**40, 3)
    counts.image_ids = list(image_ids)
    return counts


def test_sum_of_all_parts_of_all_processes(tmp_path):
    parts = [make_counts(0, 'a', 'sub dir/b'), make_counts(1), make_counts(2, 'ä')]
    for part in parts:
        write_part(tmp_path, part, THRESHOLDS)
    assert set(tmp_path.iterdir()) == {part_path(tmp_path, p.image_ids) for p in parts}
    total = read_parts(tmp_path, 3, THRESHOLDS)
    for name in ('tp', 'pred', 'gt'):
        wanted = sum(getattr(p, name) for p in parts)
        np.testing.assert_array_equal(getattr(total, name), wanted)
        assert getattr(total, name).dtype == np.int64
    assert sorted(total.image_ids) == ['a', 'sub dir/b', 'ä']


def test_no_part_is_zero(tmp_path):
    total = read_parts(tmp_path / 'absent', 3, THRESHOLDS)
    assert total.tp.sum() == total.pred.sum() == total.gt.sum() == 0
    assert total.image_ids == []


@pytest.mark.parametrize('keep', [0, 10, 300])
def test_truncated_part(tmp_path, keep):
    write_part(tmp_path, make_counts(0, 'a'), THRESHOLDS)
    path = part_path(tmp_path, 'a')
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        FormatError, match=r'part-\w{16}\.npz is broken \(.*\); delete the folder .*\.'
    ):
        read_parts(tmp_path, 3, THRESHOLDS)


def test_a_flipped_byte_is_noticed_or_harmless(tmp_path):
    counts = make_counts(0, 'a')
    write_part(tmp_path, counts, THRESHOLDS)
    path = part_path(tmp_path, 'a')
    content = path.read_bytes()
    noticed = 0
    for i in range(0, len(content), 5):
        path.write_bytes(content[:i] + bytes([content[i] ^ 0x5A]) + content[i + 1 :])
        try:
            total = read_parts(tmp_path, 3, THRESHOLDS)
        except FormatError:
            noticed += 1
        else:
            np.testing.assert_array_equal(total.tp, counts.tp)
    assert noticed > len(content) / 20


@pytest.mark.parametrize(
    'arrays',
    [
        dict(tp=np.zeros((3, 2))),
        dict(tp=np.zeros((3, 2)), pred=np.array([{}], dtype=object)),
    ],
)
def test_part_without_arrays_or_with_pickles(tmp_path, arrays):
    np.savez(part_path(tmp_path, 'a'), **arrays)
    with pytest.raises(FormatError, match=r'part-\w{16}\.npz is broken'):
        read_parts(tmp_path, 3, THRESHOLDS)


@pytest.mark.parametrize(
    ('classes', 'thresholds'), [(4, [0.1, 0.3]), (3, [0.1, 0.4]), (3, [0.1, 0.3, 0.5])]
)
def test_part_of_another_run(tmp_path, classes, thresholds):
    write_part(tmp_path, make_counts(0, 'a'), THRESHOLDS)
    with pytest.raises(
        StageError,
        match=r'part-\w{16}\.npz was counted with other classes or thresholds; '
        r'delete the folder .*\.',
    ):
        read_parts(tmp_path, classes, np.array(thresholds))


def test_add():
    a, b = make_counts(0, 'a'), make_counts(1, 'b')
    wanted = a.tp + b.tp, a.pred + b.pred, a.gt + b.gt
    a.add(b)
    for got, want in zip((a.tp, a.pred, a.gt), wanted, strict=True):
        np.testing.assert_array_equal(got, want)
    assert a.image_ids == ['a', 'b']


def arrays(**changes):
    found = dict(
        image_ids=np.array(['a']),
        tp=np.ones((3, 2), np.int64),
        pred=np.ones((3, 2), np.int64),
        gt=np.ones(3, np.int64),
        thresholds=THRESHOLDS,
    )
    return {k: v for k, v in (found | changes).items() if v is not None}


def test_what_a_part_holds(tmp_path):
    np.savez(part_path(tmp_path, 'b'), **arrays())
    part, thresholds = read_part(part_path(tmp_path, 'b'))
    assert part.image_ids == ['a']
    assert part.gt.tolist() == [1, 1, 1]
    assert thresholds.tolist() == THRESHOLDS.tolist()
    with pytest.raises(FileNotFoundError):
        read_part(part_path(tmp_path, 'a'))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(tp=np.ones((3, 2))), 'has arrays of other types'),
        (dict(gt=np.ones(3, np.int32)), 'has arrays of other types'),
        (dict(image_ids=np.array([1])), 'has arrays of other types'),
        (dict(image_ids=np.array([b'a'])), 'has arrays of other types'),
        (dict(image_ids=np.array('a')), 'has thresholds or ids that are no list'),
        (dict(thresholds=np.array([1, 2])), 'has thresholds or ids that are no list'),
        (dict(thresholds=THRESHOLDS[None]), 'has thresholds or ids that are no list'),
        (dict(pred=np.ones((2, 3), np.int64)), 'has counts of disagreeing shapes'),
        (dict(tp=np.ones(3, np.int64)), 'has counts of disagreeing shapes'),
        (dict(gt=np.ones((3, 1), np.int64)), 'has counts of disagreeing shapes'),
        (dict(gt=np.ones(2, np.int64)), 'has counts of disagreeing shapes'),
        (dict(gt=-np.ones(3, np.int64)), 'has negative counts'),
        (dict(gt=None), 'is broken'),
        (dict(image_ids=None), 'is broken'),
        (dict(image_ids=np.array([{}], dtype=object)), 'is broken'),
    ],
)
def test_other_arrays(tmp_path, changes, message):
    np.savez(part_path(tmp_path, 'a'), **arrays(**changes))
    path = part_path(tmp_path, 'a')
    for read in (lambda: read_part(path), lambda: read_parts(tmp_path, 3, THRESHOLDS)):
        with pytest.raises(FormatError, match=rf'\.npz {message}.*; delete the folder'):
            read()


def test_processes_never_write_the_same_file(tmp_path):
    names = [part_path(tmp_path, ids).name for ids in ('ab', 'ba', 'a', ['ab'], '', 'c')]
    assert names[0] == names[1]
    assert len(set(names)) == len(names) - 1
    assert all(re.fullmatch(r'part-[0-9a-f]{16}\.npz', name) for name in names)


def test_an_image_that_counts_twice(tmp_path):
    write_part(tmp_path, make_counts(0, 'a', 'b'), THRESHOLDS)
    # the same once more is the same file
    write_part(tmp_path, make_counts(0, 'a', 'b'), THRESHOLDS)
    assert read_parts(tmp_path, 3, THRESHOLDS).image_ids == ['a', 'b']
    write_part(tmp_path, make_counts(1, 'b'), THRESHOLDS)
    with pytest.raises(StageError, match='counts an image twice: two processes had'):
        read_parts(tmp_path, 3, THRESHOLDS)


def test_parts_of_earlier_versions_count(tmp_path):
    np.savez(tmp_path / 'part-000-00001.npz', **arrays())
    assert read_parts(tmp_path, 3, THRESHOLDS).image_ids == ['a']
