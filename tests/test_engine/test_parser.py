import pytest

from qaclims_mm.engine.parser import base_parser


def test_unknown_launcher(capsys):
    with pytest.raises(SystemExit):
        base_parser('').parse_args(['c.py', '--launcher', 'mpirun'])
    assert "invalid choice: 'mpirun'" in capsys.readouterr().err
