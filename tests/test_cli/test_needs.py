import ast
import io
from pathlib import Path

import pytest
from helpers import make_tiny_voc
from mmengine.registry import Registry
from rich.console import Console
from tiny_plans import fill, graph_of, world, write_plan
from tiny_runs import ROOT
from tool_runs import run_tool

from qaclims_mm import registry
from qaclims_mm.cli import _needs
from qaclims_mm.cli._needs import check_needs
from qaclims_mm.errors import StageError

CONFIG = f"""
_base_ = {str(ROOT / 'configs/_base_/plugin.py')!r}
data = dict(type='VOC12WeakDataset', ann_file='train.txt', data_root={{root!r}}, pipeline=[
    dict(type='LoadRGBImage'), dict(type='PackWeakInputs')])
model = dict(type='VQACorpusBuilder', vqa=dict(type='BlipVQA', model={{model!r}}))
test_dataloader = dict(dataset=data, batch_size=1)
test_evaluator = [dict(type='CorpusWriter')]
"""


@pytest.fixture
def plan(tmp_path):
    """A plan whose second stage reads images and a model; returns a function that writes it."""

    def write(root=tmp_path / 'voc', model='miniworld://blip'):
        (tmp_path / 'qape.py').write_text(CONFIG.format(root=str(root), model=model))
        asks = dict(name='b', command='test', config=str(tmp_path / 'qape.py'), needs=['a'])
        return write_plan(tmp_path, [world('a'), asks | dict(checkpoint='none')])

    make_tiny_voc(tmp_path / 'voc')
    return write


def missing(path):
    """Return what the check prints, and its error."""
    console = Console(record=True, width=500, file=io.StringIO())
    with pytest.raises(StageError) as raised:
        check_needs(graph_of(path), console)
    return console.export_text(), str(raised.value)


def test_all_is_there(plan, tmp_path):
    check_needs(graph_of(plan()), Console())
    # some bad records do not end a run
    (tmp_path / 'voc/JPEGImages/img_0.jpg').unlink()
    (tmp_path / 'voc/Annotations/img_1.xml').write_text('<a')
    check_needs(graph_of(plan()), Console())


def test_data_that_are_missing(plan, tmp_path):
    text, error = missing(plan(tmp_path / 'absent'))
    assert f'data set │ {tmp_path}/absent is missing' in text
    assert 'missing that the stages need, see' in error
    assert 'nothing was started' in error


def test_images_that_are_all_missing(plan, tmp_path):
    for path in (tmp_path / 'voc/JPEGImages').iterdir():
        path.unlink()
    text, error = missing(plan())
    assert 'images are missing, of the 4 in train.txt' in text
    assert error.startswith('1 thing is missing that the stages need')


def test_labels_that_cannot_be_read(plan, tmp_path):
    (tmp_path / 'voc/Annotations/img_1.xml').unlink()
    text, _ = missing(plan())
    assert 'img_1.xml is missing; give labels_file instead' in text


def test_weights_that_are_missing(plan, tmp_path):
    text, _ = missing(plan(model=str(tmp_path / 'weights/blip-vqa')))
    assert f'{tmp_path}/weights/blip-vqa (model.vqa.model) is missing' in text
    assert 'qaclims convert blip' in text


def test_a_hub_that_is_off(plan, tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path / 'hub'))
    path = plan(model='some/blip')
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    text, _ = missing(path)
    assert 'some/blip (model.vqa.model) is not in the cache of the hub, and HF_HUB_OFFLINE' in text
    monkeypatch.setenv('HF_HUB_OFFLINE', '0')
    check_needs(graph_of(path), Console())


def test_libraries_that_are_missing(plan, monkeypatch):
    find = _needs.importlib.util.find_spec
    hidden = lambda name: None if name == 'transformers' else find(name)  # noqa: E731
    path = plan()
    monkeypatch.setattr(_needs.importlib.util, 'find_spec', hidden)
    text, _ = missing(path)
    assert 'BlipVQA needs transformers, which is not installed' in text
    assert "pip install 'qaclims_mm[run]'" in text


def test_keep_going_names_what_is_missing_and_goes_on(plan, tmp_path):
    console = Console(record=True, width=500, file=io.StringIO())
    check_needs(graph_of(plan(tmp_path / 'absent')), console, keep_going=True)
    assert f'{tmp_path}/absent is missing' in console.export_text()


def test_what_is_done_or_made_by_a_stage_is_not_needed(plan, tmp_path, monkeypatch):
    # the folder is that of an earlier stage
    check_needs(graph_of(plan(tmp_path / 'work/a/world')), Console())
    path = plan()
    fill(graph_of(path), monkeypatch)
    for file in (tmp_path / 'voc/JPEGImages').iterdir():
        file.unlink()
    graph = graph_of(path)
    graph.nodes = {k: n for k, n in graph.nodes.items() if n.stage.name == 'a'}
    check_needs(graph, Console())


def test_nothing_is_started(plan, tmp_path, capsys):
    ended = run_tool('run', plan(tmp_path / 'absent'), capsys=capsys)
    assert ended.status == 1
    assert 'missing that the stages need' in ended.text
    assert 'Traceback' not in ended.text
    assert not list((tmp_path / 'work').glob('a/*'))
    # the plan itself can be seen
    assert run_tool('run', plan(tmp_path / 'absent'), '--dry-run', capsys=capsys).status == 0


def test_every_class_is_one_that_a_config_can_name():
    import qaclims_mm.plugin  # noqa: F401 - registers
    from qaclims_mm.cli._execute import EXTRA_OF
    from qaclims_mm.registry import MODELS
    from qaclims_mm.vlms.registry import PROMPTED_SEGMENTERS, VQA_MODELS

    registries = (MODELS, VQA_MODELS, PROMPTED_SEGMENTERS)

    for name, module in _needs._MODULE_OF.items():
        assert any(registry.get(name) for registry in registries), name
        assert module in EXTRA_OF


# libraries of extras that a class imports when it is used
LATE = {'open_clip', 'transformers', 'openai', 'timm'}


def imported_by(module):
    """Return the names that a module of the package imports, at its head or in a function."""
    path = ROOT / Path(*module.split('.'))
    path = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
    # what a package has may be a name, and no module
    tree = ast.parse(path.read_text(encoding='utf-8') if path.is_file() else '')
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f'{node.module}.{alias.name}' for alias in node.names))


def late_modules(module):
    """Return the libraries that a module imports, or a module of the package that it imports."""
    found, seen, left = set(), {'qaclims_mm.plugin'}, [module]
    while left:
        names = set(imported_by(left.pop()))
        found |= {name.partition('.')[0] for name in names} & LATE
        new = {name for name in names if name.startswith('qaclims_mm.')} - seen
        seen |= new
        left += new
    return found


def test_every_class_that_needs_a_library_is_in_the_list():
    registries = [r for r in vars(registry).values() if isinstance(r, Registry)]
    classes = {
        name: kind
        for own in registries
        for place in (own, own.root)
        for name, kind in place.module_dict.items()
        if getattr(kind, '__module__', '').startswith('qaclims_mm.')
    }
    needed = {name: late_modules(kind.__module__) for name, kind in classes.items()}
    needed = {name: modules for name, modules in needed.items() if modules}
    assert sorted(_needs._MODULE_OF) == sorted(needed)
    # open_clip brings timm
    for name, module in _needs._MODULE_OF.items():
        assert module in needed[name]
        assert needed[name] - {module} <= {'timm'}, name
