import itertools
import os
import shutil

import pytest
from mmengine.config import Config

from qaclims_mm.engine.config import read_config
from qaclims_mm.paths import config_path
from qaclims_mm.projects.presets import PRESETS
from qaclims_mm.projects.templates import Amount, config_texts, plan_text
from qaclims_mm.schemas.project import ProjectTables, write_project_tables

AMOUNTS = dict.fromkeys(('cam', 'qa_clims', 'irn', 'segment'), Amount(3, 2, 6))


def write(folder, preset='mini', with_masks=False):
    write_project_tables(folder, ProjectTables(folder / 'images', ['cat', 'dog', 'cow']))
    (folder / 'configs').mkdir()
    (folder / 'images').mkdir()
    for name, text in config_texts(PRESETS[preset], AMOUNTS, with_masks).items():
        (folder / f'configs/{name}.py').write_text(text, encoding='utf-8')


@pytest.mark.parametrize('with_masks', [False, True])
@pytest.mark.parametrize('preset', PRESETS)
def test_leaves_are_short(preset, with_masks):
    texts = config_texts(PRESETS[preset], AMOUNTS, with_masks)
    for name, text in texts.items():
        lines = text.splitlines()
        assert len(lines) <= (28 if name == 'segment' else 24), name
        assert max(map(len, lines)) <= 100, name
    assert len(plan_text(tuple(texts), with_masks).splitlines()) < 20


@pytest.mark.parametrize('preset', PRESETS)
def test_qa_clims_starts_from_the_classifier_where_the_shipped_config_does(preset):
    shipped = read_config(config_path(PRESETS[preset].configs['qa_clims']))
    assert PRESETS[preset].starts_from_cam == bool(shipped.get('load_from'))


HOSTILE = ("a'b", 'a"b', 'img {cams}', '{{fileDirname}}', '{{ fileBasename }}', '{{$HOME:x}}')
HOSTILE += ("');import os;('", '{_base_.work}', 'été 写真', '~', '%s', '{{_base_.own}}', 'a\\b')


@pytest.mark.parametrize('name', HOSTILE)
def test_plain_mmengine_reads_a_project_in_a_folder_of_any_name(tmp_path, monkeypatch, name):
    """From another working directory, and after the folder was moved."""
    monkeypatch.chdir('/')
    monkeypatch.delenv('QACLIMS_ROOT', raising=False)
    write(tmp_path / 'made')
    folder = tmp_path / name / name
    folder.parent.mkdir()
    shutil.move(tmp_path / 'made', folder)
    for stage in ('qape', 'segment'):
        cfg = Config.fromfile(folder / f'configs/{stage}.py')
        assert cfg.test_dataloader.dataset.project == str(folder)
        assert cfg.test_dataloader.dataset.num_classes == 3
        assert cfg.work_dir == f'{folder}/work/{stage}'
    assert cfg.train_dataloader.dataset.pipeline[1].masks == f'{folder}/work/irn_masks/pseudo_masks'


def test_a_relative_path_from_another_folder(tmp_path, monkeypatch):
    write(tmp_path / 'p')
    (tmp_path / 'cwd').mkdir()
    monkeypatch.chdir(tmp_path / 'cwd')
    cfg = Config.fromfile('../p/configs/cam.py')
    assert cfg.train_dataloader.dataset.project == str(tmp_path / 'p')


@pytest.mark.parametrize('preset', PRESETS)
def test_a_new_class_needs_no_new_config(tmp_path, preset):
    write(tmp_path / 'p', preset)
    write_project_tables(tmp_path / 'p', ProjectTables(tmp_path / 'p/images', [*'abcd']))
    for stage, head in itertools.product(AMOUNTS, ('cam_head', 'decode_head')):
        model = read_config(tmp_path / f'p/configs/{stage}.py').model
        if head in model:
            assert model[head].num_classes == 4 + (head == 'decode_head')


def test_the_workflow_says_where_stages_find_each_other(tmp_path):
    write(tmp_path / 'p')
    root = tmp_path / 'run of {mine}'
    cfg = read_config(tmp_path / 'p/configs/qa_clims.py', root=root)
    assert cfg.model.text_bank == os.path.join(root, 'texts/text_bank')
