"""A work dir that tests read, a copy of it that they may change, and a tiny VOC."""

import shutil

import pytest
from helpers import make_tiny_voc
from tiny_work_dir import make_work_dir


@pytest.fixture(scope='session')
def good(tmp_path_factory):
    root = tmp_path_factory.mktemp('good')
    make_work_dir(root)
    return root


@pytest.fixture
def work(good, tmp_path):
    return shutil.copytree(good, tmp_path / 'work')


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / 'voc'
    make_tiny_voc(root)
    return root
