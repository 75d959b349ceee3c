import json
import shutil
from pathlib import Path

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.project import (
    ProjectTables,
    check_not_pasted,
    read_project_tables,
    write_project_tables,
)

CLASSES = ('a;b', '"quoted"', 'None', ' x', '{{$HOME:x}}', "it's, 100 %\\")


@pytest.fixture
def project(tmp_path):
    tables = ProjectTables(
        tmp_path / "pictures of 'mine'", CLASSES, tmp_path / 'masks', {'None': ('NA', 'a;b')}
    )
    write_project_tables(tmp_path / 'p/project', tables)
    return tmp_path / 'p/project', tables


def test_tables_come_back(project):
    folder, tables = project
    assert read_project_tables(folder) == tables
    # the folders are relative
    assert str(folder.parents[1]) not in (folder / 'project.json').read_text()


def test_a_project_can_be_moved_with_its_images(project):
    folder, tables = project
    (folder.parents[1] / tables.images.name).mkdir()
    moved = folder.parents[1] / 'elsewhere'
    for name in ('p', tables.images.name):
        shutil.move(folder.parents[1] / name, moved / name)
    assert read_project_tables(moved / 'p/project').images == moved / tables.images.name


def test_a_project_is_read_through_a_link(project, tmp_path):
    folder, tables = project
    (tmp_path / 'far/away').mkdir(parents=True)
    link = tmp_path / 'far/away/link'
    link.symlink_to(folder)
    assert read_project_tables(link).images == tables.images


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('project.json', '[]', 'is not of schema 1'),
        ('project.json', '{"schema": 2}', 'is not of schema 1'),
        ('project.json', '{"schema": 1, "images": 3}', 'needs images, masks and aliases'),
        ('project.json', '{', 'is not valid JSON'),
        ('classes.csv', '', 'must have the columns value and class'),
        ('classes.csv', 'value,class\n', 'must have the columns value and class'),
        ('classes.csv', 'value,class\n0,background\n2,cat\n', 'with the values 0, 1, 2'),
        ('classes.csv', 'value,class\n0,background\n1\n', 'with the values 0, 1, 2'),
    ],
)
def test_tables_of_another_kind(project, name, text, message):
    folder, _ = project
    (folder / name).write_text(text)
    with pytest.raises(FormatError, match=message):
        read_project_tables(folder)


@pytest.mark.parametrize('name', ['project.json', 'classes.csv'])
def test_a_missing_table(project, name):
    folder, _ = project
    (folder / name).unlink()
    with pytest.raises(FormatError, match=rf'{name} is missing.*qaclims init'):
        read_project_tables(folder)


def test_a_table_that_is_not_utf8(project):
    folder, _ = project
    (folder / 'classes.csv').write_bytes('value,class\n0,background\n1,Käfer\n'.encode('cp1252'))
    with pytest.raises(FormatError, match='is not a table in UTF-8'):
        read_project_tables(folder)


def test_projects_with_pasted_labels_are_refused(tmp_path):
    project = tmp_path / 'old'
    (project / 'configs').mkdir(parents=True)
    (project / 'labels.csv').write_text('image,labels\n')
    check_not_pasted(project)
    data = project / 'configs/data.py'
    data.write_text("own = dict(\n    type='FolderWeakDataset',\n    classes=['cat'],\n)\n")
    with pytest.raises(FormatError, match=r'early version.*--labels .*old/labels.csv'):
        check_not_pasted(project)
    (project / 'project.json').write_text(json.dumps({}))
    check_not_pasted(project)
    check_not_pasted(Path('/'))
