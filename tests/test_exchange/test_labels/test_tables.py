import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source


def write(path, text, encoding='utf-8'):
    path.write_text(text, encoding=encoding)
    return path


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
    # one sign separates the labels of all rows
    'comma in a name': (
        'image,labels\na,"[/b];a,b"\nb,"a,b"\n',
        {'a': ['[/b]', 'a,b'], 'b': ['a,b']},
        [],
    ),
    'quoted names': (
        'image;labels\na;"""a,b"""\nb;"cat,""x, """"y"""""",dog"\n',
        {'a': ['a,b'], 'b': ['cat', 'x, "y"', 'dog']},
        [],
    ),
    'quotes of a name': (
        'image,labels\na,"""x"""\nb,"""y"";z"\n',
        {'a': ['"x"'], 'b': ['"y"', 'z']},
        [],
    ),
    'open quote': (
        'image,labels\na.jpg,cat\nb.jpg,"dog\nc.jpg,cat\nd.jpg,"cat"\ne.jpg,cat\nf.jpg,dog\n',
        {'a.jpg': ['cat'], 'e.jpg': ['cat'], 'f.jpg': ['dog']},
        [': a quotation mark that is not closed in its line'],
    ),
    'one-hot': (
        'filename, Cat,None\na.jpg,1, 0\nb.jpg,1,1\nc.jpg,0,0\n',
        {'a.jpg': ['Cat'], 'b.jpg': ['Cat', 'None'], 'c.jpg': []},
        [],
    ),
    'one-hot of pandas': (
        ',image,cat,a;b\n0,a.jpg,True,False\n1,b.jpg,False,True\n',
        {'a.jpg': ['cat'], 'b.jpg': ['a;b']},
        [],
    ),
    'one-hot with a bad cell': (
        'image,cat,dog\na,1,0\nb,2,0\nc,0,1\n',
        {'a': ['cat'], 'c': ['dog']},
        [':3: a cell is neither 0 nor 1, as those of a class are; left out'],
    ),
    'one-hot with a torn row': (
        'image,cat,dog\na,1,0\nb,1\nc,0,1\n',
        {'a': ['cat'], 'c': ['dog']},
        [':3: 2 fields where the first line has 3'],
    ),
    'several rows an image': (
        'filename,width,height,class,xmin\na.jpg,8,6,cat,1\na.jpg,8,6,dog,2\nb.jpg,8,6,cat,3\n',
        {'a.jpg': ['cat', 'dog'], 'b.jpg': ['cat']},
        [],
    ),
    'label studio': (
        'annotator,image,choice\n1,a.jpg,"{""choices"": [""cat"",""dog""]}"\n1,b.jpg,"cat, wild"\n',
        {'a.jpg': ['cat', 'dog'], 'b.jpg': ['cat, wild']},
        [],
    ),
    'label studio with a control of another name': (
        'image,animals,id\na.jpg,"[{""x"": 1, ""rectanglelabels"": [""cat""]}]",1\nb.jpg,,2\n',
        {'a.jpg': ['cat'], 'b.jpg': []},
        [],
    ),
    'lists of python': (
        "image,labels\na.jpg,\"['cat', 'dog']\"\nb.jpg,\"['cow']\"\nc.jpg,[]\n",
        {'a.jpg': ['cat', 'dog'], 'b.jpg': ['cow'], 'c.jpg': []},
        [],
    ),
    'line breaks in json': (
        'image,labels\na.jpg,"[""cat"",\n""dog""]"\n',
        {'a.jpg': ['cat', 'dog']},
        [],
    ),
    'line breaks': (
        'image,labels\n"a.jpg","cat;\ndog"\nb.jpg,\nc\n',
        {'a.jpg': ['cat', 'dog'], 'b.jpg': []},
        [':5: 1 field where'],
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
        (
            'Datei;Beschriftung\na.jpg;Kühlturm\n',
            r":1 needs the columns image and labels, but has 'Datei', 'Beschriftung'; image may",
        ),
        (
            'image,width\na.jpg,640\n',
            r":1 needs the columns image and labels, but has 'image', 'wi",
        ),
        (
            'animals,annotation_id,annotator,created_at,id,image,lead_time,updated_at\n'
            'cat,1,1,2026,1,a.jpg,1.0,2026\n',
            r":1 is a table of Label Studio without a column of labels.*'animals', .*export JSON",
        ),
        ('image,cat\na.jpg,0.7\nb.jpg,0.2\n', r':1 needs .* class may have a column of 0 and 1'),
        ('a.jpg,cat\nb.jpg,dog\n', r":1 must name the columns, .* is a row already: 'a\.jpg', "),
        (
            'image,labels\na,cat,dog\nb,dog,cow\nc,cat\n',
            r'(?s):2: 3 fields .* \(2 rows are such: lines 2, 3\); .* in quotes \("cat,dog"\) or '
            r'with another sign .* \(cat;dog\); left out\. That is 2 of 3 rows, so nothing is read',
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


def test_a_second_column_of_labels_is_told(tmp_path):
    text = 'annotator,choice,image,label\n1,cat,a.jpg,"[{""rectanglelabels"": [""dog""]}]"\n'
    found = read_source(write(tmp_path / 'labels.csv', text), tmp_path)
    assert found.rows == {'a.jpg': ['dog']}
    assert found.notes == ["labels were read from column 'label' alone, not from 'choice'"]


def test_rows_that_stand_twice(tmp_path):
    text, rows, _ = TABLES['twice']
    found = read_source(write(tmp_path / 'labels.csv', text), tmp_path)
    assert found.rows == rows
    assert found.again == [f'{tmp_path}/labels.csv:{line}' for line in (3, 4)]


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_line_ends_and_encodings_of_spreadsheets(tmp_path, encoding, end):
    text = end.join(['image\tlabels', 'a.jpg\tcat;été', 'b.jpg\tdog', ''])
    (tmp_path / 'labels.csv').write_bytes(text.encode(encoding))
    source = read_source(tmp_path / 'labels.csv', tmp_path)
    assert source.rows == {'a.jpg': ['cat', 'été'], 'b.jpg': ['dog']}
    assert source.problems == source.remarks == []


def test_a_sign_that_may_have_been_meant_to_separate_is_told(tmp_path):
    path = write(tmp_path / 'labels.csv', 'image;labels\na;"cat,dog"\nb;"cat,bird"\nc;cat|dog\n')
    source = read_source(path, tmp_path)
    assert source.rows['a'] == ['cat', 'dog']
    [told] = source.remarks
    assert told.startswith(f"{path}:4: label 'cat|dog' (1 row is such) is taken with the sign")
    assert told.endswith(
        "as ',' separates labels in 2 rows; write the same sign in all rows if "
        'these are several labels'
    )
    path.write_text('image;labels\na;cat\nb;dog,cow\n')
    assert read_source(path, tmp_path).remarks == []


@pytest.mark.parametrize('encoding', ['cp1252', 'latin-1'])
def test_a_table_of_excel_that_is_not_utf8(tmp_path, encoding):
    path = write(tmp_path / 'x.csv', 'Image;Label\nStraße.jpg;Kühlturm\n', encoding)
    source = read_source(path, tmp_path)
    assert source.rows == {'Straße.jpg': ['Kühlturm']}
    assert source.notes == [
        f'{path}:2 is not UTF-8; the table is read as Windows-1252, as Excel writes it. If letters '
        'are wrong, save it as "CSV UTF-8"'
    ]


def test_a_table_of_another_encoding(tmp_path):
    path = write(tmp_path / 'x.csv', 'image,labels\na.jpg,人犬\n', 'gbk')
    with pytest.raises(
        FormatError, match=r'x\.csv:2 is not UTF-8 \(byte 0xc8\); save the table as'
    ):
        read_source(path, tmp_path)


def test_labels_that_look_empty_stay_texts(tmp_path):
    names = ['NA', 'null', 'true', 'None', 'nan', 'N/A', '#N/A', '0', '1e5', '007']
    lines = [f'{n}.jpg;{name}' for n, name in enumerate(names)]
    path = write(tmp_path / 'x.csv', '\n'.join(['image;labels', *lines]))
    assert [*read_source(path, tmp_path).rows.values()] == [[name] for name in names]


@pytest.mark.parametrize('part', ['"' + ',' * 9, ',"', '"a,', ',""', '"', '"a"'])
def test_a_field_of_quotes_and_signs_is_read_in_a_time_that_grows_with_it(tmp_path, part):
    cell = (part * 60_000)[:120_000].replace('"', '""')[:120_000].rstrip('"')
    path = write(tmp_path / 'labels.csv', f'image;labels\na;"{cell}"\nb;cat\n')
    # an expression that tries every pair of places would take hours
    assert 'b' in read_source(path, tmp_path).rows
