import importlib
import pkgutil
import subprocess
import sys

import pytest
from mmengine.config import Config
from tiny_runs import ROOT

from qaclims_mm import plugin, registry

# design.md section 3: configs of others use these names
NAMES = {
    'MODELS': (
        'VQACorpusBuilder',
        'CLIPTextHead',
        'CLIPImageHead',
        'HFTextHead',
        'HFImageHead',
        'ForegroundAdaptiveThreshold',
        'FRCLoss',
        'BRCLoss',
        'REGLoss',
        'OTMLoss',
        'BTMLoss',
        'CBSLoss',
        'CAMHead',
        'CAMClassifier',
        'RITC',
        'CLIMS',
        'WeakDataPreprocessor',
    ),
    'VQA_MODELS': ('BlipVQA',),
    'DATASETS': ('VOC12WeakDataset', 'COCO14WeakDataset', 'MiniWorldDataset'),
    'DATA_SAMPLERS': ('ShardSampler', 'ShardBatchSampler'),
    'TRANSFORMS': ('LoadRGBImage', 'LoadMask', 'LoadTextRows', 'PackWeakInputs'),
    'METRICS': ('CAMMetric', 'CAMWriter', 'CorpusWriter'),
    'HOOKS': (
        'FailedRecordsHook',
        'MetricsFileHook',
        'ProgressBarHook',
        'ResumeTestHook',
        'StrictLoadHook',
    ),
}
PARTS = ('corpus', 'datasets', 'engine', 'evaluation', 'models', 'vlms')


@pytest.mark.parametrize(
    ('kind', 'name'), [(kind, name) for kind, names in NAMES.items() for name in names]
)
def test_registered_name(kind, name):
    found = getattr(registry, kind).get(name)
    assert found.__name__ == name
    assert found.__module__.startswith('qaclims_mm.')


def test_every_component_is_named_after_its_class_and_documented():
    registries = {id(r): r for r in map(registry.__dict__.get, registry.__all__)}.values()
    ours = [
        (name, part)
        for found in registries
        for scope in (found, found.root)
        for name, part in scope.module_dict.items()
        if part.__module__.startswith('qaclims_mm.')
    ]
    assert len({name for name, _ in ours}) >= sum(map(len, NAMES.values()))
    for name, part in ours:
        assert name == part.__name__
        assert part.__doc__


@pytest.mark.parametrize('part', PARTS)
def test_every_module_of_a_part_is_imported(part):
    package = importlib.import_module(f'qaclims_mm.{part}')
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f'qaclims_mm.{part}.')]
    assert names
    assert set(names) <= set(sys.modules)


def test_parts_are_all_that_register():
    folders = [p.parent for p in ROOT.glob('qaclims_mm/*/__init__.py')]
    register = {
        folder.name
        for folder in folders
        if any('register_module' in p.read_text() for p in folder.rglob('*.py'))
    }
    assert register == set(PARTS)


def test_importing_again_is_safe():
    importlib.reload(plugin)


def test_configs_import_the_plugin(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs/_base_/plugin.py')
    assert cfg.to_dict() == dict(
        custom_imports=dict(imports=['qaclims_mm.plugin'], allow_failed_imports=False)
    )


OPENMMLAB = ('mmcv', 'mmengine', 'mmseg', 'mmpretrain')
BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Block())
{code}
"""


def run_without_openmmlab(code):
    """Run code where OpenMMLab's packages cannot be imported; returns its standard error."""
    done = subprocess.run(
        [sys.executable, '-c', BLOCKED.format(blocked=OPENMMLAB, code=code)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_without_openmmlab_the_command_that_installs_it_is_the_last_word():
    said = run_without_openmmlab('import qaclims_mm.plugin')
    assert said.count('\nImportError: ') == 1
    assert said.count('During handling') == 0
    for name in OPENMMLAB:
        assert f"): ModuleNotFoundError: No module named '{name}'" in said
    assert "Run: pip install 'qaclims_mm[mm]'\n" in said


@pytest.mark.parametrize('command', ['train', 'test'])
def test_a_command_without_openmmlab_ends_in_one_line(command):
    said = run_without_openmmlab(f"from qaclims_mm.cli import main\nmain(['{command}', 'x.py'])")
    assert said.startswith("error: No module named 'mmengine'; run: pip install 'qaclims_mm[run]'")
    assert said.count('\n') == 1
