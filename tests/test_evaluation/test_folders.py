import pytest
from helpers import make_tiny_voc
from tiny_runs import build_tiny_runner, write_tiny_config

from qaclims_mm.errors import ConfigError
from qaclims_mm.evaluation.cam_writer import CAMWriter
from qaclims_mm.evaluation.corpus_writer import CorpusWriter
from qaclims_mm.evaluation.mask_writer import PseudoMaskWriter, SegMaskWriter

WRITERS = (CAMWriter, CorpusWriter, PseudoMaskWriter, SegMaskWriter)


@pytest.mark.parametrize('writer', WRITERS)
def test_a_writer_without_a_folder_writes_nothing(writer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = writer()
    for use in (lambda: made.claimed_folder, lambda: made.process(None, [])):
        with pytest.raises(ConfigError, match=rf'^{writer.__name__} does not know where to write'):
            use()
    assert list(tmp_path.iterdir()) == []
    made.use_work_dir(str(tmp_path / 'work'))
    assert made.claimed_folder.parent == tmp_path / 'work'
    assert writer(out_dir=str(tmp_path / 'x')).claimed_folder == tmp_path / 'x'


def test_hooks_of_a_leaf_that_replace_those_of_the_base(tmp_path, monkeypatch):
    """A run whose hooks lack the one that names the work dir does not fill the current folder."""
    monkeypatch.chdir(tmp_path)
    make_tiny_voc(tmp_path / 'voc')
    config = write_tiny_config(tmp_path / 'tiny.py', tmp_path / 'voc')
    hooks = [dict(type='ResumeTestHook')]
    runner = build_tiny_runner(config, tmp_path / 'work', 'test', custom_hooks=hooks)
    with pytest.raises(ConfigError, match=r"lacks dict\(type='WorkDirHook'\)"):
        runner.test()
    assert not (tmp_path / 'cams').exists()
