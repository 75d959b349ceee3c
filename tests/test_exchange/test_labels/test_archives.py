import io
import tarfile
import zipfile

import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

EXPORTS = {
    'cvat': (['annotations.xml', 'images/a.jpg'], r'of "CVAT for images" by .* the file annotat'),
    'coco': (
        ['annotations/instances_default.json'],
        'of COCO or Label Studio by .* the file annot',
    ),
    'yolo': (['obj.names', 'obj_train_data/a.txt'], 'of YOLO by its names,.* give the folder'),
    'ultralytics': (['data.yaml', 'train/labels/a.txt'], 'of YOLO by its names'),
    'voc': (['Annotations/a.xml', 'Annotations/b.xml'], 'of VOC by its names'),
    'labelme': (['a.json', 'b.json'], 'of labelme by its names'),
    'hugging face': (['train/metadata.jsonl'], 'imagefolder by .* the file train/metadata.jsonl'),
    'images': (
        ['cat/a.jpg', 'dog/b.jpg'],
        r'is an archive \(\w+\) and is not read; unpack it, and g',
    ),
    'hostile name': (['\x1b[31m/annotations.xml'], r"the file '\\x1b\[31m/annotations.xml' in it"),
}


def write_zip(path, names):
    with zipfile.ZipFile(path, 'w') as archive:
        for name in names:
            archive.writestr(name, 'x')


def write_tar(path, names, mode):
    with tarfile.open(path, mode) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b'x'))


@pytest.mark.parametrize(('names', 'message'), EXPORTS.values(), ids=EXPORTS)
@pytest.mark.parametrize('kind', ['zip', 'tar', 'gz'])
@pytest.mark.parametrize('named', ['export.bin', 'metadata.csv'])
def test_archives(tmp_path, names, message, kind, named):
    path = tmp_path / named
    if kind == 'zip':
        write_zip(path, names)
    else:
        write_tar(path, names, 'w' if kind == 'tar' else f'w:{kind}')
    with pytest.raises(FormatError, match=message) as refused:
        read_source(path, tmp_path)
    assert f'is an archive ({kind})' in str(refused.value)
    assert '\x1b' not in str(refused.value)


@pytest.mark.parametrize('kind', ['bz2', 'xz'])
def test_archives_of_other_kinds(tmp_path, kind):
    write_tar(tmp_path / 'x', ['obj.names'], f'w:{kind}')
    with pytest.raises(FormatError, match=rf'is an archive \({kind}\), of YOLO by its names'):
        read_source(tmp_path / 'x', tmp_path)


@pytest.mark.parametrize(
    'content',
    [b'PK\x03\x04 cut', b'\x1f\x8b\x08cut', b'7z\xbc\xaf\x27\x1c', b'Rar!\x1a', b'BZh9cut'],
)
def test_archives_that_cannot_be_listed(tmp_path, content):
    (tmp_path / 'x.zip').write_bytes(content)
    with pytest.raises(FormatError, match=r'is an archive \(\w+\) and is not read; unpack it'):
        read_source(tmp_path / 'x.zip', tmp_path)


@pytest.mark.parametrize(
    ('name', 'members'),
    [
        ('labels.xlsx', ['[Content_Types].xml', 'xl/workbook.xml']),
        ('labels', ['[Content_Types].xml']),
        ('labels.ods', ['mimetype', 'content.xml']),
    ],
)
def test_spreadsheets(tmp_path, name, members):
    write_zip(tmp_path / name, members)
    with pytest.raises(FormatError, match=r'is a spreadsheet .*; save it as CSV there'):
        read_source(tmp_path / name, tmp_path)


def test_old_spreadsheets(tmp_path):
    (tmp_path / 'labels.xls').write_bytes(b'\xd0\xcf\x11\xe0rest')
    with pytest.raises(FormatError, match='is a spreadsheet'):
        read_source(tmp_path / 'labels.xls', tmp_path)
