import os
import pickle
import re
import shutil
import struct
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file
from tiny_work_dir import IMAGE_IDS, corpus_rows, make_work_dir

from qaclims_mm.checks.files import KINDS, FoundFile, check_files, find_files
from qaclims_mm.errors import ConfigError
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    Manifest,
    ShardRecords,
    ids_by_shard,
    read_json,
    read_records,
    write_cams,
    write_json,
    write_mask,
    write_parquet,
    write_run_config,
)
from qaclims_mm.schemas.corpus import records_as_metadata
from qaclims_mm.schemas.project import write_classes


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    root = tmp_path_factory.mktemp('good')
    make_work_dir(root)
    return root


@pytest.fixture
def work(good, tmp_path):
    return shutil.copytree(good, tmp_path / 'work')


def check(root):
    return check_files(find_files(root))


def test_good_work_dir(good):
    report = check(good)
    assert report.problems == []
    assert sum(report.bad.values()) == 0
    assert dict(report.files) == {
        'corpus shard': 2,
        'text bank': 1,
        'activation maps': 2,
        'mask': 4,
        'manifest': 8,
        'claim': 6,
        'stage': 3,
        'metrics': 2,
    }
    # texts.json and index.parquet belong to the text bank; checkpoints, pages and logs are none
    # of ours
    assert report.others == 7


def test_config_of_a_run(work):
    write_run_config(work / 'qa_clims', 'train', 'c.py', dict(model=1))
    write_run_config(work / 'qa_clims', 'test', 'c.py', dict(model=1))
    (work / 'qa_clims/my_config.json').write_text('[]')
    report = check(work)
    assert report.problems == []
    assert report.files['run config'] == 2
    (work / 'qa_clims/test_config.json').write_text('[' * 100_000)
    [problem] = check(work).problems
    assert 'qa_clims/test_config.json is nested too deeply' in problem


def test_one_stage_alone(good):
    report = check(good / 'qa_clims/cams')
    assert report.problems == []
    assert dict(report.files) == {'activation maps': 2, 'manifest': 1, 'claim': 1}


def test_progress_counts_every_file_of_a_kind(good):
    ticks = []
    report = check_files(find_files(good), lambda: ticks.append(1))
    assert len(ticks) == sum(report.files.values())


def cut(name, keep=20):
    def damage(root):
        path = root / name
        path.write_bytes(path.read_bytes()[:keep])

    return damage


def remove(name):
    return lambda root: (root / name).unlink()


def edit(name, **changes):
    def damage(root):
        write_json(root / name, read_json(root / name) | changes)

    return damage


PARTS = ids_by_shard(IMAGE_IDS, 2)
LAST = [i for i in PARTS[1] if i != IMAGE_IDS[-1]]


def shard(order=sorted, shards=2, images=None, **changes):
    """Write the second shard with other rows or metadata."""

    def damage(root):
        path = root / 'corpus/part-00001.parquet'
        found = read_records(path)._replace(shards=shards)
        found.images.update(images or {})
        rows = [corpus_rows(i)[0] | changes for i in order(LAST)]
        columns = {k: [r[k] for r in rows] for k in CORPUS_SCHEMA.names}
        write_parquet(path, columns, CORPUS_SCHEMA, records_as_metadata(found))

    return damage


def other_failed_image(root):
    edit('corpus/manifest.json', failed=[[IMAGE_IDS[-1], 'another reason']])(root)
    shutil.rmtree(root / 'text_bank')


def arrays(**changes):
    def damage(root):
        path = root / 'qa_clims/cams/img_000.npz'
        with np.load(path) as file:
            content = dict(file)
        with path.open('wb') as file:
            np.savez(file, **content | changes)

    return damage


def bank(metadata=None, embeddings=None):
    def damage(root):
        old = dict(schema='1', clip='f', weights_sha256='w', prompt='p', corpus_hash='other')
        save_file(
            dict(embeddings=np.eye(3, 4, dtype=np.float16) if embeddings is None else embeddings),
            root / 'text_bank/texts.safetensors',
            metadata=old if metadata is None else metadata,
        )

    return damage


def index(**changes):
    def damage(root):
        from qaclims_mm.schemas import TEXT_INDEX_SCHEMA, read_parquet

        path = root / 'text_bank/index.parquet'
        columns = read_parquet(path, TEXT_INDEX_SCHEMA).to_pydict()
        write_parquet(path, columns | changes, TEXT_INDEX_SCHEMA)

    return damage


