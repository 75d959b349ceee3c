import json

import numpy as np
import pyarrow as pa
import pytest
import torch

from qaclims_mm import schemas
from qaclims_mm.schemas import FormatError, Manifest


def test_cams_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    high, low = rng.random((2, 9, 13), dtype=np.float32), rng.random((2, 3, 4), dtype=np.float32)
    path = tmp_path / 'sub dir/a.npz'
    schemas.write_cams(path, np.array([3, 7]), low, high)
    read = schemas.read_cams(path)
    assert read.keys.tolist() == [3, 7]
    assert read.size == (9, 13)
    assert np.abs(read.high_res - high).max() <= 0.5 / 255 + 1e-6
    assert np.abs(read.strided - low).max() <= 2**-11
    assert list(path.parent.iterdir()) == [path]
    with np.load(path, allow_pickle=False) as file:
        assert {k: file[k].dtype.name for k in file} == dict(
            keys='int64', strided='float16', high_res='uint8', size='int64'
        )


def test_cams_without_a_class(tmp_path):
    schemas.write_cams(tmp_path / 'a.npz', np.zeros(0), np.zeros((0, 3, 4)), np.zeros((0, 9, 13)))
    assert schemas.read_cams(tmp_path / 'a.npz').high_res.shape == (0, 9, 13)


@pytest.mark.parametrize(
    ('strided', 'high', 'message'),
    [
        ((1, 3, 4), (2, 9, 13), r'maps must be \(n, ceil\(H/4\)'),
        ((2, 3, 3), (2, 9, 13), r'maps must be \(n, ceil\(H/4\)'),
    ],
)
def test_cams_of_disagreeing_shapes(tmp_path, strided, high, message):
    with pytest.raises(ValueError, match=message):
        schemas.write_cams(tmp_path / 'a.npz', np.arange(2), np.zeros(strided), np.zeros(high))


@pytest.mark.parametrize('value', [1.5, -0.1, np.nan])
def test_cams_out_of_range(tmp_path, value):
    high = np.full((1, 8, 8), value)
    with pytest.raises(ValueError, match=r'high_res must be in \[0, 1\]'):
        schemas.write_cams(tmp_path / 'a.npz', np.arange(1), np.zeros((1, 2, 2)), high)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('keep', [0, 10, 300])
def test_truncated_cams(tmp_path, keep):
    path = tmp_path / 'a.npz'
    schemas.write_cams(path, np.arange(1), np.zeros((1, 2, 2)), np.zeros((1, 8, 8)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match=r'a.npz is not a CAM file.*run the CAM export again'):
        schemas.read_cams(path)


def test_pickled_cams_are_refused(tmp_path):
    np.savez(tmp_path / 'a.npz', keys=np.array([{}], dtype=object))
    with pytest.raises(FormatError, match='is not a CAM file'):
        schemas.read_cams(tmp_path / 'a.npz')


def test_mask_round_trip_and_colours(tmp_path):
    from PIL import Image

    mask = np.array([[0, 1, 15], [20, 255, 2]])
    schemas.write_mask(tmp_path / 'm.png', mask)
    np.testing.assert_array_equal(schemas.read_mask(tmp_path / 'm.png'), mask)
    colours = np.asarray(Image.open(tmp_path / 'm.png').convert('RGB'))
    # VOC: aeroplane dark red, person pinkish, tv monitor (20) blue-green, void cream
    assert colours[0, 1].tolist() == [128, 0, 0]
    assert colours[0, 2].tolist() == [192, 128, 128]
    assert colours[1, 0].tolist() == [0, 64, 128]
    assert colours[1, 1].tolist() == [224, 224, 192]


def test_colour_image_is_no_mask(tmp_path):
    from PIL import Image

    Image.new('RGB', (4, 4)).save(tmp_path / 'm.png')
    with pytest.raises(FormatError, match='must be a palette or grey PNG, but its mode is RGB'):
        schemas.read_mask(tmp_path / 'm.png')


def test_mask_out_of_range(tmp_path):
    with pytest.raises(ValueError, match=r'values in 0\.\.255'):
        schemas.write_mask(tmp_path / 'm.png', np.array([[300]]))


def test_manifest_round_trip_and_bytes(tmp_path):
    manifest = Manifest('qape', 'abc', {'x': 'y'}, {'images': 3}, [['a', 'broken']], {'q': 1})
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    first = schemas.manifest_hash(tmp_path)
    manifest.write(tmp_path)
    assert schemas.manifest_hash(tmp_path) == first


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, r'manifest.json is missing: the stage that fills .* has not finished'),
        ('{', 'is not valid JSON'),
        ('[]', 'has schema list'),
        (json.dumps(dict(schema=99)), 'has schema 99, but this version reads 1'),
        (json.dumps(dict(schema=1, stage='a')), 'is no manifest'),
    ],
)
def test_bad_manifest(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'manifest.json').write_text(content)
    with pytest.raises(FormatError, match=message):
        Manifest.read(tmp_path)


