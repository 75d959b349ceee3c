"""The notebooks of the documentation run from a folder that has nothing."""

import os
import sys

import pytest
from tiny_runs import ROOT

NOTEBOOKS = sorted((ROOT / 'docs/tutorials').glob('*.ipynb'))


def read(path):
    return pytest.importorskip('nbformat').read(path, as_version=4)


def test_there_are_notebooks():
    assert 'own_photographs' in {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_shown_outputs_are_those_of_a_run_in_order(path):
    cells = [cell for cell in read(path).cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    said = ''.join(o.get('text', '') for cell in cells for o in cell.outputs)
    assert 'Traceback' not in said
    assert 'error:' not in said
    # pictures would make a clone large
    assert path.stat().st_size < 400_000


@pytest.mark.slow
@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip('nbclient')
    pytest.importorskip('ipykernel')
    monkeypatch.setenv('PATH', f'{os.path.dirname(sys.executable)}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    where = dict(metadata=dict(path=str(tmp_path)))
    client = nbclient.NotebookClient(read(path), timeout=1800, resources=where)
    # a cell that raises ends it; a command that fails does not
    client.execute()
    said = ''.join(o.get('text', '') for cell in client.nb.cells for o in cell.get('outputs', ()))
    assert 'Traceback' not in said
    assert 'error:' not in said
    work = tmp_path / 'my_project/work'
    assert (work / 'report.html').is_file()
    assert (work / 'review/index.html').is_file()
    assert len([*(work / 'segment_test/predictions').glob('*.png')]) == 24
    assert len([*(work / 'corrected').rglob('*.png')]) == 4
    assert len([*(tmp_path / 'predicted/masks').glob('*.png')]) == 24
