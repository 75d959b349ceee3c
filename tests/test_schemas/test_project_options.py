import json
from pathlib import Path

import pytest

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas.project_options import Options, init_bytes, new_options, read_init

NAMES = ('a;b', '"quoted"', 'None', '{{$HOME:x}}', '[/b]', "it's, 100 %\\")


@pytest.fixture
def noted(tmp_path):
    folder = tmp_path / "a 'project' {x}"
    folder.mkdir()
    options = Options(
        tmp_path / 'été {{fileDirname}}',
        tmp_path / 'labels.csv',
        None,
        NAMES,
        {name: f'new {name}' for name in NAMES},
        'mini',
        tmp_path / 'colours.csv',
        True,
        7,
    )
    (folder / 'init.json').write_bytes(init_bytes(folder, options, {'labels.csv': ('1', '2')}))
    return folder, options


def test_options_come_back(noted):
    folder, options = noted
    assert read_init(folder) == (options, {'labels.csv': ('1', '2')})
    assert str(folder.parent) not in (folder / 'init.json').read_text()


def test_options_move_with_the_project(noted):
    folder, options = noted
    moved = folder.parent / 'far/away'
    moved.parent.mkdir()
    folder.rename(moved)
    found, _ = read_init(moved)
    assert found.images == moved.parent / options.images.name


def test_a_folder_without_options(tmp_path):
    assert read_init(tmp_path) is None


def change(folder, **values):
    path = folder / 'init.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('images', None),
        ('images', 3),
        ('images', 'a\0b'),
        ('images', 'a\nb'),
        ('labels', ''),
        ('labels', ['x']),
        ('masks', {}),
        ('masks_colours', 3),
        ('masks_as_stored', 'yes'),
        ('classes', 'cat'),
        ('classes', [None]),
        ('renames', {'a': 1}),
        ('renames', []),
        ('preset', None),
        ('epochs', -1),
        ('epochs', 1.5),
        ('epochs', True),
        ('epochs', None),
        ('epochs', '10'),
        ('written', {'x': 'y'}),
        ('written', {'x': [1]}),
    ],
)
def test_options_of_another_kind(noted, key, value):
    change(noted[0], **{key: value})
    with pytest.raises(FormatError, match=rf'init\.json: {key} is not as .* with all its options'):
        read_init(noted[0])


@pytest.mark.parametrize('text', ['', '[]', '{', '{"schema": 2}', 'null', '[' * 100_000])
def test_no_options_at_all(noted, text):
    (noted[0] / 'init.json').write_text(text)
    with pytest.raises(FormatError, match=r'init\.json.*; delete it and run qaclims init with all'):
        read_init(noted[0])


def test_what_is_not_given_stays():
    options = Options(Path('images'), Path('l.csv'), Path('m'), ('puppy', 'cat'), {'p': 'puppy'})
    given = dict(images=None, labels=None, masks=None, classes=None, preset=None)
    assert options.updated(given, {}) == options
    changed = options.updated(given | dict(preset='mini'), {'puppy': 'dog'})
    assert changed.preset == 'mini'
    assert changed.classes == ('dog', 'cat')
    # what was called puppy, and what has that label
    assert changed.renames == {'p': 'dog', 'puppy': 'dog'}
    assert options.updated(given | dict(classes=()), {}).classes == ()


def test_other_masks_are_read_anew():
    options = Options(Path('x'), masks=Path('m'), masks_colours=Path('c'), masks_as_stored=True)
    assert options.updated(dict(preset='mini'), {}).masks_colours == Path('c')
    changed = options.updated(dict(masks=Path('n'), masks_colours=None, masks_as_stored=None), {})
    assert (changed.masks_colours, changed.masks_as_stored) == (None, False)
    changed = options.updated(dict(masks=Path('n'), masks_colours=Path('d')), {})
    assert changed.masks_colours == Path('d')


def test_epochs_go_with_the_preset_they_were_given_for():
    options = Options(Path('x'), preset='mini', epochs=7)
    assert options.updated(dict(preset=None, epochs=None), {}).epochs == 7
    assert options.updated(dict(preset='mini', epochs=None), {}).epochs == 7
    assert options.updated(dict(preset='full', epochs=None), {}).epochs == 0
    assert options.updated(dict(preset='full', epochs=9), {}).epochs == 9
    assert options.updated(dict(preset=None, epochs=0), {}).epochs == 0


def test_a_project_without_epochs_notes_none(tmp_path):
    options = Options(tmp_path / 'x', preset='mini')
    content = init_bytes(tmp_path, options, {})
    assert 'epochs' not in json.loads(content)
    (tmp_path / 'init.json').write_bytes(content)
    assert read_init(tmp_path) == (options, {})


def test_a_new_project_needs_images():
    assert new_options(dict(images=Path('x'), preset=None), {}) == Options(Path('x'))
    with pytest.raises(ConfigError, match=r'add --images FOLDER\.$'):
        new_options(dict(images=None), {})
