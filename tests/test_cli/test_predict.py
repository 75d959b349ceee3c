import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import NAMES, RITC, SEGMENTOR, make_stage
from tiny_videos import write_video

from qaclims_mm.cli import main
from qaclims_mm.paths import resolve
from qaclims_mm.schemas import read_mask, write_run_config

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
        given = [WEIGHTS, *map(str, words), '--config', CONFIG, '--device', 'cpu']
        with pytest.raises(SystemExit) as end:
            main([name, *given])
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


def test_own_masks_are_not_segmented(run, images):
    out = images / 'out'
    for _ in range(2):
        status, text = run('predict', images, '--out', out, '--overlay')
        assert (status, f'2 masks in {out / "masks"}' in text) == (0, True)
    assert '4 images are passed over, in folders that qaclims predict writes' in text
    assert len(list((out / 'masks').rglob('*.png'))) == 2
    status, _ = run('predict', images, '--out', images)
    assert '--out must be another one' in status


def test_a_table_of_a_german_excel(run, images, tmp_path):
    rows = 'Image;Größe\r\nsub dir\\b.c.png;3\r\na.png;4\r\ngone.png;5\r\n'
    (images / 'l.csv').write_bytes(rows.encode('cp1252'))
    status, text = run('predict', images / 'l.csv', '--out', tmp_path / 'out')
    assert (status, '2 masks in' in text) == (3, True)
    assert f'- {images}/l.csv:4: image {images}/gone.png is missing; left out' in text
    assert (tmp_path / 'out/masks/sub dir/b.c.png').is_file()


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


def test_a_line_says_what_was_taken(run, images, tmp_path):
    _, text = run('predict', images, '--out', tmp_path / 'out')
    line = text.splitlines()[0]
    assert line.startswith('DeepLabV2 (segmentor) of ')
    assert line.endswith(f'segment/r18-mini.safetensors; config: {CONFIG}.py')


@pytest.fixture
def start(capsys, monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, 'argv', sys.argv)
        with pytest.raises(SystemExit) as end:
            main(['predict', *map(str, words), '--device', 'cpu'])
        return end.value.code, ''.join(capsys.readouterr())

    return run


def test_a_work_dir_and_parts(start, images, tmp_path):
    make_stage(tmp_path / 'work/segment')
    out = tmp_path / 'out'
    for part in ('1/2', '2/2'):
        status, text = start(tmp_path / 'work', images, '--out', out, '--shard', part)
        assert (status, f'1 mask in {out / "masks"}, part {part}' in text) == (0, True)
    assert not (out / 'areas.csv').exists()
    assert start(tmp_path / 'work', images, '--out', out)[0] == 0
    with (out / 'areas.csv').open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    assert {row['image'] for row in rows} == {'a', 'sub dir/b.c'}
    assert {row['class'] for row in rows} <= set(NAMES)
    by_image = {'a': 0.0, 'sub dir/b.c': 0.0}
    for row in rows:
        by_image[row['image']] += float(row['percent'])
    assert list(by_image.values()) == [pytest.approx(100, abs=0.01)] * 2


def test_tiles_and_reduced_images(start, images, tmp_path):
    make_stage(tmp_path / 'segment')
    path = tmp_path / 'segment/train_config.json'
    values = json.loads(path.read_text())['values']
    values['test_dataloader']['dataset']['pipeline'][0]['max_side'] = 16
    write_run_config(path.parent, 'train', 'x.py', values)
    for out, *words in (('small',), ('whole', '--tile=40'), ('tiles', '--tile=16')):
        assert start(tmp_path, images, '--out', tmp_path / out, *words)[0] == 0
    small = read_mask(tmp_path / 'small/masks/a.png')
    assert np.array_equal(small[::5, ::4], small[2::5, 1::4])
    status, _ = start(tmp_path, images, '--out', tmp_path / 'tiles', '--tile', 40)
    assert 'holds files of another run (tile differ)' in status


