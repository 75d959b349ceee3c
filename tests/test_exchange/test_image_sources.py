import zipfile

import pytest
from PIL import Image

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.image_sources import find_sources
from qaclims_mm.schemas import claim_folder


@pytest.fixture
def photos(tmp_path):
    for name in ('a.png', 'sub dir/b.c.jpg', '{texts}.png', '.hidden.png'):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(path)
    return tmp_path / 'photos'


def test_folders_and_files(photos):
    found = find_sources([photos])
    assert list(found.images) == ['a', 'sub dir/b.c', '{texts}']
    assert find_sources([photos / 'sub dir/b.c.jpg']).images == {'b.c': photos / 'sub dir/b.c.jpg'}
    # twice is once
    assert len(find_sources([photos, photos / 'a.png']).images) == 3


def test_lists(photos, tmp_path):
    lines = ['a.png', '', f'{photos}/sub dir/b.c.jpg', '../photos/{texts}.png', 'gone.png']
    (photos / 'l.txt').write_text('\n'.join(lines), encoding='utf-8-sig')
    found = find_sources([photos / 'l.txt'])
    # what is missing costs that image alone
    assert list(found.images) == ['a', 'sub dir/b.c', '{texts}']
    [problem] = found.problems
    assert problem == f'{photos}/l.txt:5: image {photos}/gone.png is missing; left out'
    (tmp_path / 'other').mkdir()
    table = tmp_path / 'other/l.csv'
    table.write_text(f'labels,image\ncat,{photos}/a.png\n"a,b",../photos/{{texts}}.png\n')
    found = find_sources([table])
    root = photos.relative_to('/').as_posix()
    assert list(found.images) == [f'{root}/a', f'{root}/{{texts}}']
    assert all(path.is_file() for path in found.images.values())


def test_places_that_are_not_there(photos):
    with pytest.raises(FormatError, match='there is no image or folder'):
        find_sources([photos / 'gone'])


def test_an_archive(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / 'photos.zip', 'w') as archive:
        archive.write(photos / 'a.png', 'a.png')
    with pytest.raises(FormatError, match=r'photos\.zip is an archive \(zip\) .*; unpack it, and'):
        find_sources([tmp_path / 'photos.zip'])


def make_masks(folder):
    """Make a folder as predict leaves it."""
    claim_folder(folder, dict(config='a', weights='b', tile=''))
    for path in (folder / 'masks/a.png', folder / 'overlays/sub dir/b.c.jpg'):
        path.parent.mkdir(parents=True)
        Image.new('RGB', (8, 8)).save(path)
    return folder


def test_masks_are_no_images(photos, tmp_path):
    images = find_sources([photos]).images
    make_masks(photos / 'sub dir/other')
    out = make_masks(photos / 'out')
    found = find_sources([photos], out)
    assert found.images == images
    assert found.notes == [
        f'{photos}: 4 images are passed over, in folders that qaclims predict writes.'
    ]
    # whatever its --out is
    assert find_sources([photos]).images == images
    # one that is named is meant
    assert list(find_sources([out / 'masks'], tmp_path / 'x').images) == ['a']
    assert list(find_sources([out / 'masks/a.png'], out).images) == ['a']
    with pytest.raises(FormatError, match=rf'--out must be another one, such as {photos}/out'):
        find_sources([photos], photos / 'out/..')


def test_a_folder_with_another_claim_has_images(photos):
    claim_folder(photos / 'sub dir', dict(stage='segment', config='x'))
    assert 'sub dir/b.c' in find_sources([photos], photos / 'out').images


def test_nothing_but_masks(tmp_path):
    make_masks(tmp_path / 'photos/out')
    with pytest.raises(FormatError, match=r'no image in the folder .* but masks'):
        find_sources([tmp_path / 'photos'])


def test_two_files_of_one_mask(photos):
    Image.new('RGB', (8, 8)).save(photos / 'a.jpg')
    with pytest.raises(FormatError, match=r'would have the same mask a\.png; rename one'):
        find_sources([photos])
    Image.new('RGB', (8, 8)).save(photos / 'sub dir/b.c.png')
    (photos / 'l.txt').write_text('sub dir/b.c.jpg\nsub dir/b.c.png\n')
    with pytest.raises(FormatError, match=r'would have the same mask sub dir/b\.c\.png'):
        find_sources([photos / 'l.txt'])


def test_videos(photos, tmp_path):
    (photos / 'clip.mp4').write_bytes(b'')
    found = find_sources([photos])
    assert found.videos == {}
    [note] = found.notes
    assert '1 video is passed over' in note
    assert find_sources([photos / 'clip.mp4']).videos == {'clip': photos / 'clip.mp4'}
    (photos / 'clip').mkdir()
    Image.new('RGB', (8, 8)).save(photos / 'clip/frame_000001.png')
    with pytest.raises(FormatError, match='the same masks as images of the folder clip'):
        find_sources([photos, photos / 'clip.mp4'])


def test_names_that_no_mask_can_have(photos):
    Image.new('RGB', (8, 8)).save(photos / 'a\x07.png')
    (photos / 'l.txt').write_bytes(b'a\x07.png\n')
    with pytest.raises(FormatError, match='it has a control character; rename it'):
        find_sources([photos / 'l.txt'])
