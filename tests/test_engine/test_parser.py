import pytest

from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError
from qaclims_mm.paths import config_path


def test_unknown_launcher(capsys):
    with pytest.raises(SystemExit):
        base_parser('').parse_args(['c.py', '--launcher', 'mpirun'])
    assert "invalid choice: 'mpirun'" in capsys.readouterr().err


def test_a_config_may_be_the_name_of_one_that_ships():
    name = 'cam_r50_2xb8-5e_voc12aug-512x512'
    args = base_parser('').parse_args([name, '--strict'])
    assert args.config == config_path(f'cam/{name}.py')
    assert args.strict


def test_an_unknown_config():
    with pytest.raises(ConfigError, match=r'^config c\.py does not exist; see configs/'):
        base_parser('').parse_args(['c.py'])