def test_a_network_of_maps(start, images, tmp_path):
    make_stage(tmp_path / 'qa_clims', RITC)
    status, _ = start(tmp_path, images, '--out', tmp_path / 'out')
    assert 'RITC makes maps of classes that are known to be there' in status
    words = ('--labels', 'cat', '--labels', '</script>', '--threshold', 0.5)
    assert start(tmp_path, images, '--out', tmp_path / 'out', *words)[0] == 0
    assert {0, 5, 6} >= set(np.unique(read_mask(tmp_path / 'out/masks/a.png')))


@pytest.mark.parametrize(
    ('name', 'words', 'message'),
    [
        (RITC, ['--tile', '9'], 'a network of activation maps has no use for --tile; leave it out'),
        (SEGMENTOR, ['--labels', 'cat'], 'a segmentor has no use for --labels; leave it out'),
        (SEGMENTOR, ['--threshold', '0'], 'a segmentor has no use for --threshold; leave it out'),
        (RITC, ['--labels', 'unicorn'], "'unicorn': there is no such class"),
    ],
)
def test_options_that_change_nothing(start, images, tmp_path, name, words, message):
    make_stage(tmp_path / 'cam', name)
    status, _ = start(tmp_path, images, '--out', tmp_path / 'out', *words)
    assert message in status
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('words', [['--tile', '0'], ['--every', 'x'], ['--shard', '3/2']])
def test_numbers_that_are_none(start, images, tmp_path, words):
    status, text = start(tmp_path, images, '--out', tmp_path / 'out', *words)
    assert status == 2
    assert 'must be' in text


def test_a_video(start, tmp_path):
    make_stage(tmp_path / 'segment')
    video = write_video(tmp_path / 'clip.mp4', 7)
    out = tmp_path / 'out'
    status, text = start(tmp_path, video, '--out', out, '--every', 3, '--overlay')
    assert (status, '3 masks in' in text) == (0, True)
    names = sorted(p.name for p in (out / 'masks/clip').iterdir())
    assert names == ['frame_000000.png', 'frame_000003.png', 'frame_000006.png']
    assert len(list((out / 'overlays/clip').iterdir())) == 3
    (tmp_path / 'none.mp4').write_bytes(b'')
    status, text = start(tmp_path, tmp_path / 'none.mp4', '--out', tmp_path / 'none')
    assert status == 3
    assert text.count('none.mp4 cannot be read') == 1


def test_a_video_without_pyav(start, tmp_path, monkeypatch):
    make_stage(tmp_path / 'segment')
    video = write_video(tmp_path / 'clip.mp4', 2)
    monkeypatch.setitem(sys.modules, 'av', None)
    status, _ = start(tmp_path, video, '--out', tmp_path / 'out')
    assert "run: pip install 'qaclims_mm[video]'" in status


def test_frames_are_not_exported(start, images, tmp_path):
    make_stage(tmp_path / 'segment')
    video, out = write_video(tmp_path / 'clip.mp4', 3), tmp_path / 'out'
    words = '3 video frames are not in the export, since a frame is no file.'
    status, text = start(tmp_path, video, '--out', out, '--format', 'coco')
    assert (status, words in text) == (0, True)
    assert not (out / 'coco').exists()
    status, text = start(tmp_path, video, images / 'a.png', '--out', out, '--format', 'coco')
    assert (status, words in text) == (0, True)
    assert f'1 mask as coco in {out / "coco"}' in text
    _, text = start(tmp_path, images, '--out', out, '--format', 'coco')
    assert 'frames of videos' not in text


def test_masks_for_another_tool(start, images, tmp_path):
    make_stage(tmp_path / 'segment')
    out = tmp_path / 'out'
    status, text = start(tmp_path, images, '--out', out, '--format', 'voc')
    assert (status, f'2 masks as voc in {out / "voc"}' in text) == (0, True)
    assert len(list((out / 'voc').rglob('*.png'))) >= 2
    status, _ = start(tmp_path, images, '--out', tmp_path / 'other', '--format', 'kokos')
    assert '--format must be one of png, coco' in status
    assert not (tmp_path / 'other').exists()
