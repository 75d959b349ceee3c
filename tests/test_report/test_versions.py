from datetime import datetime

import torch

from qaclims_mm.report.versions import installed_version, version_blocks
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import Manifest
from qaclims_mm.version import __version__

NOW = datetime(2026, 3, 4, 5, 6)


def test_versions(run):
    Manifest('irn', 'c', version='0.0.9').write(run / 'irn')
    table, *configs = version_blocks(WorkDir(run), NOW)
    found = dict(table.rows)
    assert found['qaclims_mm, which made the files'] == f'0.0.9, {__version__}'
    assert found['torch'].startswith(torch.__version__.partition('+')[0])
    assert found['mmsegmentation'] != 'not installed'
    assert found['seeds'] == '7'
    assert found['date of the report'] == '2026-03-04 05:06'
    assert [c.title for c in configs] == [
        'cam/train_config.json',
        'cam_maps/test_config.json',
        'qa_clims/train_config.json',
        'qa_clims_maps/test_config.json',
        'irn_masks/test_config.json',
        'segment_test/test_config.json',
    ]
    assert 'MiniWorldDataset' in configs[1].text


def test_configs_of_an_older_version_are_text(run):
    (run / 'cam/train_config.json').unlink()
    (run / 'cam/config.py').write_text('1 / 0')
    (run / 'cam/folder.py').mkdir()
    _, first, *_ = version_blocks(WorkDir(run), NOW)
    assert (first.title, first.text) == ('cam/config.py', '1 / 0')


def test_unknown_package():
    assert installed_version(['no-such-package-of-anyone']) == 'not installed'
    assert installed_version(['no-such-package-of-anyone', 'torch']) != 'not installed'
