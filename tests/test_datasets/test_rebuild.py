import inspect
import subprocess
import sys

import pytest
from shipped_configs import each_leaf, load
from tiny_report import config_of

from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.datasets.image_level import ImageLevelDataset
from qaclims_mm.datasets.rebuild import (
    LOADING,
    OPTIONS,
    UNUSED,
    image_level_datasets,
    rebuild_dataset,
)
from qaclims_mm.errors import ConfigError, FormatError, QAClimsError
from qaclims_mm.miniworld import generate
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas import read_run_config, write_run_config


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('world')
    generate(root, num_train=3, num_val=1, seed=1, size=48)
    return root


def values(world, **changes):
    return config_of(world)['test_dataloader']['dataset'] | changes


def test_classes():
    assert set(image_level_datasets()) == {
        'COCO14WeakDataset',
        'FolderWeakDataset',
        'MiniWorldDataset',
        'VOC12WeakDataset',
    }
    assert set(LOADING) == {'LoadRGBImage', 'LoadBGRImage'}


@pytest.mark.parametrize('found', image_level_datasets().values())
def test_every_option_is_known(found):
    """A new option of a data set must be given a type here, or a report refuses it."""
    names = {
        name
        for cls in (found, ImageLevelDataset)
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    assert names <= {*OPTIONS, *UNUSED}


def test_data_set(world):
    dataset = rebuild_dataset(values(world, lazy_init=True, serialize_data=True, indices=2))
    assert len(dataset) == 2
    assert dataset.pipeline.transforms == []
    assert rebuild_dataset(values(world, indices=[0])).image_ids() == dataset.image_ids()[:1]


@pytest.mark.parametrize('name', LOADING)
def test_the_first_step_alone_is_built(world, name):
    pipeline = [dict(type=name, max_side=24), dict(type='os.system', command='false')]
    dataset = rebuild_dataset(values(world, pipeline=pipeline))
    [step] = dataset.pipeline.transforms
    assert type(step) is LOADING[name]
    assert dataset.read_image(next(iter(dataset.iterate_records()))).shape == (24, 24, 3)


def test_loading_step_of_mmcv(world):
    loading = dict(type='LoadImageFromFile', imdecode_backend='pillow')
    [step] = rebuild_dataset(values(world, pipeline=[loading])).pipeline.transforms
    assert type(step) is LOADING['LoadBGRImage']


def test_folder(tmp_path):
    (tmp_path / 'labels.csv').write_text('image,labels\na.png,cat\n')
    found = rebuild_dataset(
        dict(
            type='FolderWeakDataset',
            ann_file='labels.csv',
            data_root=str(tmp_path),
            data_prefix=dict(img_path='images'),
            classes=['cat'],
            filter_cfg=dict(filter_empty_gt=True),
        )
    )
    assert isinstance(found, FolderWeakDataset)
    assert found.image_ids() == ['a']


@pytest.mark.parametrize(
    'name',
    [
        'os.system',
        'subprocess.Popen',
        'builtins.exec',
        'mmseg.MiniWorldDataset',
        'mmengine.dataset.ConcatDataset',
        'qaclims_mm.datasets.miniworld.MiniWorldDataset',
        'ConcatDataset',
        'ImageLevelDataset',
        '',
        None,
        ['MiniWorldDataset'],
        dict(type='MiniWorldDataset'),
        1,
    ],
)
def test_other_types(world, name, monkeypatch):
    monkeypatch.setattr(DATASETS, 'build', None)
    with pytest.raises(ConfigError, match=r'of type .* is not built from a file, since its code'):
        rebuild_dataset(values(world, type=name))


def test_a_class_of_others_is_not_built(world, monkeypatch):
    class Foreign(ImageLevelDataset):
        pass

    monkeypatch.setitem(DATASETS.module_dict, 'Foreign', Foreign)
    with pytest.raises(ConfigError, match="type 'Foreign' is not built"):
        rebuild_dataset(values(world, type='Foreign'))


@pytest.mark.parametrize(
    'pipeline',
    [
        [dict(type='os.system', command='touch x')],
        [dict(type='subprocess.Popen', args=['touch', 'x'])],
        [dict(type='LoadMask')],
        [dict(type='LoadRGBImage', oriented=dict(type='os.system'))],
        [dict(type='LoadRGBImage', max_side=0)],
        [dict(type='LoadRGBImage', max_side=True)],
        [dict(type='LoadRGBImage', x=1)],
        ['LoadRGBImage'],
        [None],
        [[dict(type='LoadRGBImage')]],
        dict(type='LoadRGBImage'),
        'LoadRGBImage',
    ],
)
def test_other_steps(world, pipeline):
    with pytest.raises(ConfigError):
        rebuild_dataset(values(world, pipeline=pipeline))


@pytest.mark.parametrize(
    'changes',
    [
        dict(indices=dict(type='os.system')),
        dict(indices=-1),
        dict(indices=[True]),
        dict(indices=['a']),
        dict(indices=[10]),
        dict(ann_file=dict(type='os.system')),
        dict(ann_file='\0'),
        dict(ann_file='JPEGImages'),
        dict(ann_file='world.json'),
        dict(data_root=1),
        dict(data_prefix=[1]),
        dict(data_prefix=dict(img_path=dict(type='os.system'))),
        dict(filter_cfg=dict(type='os.system')),
        dict(filter_cfg=1),
        dict(labelled='x'),
        dict(labels_file=1),
        dict(classes=['a']),
        dict(metainfo=dict(classes='http://example.org/x')),
        dict(_scope_='os'),
        dict(type='FolderWeakDataset', classes='abc'),
        dict(type='FolderWeakDataset', classes=[dict(type='os.system')]),
        dict(type='FolderWeakDataset'),
    ],
)
def test_options_that_do_not_fit(world, changes):
    with pytest.raises((QAClimsError, OSError)):
        rebuild_dataset(values(world, **changes))


@pytest.mark.parametrize('found', [None, [], 'MiniWorldDataset', 1])
def test_no_config(found):
    with pytest.raises(ConfigError, match='has no data set of a test run'):
        rebuild_dataset(found)


@each_leaf
def test_what_ships_is_not_refused(path, tmp_path):
    """Every config with an image-level data set may lack files here, but no class or option."""
    values = load(path).to_dict()
    if not values.get('test_dataloader'):
        pytest.skip('it has no test run')
    write_run_config(tmp_path, 'test', path.name, values)
    found = read_run_config(tmp_path / 'test_config.json').values['test_dataloader']['dataset']
    # nothing is there, whatever data this machine has
    found['data_root'] = str(tmp_path)
    with pytest.raises(FormatError) as missing:
        rebuild_dataset(found)
    assert 'is missing' in str(missing.value) or 'holds no MiniWorld' in str(missing.value)


def test_a_command_that_executes_no_config_knows_the_data_sets():
    """In a process of its own, where nothing else has registered them."""
    code = (
        'from qaclims_mm.datasets.rebuild import image_level_datasets\n'
        'print(*sorted(image_level_datasets()))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert {'FolderWeakDataset', 'MiniWorldDataset', 'VOC12WeakDataset'} <= {*done.stdout.split()}
