from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.projects.checks import check_source
from qaclims_mm.projects.presets import PRESETS
from qaclims_mm.projects.writer import Project, write_project
from qaclims_mm.registry import DATASETS, MODELS
from qaclims_mm.schemas import write_mask
from qaclims_mm.schemas.project_options import Options
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


def project(images, preset='mini', masks=None):
    checked = check_source(read_source(images, images), images)
    options = Options(images, masks=masks, preset=preset)
    return Project(images.parent / 'project', options, checked, masks)


@pytest.mark.parametrize('preset', PRESETS)
@pytest.mark.parametrize('with_masks', [False, True])
def test_every_stage_reads_the_images(images, preset, with_masks):
    masks = images.parent / 'masks' if with_masks else None
    if with_masks:
        write_mask(masks / 'cat/0.png', np.zeros((200, 300)))
    path = write_project(project(images, preset, masks), 1e11).plan
    assert len(path.read_text().splitlines()) < 40
    plan = read_plan(path)
    assert [s.name for s in plan.stages][-2:] == ['segment_test', 'report']
    assert set(plan.table['rows']) < {s.name for s in plan.all_stages}
    told = {s.name for s in plan.stages if 'and score' in s.about}
    assert told == ({'cam_maps', 'qa_clims_maps', 'irn_masks'} if with_masks else set())
    side = PRESETS[preset].max_side
    judged = ('cam', 'qa', 'irn', 'par', 'sam', 'prompted')
    for stage in plan.all_stages:
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
        assert scored == (with_masks and stage.name.split('_')[0] in judged)


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


def test_batch_size_and_epochs(images, monkeypatch):
    steps = dict.fromkeys(('cam', 'qa_clims', 'irn', 'segment'), 7)
    monkeypatch.setitem(PRESETS, 'mini', replace(PRESETS['mini'], steps=steps))
    write_project(project(images), 1e11)
    folder = images.parent / 'project/configs'
    for stage in ('cam', 'qa_clims', 'irn', 'segment'):
        cfg = read_config(str(folder / f'{stage}.py'))
        # no step would be left of five images in batches of 16
        assert cfg.train_dataloader.batch_size == 5
        assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == 7


def test_epochs_that_were_asked_for(images):
    made = project(images, 'full')
    few = replace(made, options=replace(made.options, epochs=3))
    assert {a.epochs for a in few.amounts().values()} == {3}
    write_project(few, 1e11)
    folder = images.parent / 'project/configs'
    for stage in few.amounts():
        text = (folder / f'{stage}.py').read_text()
        assert '\nepochs = 3  # about 3 steps of 5 images\n' in text
        assert read_config(str(folder / f'{stage}.py')).train_cfg.max_epochs == 3
    # from the last checkpoint that this training of CAM has
    assert read_config(str(folder / 'qa_clims.py')).load_from.endswith('/cam/epoch_3.pth')


def test_estimates_follow_the_epochs(images):
    made = project(images, 'full')
    minutes = {
        epochs: {
            stage: cost[0]
            for stage, cost in replace(made, options=replace(made.options, epochs=epochs))
            .costs(1e11)
            .items()
        }
        for epochs in (100, 200)
    }
    start = 8 / 60
    for stage in minutes[100]:
        ratio = (minutes[200][stage] - start) / (minutes[100][stage] - start)
        # minutes have one digit behind the point
        is_training = stage in made.amounts()
        assert ratio == pytest.approx(2 if is_training else 1, rel=0.05), stage


def test_another_number_of_epochs_changes_the_trainings_alone(images):
    made = project(images)
    folder = write_project(made, 1e11).plan.parent
    before = {p.name: p.read_bytes() for p in folder.rglob('*') if p.is_file()}
    few = replace(made, options=replace(made.options, epochs=3))
    changes = write_project(few, 1e11).changes
    trainings = ', '.join(f'configs/{stage}.py' for stage in ('cam', 'qa_clims', 'irn', 'segment'))
    assert changes == [
        'epochs of each training: those of the preset mini -> 3',
        f'configs that change: {trainings}',
    ]
    assert write_project(few, 1e11).changes == ['nothing has changed']
    write_project(made, 1e11)
    changed = {n for n, c in before.items() if (next(folder.rglob(n))).read_bytes() != c}
    # init.json has the hashes of both
    assert changed == {'init.json'}


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


def test_what_is_shared_names_its_page(images):
    write_project(project(images), 1e11)
    head, *_ = (images.parent / 'project/configs/data.py').read_text().splitlines()
    assert head.endswith('see docs/project.md')


@pytest.mark.parametrize(
    ('problems', 'why'),
    [([], 'the labels have no row with one'), (['a.jpg is missing'], 'see the problems above')],
)
def test_nothing_to_train_on(images, problems, why):
    made = project(images)
    made.checked.rows.clear()
    made.checked.problems = problems
    with pytest.raises(DataError, match=rf'no image of .* can be used with a label; {why}\.$'):
        write_project(made, 1e11)
    assert not (images.parent / 'project').exists()


@pytest.mark.parametrize('mark', ['\u202e', '\u2066', '\u2028', '\x1b', '\n', '\udcff'])
@pytest.mark.parametrize('which', ['folder', 'images', 'masks', 'labels'])
def test_folders_whose_names_no_line_holds(images, mark, which):
    made = project(images)
    path = images.parent / f'a{mark}b'
    if which == 'folder':
        made = replace(made, folder=path)
    else:
        made = replace(made, options=replace(made.options, **{which: path}))
    with pytest.raises(ConfigError, match=r"^(folder|file) '.*': it has .*; rename it\.$"):
        write_project(made, 1e11)
    assert not (images.parent / 'project').exists()


@pytest.mark.parametrize('name', ['configs/cam.py', 'configs/data.py', 'pipeline.py'])
def test_presets_are_not_mixed(images, name):
    folder = write_project(project(images), 1e11).plan.parent
    path = folder / name
    path.write_text(path.read_text() + '# mine\n')
    before = {p: p.read_bytes() for p in folder.rglob('*') if p.is_file()}
    message = f'cannot become rehearsal: {name} of the preset mini were .* keep --preset mini'
    with pytest.raises(ConfigError, match=message):
        write_project(project(images, 'rehearsal'), 1e11)
    assert {p: p.read_bytes() for p in folder.rglob('*') if p.is_file()} == before
    # the ways out that the message names
    write_project(project(images), 1e11)
    path.rename(images.parent / 'mine.py')
    write_project(project(images, 'rehearsal'), 1e11)
    assert '# mine' not in path.read_text()


def test_masks_and_folders_that_change_are_told(images):
    write_project(project(images), 1e11)
    assert write_project(project(images), 1e11).changes == ['nothing has changed']
    assert write_project(project(images), 1e11, 3).changes == ['3 converted masks change']
    moved = images.rename(images.with_name('moved'))
    changes = write_project(project(moved), 1e11).changes
    assert changes == ['project.json has other folders or other names of classes']
