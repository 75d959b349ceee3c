import json
import os
import re

import pytest
from PIL import Image

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.projects.sources import Source, find_images, read_source


def write(path, text, encoding='utf-8'):
    path.write_text(text, encoding=encoding)
    return path


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (4, 3)).save(path)


# the text of a table, the rows that come of it, what each problem says
TABLES = {
    'plain': (
        'image,labels\na.jpg,cat\nb.jpg,cat;dog\n',
        {'a.jpg': ['cat'], 'b.jpg': ['cat', 'dog']},
        [],
    ),
    'excel': ('\ufeffimage;labels\r\na.jpg;cat,dog\r\n', {'a.jpg': ['cat', 'dog']}, []),
    'tabs': ('File\tClass\na.jpg\tcat|dog\n', {'a.jpg': ['cat', 'dog']}, []),
    'quotes': ('image,labels\n"a, b.jpg","cat, dog"\n', {'a, b.jpg': ['cat', 'dog']}, []),
    'blanks': (
        'image , labels\n  a.jpg ,  potted   plant ; cat \n',
        {'a.jpg': ['potted plant', 'cat']},
        [],
    ),
    'windows': ('image,labels\n.\\sub\\a.jpg,cat\n', {'sub/a.jpg': ['cat']}, []),
    'other columns': ('id,path,author,labels\n1,a.jpg,me,cat\n', {'a.jpg': ['cat']}, []),
    'empty lines': ('image,labels\n\na.jpg,cat\n , \n', {'a.jpg': ['cat']}, []),
    'double label': ('image,labels\na.jpg,cat;cat\n', {'a.jpg': ['cat']}, []),
    'no label': ('image,labels\na.jpg,\n', {'a.jpg': []}, []),
    'no image': ('image,labels\n,cat\n', {}, [':2: no image is named; the row is left out']),
    'twice': (
        'image,labels\na.jpg,cat\na.jpg,cat\na.jpg,dog\n',
        {'a.jpg': ['cat', 'dog']},
        [],
    ),
    'too many fields': (
        'image,labels\na.jpg,cat,dog\nb.jpg,cat\n',
        {'b.jpg': ['cat']},
        [
            ":2: 3 fields where the first line has 2; columns are separated by ',', as in the "
            'first line, so write several labels in quotes ("cat,dog") or with another sign '
            'between them (cat;dog); left out'
        ],
    ),
    'several with too many fields': (
        'image;labels\na;cat;dog\nb;cat\nc\nd;cat\ne;dog\n',
        {'b': ['cat'], 'd': ['cat'], 'e': ['dog']},
        [':2: 3 fields where the first line has 2 (2 rows are such: lines 2, 4); columns'],
    ),
    'another separator': (
        'image,labels\na.jpg;cat,dog\nb.jpg,cat\nb; c,dog\n',
        {'b.jpg': ['cat'], 'b; c': ['dog']},
        [":2: an image 'a.jpg;cat'; columns are separated by ','"],
    ),
    'open quote': (
        'image,labels\na.jpg,cat\nb.jpg,"dog\nc.jpg,cat\nd.jpg,"cat"\ne.jpg,cat\nf.jpg,dog\n',
        {'a.jpg': ['cat'], 'e.jpg': ['cat'], 'f.jpg': ['dog']},
        [': a quotation mark that is not closed in its line'],
    ),
    'line breaks': (
        'image,labels\n"a.jpg","cat;\ndog"\nb.jpg,\nc\n',
        {'a.jpg': ['cat', 'dog'], 'b.jpg': []},
        [':5: 1 fields where'],
    ),
}


