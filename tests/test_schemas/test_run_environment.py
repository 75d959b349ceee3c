import os

import pytest

from qaclims_mm.schemas.run_environment import (
    environment,
    labels_environment,
    set_environment,
)


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in ('QACLIMS_ROOT', 'QACLIMS_MASKS', 'QACLIMS_LABELS'):
        # so that it is set back to what it was
        monkeypatch.setenv(name, 'x')
        monkeypatch.delenv(name)


def found():
    return {
        n: os.environ[n]
        for n in ('QACLIMS_ROOT', 'QACLIMS_MASKS', 'QACLIMS_LABELS')
        if n in os.environ
    }


def test_what_was_set_before_comes_back():
    with environment('a', 'par'):
        assert found() == dict(QACLIMS_ROOT='a', QACLIMS_MASKS='par')
        # the configs' own choice is none of the environment
        with environment('b'):
            assert found() == dict(QACLIMS_ROOT='b')
        assert found() == dict(QACLIMS_ROOT='a', QACLIMS_MASKS='par')
    assert found() == {}


def test_labels_alone():
    with environment('a', labels='l.csv'):
        assert found() == dict(QACLIMS_ROOT='a', QACLIMS_LABELS='l.csv')
        with labels_environment('m.csv'):
            assert found() == dict(QACLIMS_ROOT='a', QACLIMS_LABELS='m.csv')
        with labels_environment(''):
            assert found() == dict(QACLIMS_ROOT='a', QACLIMS_LABELS='l.csv')
    assert found() == {}


def test_it_comes_back_after_an_error():
    with pytest.raises(ValueError, match='no'), environment('a', 'par'):
        raise ValueError('no')
    assert found() == {}


def test_a_process_that_sets_it_for_good():
    set_environment('a', 'par')
    set_environment('a')
    assert found() == dict(QACLIMS_ROOT='a')
