import os

import pytest

from qaclims_mm.errors import ConfigError
from qaclims_mm.projects.before import read_before


def test_folders_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('x')
    (tmp_path / 'link').symlink_to('gone')
    (tmp_path / 'loop').symlink_to('loop')
    os.mkfifo(tmp_path / 'pipe')
    for name in ('file', 'link', 'loop', 'pipe'):
        with pytest.raises(ConfigError, match=rf'{name} is no folder; choose another one'):
            read_before(tmp_path / name)
    for name in ('file/x', 'pipe/x/y', 'x' * 256, 'a/' * 3000, 'a\0', 'loop/x'):
        with pytest.raises(ConfigError, match=r'cannot be made \(.+\); choose another one\.'):
            read_before(tmp_path / name)
    (tmp_path / 'old').mkdir()
    for name in ('new', 'new/below', 'old', 'old/x'):
        assert read_before(tmp_path / name).is_new
    (tmp_path / 'old/pipeline.py').touch()
    with pytest.raises(ConfigError, match=r'old has a pipeline.py that qaclims init has not made'):
        read_before(tmp_path / 'old')