@pytest.mark.parametrize(('text', 'rows', 'problems'), TABLES.values(), ids=TABLES)
def test_tables(tmp_path, text, rows, problems):
    found = read_source(write(tmp_path / 'labels.csv', text), tmp_path)
    assert found.rows == rows
    assert len(found.problems) == len(problems)
    for problem, part in zip(found.problems, problems, strict=True):
        assert part in problem
        assert problem.startswith(f'{tmp_path}/labels.csv:')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'is empty; it needs the columns image and labels'),
        ('image labels\na.jpg cat\n', r':1 has none of the separators , ; tab \|'),
        (
            'picture,what\na.jpg,cat\n',
            r":1 needs the columns image and labels, but has 'picture', 'what'; image may "
            'also be called file, .*, and labels label, .*category',
        ),
        ('a.jpg,cat\nb.jpg,dog\n', r":1 must name the columns, .* is a row already: 'a\.jpg', "),
        (
            'image,labels\na,cat,dog\nb,dog,cow\nc,cat\n',
            r'(?s):2: 3 fields .* \(2 rows are such: lines 2, 3\); .* in quotes \("cat,dog"\) or '
            r'with another sign .* \(cat;dog\); left out, which would be 2 of 3 rows',
        ),
        (f'image,"{"x" * 200_000}"\na.jpg,cat\n', r':1: field larger than field limit'),
        (f'image,{"x" * 10_000}\na.jpg,cat\n', r"but has 'image', 'x+\.\.\.x+'; image may"),
        (
            'image,labels\na,"cat\n' + 'b,dog\n' * 30_000,
            r':\d+: field larger than field limit .*; is a quotation mark before it not closed\?',
        ),
    ],
)
def test_no_tables(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read_source(write(tmp_path / 'labels.csv', text), tmp_path)


def test_rows_that_stand_twice(tmp_path):
    text, rows, _ = TABLES['twice']
    found = read_source(write(tmp_path / 'labels.csv', text), tmp_path)
    assert found.rows == rows
    assert found.again == [f'{tmp_path}/labels.csv:{line}' for line in (3, 4)]


def test_a_spreadsheet(tmp_path):
    path = tmp_path / 'labels.XLSX'
    path.write_bytes(b'PK\3\4\xff')
    with pytest.raises(FormatError, match=r'XLSX is a spreadsheet .*; save it as CSV'):
        read_source(path, tmp_path)


def test_a_table_that_is_not_utf8(tmp_path):
    path = write(tmp_path / 'x.csv', 'image,labels\na.jpg,r\xf6d\n', 'latin-1')
    with pytest.raises(FormatError, match='is not UTF-8'):
        read_source(path, tmp_path)


def coco(**changes):
    content = dict(
        images=[dict(id=1, file_name='a.jpg'), dict(id=2, file_name='sub/b.jpg')],
        categories=[dict(id=7, name='cat'), dict(id=9, name='dog')],
        annotations=[
            dict(id=1, image_id=1, category_id=7),
            dict(id=2, image_id=1, category_id=9),
            dict(id=3, image_id=1, category_id=7),
        ],
    )
    return json.dumps(content | changes)


def test_coco(tmp_path):
    found = read_source(write(tmp_path / 'x.json', coco()), tmp_path)
    assert found.rows == {'a.jpg': ['cat', 'dog'], 'sub/b.jpg': []}
    assert found.problems == []


def test_coco_with_unknown_entries(tmp_path):
    text = coco(annotations=[dict(id=5, image_id=3, category_id=7)])
    found = read_source(write(tmp_path / 'x.json', text), tmp_path)
    assert 'annotation 0 (id 5): its category or image is none of the file' in found.problems[0]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{', 'x.json is no valid JSON'),
        ('[' * 200_000, 'x.json is nested too deeply'),
        ('{"a":' * 200_000, 'x.json is nested too deeply'),
        ('[]', 'is not a file of COCO instances: it has no list of images; it needs images, cat'),
        (coco(categories=None), 'it has no list of categories'),
        (coco(images=[{}]), r'entry 0 of images needs id, a number or a text, but is \{\}\.'),
        (coco(images=[dict(id=1, file_name=3)]), 'entry 0 of images needs file_name, a text, but'),
        (coco(annotations=['cat']), 'entry 0 of annotations needs image_id'),
    ],
)
def test_no_coco(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read_source(write(tmp_path / 'x.json', text), tmp_path)


XML = '<annotation><filename>{}</filename><object><name>cat</name></object></annotation>'


def test_voc(tmp_path):
    for name in ('a.jpg', 'sub/b.png'):
        picture(tmp_path / 'images' / name)
    (tmp_path / 'xml').mkdir()
    write(tmp_path / 'xml/a.xml', XML.format('a.jpg'))
    write(tmp_path / 'xml/b.xml', XML.format(''))
    write(tmp_path / 'xml/c.xml', XML.format('gone.jpg'))
    write(tmp_path / 'xml/d.xml', '<annotation>')
    found = read_source(tmp_path / 'xml', tmp_path / 'images')
    assert found.rows == {'a.jpg': ['cat'], 'sub/b.png': ['cat'], 'gone.jpg': ['cat']}
    [problem] = found.problems
    assert 'd.xml: no valid XML' in problem


def encoded(encoding, label):
    """Return an XML file in an encoding; in UTF-8 if there is no such."""
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + XML.replace('cat', label)
    try:
        return text.format('').encode(encoding)
    except LookupError:
        return text.format('').encode()


def test_voc_in_other_encodings(tmp_path):
    (tmp_path / 'xml').mkdir()
    for encoding in ('shift_jis', 'utf-7', 'euc_kr', 'gb18030', 'utf-16', 'latin-1'):
        label = 'rød' if encoding == 'latin-1' else '人'
        (tmp_path / f'xml/{encoding}.xml').write_bytes(encoded(encoding, label))
    for encoding in ('hex', 'nosuch', 'zlib', 'rot13'):
        (tmp_path / f'xml/{encoding}.xml').write_bytes(encoded(encoding, 'cat'))
    (tmp_path / 'xml/cut.xml').write_bytes(encoded('shift_jis', '人').replace(b'</name>', b'\x81'))
    os.mkfifo(tmp_path / 'xml/pipe.xml')
    found = read_source(tmp_path / 'xml', tmp_path)
    labels = {image: labels for image, [labels] in found.rows.items()}
    assert labels.pop('latin-1') == 'rød'
    assert set(labels.values()) == {'人'}
    assert len(labels) == 5
    names = ['cut', 'hex', 'nosuch', 'pipe', 'rot13', 'zlib']
    assert [re.search(r'(\w+)\.xml: no valid XML', p)[1] for p in found.problems] == names


BAD_LABELS = {
    'file separator': ('cat\x1cdog', 'control'),
    'at the end': ('cat\x1f', 'control'),
    'vertical tab': ('cat\x0bdog', 'control'),
    'form feed': ('\x0ccat', 'control'),
    'next line': ('cat\x85', 'control'),
    'tab inside': ('cat\tdog', 'control'),
    'line break inside': ('cat\ndog', 'control'),
    'line separator': ('\u2028cat', 'line separator'),
    'paragraph separator': ('cat\u2029', 'paragraph separator'),
    'nothing but a control': ('\x1d', 'control'),
    'byte order mark': ('\ufeff', 'empty'),
    'zero width': ('\u200b\u200d', 'empty'),
    'zero width inside': ('ca\u200bt', r'U\+200B'),
}


@pytest.mark.parametrize(('label', 'reason'), BAD_LABELS.values(), ids=BAD_LABELS)
def test_a_label_is_refused_and_not_cleaned(label, reason):
    source = Source('labels')
    source.add('a.jpg', [label], 'x.csv:2')
    source.add('b.jpg', [' \t\ncat\r\n', 'potted \u3000 plant'], 'x.csv:3')
    assert source.rows == {'b.jpg': ['cat', 'potted plant']}
    [problem] = source.problems
    assert re.match(rf"x\.csv:2: label '.*': .*{reason}.*; left out$", problem)


def test_a_source_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'pipe.csv')
    with pytest.raises(FormatError, match=r'pipe\.csv is not a regular file; give a file'):
        read_source(tmp_path / 'pipe.csv', tmp_path)
    for name in ('x' * 10_000, 'x\0', 'x\ny', '/dev/null/x'):
        with pytest.raises(FormatError, match='there is no folder ') as refused:
            read_source(tmp_path, name)
        assert len(str(refused.value)) < 200
        with pytest.raises(FormatError, match=r'of labels|with labels') as refused:
            read_source(name, tmp_path)
        assert '\n' not in str(refused.value)