def other_corpus(root):
    path = root / 'corpus/manifest.json'
    manifest = read_json(path)
    write_json(path, manifest | dict(extra=manifest['extra'] | dict(questions='q1')))


COMMAND = 'give the same qaclims run or qaclims ablate command again'
REMAKE = f'{COMMAND}, which makes the stage again'
SHARD, CAMS = 'corpus/part-00001.parquet', 'qa_clims/cams/img_000.npz'
AGAIN = 'delete it and run the qape stage again'
EXPORT = 'delete it and run the CAM export again'
ENCODE = 'run qaclims encode-texts again'
METRICS = 'qa_clims/metrics.json'
NO_ROWS = {name: [] for name in CORPUS_SCHEMA.names}
# (damage, kind that is bad, what its line says after the folder)
DAMAGES = {
    'shard cut': (cut(SHARD), 'corpus shard', f'{SHARD} is not a readable Parquet file .* again'),
    'shard order': (
        shard(lambda ids: sorted(ids, reverse=True)),
        'corpus shard',
        f'{SHARD} has images that are not in the order of their ids; {AGAIN}',
    ),
    'shard gap': (
        shard(text=None),
        'corpus shard',
        f'{SHARD} has {len(LAST)} empty cells in its column text; delete it and run its stage '
        'again',
    ),
    'shard score': (
        shard(score=np.nan),
        'corpus shard',
        f'{SHARD} has scores that are not finite; {AGAIN}',
    ),
    'shard kind': (
        shard(kind='bg'),
        'corpus shard',
        f"{SHARD} has a question 'fine_1' of kind 'bg'; {AGAIN}",
    ),
    'shard question': (
        shard(question_id='colour_1'),
        'corpus shard',
        f"{SHARD} has a question 'colour_1' of kind 'fg'; {AGAIN}",
    ),
    'shard class': (
        shard(class_name='cat'),
        'corpus shard',
        f'{SHARD} has answers about other images or classes than its metadata .*; {AGAIN}',
    ),
    'shard without an image': (
        shard(lambda ids: sorted(ids)[1:]),
        'corpus shard',
        f"{SHARD} has answers about other images .* \\(see '{LAST[0]}'\\); {AGAIN}",
    ),
    'shard metadata': (
        lambda root: write_parquet(root / SHARD, NO_ROWS, CORPUS_SCHEMA),
        'corpus shard',
        f'{SHARD} does not list its images in its metadata .*; {AGAIN}',
    ),
    'shard of another place': (
        shard(images={PARTS[0][0]: dict(sha256='0', classes=[])}),
        'corpus shard',
        f"{SHARD} has image '{PARTS[0][0]}', which belongs into part-00000.parquet of 2 shards; "
        f'{AGAIN}',
    ),
    'shard of another number': (
        lambda root: write_parquet(
            root / SHARD, NO_ROWS, CORPUS_SCHEMA, records_as_metadata(ShardRecords(4, {}))
        ),
        'manifest',
        'corpus/manifest.json counts 2 shards, but part-00001.parquet is one of 4; run its stage '
        'again',
    ),
    'shard of other images': (
        shard(images={LAST[0]: dict(sha256='1', classes=['dog'])}),
        'manifest',
        r'corpus/manifest.json was made of other shards \(shards_sha256\); run its stage again',
    ),
    'failed images': (
        other_failed_image,
        'manifest',
        'corpus/manifest.json lists other failed images than its shards; run its stage again',
    ),
    'shard gone': (
        remove(SHARD),
        'manifest',
        r'corpus/manifest.json counts 2 shards, but 1 are there \(see part-00001.parquet\); '
        'run its stage again',
    ),
    'answers': (
        shard(text=''),
        'manifest',
        f'corpus/manifest.json counts 0 empty, but there are {len(LAST)}; run its stage again',
    ),
    'bank cut': (
        cut('text_bank/texts.safetensors', 30),
        'text bank',
        f'texts.safetensors is broken .* {ENCODE}',
    ),
    'bank half': (
        remove('text_bank/index.parquet'),
        'text bank',
        'text_bank/index.parquet is missing; make the text bank with qaclims encode-texts',
    ),
    'bank metadata': (
        bank(metadata=dict(schema='1', clip='f', prompt='p')),
        'text bank',
        f'text_bank has no corpus_hash, weights_sha256 in its metadata; {ENCODE}',
    ),
    'bank norms': (
        bank(embeddings=2 * np.eye(3, 4, dtype=np.float16)),
        'text bank',
        f'text_bank has embeddings that are not float16 of norm 1; {ENCODE}',
    ),
    'bank type': (
        bank(embeddings=np.eye(3, 4, dtype=np.float32)),
        'text bank',
        f'text_bank has embeddings that are not float16 of norm 1; {ENCODE}',
    ),
    'bank corpus': (
        bank(),
        'manifest',
        'text_bank/manifest.json names another corpus than texts.safetensors; run its stage again',
    ),
    'bank texts': (
        lambda root: write_json(root / 'text_bank/texts.json', ['dog', 'dog', 'no dog']),
        'text bank',
        f'text_bank has texts that stand twice; {ENCODE}',
    ),
    'index order': (
        index(image_id=['img_001', 'img_000']),
        'text bank',
        f'text_bank has pairs that stand twice or are not in order; {ENCODE}',
    ),
    'index twice': (
        index(image_id=['img_001', 'img_001']),
        'text bank',
        f'text_bank has pairs that stand twice or are not in order; {ENCODE}',
    ),
    'index rows': (
        index(no=[2, 3]),
        'text bank',
        f'text_bank has rows in its column no that are not among the 3 texts; {ENCODE}',
    ),
    'index lists': (
        index(bg=[[], [-1]]),
        'text bank',
        f'text_bank has rows in its column bg that are not among the 3 texts; {ENCODE}',
    ),
    'cams cut': (cut(CAMS, 100), 'activation maps', f'{CAMS} is not a CAM file .* {EXPORT}'),
    'cams types': (
        arrays(high_res=np.zeros((1, 9, 13))),
        'activation maps',
        rf'{CAMS} has an array high_res of another type \(float64\); {EXPORT}',
    ),
    'cams shapes': (
        arrays(size=np.array([9, 12])),
        'activation maps',
        f'{CAMS} has maps of disagreeing shapes; {EXPORT}',
    ),
    'cams size': (
        arrays(size=np.array([9])),
        'activation maps',
        f'{CAMS} has maps of disagreeing shapes; {EXPORT}',
    ),
    'cams keys': (
        arrays(keys=np.array([-1])),
        'activation maps',
        rf'{CAMS} has classes \[-1\], which are negative or stand twice; {EXPORT}',
    ),
    'cams range': (
        arrays(strided=np.full((1, 3, 4), np.nan, dtype=np.float16)),
        'activation maps',
        rf'{CAMS} has strided maps outside \[0, 1\]; {EXPORT}',
    ),
    'cams gone': (
        remove(CAMS),
        'manifest',
        'qa_clims/cams/manifest.json counts 2 images, but there are 1; run its stage again',
    ),
    'cams failed': (
        edit('qa_clims/cams/manifest.json', failed=[['img_000', 'bad']]),
        'manifest',
        'qa_clims/cams/manifest.json lists img_000 as failed, but its file is there; '
        'run its stage again',
    ),
    'mask cut': (
        cut('qa_clims/pseudo_masks/img_000.png', 60),
        'mask',
        'qa_clims/pseudo_masks/img_000.png is not a readable mask .* make it again',
    ),
    'manifest broken': (
        cut('qa_clims/ir_labels/manifest.json', 5),
        'manifest',
        'ir_labels/manifest.json is not valid JSON .* run its stage again',
    ),
    'manifest fields': (
        edit('qa_clims/ir_labels/manifest.json', counts=[2], failed=['a']),
        'manifest',
        r'ir_labels/manifest.json is no manifest \(counts, failed not as written\); '
        'run its stage again',
    ),
    'claim': (
        edit('qa_clims/cams/run.json', config='c3'),
        'claim',
        'cams/run.json and manifest.json beside it are of different configs; delete .*/cams',
    ),
    'claim shape': (
        lambda root: write_json(root / 'corpus/run.json', ['x']),
        'claim',
        'corpus/run.json is not {what: hash}; delete .*/corpus and run its stage again',
    ),
    'stage list gone': (
        remove('report/outputs.json'),
        'manifest',
        'report/outputs.json is missing; run its stage again',
    ),
    'stage list': (
        edit('report/outputs.json', status='0'),
        'stage',
        r'report/outputs.json is not as it was written \(status\); run its stage again',
    ),
    'stage file': (
        remove('cam/epoch_1.pth'),
        'stage',
        f'cam: stage cam is damaged: epoch_1.pth is missing; {REMAKE}',
    ),
    'stage manifest': (
        edit('cam/manifest.json', config_hash='p1'),
        'stage',
        'cam/manifest.json of stage cam does not follow from run.json and outputs.json beside it; '
        f'{COMMAND}, which corrects it',
    ),
    'stage manifest broken': (
        cut('cam/manifest.json', 5),
        'manifest',
        'cam/manifest.json is not valid JSON .* run its stage again',
    ),
    'stage claim': (
        lambda root: write_json(root / 'cam/run.json', ['x']),
        'claim',
        'cam/run.json is not {what: hash}; delete .*/cam and run its stage again',
    ),
    'metrics shape': (
        lambda root: write_json(root / METRICS, dict(qa_clims=[1])),
        'metrics',
        f'{METRICS} is not {{stage: {{metric: number}}}}; delete it and run the test again',
    ),
    'metrics percent': (
        lambda root: write_json(root / METRICS, dict(cam={'cam/mIoU': 101})),
        'metrics',
        f'{METRICS} has 101 as cam/mIoU of cam; look at that run and test again',
    ),
    'metrics nan': (
        lambda root: write_json(root / METRICS, dict(cam={'cam/x': float('nan')})),
        'metrics',
        f'{METRICS} has nan as cam/x of cam; look at that run and test again',
    ),
    'left over': (
        lambda root: (root / 'qa_clims/cams/.img_002.npz.77.tmp').write_bytes(b''),
        'left over',
        r'cams/.img_002.npz.77.tmp is left over from a killed run; delete it, unless a run is '
        'writing it now',
    ),
}


