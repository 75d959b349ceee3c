import sys

import pytest

from qaclims_mm.imports import import_submodules, is_out_of_addresses


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules and a folder; each says when it is imported."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / 'some_package'
    (folder / 'inner').mkdir(parents=True)
    (folder / '__init__.py').write_text('order = []\n')
    for name in ('b', 'a', 'inner/__init__'):
        (folder / f'{name}.py').write_text(
            'import some_package\nsome_package.order.append(__name__)\n'
        )
    yield __import__('some_package')
    for name in [m for m in sys.modules if m.split('.')[0] == 'some_package']:
        del sys.modules[name]


def test_every_module_is_imported_once(package):
    import_submodules('some_package')
    import_submodules('some_package')
    assert package.order == ['some_package.a', 'some_package.b', 'some_package.inner']


def test_an_error_in_a_module_is_not_hidden(package, tmp_path):
    (tmp_path / 'some_package/c.py').write_text('import absent_package\n')
    with pytest.raises(ModuleNotFoundError, match='absent_package'):
        import_submodules('some_package')


@pytest.mark.parametrize(
    ('error', 'wanted'),
    [
        (ImportError('libtorch_cpu.so: failed to map segment from shared object'), True),
        (ImportError('libx.so: cannot allocate memory in static TLS block'), True),
        (OSError('libc10.so: cannot allocate memory'), True),
        # of a file or a process
        (OSError(12, 'Cannot allocate memory'), False),
        (ImportError("cannot import name 'x'"), False),
        (RuntimeError('failed to map segment'), False),
    ],
)
def test_libraries_for_which_there_is_no_memory(error, wanted):
    assert is_out_of_addresses(error) is wanted
