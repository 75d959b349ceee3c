import pytest
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.stage_configs import read_configs


def test_pipeline_takes_no_options(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match='is a pipeline, which takes no options'):
        read_configs('configs/pipelines/miniworld_qa-clims.py', {'work_dir': 'x'})


def test_config_of_something_else(tmp_path):
    (tmp_path / 'suite.py').write_text('variants = dict()')
    with pytest.raises(ConfigError, match=r'suite\.py is the config of neither a stage nor'):
        read_configs(tmp_path / 'suite.py')


def test_missing_config():
    with pytest.raises(ConfigError, match=r'config absent\.py does not exist; see configs/'):
        read_configs('absent.py')
