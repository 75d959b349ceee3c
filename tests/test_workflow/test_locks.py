import os

import pytest

from qaclims_mm.errors import StageError
from qaclims_mm.workflow.locks import hold_stage, name_holder


def test_a_stage_is_held_once_and_given_back(tmp_path):
    (tmp_path / 'done/a').mkdir(parents=True)
    (tmp_path / 'done/b').mkdir()
    with hold_stage(tmp_path, 'a') as lock, hold_stage(tmp_path, 'b'):
        with pytest.raises(StageError, match=rf'stage a is still .*process {os.getpid()}'):
            hold_stage(tmp_path, 'a').__enter__()
        name_holder(lock, 1234)
        with pytest.raises(StageError, match='process 1234'):
            hold_stage(tmp_path, 'a').__enter__()
    with hold_stage(tmp_path, 'a'):
        assert (tmp_path / 'done/a/lock').read_text() == str(os.getpid())
