import subprocess
import sys

import pytest
from tiny_runs import ROOT

from qaclims_mm.engine.config import load_config
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import FormatError

CAM = ROOT / 'configs/miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py'


def read(path, *flags):
    return load_config(base_parser('').parse_args([str(path), *map(str, flags)]))


def test_config_that_does_not_exist(tmp_path):
    with pytest.raises(
        FormatError, match=r'^config \S+absent\.py does not exist; see configs/ for those that ship'
    ):
        read(tmp_path / 'absent.py')


def test_work_dir_of_flag_then_config_then_name(tmp_path):
    path = tmp_path / 'my_config.py'
    path.write_text("out = '{work_dir}/x'\nother = '{work_dir}/../b/y'\n")
    cfg = read(path)
    assert (cfg.work_dir, cfg.out) == ('work_dirs/my_config', 'work_dirs/my_config/x')
    assert cfg.other == 'work_dirs/b/y'
    path.write_text("work_dir = 'there'\nparts = [dict(out='{work_dir}/x'), 1, ('a', 2)]\n")
    cfg = read(path)
    assert (cfg.work_dir, cfg.parts[0].out) == ('there', 'there/x')
    assert read(path, '--work-dir', 'flag').parts[0].out == 'flag/x'
    assert read(path, '--cfg-options', 'work_dir=opt').parts[0].out == 'opt/x'


def test_a_leaf_does_not_write_into_the_folder_of_its_base(tmp_path):
    (tmp_path / 'base.py').write_text("work_dir = 'root/base'\nother = '{work_dir}/../b'\n")
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = './base.py'\nmodel = dict(a=1)\n")
    cfg = read(leaf)
    assert (cfg.work_dir, cfg.other) == ('root/leaf', 'root/b')
    leaf.write_text("_base_ = './base.py'\nwork_dir = 'root/mine'\n")
    assert read(leaf).work_dir == 'root/mine'


def test_names_in_strings(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        "corpus = '{work_dir}/../qape/corpus'\nparts = ['{texts}', dict(a='{corpus}/b')]\n"
        "texts = '{corpus}/texts'\nprompt = 'a photo of {answer}'\nnumber = 1\nc = '{number}'\n"
    )
    cfg = read(path, '--work-dir', 'root/x')
    assert cfg.parts == ['root/qape/corpus/texts', dict(a='root/qape/corpus/b')]
    # what is no string of the config stays: prompts have fields of their own
    assert (cfg.prompt, cfg.c) == ('a photo of {answer}', '{number}')
    path.write_text("a = '{b}'\nb = '{a}'\n")
    with pytest.raises(FormatError, match='names itself'):
        read(path)
    path.write_text("answer = 'x'\nprompt = 'a photo of {answer}'\npair = ('{work_dir}/a', 1)\n")
    cfg = read(path, '--work-dir', 'w')
    assert (cfg.prompt, cfg.pair) == ('a photo of {answer}', ('w/a', 1))
    path.write_text("model = dict(cams='{wrk_dir}/cams')\n")
    with pytest.raises(FormatError, match=r"'{wrk_dir}/cams' names wrk_dir, but the config has no"):
        read(path)


def test_flags(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('model = dict(a=1, b=dict(c=[1, 2]))\n')
    cfg = read(path, '--launcher', 'pytorch', '--cfg-options', 'model.b.c=[3]', 'model.a=2')
    assert cfg.launcher == 'pytorch'
    assert cfg.model == dict(a=2, b=dict(c=[3]))
    assert read(path).launcher == 'none'


def test_strict_reaches_every_dataset(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('train_dataloader = dict(dataset=dict(type=1))\nval_dataloader = None\n')
    assert read(path, '--strict').train_dataloader.dataset.strict is True
    assert 'strict' not in read(path).train_dataloader.dataset


def test_tools_without_a_runner_find_components():
    code = (
        'from qaclims_mm.engine.config import read_config\n'
        'from mmengine.registry import TRANSFORMS\n'
        f'read_config({str(CAM)!r})\n'
        'TRANSFORMS.build(dict(type="LoadRGBImage"))\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
