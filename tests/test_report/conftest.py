"""A work dir that tests read, and a copy of it that they may change."""

import shutil

import pytest
from tiny_report import make_run

from qaclims_mm.report.work_dir import WorkDir


@pytest.fixture(scope='session')
def finished(tmp_path_factory):
    """Return a work dir; read it only."""
    return make_run(tmp_path_factory.mktemp('report'))


@pytest.fixture
def work(finished):
    return WorkDir(finished)


@pytest.fixture
def run(finished, tmp_path):
    """Return a copy of the work dir; its configs name the same pictures."""
    return shutil.copytree(finished, tmp_path / 'runs/seed0')
