import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.evaluation.remarks import FOLDER, RemarkNotes
from qaclims_mm.schemas import Manifest


@pytest.mark.parametrize('image_id', ['a', 'x/y z', '.remarks/a', 'a.remark', 'é' * 200])
def test_a_remark_is_read_as_it_was_noted(tmp_path, image_id):
    notes = RemarkNotes(tmp_path)
    assert notes.read() == {}
    notes.note(image_id, "'[/b]' not found")
    assert notes.read() == {image_id: "'[/b]' not found"}
    notes.note(image_id, '')
    assert notes.read() == {}
    notes.note(image_id, 'again')
    notes.clear()
    assert list(tmp_path.iterdir()) == []


def test_images_in_a_folder_of_this_name_stay(tmp_path):
    notes = RemarkNotes(tmp_path)
    notes.note('a', 'x')
    (tmp_path / FOLDER / 'a.png').write_bytes(b'png')
    notes.clear()
    assert [p.name for p in (tmp_path / FOLDER).iterdir()] == ['a.png']


@pytest.mark.parametrize('remarks', [None, 'x', [['a']], [['a', 3]], dict(a='x'), [[[], 'x']]])
def test_remarks_of_a_strange_manifest_are_none(tmp_path, remarks):
    Manifest('masks', 'c', extra=dict(remarks=remarks)).write(tmp_path)
    RemarkNotes(tmp_path).restore()
    assert RemarkNotes(tmp_path).read() == {}


def test_a_newer_remark_stays_where_the_manifest_has_an_older_one(tmp_path):
    Manifest('masks', 'c', extra=dict(remarks=[['a', 'old'], ['b', 'old']])).write(tmp_path)
    notes = RemarkNotes(tmp_path)
    notes.note('a', 'new')
    notes.restore()
    assert notes.read() == dict(a='new', b='old')


def test_a_broken_note_is_named(tmp_path):
    notes = RemarkNotes(tmp_path)
    notes.note('a', 'x')
    [path] = (tmp_path / FOLDER).iterdir()
    path.write_text('{')
    with pytest.raises(FormatError, match=path.name):
        notes.read()
    (tmp_path / 'manifest.json').write_text('{')
    notes.restore()
