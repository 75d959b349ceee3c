import numpy as np
import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_json, write_json
from qaclims_mm.schemas.numbers.curve import Curve, read_curve, write_curve

NAN = float('nan')


def make(**changes):
    found = dict(
        thresholds=np.array([0.1, 0.2, 0.3]),
        miou=np.array([10.0, 30.123456, NAN]),
        classes={'background': np.array([1.0, 2.0, 3.0]), 'a/b "c"': np.array([NAN, 0.0, 1.0])},
        errors=dict(
            false_activation=np.array([3.0, 2.0, 1.0]), under_activation=np.array([1.0, 2.0, 3.0])
        ),
    )
    return Curve(**(found | changes))


def test_round_trip(tmp_path):
    path = tmp_path / 'a/curve.json'
    write_curve(path, make())
    found = read_curve(path)
    np.testing.assert_array_equal(found.thresholds, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(found.miou, [10.0, 30.1235, NAN])
    assert list(found.classes) == ['a/b "c"', 'background']
    np.testing.assert_array_equal(found.classes['a/b "c"'], [NAN, 0.0, 1.0])
    np.testing.assert_array_equal(found.errors['under_activation'], [1.0, 2.0, 3.0])
    assert found.best == 1
    assert read_json(path)['mIoU'] == [10.0, 30.1235, None]


def test_a_file_without_errors_or_without_a_number(tmp_path):
    path = tmp_path / 'curve.json'
    write_curve(path, make(errors={}, miou=np.full(3, NAN), classes={}))
    found = read_curve(path)
    assert found.errors == {}
    assert found.best == 0


GOOD = dict(thresholds=[0.1, 0.2], mIoU=[1.0, None], classes={'a': [1, 2]})


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ([1], 'it is no table'),
        (None, 'it is no table'),
        ('x', 'it is no table'),
        ({}, 'it lacks thresholds, mIoU, classes'),
        ({k: v for k, v in GOOD.items() if k != 'classes'}, 'it lacks classes'),
        (GOOD | dict(classes=[[1, 2]]), 'classes is no table of lists'),
        (GOOD | dict(classes={'a': 1}), 'classes is no table of lists'),
        (GOOD | dict(classes={'a': ['1', 2]}), 'a is no list of numbers'),
        (GOOD | dict(classes={'a': [[1], [2]]}), 'a is no list of numbers'),
        (GOOD | dict(classes={'a': [True, 2]}), 'a is no list of numbers'),
        (GOOD | dict(mIoU=[10**400, 1]), 'mIoU is no list of numbers'),
        (GOOD | dict(mIoU='12'), 'mIoU is no list of numbers'),
        (GOOD | dict(mIoU=[{}, 1]), 'mIoU is no list of numbers'),
        (GOOD | dict(thresholds=None), 'thresholds is no list of numbers'),
        (GOOD | dict(thresholds=[None, 0.2]), 'a threshold is null'),
        (GOOD | dict(false_activation=3), 'false_activation is no list of numbers'),
    ],
)
def test_other_shapes(tmp_path, value, message):
    write_json(tmp_path / 'curve.json', value)
    with pytest.raises(
        FormatError, match=rf'curve\.json is no curve of CAMMetric \({message}\); run the test'
    ):
        read_curve(tmp_path / 'curve.json')


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (GOOD | dict(mIoU=[1.0]), 'curves of several lengths, or empty ones'),
        (GOOD | dict(classes={'a': [1, 2, 3]}), 'curves of several lengths, or empty ones'),
        (GOOD | dict(under_activation=[]), 'curves of several lengths, or empty ones'),
        (dict(thresholds=[], mIoU=[], classes={}), 'curves of several lengths, or empty ones'),
        (GOOD | dict(thresholds=[0.2, 0.1]), 'thresholds that do not ascend'),
    ],
)
def test_lists_that_do_not_fit(tmp_path, value, message):
    write_json(tmp_path / 'curve.json', value)
    with pytest.raises(FormatError, match=rf'curve\.json has {message}; run the test'):
        read_curve(tmp_path / 'curve.json')


BIG = int('1' + '0' * 400)


@pytest.mark.parametrize(
    'value',
    [
        dict(thresholds=[BIG], mIoU=[1.0], classes={}),
        dict(thresholds=[0.1], mIoU=[-BIG], classes={}),
        dict(thresholds=[0.1], mIoU=[1], classes={'cat': [BIG]}),
        dict(thresholds=[[0.1]], mIoU=[[1]], classes={'$\\frac{': [[1]]}),
    ],
)
def test_a_hostile_curve(tmp_path, value):
    write_json(tmp_path / 'curve.json', value)
    with pytest.raises(FormatError, match=r'curve\.json is no curve of CAMMetric'):
        read_curve(tmp_path / 'curve.json')
