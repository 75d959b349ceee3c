import shutil

import pytest
from PIL import Image

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.projects.before import read_before
from qaclims_mm.projects.checks import check_source
from qaclims_mm.projects.sources import read_project_labels
from qaclims_mm.projects.writer import Project, write_project
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.project import read_project_classes, read_project_tables
from qaclims_mm.schemas.project_options import new_options

TABLE = 'image,labels\na.png,puppy\nb.png,cat;traffic_light\nc.png,dog\n'


class World:
    """A folder of images, a table of their labels, and ``qaclims init`` without its printing."""

    def __init__(self, root):
        self.root, self.folder, self.why = root, root / 'project', ''
        self.changes = []
        (root / 'images').mkdir()
        for name in 'abcd':
            Image.new('RGB', (60, 40)).save(root / f'images/{name}.png')
        self.table = root / 'labels.csv'
        self.table.write_text(TABLE)

    def init(self, renames=None, **given):
        before, renames = read_before(self.folder), renames or {}
        if before.is_new:
            given = dict(images=self.root / 'images', labels=self.table, preset='mini') | given
            options = new_options(given, renames)
        else:
            options = before.options.updated(given, renames)
        labelled = read_project_labels(before, options, given, renames)
        self.why, options = labelled.why_own, labelled.options
        checked = check_source(
            labelled.source,
            options.images,
            options.classes,
            options.renames,
            labelled.order,
            labelled.noted,
        )
        project = Project(self.folder, options, checked, names=labelled.names)
        self.changes = write_project(project, 1e11).changes
        return self.classes

    @property
    def classes(self):
        return list(read_project_classes(self.folder))

    @property
    def rows(self):
        return read_labels(self.folder / 'labels.csv')

    def edit(self, old, new):
        path = self.folder / 'labels.csv'
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    assert made.init() == ['cat', 'dog', 'puppy', 'traffic light']
    return made


def test_new_labels_come_from_the_noted_table_and_values_stay(world):
    world.table.write_text(TABLE + 'd.png,bird\n')
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light', 'bird']
    assert world.rows['d.png'] == ['bird']


def test_new_files_come_from_class_folders(tmp_path):
    for name in ('dog/1', 'dog/2', 'eel/1'):
        path = tmp_path / f'photos/{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (60, 40)).save(path)
    world = World(tmp_path)
    world.init(images=tmp_path / 'photos', labels=None)
    (tmp_path / 'photos/cat').mkdir()
    shutil.copy(tmp_path / 'photos/dog/1.png', tmp_path / 'photos/cat/7.png')
    (tmp_path / 'photos/eel/1.png').unlink()
    assert world.init() == ['dog', 'cat']
    assert world.rows == {'cat/7.png': ['cat'], 'dog/1.png': ['dog'], 'dog/2.png': ['dog']}


def test_a_class_that_is_renamed_keeps_its_value_and_the_name_stays(world):
    assert world.init({'puppy': 'young dog'}) == ['cat', 'dog', 'young dog', 'traffic light']
    assert world.init() == ['cat', 'dog', 'young dog', 'traffic light']
    # its new name may be renamed again, and a class joined to another
    assert world.init({'young dog': 'whelp'}) == ['cat', 'dog', 'whelp', 'traffic light']
    assert world.init({'traffic_light': 'signal'}) == ['cat', 'dog', 'whelp', 'signal']
    assert world.init({'whelp': 'dog'}) == ['cat', 'dog', 'signal']
    assert world.rows == {'a.png': ['dog'], 'b.png': ['cat', 'signal'], 'c.png': ['dog']}
    assert read_project_tables(world.folder).aliases == {
        'dog': ('puppy',),
        'signal': ('traffic light',),
    }
    # from then on images need not have what was renamed once
    world.table.write_text(TABLE.replace('puppy', 'cat'))
    assert world.init() == ['cat', 'dog', 'signal']
    with pytest.raises(ConfigError, match="cannot rename 'wolf': no image has that label"):
        world.init({'wolf': 'dog'})


def test_chosen_classes_stay_until_others_are_chosen(world):
    assert world.init(classes=('dog', 'cat')) == ['cat', 'dog']
    assert world.init() == ['cat', 'dog']
    assert world.init({'dog': 'hound'}) == ['cat', 'hound']
    assert world.init(classes=()) == ['cat', 'hound', 'puppy', 'traffic light']


def test_a_label_of_other_case_is_no_new_class(world):
    world.table.write_text('image,labels\nd.png,Dog\n' + TABLE.removeprefix('image,labels\n'))
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light']
    assert world.init({'dog': 'DOG'})[1] == 'DOG'
    assert world.init()[1] == 'DOG'


def test_a_table_that_a_person_has_changed_is_the_source(world):
    world.init({'puppy': 'dog'})
    world.edit('c.png,dog', 'c.png,dog;bird')
    world.table.write_text(TABLE + 'd.png,ant\n')
    assert world.init() == ['cat', 'dog', 'traffic light', 'bird']
    assert 'it was changed by hand; --labels' in world.why
    assert world.rows['c.png'] == ['dog', 'bird']
    # it stays the source, without a word, and can be renamed in
    assert world.init({'bird': 'crow', 'dog': 'wolf'})[1:] == ['wolf', 'traffic light', 'crow']
    assert world.why == ''
    assert world.init()[1:] == ['wolf', 'traffic light', 'crow']
    # other names of classes outlive it
    world.edit('traffic light', 'signal')
    assert 'signal' in world.init()
    # back to the first table, and what was changed is kept
    assert 'ant' in world.init(labels=world.table)
    assert 'crow' in (world.folder / 'labels.old-2.csv').read_text()
    assert world.init() == world.classes


