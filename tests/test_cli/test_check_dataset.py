import io

import pytest
from helpers import make_tiny_voc
from shipped_configs import CONFIGS, leaf
from tiny_runs import write_tiny_config
from tool_runs import run_tool, start_tool

from qaclims_mm.checks.dataset import CheckedSet
from qaclims_mm.checks.weights import Problem, Weights
from qaclims_mm.cli import check_dataset
from qaclims_mm.console import new_console
from qaclims_mm.miniworld.generate import generate

WEIGHTS = 'data/weights/clip_vitl14_mask-adapted.safetensors'


@pytest.fixture
def voc(tmp_path):
    make_tiny_voc(tmp_path / 'voc')
    return tmp_path / 'voc'


@pytest.fixture
def cam(tmp_path, voc):
    return write_tiny_config(tmp_path / 'cam.py', voc)


def check(*args, capsys):
    return run_tool('check_dataset', *args, capsys=capsys)


def rows(text):
    return [
        [cell.strip() for cell in line.strip('│').split('│')]
        for line in text.splitlines()
        if line.startswith('│')
    ]


def test_all_is_there(cam, voc, capsys):
    done = check(cam, capsys=capsys)
    assert done.status == 0, done.text
    assert f'data sets in {voc}\n' in done.text
    found = rows(done.text)
    assert found[0] == ['train.txt', '4', '4', '4']
    # one column: it trains and tests on the same images
    assert ['dog', '2'] in found
    assert ['sheep', '0'] in found
    assert found[-3:] == [['no label', '0'], ['images', '4'], ['classes an image', '1.50']]
    assert 'nothing is missing; images and masks were not opened (--full)' in done.text
    assert 'pretrained weights' not in done.text


def test_full(cam, voc, capsys):
    assert 'nothing is missing; images and masks were opened' in (
        check(cam, '--full', capsys=capsys).text
    )
    path = voc / 'JPEGImages/img_2.jpg'
    path.write_bytes(path.read_bytes()[:200])
    assert check(cam, capsys=capsys).status == 0
    done = check(cam, '--full', capsys=capsys)
    assert done.status == 1
    start = next(i for i, row in enumerate(rows(done.text)) if row[0] == 'images' and len(row) == 2)
    lines = [row[1] for row in rows(done.text) if row[0] in ('', 'images')]
    assert f'{voc}: 1 image cannot be used, of the 4 in train.txt:' in lines
    assert lines[-1] == '→ replace them, or take them off the list'
    assert any('image JPEGImages/img_2.jpg cannot be read (' in line for line in lines)
    assert start


def test_problems_end_the_output(cam, voc, capsys):
    for name in ('JPEGImages/img_0.jpg', 'JPEGImages/img_3.jpg', 'SegmentationClass/img_1.png'):
        (voc / name).unlink()
    done = check(cam, capsys=capsys)
    assert done.status == 1
    assert rows(done.text)[0] == ['train.txt', '4', '2', '3']
    missing = done.text[done.text.index('┃ missing') :]
    assert [row[0] for row in rows(missing) if row[0]] == ['images', 'masks']
    assert 'JPEGImages/img_0.jpg' in missing
    assert 'VOCtrainval_11-May-2012.tar' in missing


def test_data_root(cam, tmp_path, capsys):
    done = check(cam, '--data-root', tmp_path / 'absent', capsys=capsys)
    assert done.status == 1
    assert rows(done.text)[0] == ['train.txt', '-', '-', '-']
    assert ['data set', f'{tmp_path}/absent is missing'] in rows(done.text)
    assert 'images a class' not in done.text


def test_options(cam, capsys):
    option = 'test_dataloader.dataset.labels_file=labels.csv'
    done = check(cam, '--cfg-options', option, capsys=capsys)
    assert done.status == 0, done.text


def test_brackets_in_a_path_are_shown(tmp_path, capsys):
    root = tmp_path / '[bold]voc'
    make_tiny_voc(root)
    done = check(write_tiny_config(tmp_path / 'a.py', root), capsys=capsys)
    assert f'data sets in {root}' in done.text
    (root / 'train.txt').unlink()
    done = check(tmp_path / 'a.py', capsys=capsys)
    assert ['list', f'{root}/train.txt is missing'] in rows(done.text)


def test_weights_of_one_mend_share_a_row(voc, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = leaf('qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512')
    options = [f'{x}_dataloader.dataset.ann_file=train.txt' for x in ('train', 'test')]
    done = check(config, '--data-root', voc, '--cfg-options', *options, capsys=capsys)
    assert done.status == 1
    found = rows(done.text)
    assert [WEIGHTS, 'missing'] in found
    at = next(i for i, row in enumerate(found) if row[0] == 'weights')
    assert len(found) == at + 3
    assert found[at + 1][1] == f'{WEIGHTS} (model.image_head.pretrained) is missing'
    assert found[at + 2][1].startswith('→ qaclims convert mask_clip ')


def test_pipeline_as_a_process(tmp_path):
    done = start_tool(
        'check_dataset',
        'configs/pipelines/miniworld_qa-clims.py',
        '--data-root',
        tmp_path,
        cwd=CONFIGS.parent,
    )
    assert done.status == 1, done.text
    found = rows(done.text)
    assert [row[0] for row in found[:2]] == [
        f'ImageSets/Segmentation/{x}.txt' for x in ('train', 'val')
    ]
    assert [row for row in found if row[-1] == 'there'] == [
        ['miniworld://blip', 'there'],
        ['miniworld://backbone/r18-mini.safetensors', 'there'],
        ['miniworld://clip', 'there'],
        ['miniworld://clip/mask_prompt.safetensors', 'there'],
    ]
    assert found[-1] == ['', f'→ qaclims make-miniworld --root {tmp_path}']


def test_missing_config(capsys):
    done = check('absent.py', capsys=capsys)
    assert done.status == 1
    assert 'error: config absent.py does not exist; see configs/' in done.text


def test_narrow_terminal_cuts_nothing():
    tool = vars(check_dataset)
    long = 'folder/' * 20
    tables = (
        tool['sets_table']([CheckedSet(f'{long}a')]),
        tool['weights_table']((Weights('key', f'{long}b', 'missing'),)),
        tool['problems_table']([Problem('list', f'{long}c', f'{long}d')]),
    )
    for table in tables:
        console = new_console(width=60, file=io.StringIO())
        console.print(table)
        text = console.file.getvalue()
        letters = ''.join(cell for row in rows(text) for cell in row).replace('→', '')
        assert '…' not in text
        assert letters.replace(' ', '').count('folder/') >= 19


def test_a_config_of_labels_has_no_model(tmp_path, capsys):
    generate(tmp_path, num_train=4, num_val=2)
    config = leaf('ir-label_crf_miniworld-112x112')
    done = check(config, '--data-root', tmp_path, capsys=capsys)
    assert done.status == 0, done.text
    assert 'nothing is missing' in done.text