def test_folders(tmp_path):
    for name in (
        'cat/a.jpg',
        'traffic_light/x/b.PNG',
        'loose.jpg',
        '.hidden/c.jpg',
        'cat/notes.txt',
    ):
        path = tmp_path / name
        picture(path) if path.suffix != '.txt' else write(path, 'no picture')
    found = read_source(tmp_path, tmp_path)
    assert found.rows == {'cat/a.jpg': ['cat'], 'traffic_light/x/b.PNG': ['traffic light']}
    assert found.problems == []
    assert found.unnamed == 'lie beside the folders of the classes'
    assert [p.name for p in find_images(tmp_path)] == ['a.jpg', 'loose.jpg', 'b.PNG']


def test_folders_without_images(tmp_path):
    (tmp_path / 'cat').mkdir()
    with pytest.raises(ConfigError, match=r'has no images\.'):
        read_source(tmp_path, tmp_path)
    with pytest.raises(FormatError, match='has no XML files; a folder of labels has them'):
        read_source(tmp_path / 'cat', tmp_path)
    with pytest.raises(FormatError, match='there is no file or folder'):
        read_source(tmp_path / 'x.csv', tmp_path)


def test_labels_that_were_forgotten(tmp_path):
    for name in ('a.jpg', 'b.jpg', 'cat/c.jpg'):
        picture(tmp_path / name)
    message = 'has 2 images and 1 more in folders, which would be the classes; did you forget --la'
    with pytest.raises(ConfigError, match=message):
        read_source(tmp_path, tmp_path)


def test_folders_that_are_told(tmp_path):
    for name in ('cat/a.jpg', 'dog/a.jpg', 'dog/sub/b.jpg'):
        picture(tmp_path / name)
    for name in ('cat/other.jpg', 'dog/other.jpg'):
        Image.new('RGB', (4, 3), name[:3].replace('cat', 'red').replace('dog', 'blue')).save(
            tmp_path / name
        )
    (tmp_path / 'cow/sub').mkdir(parents=True)
    (tmp_path / '.cache').mkdir()
    found = read_source(tmp_path, tmp_path)
    assert len(found.rows) == 5
    empty, same = found.problems
    assert empty == f'{tmp_path}/cow: has no image, so it is no class'
    assert same.startswith(f'{tmp_path}/cat/a.jpg: is the same file as {tmp_path}/dog/a.jpg; ')


def test_no_folder_of_images(tmp_path):
    with pytest.raises(FormatError, match=r'there is no folder .*gone with images\.'):
        read_source(tmp_path / 'gone', tmp_path / 'gone')
