import ast

import pytest
from tiny_runs import ROOT
from tool_runs import run_tool

from qaclims_mm.engine.trust import CONFIGS_ARE_CODE

# {tool: words before --help}
RUN = {
    'ablate': [],
    'check_dataset': [],
    'upper_bound': [],
    'convert': ['text_cache'],
    'demo': [],
    'encode_texts': [],
    'ir_label': [],
    'run': [],
    'config_diff': [],
    'test': [],
    'train': [],
    'visualize_cams': [],
    'predict': [],
    'export_onnx': [],
}
LOOK = ('report', 'check_files', 'browse_corpus')


def help_of(tool, words, capsys):
    done = run_tool(tool, *words, '--help', capsys=capsys)
    assert done.status == 0
    return ' '.join(done.text.split())


@pytest.mark.parametrize('tool', RUN)
def test_tools_that_run_a_config_say_so(tool, capsys):
    assert CONFIGS_ARE_CODE in help_of(tool, RUN[tool], capsys)


@pytest.mark.parametrize('tool', LOOK)
def test_tools_that_look_do_not(tool, capsys):
    assert CONFIGS_ARE_CODE not in help_of(tool, [], capsys)


def test_no_tool_that_takes_a_config_is_forgotten():
    """A tool takes a config if it has an argument of that name, or the parser of the stages."""
    found = set()
    for path in (ROOT / 'qaclims_mm/cli').glob('[!_]*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ''
                words = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if name == 'base_parser' or {'config', '--config', '--pipeline'} & {*words}:
                    found.add(path.stem)
    assert 'train' in found
    assert found <= set(RUN)
