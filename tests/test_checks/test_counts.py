import numpy as np
import pytest

from qaclims_mm.checks.counts import CROSS_CHECKS, count_images
from qaclims_mm.schemas import Manifest, file_of, write_mask


@pytest.fixture
def masks(tmp_path):
    for image_id in ('a', 'sub dir/b'):
        write_mask(file_of(tmp_path, image_id, '.png'), np.zeros((4, 4)))
    return tmp_path


@pytest.mark.parametrize(
    ('counts', 'failed', 'said'),
    [
        (dict(images=2, failed=0), [], []),
        (dict(images=2, failed=1), [['c', 'why']], []),
        (dict(images=3, failed=0), [], ['3']),
        (dict(images=2, failed=1), [['a', 'why']], ['a']),
    ],
)
def test_files_of_images(masks, counts, failed, said):
    found = list(count_images(masks, Manifest('masks', 'c', counts=counts, failed=failed)))
    assert len(found) == len(said)
    assert all(word in line for word, line in zip(said, found, strict=True))


def test_a_folder_is_no_file_of_an_image(masks):
    for name in ('x.npz', 'y.png'):
        (masks / name).mkdir()
    counts = dict(images=2, failed=0)
    assert list(count_images(masks, Manifest('masks', 'c', counts=counts, failed=[]))) == []


def test_a_corpus_that_counts_shards_that_nobody_wrote(tmp_path):
    [line] = CROSS_CHECKS['qape'](tmp_path, Manifest('qape', 'c', counts=dict(shards=10**12)))
    assert 'counts shards as 1000000000000, but the number is 0 (see' in line
