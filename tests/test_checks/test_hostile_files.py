"""Files that others may have put into a work dir: each is one line, and none is run."""

import os
import pickle
import re
import struct
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_work_dir import check

from qaclims_mm.schemas import write_cams, write_json


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
        r'counts shards as 1000000000000, but the number is 0 \(see part-00000.*00004.parquet\)',
    ),
    '10 ** 400 shards': (
        'qape/manifest.json', manifest(counts=dict(shards=10**400)), 'counts not as written',
    ),
    '-1 shards': ('qape/manifest.json', manifest(counts=dict(shards=-1)), 'counts not as written'),
    'True shards': (
        'qape/manifest.json', manifest(counts=dict(shards=True)), 'counts not as written',
    ),
    'no count': (
        'qape/manifest.json', manifest(counts=dict(shards=0)), 'does not count images, but the',
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
        'counts images as 1, but the number is 0',
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
