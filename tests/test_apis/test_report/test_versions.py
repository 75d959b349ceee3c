from datetime import datetime

import torch

from qaclims_mm.apis.report.versions import installed_version, version_blocks
from qaclims_mm.apis.report.work_dir import WorkDir
from qaclims_mm.schemas import Manifest
from qaclims_mm.version import __version__

NOW = datetime(2026, 3, 4, 5, 6)


def test_versions(run):
    Manifest('irn', 'c', version='0.0.9').write(run / 'done/irn')
    table, *configs = version_blocks(WorkDir(run), NOW)
    found = dict(table.rows)
    assert found['qaclims_mm, which made the files'] == f'0.0.9, {__version__}'
    assert found['torch'].startswith(torch.__version__.partition('+')[0])
    assert found['mmsegmentation'] != 'not installed'
    assert found['seeds'] == '7'
    assert found['date of the report'] == '2026-03-04 05:06'
    assert [c.title for c in configs] == [
        'cam/config.py',
        'qa_clims/config.py',
        'segment/config.py',
    ]
    assert 'MiniWorldDataset' in configs[0].text


def test_unknown_package():
    assert installed_version(['no-such-package-of-anyone']) == 'not installed'
    assert installed_version(['no-such-package-of-anyone', 'torch']) != 'not installed'
