import re

import pytest
from shipped_configs import CONFIGS, leaf
from tool_runs import run_tool, start_tool

from qaclims_mm.checks.config_diff import MISSING, Element
from qaclims_mm.cli import config_diff

RITC = 'qa-clims_r50_clip-vitl14-mask{}_2xb4-15e_voc12aug-512x512'
TOOL = vars(config_diff)


def run(*args, capsys):
    return run_tool('config_diff', *args, capsys=capsys)


def cells(text):
    rows = [line.strip('│').split('│') for line in text.splitlines() if line.startswith('│')]
    return {key.strip(): (a.strip(), b.strip()) for key, a, b in rows}


def test_presets(capsys):
    paper, official = (leaf(RITC.format(x)) for x in ('', '-official'))
    done = run(paper, official, capsys=capsys)
    assert done.status == 1
    assert done.text.startswith(f'A  {paper}\nB  {official}\n')
    found = cells(done.text)
    assert len(found) == 11
    assert found['model.activation'] == ("'sigmoid'", "'relu'")
    assert found['text_encoding.prompt'] == ("'a photo of {answer}'", "'a photo of {answer}.'")
    stem = 'optim_wrapper.paramwise_cfg.custom_keys.backbone.conv1.lr_mult'
    assert found[stem] == ('-', '0.0')


def test_as_a_process():
    words = ('ir-label_crf_qa-clims_voc12aug-full', 'ir-label_crf_qa-clims-official_voc12aug-full')
    done = start_tool('config_diff', *map(leaf, words), cwd=CONFIGS.parent)
    assert done.status == 1, done.text
    assert cells(done.text) == {'ir_label.conf_bg': ('0.05', '0.1')}


def test_inserted_transform_is_one_row(capsys):
    done = run(leaf(RITC.format('')), leaf('cam_r50_2xb8-5e_voc12aug-512x512'), capsys=capsys)
    key = 'train_dataloader.dataset.pipeline.LoadTextRows'
    rows = {k: v for k, v in cells(done.text).items() if '.pipeline.' in k}
    assert rows == {key: ("[1] LoadTextRows(text_bank='work_dirs/texts/text_bank')", '-')}


def test_equal(capsys):
    done = run(leaf(RITC.format('')), leaf(RITC.format('')), capsys=capsys)
    assert done.status == 0
    assert done.text.splitlines()[2:] == ['nothing differs']


def test_all(capsys):
    plain, official = (leaf(f'cam_r50{x}_2xb8-5e_voc12aug-512x512') for x in ('', '_official'))
    key = 'model.backbone.frozen_stages'
    assert set(cells(run(plain, official, capsys=capsys).text)) == {key}
    deeper = leaf('cam_r101_2xb8-5e_voc12aug-512x512')
    shown = cells(run(plain, deeper, '--all', capsys=capsys).text)
    assert {'work_dir', 'model.backbone.depth'} < set(shown)


def test_missing_file(capsys):
    done = run(leaf(RITC.format('')), 'absent.py', capsys=capsys)
    assert done.status == 2
    assert 'error: config absent.py does not exist; see configs/' in done.text


@pytest.mark.parametrize(
    ('text', 'reason'),
    [('model = dict(', ':1 is no Python'), ('1 / 0', r' cannot be executed \(ZeroDivisionError: ')],
)
def test_broken_file(tmp_path, text, reason, capsys):
    (tmp_path / 'bad.py').write_text(text)
    done = run(leaf(RITC.format('')), tmp_path / 'bad.py', capsys=capsys)
    assert done.status == 2
    # the one of the two that is broken
    assert re.search(rf'error: \S+bad\.py{reason}.*; correct it\.', done.text)


def test_pipeline(capsys):
    path = CONFIGS / 'pipelines/voc12_qa-clims.py'
    done = run(path, path, capsys=capsys)
    assert done.status == 2
    assert f'{path} has stages, so it is for qaclims run; give the config of a' in done.text


def test_help_tells_the_status(capsys):
    done = run('-h', capsys=capsys)
    assert done.status == 0
    assert '0 if nothing differs, 1 if something does, 2 if a config' in ' '.join(done.text.split())


@pytest.mark.parametrize(
    ('value', 'shown'),
    [
        (MISSING, '-'),
        (None, 'None'),
        ('-', "'-'"),
        ([1, [True]], '[1, [True]]'),
        ({}, 'dict()'),
        (dict(a=dict(type='B', c=[])), 'dict(a=B(c=[]))'),
        (Element(2, dict(type='B')), '[2] B()'),
        (Element(0, 'a'), "[0] 'a'"),
    ],
)
def test_show(value, shown):
    assert TOOL['show'](value) == shown


@pytest.mark.parametrize(
    ('key', 'lines'),
    [
        ('lr', ['lr']),
        ('abc.def.ghi', ['abc.def.', '  ghi']),
        ('abcdefghijk.b', ['abcdefghijk.', '  b']),
        ('a.b.c.d.e.f.g', ['a.b.c.d.', '  e.f.g']),
    ],
)
def test_break_key(key, lines):
    assert TOOL['break_key'](key, 8).splitlines() == lines
