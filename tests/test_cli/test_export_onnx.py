import sys

import pytest
from tiny_models import RITC, make_stage

from qaclims_mm.cli import main
from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.onnx import export


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def start(*words):
        monkeypatch.setattr(sys, 'argv', sys.argv)
        with pytest.raises(SystemExit) as end:
            main(['export-onnx', *map(str, words)])
        return end.value.code, ''.join(capsys.readouterr())

    return start


@pytest.fixture
def exported(monkeypatch, tmp_path):
    """Return what is exported, which takes seconds and is tested in test_exchange."""
    calls = []

    def write(predictor, out, size):
        calls.append((type(predictor.model).__name__, str(out), size))
        out.write_bytes(b'0' * 2_000_000)
        return export.Exported(out, size, 2e-6, ('its maps are of scale 1 alone',))

    monkeypatch.setattr(export, 'export_onnx', write)
    return calls


def test_a_stage(run, exported, tmp_path):
    make_stage(tmp_path / 'work/qa_clims', RITC)
    status, text = run('work')
    assert status == 0
    assert 'RITC (activation maps) of work/qa_clims/epoch_3.pth; config:' in text
    assert 'epoch_3.onnx: 2.0 MB, opset 20, images of any size' in text
    assert 'largest difference from torch 2e-06' in text
    assert '- its maps are of scale 1 alone' in text
    assert run('work', '--out', 'x.onnx', '--size', 96, 128)[0] == 0
    assert exported == [('RITC', 'epoch_3.onnx', None), ('RITC', 'x.onnx', (96, 128))]


def test_one_message(run, tmp_path, monkeypatch):
    make_stage(tmp_path / 'segment')

    def fail(*_):
        raise ConfigError('DeepLabV2 cannot be exported.')

    monkeypatch.setattr(export, 'export_onnx', fail)
    assert run('.')[0] == 'error: DeepLabV2 cannot be exported.'
    assert run('.', '--size', 0, 5)[0] == 2
    assert 'there is no checkpoint none' in run('none')[0]


@pytest.mark.parametrize('name', ['onnx', 'onnxscript', 'onnxruntime'])
def test_what_is_not_installed(run, tmp_path, monkeypatch, name):
    make_stage(tmp_path / 'segment')
    monkeypatch.setitem(sys.modules, name, None)
    assert run('.')[0].endswith("; run: pip install 'qaclims_mm[onnx]'")
    assert not (tmp_path / 'epoch_3.onnx').exists()
