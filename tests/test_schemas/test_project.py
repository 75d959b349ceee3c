import json
import os
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
    tables.images.mkdir()
    tables.masks.mkdir()
    write_project_tables(tmp_path / 'p/project', tables)
    return tmp_path / 'p/project', tables


def test_tables_come_back(project):
    folder, tables = project
    assert read_project_tables(folder) == tables
    # the folders are relative
    assert str(folder.parents[1]) not in (folder / 'project.json').read_text()


def test_a_project_can_be_moved_with_its_images(project):
    folder, tables = project
    moved = folder.parents[1] / 'elsewhere'
    for name in ('p', tables.images.name, tables.masks.name):
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
        ('project.json', '[]', 'holds no project; make the project again'),
        ('project.json', '{"schema": 2}', r'another version \(schema 2, but this one reads 1\)'),
        ('project.json', '{"schema": true}', r'another version \(schema True'),
        ('project.json', '{', 'is not valid JSON .*; make the project again with qaclims init'),
        ('project.json', '[' * 200_000, 'is nested too deeply; make the project again'),
        ('classes.csv', '', 'must have the columns value and class'),
        ('classes.csv', 'value,class\n', 'must have the columns value and class'),
        ('classes.csv', 'value,class\n0,background\n2,cat\n', 'with the values 0, 1, 2'),
        ('classes.csv', 'value,class\n0,background\n1\n', 'with the values 0, 1, 2'),
        ('classes.csv', 'value,class\n0,cat\n', "value 0 must be background, but is 'cat'"),
        ('classes.csv', 'value,class\n0,background\n1,c\0t\n', r"class 1, 'c\\x00t': .* control"),
        ('classes.csv', 'value,class\n0,background\n1,"a\nb"\n', r"class 1, 'a\\nb': .* control"),
        ('classes.csv', 'value,class\n0,background\n1,\n', "class 1, '': it is empty"),
        ('classes.csv', f'value,class\n0,background\n1,{"x" * 201}\n', '201 characters'),
        ('classes.csv', f'value,class\n0,background\n1,{"x" * 200_000}\n', 'is not a table'),
    ],
)
def test_tables_of_another_kind(project, name, text, message):
    folder, _ = project
    (folder / name).write_text(text)
    with pytest.raises(FormatError, match=message):
        read_project_tables(folder)


def change(folder, **values):
    path = folder / 'project.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


FOLDERS = {
    'number': (3, 'must be a folder, but is 3'),
    'list': ([], 'must be a folder, but is a list'),
    'empty': ('', "must be a folder, but is ''"),
    'NUL': ('a\0b', r"'a\\x00b': it has a control character"),
    'surrogate': ('\ud800', 'half of a surrogate pair'),
    'two lines': ('a\nb', 'control character'),
    'bidi': ('a\u202eb', 'reverses the direction'),
    'long': ('x' * 10_000, r"'/.*\.\.\.x+' is no folder"),
    'long path': ('../' * 5000 + 'gone', 'is no folder'),
    'missing': ('gone', 'gone is no folder'),
    'file': ('classes.csv', 'classes.csv is no folder'),
    'device': ('/dev/null', '/dev/null is no folder'),
}


@pytest.mark.parametrize('key', ['images', 'masks'])
@pytest.mark.parametrize(('value', 'message'), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_that_is_none(project, key, value, message):
    folder, _ = project
    change(folder, **{key: value})
    with pytest.raises(FormatError, match=rf'project\.json: {key}.*{message}') as refused:
        read_project_tables(folder)
    assert str(refused.value).endswith(
        f'; correct {key} there, or make the project again with qaclims init.'
    )
    assert len(str(refused.value)) < 500
    assert '\n' not in str(refused.value)


ALIASES = {
    'null': (None, 'aliases must be {class: .names.}'),
    'list': ([], 'aliases must be {class: .names.}'),
    'text': ({'None': 'NA'}, "aliases of 'None' must be a list of texts"),
    'numbers': ({'None': [1]}, "aliases of 'None' must be a list of texts"),
    'unknown class': ({'cow': ['ox']}, "aliases of 'cow': there is no such class in classes.csv"),
    'control': ({'None': ['\x1b[31m']}, r"aliases of 'None': '\\x1b\[31m': it has a control"),
    'empty': ({'None': ['NA', '']}, "aliases of 'None': '': it is empty"),
}


@pytest.mark.parametrize(('value', 'message'), ALIASES.values(), ids=ALIASES)
def test_aliases_of_another_kind(project, value, message):
    folder, _ = project
    change(folder, aliases=value)
    with pytest.raises(FormatError, match=message):
        read_project_tables(folder)


@pytest.mark.parametrize('name', ['project.json', 'classes.csv'])
def test_a_table_that_is_no_file(project, name):
    folder, _ = project
    for make, problem in (
        (Path.mkdir, 'is a folder, not a file'),
        (os.mkfifo, 'is not a regular file'),
        (lambda path: path.symlink_to('/dev/zero'), 'is not a regular file'),
        (lambda path: path.symlink_to('gone'), 'is a link that leads nowhere'),
    ):
        path = folder / name
        path.unlink()
        make(path)
        with pytest.raises(FormatError, match=rf'{name} {problem}; make the project again'):
            read_project_tables(folder)
        (folder / 'configs').mkdir(exist_ok=True)
        (folder / 'labels.csv').write_text('image,labels\n')
        (folder / 'configs/data.py').write_text("dict(type='FolderWeakDataset')")
        # it has the name of a new project's table, so it is none of an early version
        check_not_pasted(folder)
        path.rmdir() if path.is_dir() else path.unlink()
        path.touch()


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