@pytest.mark.parametrize(('damage', 'kind', 'line'), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_one_line(work, damage, kind, line):
    damage(work)
    report = check(work)
    [problem] = report.problems
    assert re.fullmatch(rf'{re.escape(str(work))}/.*{line}\.', f'{problem}'), problem
    assert +report.bad == {kind: 1}


@pytest.mark.parametrize('folder', ['corpus', 'text_bank', 'qa_clims/cams', 'cam'])
def test_unfinished_stage(work, folder):
    (work / folder / 'manifest.json').unlink()
    [problem] = check(work).problems
    assert problem == (
        f'{work}/{folder}/manifest.json is missing: the stage that fills {work}/{folder} has not '
        'finished; run it.'
    )


def test_shards_of_a_killed_run_belong_to_the_corpus(work):
    (work / 'corpus/next-00004').mkdir()
    shutil.copy(work / SHARD, work / 'corpus/next-00004')
    assert check(work).problems == []
    (work / 'corpus/manifest.json').unlink()
    [problem] = check(work).problems
    assert problem.startswith(f'{work}/corpus/manifest.json is missing: the stage that fills ')


def test_classes_that_the_stage_does_not_have(work):
    write_classes(work / 'qa_clims', ['cat', 'dog', 'cow', 'sheep'])
    assert check(work).problems == []
    write_mask(work / 'qa_clims/pseudo_masks/img_000.png', np.array([[0, 255, 4, 9]] * 9))
    write_classes(work / 'qa_clims', ['cat', 'dog', 'cow'])
    problems = [p for p in check(work).problems if 'has class' in p]
    wrong = ['cams/img_000.npz', 'cams/sub dir/img.b.npz', 'ir_labels/img_000.png']
    wrong += ['ir_labels/sub dir/img.b.png', 'pseudo_masks/img_000.png']
    table = f'but {work}/qa_clims/classes.csv has 3, numbered from 0; delete it and run its stage'
    assert problems == [
        f'{work}/qa_clims/{name} has class {8 if "pseudo" in name else 3}, {table} again.'
        for name in wrong
    ]


def test_maps_and_masks_of_other_sizes(work):
    # as a pipeline leaves it that reads images smaller than their files
    write_mask(work / 'qa_clims/ir_labels/sub dir/img.b.png', np.zeros((91, 131)))
    assert not check(work).problems
    write_mask(work / 'qa_clims/ir_labels/sub dir/img.b.png', np.zeros((9, 14)))
    [problem] = check(work).problems
    assert problem == (
        f'{work}/qa_clims/ir_labels/sub dir/img.b.png is for an image of 9x14, but '
        f'{work}/qa_clims/cams/sub dir/img.b.npz of 9x13; run both stages on the same images.'
    )


def test_text_bank_of_an_older_corpus(work):
    other_corpus(work)
    [problem] = check(work).problems
    assert problem == (
        f'{work}/text_bank/manifest.json was made from another corpus than {work}/corpus; '
        'run its stage again.'
    )


def test_an_input_that_lies_elsewhere_is_not_judged(work):
    shutil.rmtree(work / 'corpus')
    assert check(work).problems == []


def test_several_problems_are_all_told(work):
    cut('corpus/run.json', 2)(work)
    cut('corpus/part-00001.parquet', 2)(work)
    cut(CAMS)(work)
    report = check(work)
    assert len(report.problems) == 3
    assert +report.bad == {'corpus shard': 1, 'claim': 1, 'activation maps': 1}


def test_left_over_folder_is_one_problem(work):
    for n in range(3):
        path = work / f'cams.12.tmp/{n}.npz'
        write_cams(path, np.arange(1), np.zeros((1, 2, 2)), np.zeros((1, 8, 8)))
    [problem] = check(work).problems
    assert 'cams.12.tmp is left over' in problem


def test_links_are_followed_once(good, tmp_path):
    (tmp_path / 'corpus').symlink_to(good / 'corpus')
    (tmp_path / 'loop').symlink_to(tmp_path)
    report = check(tmp_path)
    assert report.problems == []
    assert report.files['corpus shard'] == 2


def test_file_that_goes_away_meanwhile(work):
    found = find_files(work)
    (work / METRICS).unlink()
    [problem] = check_files(found).problems
    assert problem == (
        f'{work}/{METRICS} cannot be read (No such file or directory); run its stage again.'
    )


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError, match=r'absent cannot be listed \(No such file or directory\)'):
        find_files(tmp_path / 'absent')


