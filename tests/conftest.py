"""Shared fixtures: registered components, and where the goldens and the real photographs lie."""

import os
from pathlib import Path

import pytest
from helpers import make_tiny_voc
from tiny_runs import write_tiny_config

from qaclims_mm import control_groups

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True, scope='session')
def _registered():
    """Register everything and look names up in mmseg's scope, as every config does."""
    from mmengine.registry import init_default_scope

    import qaclims_mm.plugin  # noqa: F401

    init_default_scope('mmseg')


@pytest.fixture(autouse=True)
def _open_streams():
    """Take from loggers of earlier tests what writes into streams that pytest has closed.

    Which tests those are depends on how files are dealt to processes.
    """
    from mmengine.logging import MMLogger

    for logger in MMLogger._instance_dict.values():
        logger.handlers = [
            h for h in logger.handlers if not getattr(getattr(h, 'stream', None), 'closed', False)
        ]


def _shared(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT.parent / 'shared' / name))
    if not folder.is_dir():
        pytest.skip(f'{folder} is not there (set {variable})')
    return folder


@pytest.fixture(scope='session')
def goldens_dir() -> Path:
    """Folder of the numbers made by the released code."""
    return _shared('QACLIMS_GOLDENS', 'goldens')


@pytest.fixture(scope='session')
def realdata_dir() -> Path:
    """Folder of the real VOC and COCO photographs."""
    return _shared('QACLIMS_REALDATA', 'realdata')


@pytest.fixture(scope='session')
def cases_dir() -> Path:
    """Folder of small inputs that people have and that must work."""
    return _shared('QACLIMS_CASES', 'cases')


@pytest.fixture
def tiny(tmp_path):
    """The config file of a tiny run; its images lie beside it."""
    make_tiny_voc(tmp_path / 'voc')
    return write_tiny_config(tmp_path / 'tiny.py', tmp_path / 'voc')


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Set the control groups of this process and what their files hold."""

    def groups(membership, files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / 'membership').write_text(membership)
        monkeypatch.setattr(control_groups, '_CGROUPS', tmp_path)
        monkeypatch.setattr(control_groups, '_MEMBERSHIP', tmp_path / 'membership')

    return groups
