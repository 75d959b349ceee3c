"""``qaclims check-files`` finds a single flipped bit, wherever it is."""

import random

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tiny_work_dir import end_stage, make_corpus, make_maps, make_text_bank

from qaclims_mm.checks.files import check_files, find_files
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import CORPUS_SCHEMA, read_cams, read_parquet, write_mask
from qaclims_mm.schemas.masks import check_mask

FLIPS = 150


def make_run(root):
    """Write a work dir in which every file belongs to a stage."""
    make_corpus(root / 'qape/corpus')
    end_stage(root / 'qape')
    make_text_bank(root / 'texts/text_bank', root / 'qape/corpus')
    end_stage(root / 'texts', ['qape'])
    make_maps(root / 'maps')
    (root / 'maps/epoch_1.pth').write_bytes(b'weights')
    end_stage(root / 'maps', ['texts'])


def files_of(root):
    return sorted(p for p in root.rglob('*') if p.is_file())


def flipped(content, bit):
    content = bytearray(content)
    content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def problems_of(root):
    return check_files(find_files(root)).problems


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp('run')
    make_run(root)
    assert problems_of(root) == []
    return root


def flips(path, number, seed=0):
    """Yield the content of a file with one flipped bit each time, and put it back at the end."""
    content = path.read_bytes()
    choose = random.Random(f'{path.name} {seed}')
    try:
        for bit in sorted(choose.sample(range(8 * len(content)), number)):
            path.write_bytes(flipped(content, bit))
            yield bit
    finally:
        path.write_bytes(content)


def test_every_flipped_bit_of_a_run_is_found(run):
    paths = files_of(run)
    names = {p.name for p in paths}
    assert {'part-00001.parquet', 'texts.safetensors', 'texts.json', 'index.parquet'} < names
    assert {'img_000.npz', 'img_000.png', 'epoch_1.pth', 'run.json', 'outputs.json'} < names
    choose = random.Random(0)
    missed = []
    for _ in range(FLIPS):
        path = choose.choice(paths)
        for bit in flips(path, 1, choose.random()):
            missed += [] if problems_of(run) else [f'{path.relative_to(run)} bit {bit}']
    assert missed == []


@pytest.mark.parametrize('folder', ['qape/corpus', 'texts/text_bank'])
def test_every_flipped_bit_of_a_folder_without_a_run_is_found(run, tmp_path, folder):
    make_run(tmp_path)
    for path in tmp_path.glob('*/outputs.json'):
        path.unlink()
    data = [p for p in files_of(tmp_path / folder) if p.suffix != '.json' or p.name == 'texts.json']
    missed = [
        f'{path.name} bit {bit}'
        for path in data
        for bit in flips(path, 25)
        if not problems_of(tmp_path / folder)
    ]
    assert missed == []


@pytest.mark.parametrize('size', [(9, 13), (64, 48)])
def test_every_flipped_bit_of_a_mask_is_found(tmp_path, size):
    path = tmp_path / 'a.png'
    write_mask(path, np.random.default_rng(0).integers(0, 9, size))
    check_mask(path)
    for _ in flips(path, 200):
        with pytest.raises(FormatError, match=r'a\.png '):
            check_mask(path)


def test_masks_of_other_programs_are_whole(tmp_path):
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(
        tmp_path / 'a.png', dpi=(72, 72), optimize=True
    )
    assert check_mask(tmp_path / 'a.png').shape == (4, 5)


def test_flipped_bits_of_maps_are_found_or_change_nothing(run):
    path = run / 'maps/cams/img_000.npz'
    right = read_cams(path)
    found = 0
    for _ in flips(path, 300):
        try:
            read = read_cams(path)
        except FormatError:
            found += 1
            continue
        for name in right._fields:
            assert np.array_equal(getattr(read, name), getattr(right, name))
    assert found > 100


def test_flipped_bits_of_answers_are_found_by_who_reads_them(run):
    path = run / 'qape/corpus/part-00000.parquet'
    right = read_parquet(path, CORPUS_SCHEMA)
    pages = [
        (column.dictionary_page_offset or column.data_page_offset, column.total_compressed_size)
        for column in map(pq.read_metadata(path).row_group(0).column, range(len(right.columns)))
    ]
    content = path.read_bytes()
    choose = random.Random(0)
    try:
        for start, size in pages:
            # the last byte of a column is data, not the header of a page
            bit = 8 * (start + size - 1) + choose.randrange(8)
            path.write_bytes(flipped(content, bit))
            with pytest.raises(FormatError, match=r'CRC checksum verification failed'):
                read_parquet(path, CORPUS_SCHEMA)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize(
    'change',
    [
        lambda content: content[:-1],
        lambda content: content + b'\n',
        lambda content: b' ' + content,
        lambda content: content.replace(b': ', b':  ', 1),
        lambda content: content.replace(b'{\n', b'{\n"seed": 3,\n', 1),
    ],
    ids=['cut', 'longer', 'shifted', 'blank', 'twice'],
)
def test_a_file_of_json_that_says_the_same_is_named(run, change):
    for path in (p for p in files_of(run) if p.suffix == '.json'):
        content = path.read_bytes()
        changed = change(content)
        # a list has no keys
        if changed == content:
            continue
        try:
            path.write_bytes(changed)
            assert any(str(path) in p or path.name in p for p in problems_of(run)), path
        finally:
            path.write_bytes(content)
    assert problems_of(run) == []
