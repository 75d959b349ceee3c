import pytest
from tiny_runs import ROOT

import qaclims_mm.plugin  # noqa: F401 - registers the data sets
from qaclims_mm.datasets.class_names import class_names_of
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import FormatError
from qaclims_mm.registry import DATASETS
from qaclims_mm.schemas.project import ProjectTables, write_project_tables

NAMES = ['cat', '{texts}', 'a,b', 'None']
ZOO = sorted((ROOT / 'configs/zoo').glob('*.py')) + sorted((ROOT / 'configs').glob('cam/*.py'))


def test_names_of_a_project_are_those_of_its_data_set(tmp_path):
    (tmp_path / 'images').mkdir()
    write_project_tables(tmp_path, ProjectTables(tmp_path / 'images', NAMES, None, {}))
    dataset = dict(type='FolderWeakDataset', project=str(tmp_path))
    assert class_names_of(dataset) == ('background', *NAMES)
    built = DATASETS.build(dict(dataset, lazy_init=True, _scope_='mmseg'))
    assert built.metainfo['classes'] == class_names_of(dataset)
    # a model is used where the images of its training are not
    (tmp_path / 'images').rmdir()
    assert class_names_of(dataset) == ('background', *NAMES)


def test_names_that_stand_in_the_config():
    own = dict(type='FolderWeakDataset', classes=NAMES)
    assert class_names_of(own) == ('background', *NAMES)
    foreign = dict(type='BaseSegDataset', metainfo=dict(classes=('sky', 'sea')))
    assert class_names_of(foreign) == ('sky', 'sea')
    assert class_names_of(dict(type='BaseSegDataset')) == ()


@pytest.mark.parametrize('path', ZOO, ids=lambda p: p.stem)
def test_names_of_configs_that_ship(path):
    names = class_names_of(read_config(path).test_dataloader.dataset)
    assert names[0] == 'background'
    assert len(names) == (81 if 'coco14' in path.stem else 21)


def test_a_project_that_is_gone(tmp_path):
    with pytest.raises(FormatError, match=r'classes\.csv is missing'):
        class_names_of(dict(type='FolderWeakDataset', project=str(tmp_path)))
