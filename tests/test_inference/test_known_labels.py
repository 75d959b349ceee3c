import pytest

from qaclims_mm.errors import ConfigError, FormatError, RecordError
from qaclims_mm.inference.known_labels import KnownLabels

CLASSES = ('{texts}', 'a,b', 'x.csv', 'cat')


def test_names_of_all_images():
    labels = KnownLabels(['a,b', '{texts}'], CLASSES)
    assert list(labels.of('any')) == ['a,b', '{texts}']
    # a class, though it looks like a table
    assert list(KnownLabels(['x.csv'], CLASSES).of('any')) == ['x.csv']


def test_a_table(tmp_path):
    path = tmp_path / 'labels.csv'
    path.write_text('image,labels\na.png,"a,b;cat"\nsub dir/b,\nc.d,{texts}\n')
    labels = KnownLabels([str(path)], CLASSES)
    assert list(labels.of('a')) == ['a,b', 'cat']
    assert list(labels.of('sub dir/b')) == []
    assert list(labels.of('c.d')) == ['{texts}']
    with pytest.raises(RecordError, match=r'image new has no row in .*labels\.csv; add one'):
        labels.of('new')


def test_hashes_follow_what_is_said(tmp_path):
    path = tmp_path / 'labels.csv'
    hashes = {KnownLabels([name], CLASSES).fingerprint() for name in ('cat', 'a,b')}
    for text in ('image,labels\na,cat\n', 'image,labels\na,\n', 'image,labels\nb,cat\n'):
        path.write_text(text)
        hashes.add(KnownLabels([str(path)], CLASSES).fingerprint())
    assert len(hashes) == 5


def test_what_is_no_class(tmp_path):
    with pytest.raises(ConfigError, match=r"'dog': there is no such class; the network knows '{te"):
        KnownLabels(['cat', 'dog'], CLASSES)
    (tmp_path / 'l.csv').write_text('image,labels\na,dog\n')
    with pytest.raises(ConfigError, match="'dog': there is no such class"):
        KnownLabels([str(tmp_path / 'l.csv')], CLASSES)
    with pytest.raises(FormatError, match='is missing; it needs the columns image and labels'):
        KnownLabels([str(tmp_path / 'gone.csv')], CLASSES)