def test_stage_that_counts_no_images(work):
    Manifest('segment', 'c', counts=dict(iterations=5)).write(work / 'segment')
    assert check(work).problems == []


def test_names_of_kinds_are_distinct():
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def manifest(**changes):
    return lambda path: write_json(
        path,
        dict(stage='qape', config_hash='x', schema=1, version='1', inputs={}, counts={}, failed=[])
        | changes,
    )


def npz(header):
    """Return what writes a CAM file whose arrays claim to be as a header says."""

    def write(path):
        content = b'\x93NUMPY\x01\x00' + struct.pack('<H', 118) + header.encode().ljust(117) + b'\n'
        with zipfile.ZipFile(path, 'w') as archive:
            for name in ('keys', 'strided', 'high_res', 'size'):
                archive.writestr(f'{name}.npy', content)

    return write


def npy(path):
    with path.open('wb') as file:
        np.save(file, np.zeros(3))


def huge_png(path):
    head = struct.pack('>IIBBBBB', 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b'IHDR' + head
    data = b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + chunk
    path.write_bytes(data + struct.pack('>I', zlib.crc32(chunk)) + b'\0\0\0\0IDAT5\xafZ\x1e' * 2)


def text(content):
    return lambda path: path.write_text(content)


def other_shard(path):
    pq.write_table(pa.table({'image_id': [1], 'text': [None]}), path)


BIG = f'1{"0" * 400}'
# (file of a work dir, what makes it, what its line says behind its path)
HOSTILE = {
    'number of 400 digits': ('metrics.json', text(f'{{"a": {{"b": {BIG}}}}}'), 'is not {stage:'),
    'number of -400 digits': ('metrics.json', text(f'{{"a": {{"b": -{BIG}}}}}'), 'is not {stage:'),
    'number of 5000 digits': (
        'metrics.json', text(f'{{"a": {{"b": {"9" * 5000}}}}}'), 'is not valid JSON',
    ),
    'true for a number': ('metrics.json', text('{"a": {"b": true}}'), 'is not {stage:'),
    'deep JSON': ('metrics.json', text('[' * 200_000), 'is nested too deeply'),
    'metric of two lines': ('metrics.json', text('{"a": {"IoU\\nx": 101}}'), "has 101 as 'IoU"),
    'array of 400 GB': (
        'cams/a.npz',
        npz("{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000,), }"),
        r'is not a CAM file \(keys.npy claims 400000000000 bytes, but can hold 0',
    ),
    'array of negative size': (
        'cams/a.npz',
        npz("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
        'is not a CAM file',
    ),
    'header with code': ('cams/a.npz', npz("__import__('os').abort()"), 'is not a CAM file'),
    'npy': ('cams/a.npz', npy, 'it is no archive'),
    'pickle': ('cams/a.npz', lambda p: p.write_bytes(pickle.dumps([1])), 'it is no archive'),
    'no array': ('cams/a.npz', lambda p: zipfile.ZipFile(p, 'w').close(), 'is not a CAM file'),
    'image without pixels': (
        'cams/a.npz',
        lambda p: write_cams(p, [], np.zeros((0, 0, 0)), np.zeros((0, 0, 0))),
        'has maps of an image without pixels',
    ),
    'picture of 3.6 gigapixels': ('pseudo_masks/a.png', huge_png, 'is not a readable mask'),
    'numbers for names': ('corpus/part-00000.parquet', other_shard, 'lacks the columns'),
    '10 ** 12 shards': (
        'qape/manifest.json',
        manifest(counts=dict(shards=10**12)),
        r'counts 1000000000000 shards, but 0 are there \(see part-00000.parquet, .*00004.parquet\)',
    ),
    '10 ** 400 shards': (
        'qape/manifest.json', manifest(counts=dict(shards=10**400)), 'counts not as written',
    ),
    '-1 shards': ('qape/manifest.json', manifest(counts=dict(shards=-1)), 'counts not as written'),
    'True shards': (
        'qape/manifest.json', manifest(counts=dict(shards=True)), 'counts not as written',
    ),
    'no count': (
        'qape/manifest.json', manifest(counts=dict(shards=0)), 'does not count images, but there',
    ),
    'version of another type': (
        'qape/manifest.json', manifest(version=[]), 'version not as written',
    ),
    'key of 10,000 characters': (
        'qape/manifest.json', manifest(**{'x' * 10_000: 1}), r"unknown keys: 'x{50}\.\.\.x{27}'",
    ),
    'claim': ('qape/run.json', text('[]'), 'is not {what: hash}'),
    'two lines for an image': (
        'cams/manifest.json',
        manifest(stage='cam', counts=dict(images=1), failed=[['a\nb', 'r']]),
        'counts 1 images, but there are 0',
    ),
}  # fmt: skip


@pytest.mark.parametrize(('name', 'write', 'message'), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_one_line_and_hides_no_other(tmp_path, name, write, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write(path)
    (tmp_path / 'z').mkdir()
    (tmp_path / 'z/metrics.json').write_text('[]')
    report = check(tmp_path)
    assert any(re.search(rf'{re.escape(name)} .*{message}', p) for p in report.problems)
    assert any('z/metrics.json is not {stage' in p for p in report.problems)
    assert all(len(p) < 2100 and '\n' not in p for p in report.problems)


NAMES = [
    'metrics.json', 'qape/manifest.json', 'qape/run.json', 'a/test_config.json', 'cams/a.npz',
    'pseudo_masks/a.png', 'corpus/part-00000.parquet', 'corpus/next-00004/part-00000.parquet',
    'x/texts.safetensors', 'x/outputs.json',
]  # fmt: skip


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('kind', ['pipe', 'device', 'broken link'])
def test_what_is_no_regular_file_is_not_opened(tmp_path, name, kind):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, parents=True)
    if kind == 'pipe':
        os.mkfifo(path)
    else:
        path.symlink_to('/dev/zero' if kind == 'device' else 'gone')
    problems = check(tmp_path).problems
    wanted = 'is a link that leads nowhere' if kind == 'broken link' else 'is not a regular file'
    assert any(f'{path} {wanted}' in p for p in problems)


def test_a_pipe_beside_a_manifest(work):
    """Shards are read to be compared with the manifest, too."""
    (work / 'corpus/part-00001.parquet').unlink()
    os.mkfifo(work / 'corpus/part-00001.parquet')
    assert any('part-00001.parquet is not a regular file' in p for p in check(work).problems)
    (work / 'text_bank/texts.json').unlink()
    os.mkfifo(work / 'text_bank/texts.json')
    assert any('texts.json is not a regular file' in p for p in check(work).problems)


@pytest.mark.parametrize('error', [MemoryError(), RecursionError('deep'), ZeroDivisionError('x')])
def test_errors_of_a_library_are_problems(work, error):
    def fail(path):
        raise error

    kind = replace(next(k for k in KINDS if k.name == 'mask'), check=fail)
    [problem, *_] = check_files([FoundFile(work / 'x.png', kind)]).problems
    assert f'x.png cannot be read ({type(error).__name__}' in problem
