import pytest

from qaclims_mm.cli import _installed
from qaclims_mm.cli._installed import warn_of_other_versions


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages that is all there is."""
    monkeypatch.setattr('sys.path', [str(tmp_path)])
    monkeypatch.setattr(_installed, '__version__', '1.2')

    def install(version):
        folder = tmp_path / f'qaclims_mm-{version}.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_text(f'Name: qaclims_mm\nVersion: {version}\n')

    return install


def test_the_version_that_runs_is_the_installed_one(site, capsys):
    site('1.2')
    warn_of_other_versions()
    assert capsys.readouterr().err == ''


def test_nothing_is_installed(site, capsys):
    warn_of_other_versions()
    assert capsys.readouterr().err == ''


def test_another_version_is_named_in_one_line(site, capsys):
    for version in ('1.2', '0.9', '1.0'):
        site(version)
    warn_of_other_versions()
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('warning: qaclims_mm 1.2 runs from ')
    assert 'but 0.9, 1.0 is installed; install this one again' in line