def test_config_hash_ignores_how_a_run_is_carried_out():
    config = dict(model=dict(type='A', lr=0.1), work_dir='x', launcher='none')
    same = dict(model=dict(type='A', lr=0.1), work_dir='y', launcher='pytorch')
    other = dict(model=dict(type='A', lr=0.2), work_dir='x', launcher='none')
    assert schemas.hash_config(config) == schemas.hash_config(same)
    assert schemas.hash_config(config) != schemas.hash_config(other)


@pytest.mark.parametrize('root', ['work_dirs/a', '/elsewhere/b'])
def test_config_hash_of_a_moved_chain(root):
    def config(root, bank):
        return dict(
            work_dir=f'{root}/ritc', model=dict(bank=f'{root}/{bank}', own=f'{root}/ritc/x')
        )

    first = schemas.hash_config(config('work_dirs/first', 'qape'))
    assert schemas.hash_config(config(root, 'qape')) == first
    assert schemas.hash_config(config(root, 'other')) != first


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.json'
    schemas.write_json(path, 1)

    def fail():
        with schemas.atomic_path(path) as temporary:
            temporary.write_text('half')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert schemas.read_json(path) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('image_id', ['/etc/passwd', '../x', 'a/../../x'])
def test_image_id_stays_below_its_folder(tmp_path, image_id):
    with pytest.raises(ValueError, match='must stay below its folder'):
        schemas.file_of(tmp_path, image_id, '.png')


def test_image_id():
    assert schemas.image_id_of('/data/sub dir/a.b.jpg', '/data') == 'sub dir/a.b'
    assert schemas.file_of('/out', 'sub dir/a.b', '.png').as_posix() == '/out/sub dir/a.b.png'


def test_parquet_bytes_depend_on_content_only(tmp_path):
    schema = pa.schema([('a', pa.string()), ('b', pa.float32())])
    for name in ('x', 'y'):
        schemas.write_parquet(tmp_path / name, dict(a=['p', 'q'], b=[1.0, 2.0]), schema)
    assert (tmp_path / 'x').read_bytes() == (tmp_path / 'y').read_bytes()
    with pytest.raises(FormatError, match=r"lacks the columns \['c'\]"):
        schemas.read_parquet(tmp_path / 'x', schema, ['a', 'c'])


def test_damaged_parquet_pages(tmp_path):
    schema = pa.schema([('a', pa.string())])
    schemas.write_parquet(tmp_path / 'x', dict(a=[f'{i:09d}' for i in range(2000)]), schema)
    damaged = bytearray((tmp_path / 'x').read_bytes())
    damaged[40:400] = bytes(360)
    (tmp_path / 'x').write_bytes(damaged)
    with pytest.raises(FormatError, match=r'x is not a readable Parquet file .*delete it'):
        schemas.read_parquet(tmp_path / 'x', schema)


def test_text_bank_round_trip_and_refusals(tmp_path):
    index = dict(image_id=['i'], class_name=['dog'], label=[0], fg=[[1]], bg=[[]], no=[2])
    embeddings = np.eye(3, 4)
    schemas.write_text_bank(tmp_path, embeddings, ['dog', 'puppy', 'no dog'], index, dict(clip='c'))
    bank = schemas.read_text_bank(tmp_path)
    assert bank.embeddings.dtype == torch.float16
    np.testing.assert_array_equal(bank.embeddings, embeddings)
    assert bank.metadata == dict(schema='1', clip='c')
    assert bank.index.to_pylist()[0] == {k: v[0] for k, v in index.items()}
    schemas.write_json(tmp_path / 'texts.json', ['dog'])
    with pytest.raises(FormatError, match='1 texts but 3 embeddings'):
        schemas.read_text_bank(tmp_path)
    path = tmp_path / 'texts.safetensors'
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(FormatError, match='is broken'):
        schemas.read_text_bank(tmp_path)
    path.unlink()
    with pytest.raises(FormatError, match=r'make the text bank with tools/encode_texts.py'):
        schemas.read_text_bank(tmp_path)
