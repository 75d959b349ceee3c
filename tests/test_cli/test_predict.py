import csv
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from qaclims_mm.cli import main
from qaclims_mm.paths import resolve
from qaclims_mm.schemas import read_mask

CONFIG = 'deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112'
WEIGHTS = 'miniworld://segment/r18-mini.safetensors'


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'photos'
    for number, name in enumerate(('a.png', 'sub dir/b.c.png')):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (40, 32, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture
def run(capsys, monkeypatch):
    def start(name, *words):
        monkeypatch.setattr(sys, 'argv', sys.argv)
        with pytest.raises(SystemExit) as end:
            main([name, CONFIG, WEIGHTS, *map(str, words), '--device', 'cpu'])
        return end.value.code, ''.join(capsys.readouterr())

    return start


def test_masks_overlays_and_areas(run, images, tmp_path):
    out = tmp_path / 'out'
    assert run('predict', images, '--out', out, '--overlay')[0] == 0
    masks = [out / 'masks/a.png', out / 'masks/sub dir/b.c.png']
    assert all(read_mask(path).shape == (40, 32) for path in masks)
    for path in (out / 'overlays/a.jpg', out / 'overlays/sub dir/b.c.jpg'):
        with Image.open(path) as picture:
            assert picture.size == (32, 40)
    with (out / 'classes.csv').open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    assert rows[0]['class'] == 'background'
    assert len(rows) == 9
    assert sum(int(row['pixels']) for row in rows) == 2 * 40 * 32
    counted = sum(int((read_mask(path) == 0).sum()) for path in masks)
    assert int(rows[0]['pixels']) == counted


def test_what_is_there_is_skipped_and_new_images_are_added(run, images, tmp_path):
    out = tmp_path / 'out'
    assert run('predict', images / 'a.png', '--out', out)[0] == 0
    before = (out / 'masks/a.png').stat().st_mtime_ns
    assert run('predict', images, '--out', out)[0] == 0
    assert (out / 'masks/a.png').stat().st_mtime_ns == before
    assert (out / 'masks/sub dir/b.c.png').is_file()


def test_bad_images_are_listed_and_taken_in_when_repaired(run, images, tmp_path):
    bad, out = images / 'bad.png', tmp_path / 'out'
    bad.write_bytes(b'no image')
    status, text = run('predict', images, '--out', out)
    assert status == 3
    assert f'- image {bad} cannot be read' in text.replace('\n', ' ')
    assert f'2 masks in {out / "masks"}' in text
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(bad)
    assert run('predict', images, '--out', out)[0] == 0
    assert (out / 'masks/bad.png').is_file()


def test_two_images_of_one_mask(run, images, tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(images / 'a.jpg')
    status, _ = run('predict', images, '--out', tmp_path / 'out')
    assert 'would have the same mask a.png; rename one' in status
    assert not (tmp_path / 'out').exists()


def test_other_weights_need_another_folder(run, images, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    assert run('predict', images, '--out', out)[0] == 0
    weights = load_file(resolve(WEIGHTS))
    save_file({k: v + 1 for k, v in weights.items()}, tmp_path / 'other.safetensors')
    monkeypatch.setattr(f'{__name__}.WEIGHTS', str(tmp_path / 'other.safetensors'))
    status, _ = run('predict', images, '--out', out)
    assert 'holds files of another run (weights differ)' in status
