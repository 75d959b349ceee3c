import numpy as np
import pytest
from tiny_models import CLASSIFIER, RITC, make_pictures, make_stage
from tiny_videos import write_video

from qaclims_mm.engine.shards import Shard
from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.image_sources import find_sources
from qaclims_mm.inference.folder import MaskFolder
from qaclims_mm.inference.job import PredictionJob
from qaclims_mm.inference.models import find_model
from qaclims_mm.schemas import read_mask


@pytest.fixture(scope='module')
def found(tmp_path_factory):
    return find_model(make_stage(tmp_path_factory.mktemp('segment')))


def job_of(found, tmp_path, *given, **options):
    job = PredictionJob(found, find_sources(given), 'cpu', **options)
    return job, MaskFolder(tmp_path / 'out', job.classes)


def masks_in(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*.png')}


def test_parts_are_the_whole(found, tmp_path):
    make_pictures(tmp_path / 'p', 5)
    video = write_video(tmp_path / 'v.mp4', 7)
    job, folder = job_of(found, tmp_path, tmp_path / 'p', video, every=2)
    assert job.run(folder) == []
    whole = masks_in(tmp_path / 'out')
    assert len(whole) == len(job.seen) == 5 + 4
    shares = []
    for number in (1, 2, 3):
        shard = Shard(number, 3)
        job, _ = job_of(found, tmp_path, tmp_path / 'p', video, every=2, shard=shard)
        job.run(MaskFolder(tmp_path / 'parts', job.classes))
        shares.append(set(job.seen))
    assert masks_in(tmp_path / 'parts') == whole
    assert sum(map(len, shares)) == len(set().union(*shares)) == 9
    # the same share, whichever are done
    job, _ = job_of(found, tmp_path, tmp_path / 'p', video, every=2, shard=Shard(3, 3))
    job.run(MaskFolder(tmp_path / 'parts', job.classes))
    assert set(job.seen) == shares[2]


def test_a_run_that_is_killed_goes_on(found, tmp_path, monkeypatch):
    make_pictures(tmp_path / 'p', 4)
    job, folder = job_of(found, tmp_path, tmp_path / 'p')
    job.run(folder)
    whole = masks_in(tmp_path / 'out')
    killed = MaskFolder(tmp_path / 'killed', job.classes)
    left = [2]

    def write(self, image_id, result, pixels, write=MaskFolder.write):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write(self, image_id, result, pixels)

    monkeypatch.setattr(MaskFolder, 'write', write)
    with pytest.raises(KeyboardInterrupt):
        job_of(found, tmp_path, tmp_path / 'p')[0].run(killed)
    assert len(masks_in(tmp_path / 'killed')) == 2
    left[0] = 9
    job_of(found, tmp_path, tmp_path / 'p')[0].run(killed)
    assert left[0] == 7
    assert masks_in(tmp_path / 'killed') == whole


def test_what_cannot_be_read_costs_itself_alone(found, tmp_path):
    make_pictures(tmp_path / 'p', 2)
    (tmp_path / 'p/bad.png').write_bytes(b'no image')
    (tmp_path / 'bad.mp4').write_bytes(b'no video')
    video = write_video(tmp_path / 'v.mp4', 2)
    job, folder = job_of(found, tmp_path, tmp_path / 'bad.mp4', tmp_path / 'p', video)
    failed = job.run(folder)
    assert len(masks_in(tmp_path / 'out')) == 4
    assert sorted(text.split(' ')[0] for text in failed) == ['image', 'video']


def test_networks_of_maps(tmp_path):
    paths = make_pictures(tmp_path / 'p', 3)
    classifier = find_model(make_stage(tmp_path / 'cam', CLASSIFIER))
    job, folder = job_of(classifier, tmp_path, tmp_path / 'p')
    assert job.run(folder) == []
    table = tmp_path / 'labels.csv'
    table.write_text('image,labels\n0.png,cat\n1,a/b;cat\n')
    job, _ = job_of(classifier, tmp_path, *paths, labels=[str(table)], threshold=0.5)
    [problem] = job.run(MaskFolder(tmp_path / 'named', job.classes))
    assert 'image 2 has no row in' in problem
    values = [set(np.unique(read_mask(tmp_path / f'named/masks/{n}.png'))) for n in (0, 1)]
    cat, other = job.classes.index('cat'), job.classes.index('a/b')
    assert values == [{0, cat}, {0, cat, other}]
    ritc = find_model(make_stage(tmp_path / 'ritc', RITC))
    with pytest.raises(ConfigError, match='RITC makes maps of classes that are known'):
        job_of(ritc, tmp_path, *paths)
    job, _ = job_of(ritc, tmp_path, paths[0], labels=['cat', 'dog'])
    assert job.run(MaskFolder(tmp_path / 'ritc/out', job.classes)) == []


def test_what_masks_depend_on(found, tmp_path):
    [path] = make_pictures(tmp_path / 'p', 1)
    other = find_model(make_stage(tmp_path / 'other', seed=1))
    prints = [
        job_of(found, tmp_path, path)[0].fingerprint(),
        job_of(other, tmp_path, path)[0].fingerprint(),
        job_of(found, tmp_path, path, tile=32)[0].fingerprint(),
    ]
    assert len({str(p) for p in prints}) == 3
    assert prints[0] == job_of(found, tmp_path, path, every=3)[0].fingerprint()
