import csv
import json
import shutil

import numpy as np
from tiny_compare import MOVED, make_compared
from tiny_plans import world
from tiny_report import IDS
from tool_runs import run_tool

from qaclims_mm.schemas import read_mask, write_mask

# ends at once, and with a message
BROKEN = dict(name='prompted', command='report', args=['{work_dir}/nowhere'])


def test_scores_intervals_and_the_command_that_follows(tmp_path, monkeypatch, capsys):
    path = make_compared(tmp_path, monkeypatch)
    ended = run_tool('compare', path, '--top', 2, capsys=capsys)
    assert ended.status == 0, ended.text
    out = tmp_path / 'work/compare'
    with (out / 'comparison.csv').open(encoding='utf-8', newline='') as file:
        rows = [*csv.DictReader(file)]
    assert [r['masks_by'] for r in rows] == ['par', 'irn', 'sam']
    assert [r['stage'] for r in rows] == ['par', 'irn_masks', 'sam']
    assert (rows[0]['mIoU'], rows[0]['images']) == ('100.00', str(len(IDS)))
    for word in ('Take the masks by par: 100.0 mIoU on 6 images.', 'Only 6 images have ground'):
        assert word in ended.text
    assert f'then: qaclims run {path} --masks-by par' in ended.text
    page = (out / 'index.html').read_text(encoding='utf-8')
    assert page.count('<article') == 2
    # photograph, ground truth, and three masks
    assert page.count('src="data:image/jpeg;base64,') == 10
    before = (out / 'comparison.json').read_bytes()
    run_tool('compare', path, capsys=capsys)
    assert (out / 'comparison.json').read_bytes() == before


def test_without_ground_truth(tmp_path, monkeypatch, capsys):
    path = make_compared(tmp_path, monkeypatch)
    truth = tmp_path / 'world/SegmentationClass'
    kept = shutil.copytree(truth, tmp_path / 'truth')
    shutil.rmtree(truth)
    ended = run_tool('compare', path, '--out', tmp_path / 'out', capsys=capsys)
    assert ended.status == 0, ended.text
    assert 'Agreement is not correctness' in ended.text
    assert 'agreement on 6 images' in ended.text
    assert 'Take the masks' not in ended.text
    value = json.loads((tmp_path / 'out/comparison.json').read_text(encoding='utf-8'))
    assert (value['judged'], len(value['agreement'])) == (0, 3)
    # masks that a person has corrected are ground truth
    for image_id in IDS[:2]:
        mask = read_mask(kept / f'{image_id}.png')
        write_mask(tmp_path / f'work/corrected/{image_id}.png', np.where(mask == 255, 0, mask))
    ended = run_tool('compare', path, capsys=capsys)
    assert 'Take the masks by par: 100.0 mIoU on 2 images.' in ended.text
    assert 'The ground truth of 2 images is a mask that was corrected' in ended.text


def test_a_choice_that_cannot_run_is_named_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    path = make_compared(tmp_path, monkeypatch, [BROKEN])
    ended = run_tool('compare', path, capsys=capsys)
    assert ended.status == 3, ended.text
    why = 'stage prompted failed: there is no folder'
    assert f'no masks by prompted: {why}' in ended.text
    assert 'Take the masks by par' in ended.text
    assert why in (tmp_path / 'work/compare/index.html').read_text(encoding='utf-8')
    # nobody overlooks it
    assert ended.text.rstrip().splitlines()[-1].startswith(f'no masks by prompted: {why}')


def test_what_a_choice_needs_is_said_before_the_first_stage(tmp_path, monkeypatch, capsys):
    leaf = tmp_path / 'prompted.py'
    data = dict(type='VOC12WeakDataset', ann_file='train.txt', data_root=str(tmp_path / 'absent'))
    leaf.write_text(f'test_dataloader = dict(dataset={data!r})\n')
    wanting = dict(name='prompted', command='test', config=str(leaf), checkpoint='none')
    path = make_compared(tmp_path, monkeypatch, [wanting])
    ended = run_tool('compare', path, '--dry-run', capsys=capsys)
    assert 'absent' not in ended.text
    ended = run_tool('compare', path, capsys=capsys)
    assert ended.status == 3, ended.text
    missing = ended.text.index('/absent is missing')
    assert missing < ended.text.index('no masks by prompted')
    assert 'Take the masks by par' in ended.text


def test_some_choices_do_not_drop_the_others_from_the_page(tmp_path, monkeypatch, capsys):
    path = make_compared(tmp_path, monkeypatch, [BROKEN])
    run_tool('compare', path, capsys=capsys)
    before = (tmp_path / 'work/compare/comparison.csv').read_bytes()
    ended = run_tool('compare', path, '--masks-by', 'par', capsys=capsys)
    assert ended.status == 0, ended.text
    assert 'made before and up to date: irn, sam' in ended.text
    assert (tmp_path / 'work/compare/comparison.csv').read_bytes() == before
    # masks that are not what they were are of no use
    for mask in (tmp_path / 'work/sam/pseudo_masks').glob('*.png'):
        mask.unlink()
    ended = run_tool('compare', path, '--masks-by', 'par', capsys=capsys)
    assert 'made before and up to date: irn\n' in ended.text


def test_some_choices_alone_and_those_that_are_not_there(tmp_path, monkeypatch, capsys):
    path = make_compared(tmp_path, monkeypatch, [world('other')])
    text = run_tool('compare', path, '--masks-by', 'irn', 'sam', '--dry-run', capsys=capsys).text
    assert 'irn_masks' in text
    assert not any(f'│ {name} ' in text for name in ('par', 'other'))
    assert not (tmp_path / 'work/compare').exists()
    ended = run_tool('compare', path, '--masks-by', 'prompted', capsys=capsys)
    assert 'has no stage that makes masks by prompted; it has irn, par, sam.' in ended.text
    assert run_tool('compare', path, '--top', 0, capsys=capsys).status == 2
    assert set(MOVED) == {'irn_masks', 'par', 'sam'}
