import ast
import inspect
import json
import subprocess
import sys

import pytest
from tiny_runs import ROOT

from qaclims_mm import functional

# Arrows point from a later line to earlier ones only (design.md section 2); parts on one line do
# not know each other.
LAYERS = (
    ('version', 'imports', 'console', 'control_groups', 'errors'),
    ('cores', 'free_memory', 'paths', 'progress', 'ranges'),
    ('schemas', 'functional'),
    ('vlms',),
    ('corpus',),
    ('miniworld', 'registry'),
    ('models', 'datasets', 'evaluation', 'visualization'),
    ('engine',),
    ('plugin',),
    ('inference',),
    ('exchange',),
    ('review',),
    ('workflow', 'projects', 'checks', 'convert', 'downloads', 'report', 'demo'),
    ('cli',),
    ('__main__', 'tools'),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
MM = ('mmcv', 'mmseg', 'mmpretrain')
# No code of these parts, also none inside a function, imports these.
FORBIDDEN = {
    'functional': (*MM, 'mmengine', 'transformers', 'open_clip', 'pyarrow'),
    'schemas': (*MM, 'mmengine'),
    'vlms': MM,
    'corpus': MM,
}


def imports_of(path):
    """Yield (line, module) of every import of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}:{node.lineno} imports relatively'
            yield node.lineno, node.module
            # "from qaclims_mm import miniworld" is an arrow to miniworld
            if node.module == 'qaclims_mm':
                yield from ((node.lineno, f'qaclims_mm.{name.name}') for name in node.names)


def part_of(path):
    relative = path.relative_to(ROOT)
    return relative.parts[0] if relative.parts[0] == 'tools' else relative.with_suffix('').parts[1]


def sources():
    files = [p for folder in ('qaclims_mm', 'tools') for p in sorted((ROOT / folder).rglob('*.py'))]
    return [p for p in files if p != ROOT / 'qaclims_mm/__init__.py']


def arrows():
    """Return {(from part, to part): where}."""
    found = {}
    for path in sources():
        for line, module in imports_of(path):
            names = module.split('.')
            if names[0] == 'qaclims_mm' and len(names) > 1 and names[1] != part_of(path):
                arrow = part_of(path), names[1]
                found.setdefault(arrow, f'{path.relative_to(ROOT)}:{line}')
    return found


def test_every_part_has_a_layer():
    assert {part_of(p) for p in sources()} == set(RANK)


def test_arrows_point_one_way():
    found = arrows()
    # the ones that make the house
    assert {
        ('vlms', 'paths'),
        ('corpus', 'vlms'),
        ('registry', 'vlms'),
        ('models', 'functional'),
        ('models', 'corpus'),
        ('datasets', 'corpus'),
        ('evaluation', 'functional'),
        ('engine', 'datasets'),
        ('plugin', 'engine'),
        ('inference', 'plugin'),
        ('workflow', 'engine'),
        ('cli', 'workflow'),
        ('tools', 'cli'),
    } <= set(found)
    wrong = {
        f'{where}: {a} must not import {b}' for (a, b), where in found.items() if RANK[a] <= RANK[b]
    }
    assert not wrong, '\n'.join(sorted(wrong))


def test_functional_stands_alone():
    assert not [b for a, b in arrows() if a == 'functional']


@pytest.mark.parametrize('part', FORBIDDEN)
def test_no_code_of_a_light_part_imports_heavy_packages(part):
    files = [p for p in sources() if part_of(p) == part]
    assert files
    found = [
        f'{path.relative_to(ROOT)}:{line}: {module}'
        for path in files
        for line, module in imports_of(path)
        if module.split('.')[0] in FORBIDDEN[part]
    ]
    assert not found, '\n'.join(found)


# Stage by stage fewer packages are blocked: functional needs torch alone; corpus and vlms mmengine
# (transformers and open_clip when a model is loaded).
BLOCKED_IMPORT = """
import importlib, json, pkgutil, sys

class Block:
    names = {'mmcv', 'mmseg', 'mmpretrain', 'mmengine', 'transformers', 'open_clip'}

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in self.names:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Block())
found = {}

def load(part):
    package = importlib.import_module(f'qaclims_mm.{part}')
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f'qaclims_mm.{part}.')]
    for name in names:
        importlib.import_module(name)
    found[part] = names

import qaclims_mm
found['alone'] = sorted(m for m in sys.modules if m.startswith('qaclims_mm'))
load('functional')
from qaclims_mm import functional
found['exported'] = functional.__all__
Block.names.remove('mmengine')
load('corpus')
load('vlms')
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def imported():
    """{part: modules} as imported where the heavy packages are blocked."""
    done = subprocess.run(
        [sys.executable, '-c', BLOCKED_IMPORT],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_package_itself_imports_nothing(imported):
    assert imported['alone'] == ['qaclims_mm', 'qaclims_mm.version']


def test_functional_exports_its_functions(imported):
    # MMEngine and OpenMMLab's packages are blocked there
    assert set(SIGNATURES) <= set(imported['exported'])


# design.md section 4: others call these
SIGNATURES = {
    'foreground_adaptive_threshold': '(cams, omega=0.1)',
    'frc_loss': "(region, fg_text, bg_text, bg_valid=None, temperature=0.7, reduction='mean')",
    'brc_loss': (
        '(region, fg_text, bg_text, bg_valid=None, temperature=0.7, '
        "positive='mean_exp', reduction='mean')"
    ),
    'PathIndex': '(radius, size)',
    'edge_to_affinity': '(edge, path_index)',
    'random_walk': '(cams, edge, radius=5, beta=10.0, exp_times=8, ...)',
    'merge_multiscale_cams': '(cams, size, ...)',
}


@pytest.mark.parametrize('name', SIGNATURES)
def test_signatures_that_others_call(name):
    signature = inspect.signature(getattr(functional, name))
    fixed = SIGNATURES[name].removesuffix(')').removesuffix(', ...')
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    number = fixed.count(',') + 1
    of_ours = signature.replace(parameters=parameters[:number], return_annotation=signature.empty)
    assert str(of_ours) == f'{fixed})'
    # what comes after these, if it may, has defaults
    assert all(p.default is not p.empty for p in parameters[number:])
    assert len(parameters) == number or SIGNATURES[name].endswith(', ...)')


# what only pictures, reports and the workflow need
NOT_FOR_INFERENCE = (
    'jinja2',
    'matplotlib',
    'psutil',
    'qaclims_mm.cli',
    'qaclims_mm.report',
    'qaclims_mm.visualization.sheets',
    'qaclims_mm.workflow',
)


def test_inference_loads_neither_plots_nor_reports_nor_the_workflow():
    code = 'import sys, qaclims_mm.inference; print(*sys.modules)'
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stdout.split())
    assert 'qaclims_mm.inference.segmenter' in loaded
    assert not loaded & set(NOT_FOR_INFERENCE)


@pytest.mark.parametrize('part', ['functional', 'corpus', 'vlms'])
def test_light_parts_are_imported_without_mmcv_and_mmseg(imported, part):
    files = {p.stem for p in (ROOT / 'qaclims_mm' / part).rglob('*.py')} - {'__init__'}
    assert files
    assert {name.rsplit('.', 1)[1] for name in imported[part]} >= files
