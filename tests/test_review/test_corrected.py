from tiny_review import CLASSES, square

from qaclims_mm.review.corrected import (
    clean_up,
    corrected_ids,
    ids_below,
    replace_folder,
    write_manifest,
)
from qaclims_mm.schemas import Manifest, hash_file, write_mask


def test_ids_and_hashes(tmp_path):
    assert corrected_ids(tmp_path) == []
    for name in ('b.c', 'a', 'sub dir/a'):
        write_mask(tmp_path / f'corrected/{name}.png', square())
    assert corrected_ids(tmp_path) == ids_below(tmp_path / 'corrected') == ['a', 'b.c', 'sub dir/a']
    write_manifest(tmp_path / 'corrected', CLASSES)
    manifest = Manifest.read(tmp_path / 'corrected')
    assert manifest.counts == dict(images=3, failed=0)
    assert manifest.extra['masks']['b.c'] == hash_file(tmp_path / 'corrected/b.c.png')
    assert manifest.extra['classes'] == list(CLASSES)
    again = (tmp_path / 'corrected/manifest.json').read_bytes()
    write_manifest(tmp_path / 'corrected', CLASSES)
    assert (tmp_path / 'corrected/manifest.json').read_bytes() == again


def test_a_folder_takes_the_place_of_another(tmp_path):
    folder, new = tmp_path / 'corrected', tmp_path / '.x.tmp'
    for name in ('one', 'two'):
        new.mkdir()
        (new / name).touch()
        replace_folder(folder, new)
        assert [p.name for p in folder.iterdir()] == [name]
    assert [*tmp_path.iterdir()] == [folder]


def test_what_a_killed_run_has_begun(tmp_path):
    folder = tmp_path / 'corrected'
    for name in ('.x.tmp', '.x.tmp.old.tmp'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'file').write_text(name)
    (tmp_path / '.other.tmp').touch()
    clean_up(folder)
    assert (folder / 'file').read_text() == '.x.tmp.old.tmp'
    assert {p.name for p in tmp_path.iterdir()} == {'corrected', '.other.tmp'}
