import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.image_folder import ImageFolder
from qaclims_mm.exchange.labels.reading import read_source

BOX = '0 0.5 0.5 0.5 0.5'


@pytest.fixture
def root(tmp_path):
    for name in ('images/train/a.jpg', 'images/val/b.png'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 3)).save(path)
    return tmp_path


def write(root, **files):
    """Write files; ``__`` stands for a slash, ``_`` for a dot."""
    for name, text in files.items():
        path = root / name.replace('__', '/').replace('_', '.')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
    return root


@pytest.mark.parametrize(
    'lines',
    [
        '1 0.5 0.5 0.5 0.5',
        '1 0.5 0.5 0.5 0.5 0.91',
        '1 0.1 0.1 0.9 0.1 0.9 0.9',
        '1.0 5e-1 0.5 0.5 0.5\r\n\r\n1 0.2 0.2 0.1 0.1',
        '\ufeff1 0.5 0.5 0.5 0.5',
        # key points
        '1 0.5 0.5 0.5 0.5 0.1 0.1 2 0.3 0.3 0',
    ],
)
def test_lines(root, lines):
    write(root, classes_txt='cat\ndog\n', labels__train__a_txt=lines)
    found = read_source(root, root / 'images')
    assert found.rows == {'train/a.jpg': ['dog']}
    assert found.problems == []
    assert str(root / 'classes.txt') in found.kind


NAMES = {
    'classes.txt': ('classes_txt', 'cat\r\npotted plant\r\n'),
    'obj.names': ('obj_names', 'cat\npotted plant'),
    'list': ('data_yaml', 'path: ../x\ntrain: images\nnc: 2\nnames: [cat, potted plant]\n'),
    'table': ('data_yaml', 'names:\n  0: cat\n  1: potted plant\n'),
    'another name': ('coco8_yml', "names: {'0': cat, '1': potted plant}"),
    'beside the labels': ('labels__train__classes_txt', 'cat\npotted plant'),
}


