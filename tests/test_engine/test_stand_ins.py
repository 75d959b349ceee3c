import sys
from types import ModuleType, SimpleNamespace

import pytest

from qaclims_mm.engine.stand_ins import OfGroups, StandIn, in_place


@pytest.fixture
def colours(tmp_path, monkeypatch):
    """A package that notes its import, and a stand-in for it."""
    tmp_path.joinpath('colours_of_test.py').write_text(
        'import collections\nclass Red(collections.UserList):\n    code = 5\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield StandIn('colours_of_test')
    sys.modules.pop('colours_of_test', None)


def taken(stand_in):
    """Return what a module has of a package that a stand-in stands for."""
    with in_place([stand_in]):
        import colours_of_test
        from colours_of_test import Red
    return SimpleNamespace(Red=Red, colours=colours_of_test)


def test_the_package_is_imported_when_it_is_used(colours):
    module = taken(colours)
    assert 'colours_of_test' not in sys.modules
    assert module.Red([1, 2]) == [1, 2]
    assert 'colours_of_test' in sys.modules
    assert module.Red.code == 5


def test_a_name_of_the_whole_package_works_too(colours):
    module = taken(colours)
    assert 'colours_of_test' not in sys.modules
    assert module.colours.Red.code == 5


def test_a_class_that_was_deferred_knows_its_instances(colours):
    red = taken(colours).Red
    assert isinstance(red([]), red)
    assert not isinstance([], (red, red))


def test_what_stood_in_sys_modules_stays(colours):
    real = sys.modules['colours_of_test'] = ModuleType('colours_of_test')
    with in_place([]):
        pass
    assert sys.modules['colours_of_test'] is real


def test_a_class_for_groups_says_what_it_needs():
    kind = OfGroups('sharding').Sharded
    derived = type('Derived', (kind,), {})
    with pytest.raises(RuntimeError, match='Derived needs a group of processes'):
        derived()
