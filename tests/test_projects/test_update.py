import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from qaclims_mm.projects import update as module
from qaclims_mm.projects.before import read_before
from qaclims_mm.projects.checks import Checked
from qaclims_mm.projects.presets import PRESETS
from qaclims_mm.projects.update import describe_files, plan_update
from qaclims_mm.projects.writer import Project, write_project
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.project import read_project_classes
from qaclims_mm.schemas.project_options import Options, read_init

ROWS = {'a.png': ['cat'], 'b.png': ['dog', 'cat'], 'c.png': []}


def checked(rows):
    counts = Counter(name for own in rows.values() for name in own)
    return Checked(rows, list(counts), counts, sizes=[(60, 40)] * len(rows))


@pytest.fixture
def made(tmp_path):
    (tmp_path / 'images').mkdir()
    options = Options(tmp_path / 'images', tmp_path / 'labels.csv', preset='mini')
    project = Project(tmp_path / 'project', options, checked(ROWS))
    assert write_project(project, 1e11).changes == []
    return project


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def test_the_same_again_changes_no_byte(made):
    before = contents(made.folder)
    assert write_project(made, 1e11).changes == ['nothing has changed']
    assert contents(made.folder) == before
    assert set(before) == {
        *('init.json', 'project.json', 'classes.csv', 'labels.csv', 'costs.json', 'pipeline.py'),
        *(f'configs/{n}.py' for n in ('data', *PRESETS['mini'].configs)),
    }


def test_what_was_made_stays(made):
    (made.folder / 'work/cam').mkdir(parents=True)
    (made.folder / 'work/cam/epoch_1.pth').write_bytes(b'weights')
    other = replace(made, checked=checked(ROWS | {'d.png': ['cow']}))
    changes = write_project(other, 1e11).changes
    assert changes[:2] == ['1 image is new', 'new classes: cow (value 3)']
    assert (made.folder / 'work/cam/epoch_1.pth').read_bytes() == b'weights'
    assert read_project_classes(made.folder) == ('cat', 'dog', 'cow')


@pytest.mark.parametrize('name', ['configs/cam.py', 'configs/data.py', 'pipeline.py'])
def test_code_that_a_person_has_changed_is_kept(made, name):
    path = made.folder / name
    path.write_text(path.read_text() + '# mine\n')
    other = replace(made, checked=checked(ROWS | {'d.png': ['cow']}))
    changes = write_project(other, 1e11).changes
    assert path.read_text().endswith('# mine\n')
    assert any(line.startswith(f'changed by hand and kept: {name};') for line in changes)
    # the way out that the message names
    path.rename(path.with_suffix('.mine'))
    write_project(other, 1e11)
    assert '# mine' not in path.read_text()


@pytest.mark.parametrize('name', ['labels.csv', 'classes.csv', 'project.json'])
def test_tables_that_a_person_has_changed_are_kept_aside(made, name):
    path, stem, suffix = made.folder / name, Path(name).stem, Path(name).suffix
    written = path.read_bytes()
    for number, other in enumerate([f'{stem}.old{suffix}', f'{stem}.old-2{suffix}']):
        text = path.read_text() + ' ' * (number + 1)
        path.write_text(text)
        changes = write_project(made, 1e11).changes
        assert f'made anew; what was there is kept: {name} as {other}' in changes
        assert (made.folder / other).read_text() == text
        assert path.read_bytes() == written


def test_a_table_that_is_the_only_source_is_kept_aside(made):
    """Written by qaclims init, but a person's: nothing else has these labels."""
    own = replace(made, options=replace(made.options, labels=made.folder / 'labels.csv'))
    write_project(own, 1e11)
    text = (made.folder / 'labels.csv').read_bytes()
    write_project(replace(made, checked=checked({'a.png': ['cat']})), 1e11)
    assert (made.folder / 'labels.old.csv').read_bytes() == text


def test_a_project_of_an_earlier_version(made):
    """It has no init.json, so nobody knows which of its files a person has changed."""
    (made.folder / 'init.json').unlink()
    (made.folder / 'configs/cam.py').write_text('# as it was')
    changes = write_project(made, 1e11).changes
    assert changes == [
        'made anew; what was there is kept: configs/cam.py as configs/cam.old.py',
        'configs that change: configs/cam.py',
    ]
    assert (made.folder / 'configs/cam.old.py').read_text() == '# as it was'
    assert read_init(made.folder)[0] == made.options


class Killed(BaseException):
    pass


@pytest.mark.parametrize('steps', range(17))
def test_a_killed_update_is_completed_by_the_next(made, monkeypatch, steps):
    more = checked({'a.png': ['dog'], 'd.png': ['cow'], 'b.png': ['cat']})
    other = Project(made.folder, replace(made.options, preset='full'), more)
    replaced = []

    def stop(source, target):
        if len(replaced) == steps:
            raise Killed
        replaced.append(target)
        os.rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(module.os, 'replace', stop)
        # options, two tables, twelve configs and costs
        if steps < 16:
            with pytest.raises(Killed):
                write_project(other, 1e11)
        else:
            write_project(other, 1e11)
    # with the options that it had noted by then
    options = read_before(made.folder).options
    assert options.preset == ('full' if steps else 'mini')
    write_project(Project(made.folder, options, more if steps else made.checked), 1e11)
    again = made.folder.parent / 'again'
    write_project(replace(made, folder=again), 1e11)
    if steps:
        write_project(replace(other, folder=again), 1e11)
    found, expected = contents(made.folder), contents(again)
    # the hash of the time before is another one
    assert found.pop('init.json')
    assert expected.pop('init.json')
    assert found == expected


def test_leftovers_of_a_killed_init_go(made):
    left = [made.folder / f'.{"0" * 16}.123.tmp', made.folder / f'configs/.{"a" * 16}.1.tmp']
    theirs = made.folder / '.notes.tmp'
    for path in (*left, theirs):
        path.write_text('x')
    write_project(made, 1e11)
    assert not any(path.exists() for path in left)
    assert theirs.exists()


def test_a_full_disk_changes_nothing(made, monkeypatch):
    before, write = contents(made.folder), Path.write_bytes

    def fail(path, content):
        if len(content) > 5 and 'segment' in content.decode() and b'zoo' in content:
            raise OSError(28, 'No space left on device')
        return write(path, content)

    other = replace(made, options=replace(made.options, preset='full'))
    monkeypatch.setattr(Path, 'write_bytes', fail)
    with pytest.raises(OSError, match=r"No space left.*configs/segment\.py'"):
        write_project(other, 1e11)
    assert contents(made.folder) == before


def test_files_that_are_no_files(made):
    (made.folder / 'labels.csv').unlink()
    (made.folder / 'configs/cam.py').unlink()
    write_project(made, 1e11)
    assert read_labels(made.folder / 'labels.csv') == ROWS
    assert (made.folder / 'configs/cam.py').is_file()


def test_lines_about_files(made):
    name = '\x1b[31m'
    update = plan_update(read_before(made.folder), {})
    update.kept.append(name)
    assert '\x1b' not in ''.join(describe_files(update))
