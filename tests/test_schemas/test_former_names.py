import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.former_names import former_names
from qaclims_mm.schemas.project import ProjectTables, write_project_tables
from qaclims_mm.schemas.project_options import INIT, Options, init_bytes


@pytest.fixture
def project(tmp_path):
    (tmp_path / 'images').mkdir()

    def write(classes, aliases=None, renames=None):
        write_project_tables(
            tmp_path, ProjectTables(tmp_path / 'images', classes, None, aliases or {})
        )
        if renames is not None:
            options = Options(tmp_path / 'images', renames=renames)
            (tmp_path / INIT).write_bytes(init_bytes(tmp_path, options, {}))
        return tmp_path

    return write


def test_renames_and_aliases(project):
    found = former_names(project(['cycle', 'dog'], {'dog': ['hound']}, {'bicycle': 'cycle'}))
    assert found == {'hound': 'dog', 'bicycle': 'cycle'}
    assert former_names(project(['cycle', 'dog'], {'dog': ['hound']}, {})) == {'hound': 'dog'}


@pytest.mark.parametrize(
    ('aliases', 'renames'),
    [
        ({}, None),
        # a class by that name is there
        ({'dog': ['cat']}, {'cat': 'dog'}),
        # a class that is gone
        ({}, {'hound': 'wolf'}),
        # two classes had it
        ({'dog': ['pet'], 'cat': ['pet']}, {}),
        ({'dog': ['pet']}, {'pet': 'cat'}),
    ],
)
def test_names_that_mean_no_class(project, aliases, renames):
    assert former_names(project(['cat', 'dog'], aliases, renames)) == {}


def test_tables_that_cannot_be_read(project, tmp_path):
    project(['cat'])
    (tmp_path / INIT).write_text('[]')
    with pytest.raises(FormatError, match=r'init\.json'):
        former_names(tmp_path)
