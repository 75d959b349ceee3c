import re

import numpy as np
import pytest
from tiny_report import change_dataset, write_config

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.exchange.masks.work import find_masks
from qaclims_mm.miniworld import CLASSES, generate
from qaclims_mm.schemas import file_of, write_mask
from qaclims_mm.schemas.mask_choice import MaskChoice, write_choice
from qaclims_mm.schemas.project import ProjectTables, write_classes, write_project_tables

IDS = ('mini_000000', 'mini_000001')


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('world')
    generate(root, num_train=2, num_val=0, seed=1, size=48)
    return root


def fill(folder, ids=IDS):
    for image_id in ids:
        write_mask(file_of(folder, image_id, '.png'), np.full((48, 48), 2))


@pytest.fixture
def work(tmp_path, world):
    """Return a work dir whose segmentor, IRN and labels have masks."""
    root = tmp_path / 'work'
    fill(root / 'segment_test/predictions')
    fill(root / 'irn_masks/pseudo_masks')
    fill(root / 'another/pseudo_masks')
    fill(root / 'ir_label/ir_labels')
    for stage in ('segment_test', 'irn_masks'):
        (root / stage).mkdir(exist_ok=True)
        write_config(root / stage, world)
    return root


def test_the_last_stage(work, world):
    found = find_masks(work)
    assert found.stage == 'segment_test'
    assert found.folder == work / 'segment_test/predictions'
    assert found.classes == CLASSES
    assert found.images == {i: world / f'JPEGImages/{i}.jpg' for i in IDS}


@pytest.mark.parametrize(
    ('stage', 'kind'),
    [('irn_masks', 'pseudo_masks'), ('ir_label', 'ir_labels'), ('another', 'pseudo_masks')],
)
def test_another_stage(work, stage, kind):
    found = find_masks(work, stage)
    assert found.folder == work / stage / kind
    # one without a test run has the images of the others
    assert [*found.images] == [*IDS]


def test_stages_without_masks_are_passed_over(work):
    for path in (work / 'segment_test/predictions').iterdir():
        path.unlink()
    assert find_masks(work).stage == 'irn_masks'
    # the masks that the segmentor is trained on
    fill(work / 'par/pseudo_masks')
    assert find_masks(work).stage == 'irn_masks'
    write_choice(work, MaskChoice('par', 'par'))
    assert find_masks(work).stage == 'par'


def test_no_such_stage(work):
    message = "stage 'cam' has no masks in .*work; segment_test, irn_masks, another, ir_label have"
    with pytest.raises(ConfigError, match=message):
        find_masks(work, 'cam')


def test_no_masks(tmp_path):
    with pytest.raises(FormatError, match=r'there is no folder .*absent\.'):
        find_masks(tmp_path / 'absent')
    (tmp_path / 'cam').mkdir()
    message = 'has no masks: no stage has filled predictions, pseudo_masks, ir_labels; run the plan'
    with pytest.raises(ConfigError, match=message):
        find_masks(tmp_path)


def test_a_folder_of_seeds(work):
    work.rename(work.parent / 'seed3')
    message = f'is a folder of seeds; give one of them, such as {work.parent / "seed3"}.'
    with pytest.raises(ConfigError, match=re.escape(message)):
        find_masks(work.parent)


def test_no_test_run(work):
    for path in work.glob('*/test_config.json'):
        path.unlink()
    with pytest.raises(
        FormatError, match=r'test_config\.json, which says where the images are, is'
    ):
        find_masks(work)


def test_images_are_gone(work):
    change_dataset(work / 'segment_test', data_root=str(work / 'absent'))
    message = r'the images of .*test_config\.json cannot be read \(.*\); start it in the folder in'
    with pytest.raises(FormatError, match=message):
        find_masks(work)


def test_nothing_of_a_config_is_executed(work, tmp_path):
    change_dataset(work / 'segment_test', type='os.system', command=f'touch {tmp_path}/x')
    with pytest.raises(
        FormatError, match=r"a data set of type 'os\.system' is not built from a file"
    ):
        find_masks(work)
    assert not (tmp_path / 'x').exists()


@pytest.mark.parametrize('of', ['project', 'project/work'])
def test_a_project_that_was_moved(work, world, tmp_path, of):
    project = tmp_path / 'project'
    project.mkdir()
    classes = ('a/b', '[/b]', '</x>')
    write_project_tables(project, ProjectTables(world / 'JPEGImages', classes))
    (project / 'labels.csv').write_text(f'image,labels\n{IDS[0]}.jpg,a/b\n{IDS[1]}.jpg,[/b]\n')
    for stage in ('segment_test', 'irn_masks'):
        config = dict(type='FolderWeakDataset', project='/where/it/was', pipeline=[])
        write_config(work / stage, world, test_dataloader=dict(dataset=config))
    work.rename(project / 'work')
    found = find_masks(tmp_path / of)
    assert found.classes == classes
    assert [*found.images] == [*IDS]
    assert all(path.is_file() for path in found.images.values())


@pytest.mark.parametrize(
    'now', [('dog', 'cat'), ('cat', 'hound'), ('cat', 'dog', 'bird'), ('cat',), ('cat', 'dog')]
)
def test_a_stage_keeps_its_classes_when_those_of_the_project_change(work, world, tmp_path, now):
    project = tmp_path / 'project'
    project.mkdir()
    (project / 'labels.csv').write_text(f'image,labels\n{IDS[0]}.jpg,{now[0]}\n')
    write_project_tables(project, ProjectTables(world / 'JPEGImages', now))
    config = dict(type='FolderWeakDataset', project=str(project), num_classes=2, pipeline=[])
    write_config(work / 'segment_test', world, test_dataloader=dict(dataset=config))
    write_classes(work / 'segment_test', ('cat', 'dog'))
    found = find_masks(work.rename(project / 'work'))
    assert found.classes == ('cat', 'dog')
    assert found.is_outdated == (now != ('cat', 'dog'))
    assert [*found.images] == [IDS[0]]


def test_a_table_of_classes_that_is_broken(work):
    (work / 'segment_test/classes.csv').write_text('value,class\n1,dog\n')
    with pytest.raises(
        FormatError, match=r'segment_test/classes\.csv must .*; run its stage again'
    ):
        find_masks(work)