def test_other_names_outlive_a_change_by_hand(world):
    world.init({'puppy': 'dog'})
    world.edit('a.png,dog', 'a.png,dog;cat')
    world.init()
    assert read_project_tables(world.folder).aliases == {'dog': ('puppy',)}


def test_what_a_person_adds_joins_the_chosen_classes(world):
    world.init(classes=('dog', 'cat', 'zebra'))
    world.edit('c.png,dog', 'c.png,dog;bird')
    assert world.init() == ['cat', 'dog', 'zebra', 'bird']


def test_labels_that_are_not_there_any_more(world):
    world.table.unlink()
    assert world.init({'puppy': 'dog'}) == ['cat', 'dog', 'traffic light']
    assert world.why == f'{world.table} is not there'
    with pytest.raises(FormatError, match=r'labels\.csv'):
        world.init(labels=world.table)


def test_an_interrupted_rename_of_the_own_table(world, monkeypatch):
    """Noted, but not written yet."""
    world.edit('c.png,dog', 'c.png,dog;bird')
    world.init()
    old = (world.folder / 'labels.csv').read_bytes()
    world.init({'bird': 'crow'})
    (world.folder / 'labels.csv').write_bytes(old)
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light', 'crow']


def test_names_that_are_swapped_are_swapped_once(world):
    world.edit('c.png,dog', 'c.png,dog;bird')
    world.init()
    world.init({'cat': 'dog', 'dog': 'cat'})
    rows = world.rows
    assert rows['c.png'] == ['cat', 'bird']
    world.init()
    assert world.rows == rows


@pytest.mark.parametrize('name', ['a,b', 'a;b', '"x"', "[{'choices'}]", 'None', 'a|b', 'NA'])
def test_labels_of_the_own_table_stay_whole(world, name):
    world.table.write_text('image,labels\n' + f'a.png,"{name.replace(chr(34), chr(34) * 2)}"\n')
    made = world.folder / 'labels.csv'
    found = world.init()
    made.write_text(made.read_text() + 'd.png,cat\n')
    assert set(world.init()) == {*found, 'cat'}


def test_a_table_that_a_spreadsheet_has_written(world):
    path = world.folder / 'labels.csv'
    path.write_bytes(path.read_text().replace(',', '\t').replace(';', ',').encode('utf-8-sig'))
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light']
    assert 'labels.old.csv' in {p.name for p in world.folder.iterdir()}


def test_corrected_folders_of_project_json(world):
    """As a message says where images were moved: correct images there."""
    shutil.move(world.root / 'images', world.root / 'moved')
    with pytest.raises(ConfigError, match=r'no folder .*images with .* --images FOLDER\.'):
        world.init()
    path = world.folder / 'project.json'
    path.write_text(path.read_text().replace('../images', '../moved'))
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light']
    assert read_project_tables(world.folder).images == world.root / 'moved'


def test_classes_in_an_order_of_ones_own(world):
    path = world.folder / 'classes.csv'
    path.write_text('value,class\n0,background\n1,puppy\n2,cat\n3,traffic light\n4,dog\n')
    assert world.init() == ['puppy', 'cat', 'traffic light', 'dog']
    path.write_text('nonsense')
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light']
    assert (world.folder / 'classes.old.csv').read_text() == 'nonsense'


@pytest.mark.parametrize('again', ['dog', 'hound'])
@pytest.mark.parametrize('by_hand', [False, True])
def test_a_class_that_is_renamed_twice_keeps_its_value(world, again, by_hand):
    world.init({'dog': 'hound'})
    if by_hand:
        world.edit('a.png,puppy', 'a.png,puppy;cat')
    # by the label of the first rename, or by its name
    assert world.init({again: 'wolf'}) == ['cat', 'wolf', 'puppy', 'traffic light']
    assert 'renamed: hound -> wolf (value 2)' in world.changes
    assert not [line for line in world.changes if 'new classes' in line or 'gone' in line]
    assert world.rows['c.png'] == ['wolf']
    back = 'wolf' if by_hand else 'dog'
    assert world.init({back: 'dog'}) == ['cat', 'dog', 'puppy', 'traffic light']
    assert world.init() == ['cat', 'dog', 'puppy', 'traffic light']


def test_chosen_classes_that_are_renamed_twice(world):
    world.init(classes=('cat', 'dog'))
    world.init({'cat': 'tiger'})
    assert world.init({'cat': 'lion'}) == ['lion', 'dog']
    assert world.rows['b.png'] == ['lion']


def test_labels_that_part_again(world):
    assert world.init({'dog': 'animal', 'puppy': 'animal'}) == ['cat', 'animal', 'traffic light']
    # the class stays that of the other label
    assert world.init({'dog': 'hound'}) == ['cat', 'animal', 'traffic light', 'hound']
    assert world.init({'puppy': 'whelp', 'dog': 'cat'}) == ['cat', 'whelp', 'traffic light']


def test_names_that_are_swapped(world):
    assert world.init({'cat': 'dog', 'dog': 'cat'}) == ['dog', 'cat', 'puppy', 'traffic light']
    assert world.changes[0] == 'renamed: cat -> dog (value 1), dog -> cat (value 2)'
