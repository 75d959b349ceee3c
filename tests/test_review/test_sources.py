import numpy as np
import pytest
from tiny_review import square, write_maps, write_masks

from qaclims_mm.errors import FormatError
from qaclims_mm.review.sources import find_sources, mask_at, mask_folders
from qaclims_mm.schemas import Cams
from qaclims_mm.schemas.mask_choice import MaskChoice, write_choice
from qaclims_mm.schemas.numbers.curve import Curve, write_curve


def test_mask_is_argmax_above_the_threshold():
    maps = np.array([[[0.5, 0.6, 0.2, 0.6]], [[0.1, 0.7, 0.3, 0.6]]], np.float32)
    cams = Cams(np.array([4, 1]), maps, maps, (1, 4))
    assert mask_at(cams, 0.5).tolist() == [[0, 2, 0, 5]]
    none = Cams(np.zeros(0, np.int64), maps[:0], maps[:0], (1, 4))
    assert mask_at(none, 0.5).tolist() == [[0, 0, 0, 0]]


def test_the_stages_that_are_there_the_newest_last(tmp_path):
    assert find_sources(tmp_path) == []
    write_maps(tmp_path, 'a', square(2))
    [maps] = find_sources(tmp_path)
    assert (maps.name, maps.stage, maps.threshold) == ('the map', 'qa_clims_maps', 0.25)
    assert np.array_equal(maps.read('a'), square(2))
    assert maps.read('b') is None
    write_masks(tmp_path, 'irn_masks', 'pseudo_masks', dict(a=square(1)))
    write_masks(tmp_path, 'segment_test', 'predictions', {'sub dir/a.b': square(3)})
    names = [s.name for s in find_sources(tmp_path)]
    assert names == ['the map', 'IRN', 'the segmentor']
    assert np.array_equal(find_sources(tmp_path)[2].read('sub dir/a.b'), square(3))


def test_exports_of_all_images_and_other_refiners(tmp_path):
    for stage in ('cam_maps', 'qa_clims_maps', 'qa_clims_export'):
        write_maps(tmp_path, 'a', square(), stage)
    write_masks(tmp_path, 'par_masks', 'pseudo_masks', dict(a=square()))
    found = [(s.name, s.stage) for s in find_sources(tmp_path)]
    assert found == [('the map', 'qa_clims_export'), ('par_masks', 'par_masks')]
    stages = [s.stage for s in mask_folders(tmp_path)]
    assert stages == ['cam_maps', 'qa_clims_export', 'qa_clims_maps', 'par_masks']


def test_of_several_refiners_the_one_that_is_trained_on(tmp_path):
    for stage in ('irn_masks', 'par', 'prompted_maps'):
        write_masks(tmp_path, stage, 'pseudo_masks', dict(a=square()))
    assert [s.stage for s in find_sources(tmp_path)] == ['irn_masks']
    write_choice(tmp_path, MaskChoice('prompted+maps', 'prompted_maps'))
    assert [(s.name, s.stage) for s in find_sources(tmp_path)] == [('prompted_maps',) * 2]
    # its masks are not made yet
    write_choice(tmp_path, MaskChoice('sam', 'sam'))
    assert [s.stage for s in find_sources(tmp_path)] == ['irn_masks']


@pytest.mark.parametrize(
    ('miou', 'threshold'),
    [([10.0, 40.0, 20.0], 0.5), ([np.nan] * 3, 0.25)],
    ids=['measured', 'no ground truth'],
)
def test_maps_are_cut_at_their_best_threshold(tmp_path, miou, threshold):
    write_maps(tmp_path, 'a', square(), 'qa_clims_export')
    (tmp_path / 'qa_clims_maps').mkdir()
    curve = Curve(np.array([0.25, 0.5, 0.75]), np.array(miou), {})
    write_curve(tmp_path / 'qa_clims_maps/curve.json', curve)
    assert find_sources(tmp_path)[0].threshold == threshold


def test_a_broken_mask_is_named(tmp_path):
    write_masks(tmp_path, 'irn_masks', 'pseudo_masks', dict(a=square()))
    path = tmp_path / 'irn_masks/pseudo_masks/a.png'
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FormatError, match=r'pseudo_masks/a\.png is not a readable mask'):
        find_sources(tmp_path)[0].read('a')
