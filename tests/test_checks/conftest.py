"""A work dir that tests read, and a copy of it that they may change."""

import shutil

import pytest
from tiny_work_dir import make_work_dir


@pytest.fixture(scope='session')
def good(tmp_path_factory):
    root = tmp_path_factory.mktemp('good')
    make_work_dir(root)
    return root


@pytest.fixture
def work(good, tmp_path):
    return shutil.copytree(good, tmp_path / 'work')
