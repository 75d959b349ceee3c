import re

import pytest
from tiny_work_dir import make_work_dir
from tool_runs import run_tool


@pytest.fixture
def work(tmp_path):
    make_work_dir(tmp_path / 'work')
    return tmp_path / 'work'


def test_all_is_well(work, capsys):
    done = run_tool('check_files', work, capsys=capsys)
    assert done.status == 0, done.text
    counts = re.findall(r'^│ (.+?) +│ +(\d+) │ +(\d+) │$', done.text, flags=re.MULTILINE)
    assert counts == [
        ('corpus shard', '2', '0'),
        ('text bank', '1', '0'),
        ('activation maps', '2', '0'),
        ('mask', '4', '0'),
        ('manifest', '8', '0'),
        ('claim', '6', '0'),
        ('stage', '3', '0'),
        ('metrics', '2', '0'),
    ]
    assert '7 other files' in done.text


def test_problems_are_lines_and_the_status_says_so(work, capsys):
    bad = work / 'qa_clims/cams/img_000.npz'
    bad.write_bytes(b'')
    (work / 'text_bank/manifest.json').unlink()
    done = run_tool('check_files', work, capsys=capsys)
    assert done.status == 1
    assert re.search(r'^│ activation maps │ +2 │ +1 │$', done.text, flags=re.MULTILINE)
    lines = [line for line in done.text.splitlines() if line.startswith(str(work))]
    assert len(lines) == 2
    assert lines[0].startswith(f'{bad} is not a CAM file')
    assert lines[1].startswith(f'{work}/text_bank/manifest.json is missing')


def test_brackets_in_a_path_are_shown(work, capsys):
    (work / 'qa_clims/cams/[a]x.npz').write_bytes(b'')
    assert 'cams/[a]x.npz is not a CAM file' in run_tool('check_files', work, capsys=capsys).text


def test_folder_without_our_files(tmp_path, capsys):
    (tmp_path / 'a.txt').touch()
    done = run_tool('check_files', tmp_path, capsys=capsys)
    assert done.status == 1
    assert done.text == (
        f'{tmp_path} holds no file of a stage, only 1 other file; give the work dir of a run.'
    )


def test_folder_that_does_not_exist(tmp_path, capsys):
    done = run_tool('check_files', tmp_path / 'absent', capsys=capsys)
    assert done.status == 1
    assert 'error: ' in done.text
    assert 'absent cannot be listed (No such file or directory)' in done.text
