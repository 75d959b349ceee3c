import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.projects.checks import check_source
from qaclims_mm.projects.presets import PRESETS
from qaclims_mm.projects.writer import Project, check_new_folder, write_project
from qaclims_mm.registry import DATASETS, MODELS
from qaclims_mm.schemas import write_mask
from qaclims_mm.workflow.plans import read_plan

CLASSES = ['cat', 'potted plant']


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "my 'own' pictures"
    for number in range(5):
        path = root / CLASSES[number % 2] / f'{number}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (300, 200)).save(path)
    return root


def project(images, preset='mini', **more):
    checked = check_source(read_source(images, images), images)
    return Project(images.parent / 'project', images, checked, PRESETS[preset], **more)


@pytest.mark.parametrize('preset', PRESETS)
@pytest.mark.parametrize('with_masks', [False, True])
def test_every_stage_reads_the_images(images, preset, with_masks):
    masks = images.parent / 'masks' if with_masks else None
    if with_masks:
        write_mask(masks / 'cat/0.png', np.zeros((200, 300)))
    *_, path = write_project(project(images, preset, masks=masks), 1e11)
    assert len(path.read_text().splitlines()) < 40
    plan = read_plan(path)
    assert [s.name for s in plan.stages][-2:] == ['segment_test', 'report']
    assert set(plan.table['rows']) < {s.name for s in plan.stages}
    side = PRESETS[preset].max_side
    for stage in plan.stages:
        if stage.config is None or stage.command == 'encode-texts':
            continue
        cfg = read_config(stage.config, root=plan.root)
        loader = 'train_dataloader' if stage.command == 'train' else 'test_dataloader'
        dataset = cfg[loader].dataset
        reading = dataset.pipeline[0]
        assert (reading.oriented, reading.max_side) == (True, side)
        # what other stages make is not there yet
        built = DATASETS.build({**dataset, 'pipeline': []})
        assert len(built) == 5
        assert built.metainfo['classes'] == ('background', *CLASSES)
        assert ('gt_sem_seg' in str(cfg.get('test_evaluator'))) is False
        scored = 'CAMMetric' in str(cfg.get('test_evaluator'))
        assert scored == (with_masks and stage.name.split('_')[0] in ('cam', 'qa', 'irn'))


@pytest.mark.parametrize('preset', PRESETS)
def test_networks_have_the_classes(images, preset):
    write_project(project(images, preset), 1e11)
    for stage in PRESETS[preset].batch_size:
        path = images.parent / f'project/configs/{stage}.py'
        cfg = read_config(str(path))
        for head in ('cam_head', 'decode_head'):
            if head in cfg.model:
                assert cfg.model[head].num_classes == 2 + (head == 'decode_head')
        size = PRESETS[preset].crop
        assert tuple(cfg.model.data_preprocessor.size) == (size, size)
        if preset == 'mini':
            MODELS.build(cfg.model)


def test_batch_size_and_epochs(images):
    made = replace(
        project(images),
        preset=replace(
            PRESETS['mini'], steps=dict.fromkeys(('cam', 'qa_clims', 'irn', 'segment'), 7)
        ),
    )
    write_project(made, 1e11)
    folder = images.parent / 'project/configs'
    for stage in ('cam', 'qa_clims', 'irn', 'segment'):
        cfg = read_config(str(folder / f'{stage}.py'))
        # no step would be left of five images in batches of 16
        assert cfg.train_dataloader.batch_size == 5
        assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == 7


def test_the_start_of_qa_clims(images):
    write_project(project(images, 'full'), 1e11)
    folder = images.parent / 'project'
    cfg = read_config(str(folder / 'configs/qa_clims.py'))
    epochs = read_config(str(folder / 'configs/cam.py')).train_cfg.max_epochs
    assert cfg.load_from.endswith(f'/cam/epoch_{epochs}.pth')


def test_values_of_masks_have_names(images):
    write_project(project(images), 1e11)
    text = (images.parent / 'project/classes.csv').read_text()
    names = ['background', *CLASSES]
    assert text.splitlines() == ['value,class', *(f'{n},{name}' for n, name in enumerate(names))]


def test_a_project_is_not_overwritten(images):
    write_project(project(images), 1e11)
    with pytest.raises(ConfigError, match='has a project already'):
        write_project(project(images), 1e11)


def test_what_is_shared_names_its_page(images):
    write_project(project(images), 1e11)
    head, *_ = (images.parent / 'project/configs/data.py').read_text().splitlines()
    assert head.endswith('see docs/own-data.md')


def test_nothing_to_train_on(images):
    made = project(images)
    made.checked.rows.clear()
    with pytest.raises(DataError, match=r'no image of .* can be used with a label'):
        write_project(made, 1e11)
    assert not (images.parent / 'project').exists()


def test_folders_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('x')
    (tmp_path / 'link').symlink_to('gone')
    (tmp_path / 'loop').symlink_to('loop')
    os.mkfifo(tmp_path / 'pipe')
    for name in ('file', 'link', 'loop', 'pipe'):
        with pytest.raises(ConfigError, match=rf'{name} is no folder; choose another one'):
            check_new_folder(tmp_path / name)
    for name in ('file/x', 'pipe/x/y', 'x' * 256, 'a/' * 3000, 'a\0', 'loop/x'):
        with pytest.raises(ConfigError, match=r'cannot be made \(.+\); choose another one\.'):
            check_new_folder(tmp_path / name)
    (tmp_path / 'old').mkdir()
    for name in ('new', 'new/below', 'old', 'old/x'):
        check_new_folder(tmp_path / name)
    (tmp_path / 'old/pipeline.py').touch()
    with pytest.raises(ConfigError, match='old has a project already'):
        check_new_folder(tmp_path / 'old')


@pytest.mark.parametrize('mark', ['\u202e', '\u2066', '\u2028', '\x1b', '\n', '\udcff'])
@pytest.mark.parametrize('which', ['folder', 'images', 'masks'])
def test_folders_whose_names_no_line_holds(images, mark, which):
    made = project(images)
    made = replace(made, **{which: images.parent / f'a{mark}b'})
    with pytest.raises(ConfigError, match=r"^folder '.*': it has .*; rename it\.$"):
        write_project(made, 1e11)
    assert not (images.parent / 'project').exists()
