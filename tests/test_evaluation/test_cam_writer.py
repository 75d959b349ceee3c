import numpy as np
import pytest
import torch

from qaclims_mm.evaluation import image_writer
from qaclims_mm.evaluation.cam_writer import CAMWriter
from qaclims_mm.schemas import Manifest, read_cams, write_cams

FAILED = dict(image_id='sub dir/bad', failed='image bad.jpg is missing')


def make_sample(image_id, keys=(1, 4), size=(9, 14), seed=0):
    rng = np.random.default_rng(seed)
    low = (len(keys), -(-size[0] // 4), -(-size[1] // 4))
    return dict(
        image_id=image_id,
        cam_class_indices=torch.tensor(keys, dtype=torch.int64),
        cam_strided=torch.from_numpy(rng.random(low)),
        cam_high_res=torch.from_numpy(rng.random((len(keys), *size))).to(torch.bfloat16),
    )


def test_files_as_they_are_read_back(tmp_path):
    samples = [make_sample('a'), make_sample('sub dir/b.c', (0,), (8, 8), 1), make_sample('n', ())]
    writer = CAMWriter(str(tmp_path / 'cams'))
    writer.process(None, samples[:2])
    writer.process(None, samples[2:])
    writer.evaluate(3)
    for sample in samples:
        cams = read_cams(tmp_path / f'cams/{sample["image_id"]}.npz')
        assert cams.class_indices.tolist() == sample['cam_class_indices'].tolist()
        assert cams.size == tuple(sample['cam_high_res'].shape[1:])
        for name, step in (('high_res', 1 / 255), ('strided', 2**-11)):
            wanted = sample[f'cam_{name}'].float().numpy()
            np.testing.assert_allclose(getattr(cams, name), wanted, rtol=0, atol=step / 2 + 1e-6)


def test_manifest(tmp_path):
    writer = CAMWriter(str(tmp_path))
    writer.begin(dict(config='c0ffee', checkpoint='abc', images='xyz'), ['a', 'b', FAILED])
    writer.process(None, [make_sample('a'), FAILED, make_sample('b')])
    assert writer.evaluate(3) == {'cams/images': 2.0, 'cams/failed': 1.0}
    assert Manifest.read(tmp_path) == Manifest(
        stage='cams',
        config_hash='c0ffee',
        inputs=dict(checkpoint='abc'),
        counts=dict(images=2, failed=1),
        failed=[['sub dir/bad', 'image bad.jpg is missing']],
    )
    assert not (tmp_path / 'sub dir/bad.npz').exists()


def test_only_the_first_rank_writes_the_manifest_with_the_failures_of_all(tmp_path, monkeypatch):
    writer = CAMWriter(str(tmp_path))
    writer.process(None, [FAILED])
    other = {'other': 'mask other.png is missing'}
    monkeypatch.setattr(image_writer, 'all_gather_object', lambda mine: [other, mine])
    monkeypatch.setattr(image_writer, 'is_main_process', lambda: False)
    assert writer.evaluate(5) == {'cams/images': 3.0, 'cams/failed': 2.0}
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(image_writer, 'is_main_process', lambda: True)
    writer.evaluate(5)
    assert Manifest.read(tmp_path).failed == [
        ['other', 'mask other.png is missing'],
        ['sub dir/bad', 'image bad.jpg is missing'],
    ]


def test_done_ids_are_those_with_a_file(tmp_path):
    ids = ['a', 'sub dir/b', 'c', 'sub dir/bad']
    writer = CAMWriter(str(tmp_path))
    assert writer.done_ids(ids) == set()
    writer.process(None, [make_sample('a'), make_sample('sub dir/b'), FAILED])
    writer.evaluate(3)
    (tmp_path / '.c.npz.123.tmp').write_bytes(b'half')
    assert CAMWriter(str(tmp_path)).done_ids(ids) == {'a', 'sub dir/b'}


def test_maps_with_nan_are_not_written(tmp_path):
    sample = make_sample('a')
    sample['cam_high_res'][0, 0, 0] = torch.nan
    writer = CAMWriter(str(tmp_path))
    writer.process(None, [sample])
    with pytest.raises(ValueError, match=r'high_res must be in \[0, 1\], but got .*a\.npz'):
        writer.evaluate(1)
    assert list(tmp_path.iterdir()) == []


def test_the_files_have_the_bytes_of_those_written_one_by_one(tmp_path):
    samples = [make_sample(f'{n:03}', seed=n) for n in range(40)]
    writer = CAMWriter(str(tmp_path / 'cams'))
    for sample in samples:
        writer.process(None, [sample])
    writer.evaluate(40)
    for sample in samples:
        class_indices, *maps = (
            sample[f'cam_{k}'].float().numpy() for k in ('class_indices', 'strided', 'high_res')
        )
        write_cams(tmp_path / 'one.npz', class_indices, *maps)
        found = tmp_path / f'cams/{sample["image_id"]}.npz'
        assert found.read_bytes() == (tmp_path / 'one.npz').read_bytes()