@pytest.mark.parametrize(('name', 'text'), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize('given', ['.', 'labels', 'labels/train'])
def test_names(root, name, text, given):
    write(root, **{name: text}, labels__train__a_txt='1 0.5 0.5 0.5 0.5')
    found = read_source(root / given, root / 'images')
    assert found.rows == {'train/a.jpg': ['potted plant']}


@pytest.mark.parametrize('name', ['data_yaml', 'obj_names', 'classes_txt'])
def test_the_file_of_the_names_may_be_given(root, name):
    text = 'names: [cat]' if name == 'data_yaml' else 'cat'
    write(root, **{name: text}, labels__train__a_txt=BOX)
    found = read_source(root / name.replace('_', '.'), root / 'images')
    assert found.rows == {'train/a.jpg': ['cat']}


def test_names_that_look_empty_stay_texts(root):
    names = ['NA', 'null', 'true', 'None', 'no', '1e3', '0x10', '2020-01-01']
    lines = '\n'.join(f'{k} 0.5 0.5 0.5 0.5' for k in range(len(names)))
    write(root, data_yaml=f'names: [{", ".join(names)}]', labels__train__a_txt=lines)
    assert read_source(root, root / 'images').rows == {'train/a.jpg': names}


def test_an_empty_file_is_an_image_without_labels(root):
    write(root, classes_txt='cat', labels__train__a_txt=BOX, labels__val__b_txt='')
    found = read_source(root, root / 'images')
    assert found.rows == {'train/a.jpg': ['cat'], 'val/b.png': []}


@pytest.mark.parametrize('given', ['.', 'labels', 'labels/val'])
def test_the_folder_of_images_and_labels(root, given):
    # an image of the same name in another folder
    Image.new('RGB', (4, 3)).save(root / 'images/train/b.png')
    write(root, classes_txt='cat', labels__val__b_txt=BOX)
    assert read_source(root / given, root).rows == {'images/val/b.png': ['cat']}


def test_labels_beside_images_in_folders_of_their_own(root):
    (root / 'images').rename(root / 'x')
    (root / 'x/train').rename(root / 'x/images')
    write(root, data_yaml='names: [cat]', x__labels__a_txt=BOX)
    assert read_source(root, root).rows == {'x/images/a.jpg': ['cat']}


def test_bad_lines_cost_themselves(root):
    lines = f'{BOX}\ncat 0.5 0.5 0.5 0.5\n0 0.5\n5 0.5 0.5 0.5 0.5\n6 0.5 0.5 0.5 0.5\n-1 1 1 1 1'
    write(root, classes_txt='cat', labels__train__a_txt=lines)
    (root / 'labels/val').mkdir()
    (root / 'labels/val/b.txt').write_bytes(b'\xff\xfe\xff')
    found = read_source(root, root / 'images')
    assert found.rows == {'train/a.jpg': ['cat']}
    line, nameless, broken = found.problems
    assert 'a.txt:2: is no line "class x y w h" of numbers; left out (2 more of this kind' in line
    assert (
        'a.txt:4: class 5 is none of the 1 name; left out (1 more of this kind: a.txt:5)'
        in nameless
    )
    assert 'b.txt: is no file of YOLO (' in broken


def test_other_texts_are_passed_over(root):
    write(
        root,
        classes_txt='cat',
        labels__train__a_txt=BOX,
        train_txt='images/train/a.jpg\n',
        README_roboflow_txt='Exported on 1 2 3 4 5',
        notes_json='{"categories": [], "info": {}}',
    )
    found = read_source(root, root / 'images')
    assert found.rows == {'train/a.jpg': ['cat']}
    assert found.problems == []


@pytest.mark.parametrize(
    ('files', 'given', 'message'),
    [
        ({}, '.', "has YOLO's files, but the names of their classes are missing; put classes.txt"),
        ({'data_yaml': 'nc: 2\n'}, '.', 'the names of their classes are missing'),
        ({'data_yaml': 'names: [cat'}, '.', r'data\.yaml holds no names of classes \('),
        ({'data_yaml': 'names: {cat: 0}'}, '.', r'data\.yaml holds no names of classes \('),
        ({'data_yaml': 'names: !!python/name:os.system x'}, '.', 'the names of their classes are'),
        (
            {'classes_txt': 'cat'},
            'labels/train/a.txt',
            "is YOLO's file of one image; give the fold",
        ),
    ],
)
def test_exports_that_are_of_no_use(root, files, given, message):
    write(root, labels__train__a_txt=BOX, **files)
    with pytest.raises(FormatError, match=message):
        read_source(root / given, root / 'images')


def test_label_studio_puts_all_files_into_one_folder(tmp_path):
    # as version 1.21 exports local files, one of which has a name that is not ASCII
    names = {'pond/p0.jpg': 'p0', 'a b/mini é 2.jpg': '8fe7758b__mini%20%C3%A9%202'}
    for image, name in names.items():
        (tmp_path / 'images' / image).parent.mkdir(parents=True)
        Image.new('RGB', (4, 3)).save(tmp_path / 'images' / image)
        path = tmp_path / 'export/labels' / f'{name}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('1 0.5 0.6 0.3 0.2\n')
    (tmp_path / 'export/classes.txt').write_text('cat\ndog\n')
    (tmp_path / 'export/notes.json').write_text('{"categories": [{"id": 0}], "info": {}}')
    found = read_source(tmp_path / 'export', tmp_path / 'images')
    folder = ImageFolder(tmp_path / 'images')
    assert {folder.find(name).name for name in found.rows} == {*names}
    assert [*found.rows.values()] == [['dog'], ['dog']]
    for path in (tmp_path / 'export/labels').iterdir():
        path.write_text('')
    with pytest.raises(FormatError, match='of labels of whole images, export JSON or CSV'):
        read_source(tmp_path / 'export', tmp_path / 'images')


def test_no_file_has_a_label(root):
    write(root, data_yaml='names: [cat]', labels__train__a_txt='')
    with pytest.raises(FormatError, match='but its 1 image has no label; draw boxes'):
        read_source(root / 'data.yaml', root / 'images')
