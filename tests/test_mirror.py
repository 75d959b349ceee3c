import pytest
from tiny_runs import ROOT

# Pure data, checked where it is used: tests/test_miniworld/test_scene.py. ``__main__`` has a line.
DATA = (
    'version',
    '__main__',
    'schemas/work_dir',
    'miniworld/grounds',
    'miniworld/things',
    'miniworld/objects',
)
MODULES = sorted(
    path.relative_to(ROOT / 'qaclims_mm').with_suffix('').as_posix()
    for path in (ROOT / 'qaclims_mm').rglob('*.py')
    if path.name != '__init__.py'
)


def test_there_are_modules():
    assert {'schemas/cams', 'functional/cam', 'models/classifiers/ritc'} < set(MODULES)
    assert set(DATA) < set(MODULES)


@pytest.mark.parametrize('module', [m for m in MODULES if m not in DATA])
def test_module_has_its_test(module):
    *folders, name = module.split('/')
    name = name.removeprefix('_')
    path = ROOT.joinpath('tests', *(f'test_{f}' for f in folders), f'test_{name}.py')
    assert path.is_file(), f'qaclims_mm/{module}.py has no {path.relative_to(ROOT)}'
    assert 'def test_' in path.read_text(), f'{path.relative_to(ROOT)} tests nothing'
