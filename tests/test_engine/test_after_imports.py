import importlib.util

import numpy as np
import pytest
import torch
from mmengine.visualization import Visualizer
from python_runs import python

from qaclims_mm.engine import after_imports


def test_every_module_that_is_changed_is_there():
    # where one moves, its line in the table does nothing
    for module in after_imports.AFTER:
        assert importlib.util.find_spec(module) is not None


FIGURES = """
import json, sys
import numpy as np
import qaclims_mm.plugin
from mmengine.visualization import Visualizer

image = np.full((12, 20, 3), 7, np.uint8)
shown = Visualizer(vis_backends=[])
before = 'matplotlib' in sys.modules
shown.set_image(image)
shown.draw_bboxes(np.array([2, 3, 9, 8]), edge_colors='r')
print(json.dumps([before, 'matplotlib' in sys.modules, shown.get_image().tolist()]))
"""


def test_a_visualizer_opens_its_figure_when_it_draws():
    before, after, drawn = python(FIGURES)
    assert (before, after) == (False, True)
    assert np.shape(drawn) == (12, 20, 3)
    # the box is red, all around it is as it was
    assert drawn[3][5][0] > drawn[3][5][1]
    assert drawn[11][19] == [7, 7, 7]


def test_a_visualizer_takes_an_image_at_once():
    image = np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8)
    assert np.array_equal(Visualizer(image=image).get_image(), image)


def test_each_visualizer_has_a_figure_of_its_own():
    first, second = Visualizer(fig_save_cfg=dict(dpi=50)), Visualizer()
    assert first.fig_save is first.fig_save
    assert first.fig_save is not second.fig_save
    assert first.dpi == 50
    assert first.ax_save.figure is first.fig_save


def test_a_visualizer_has_no_other_attributes():
    with pytest.raises(AttributeError, match=r'has no attribute .axes.'):
        _ = Visualizer().axes


FORMATS = """
import json
import qaclims_mm.plugin
from mmengine.config import Config
from yapf.yapflib import yapf_api

calls, reformat = [], yapf_api.reformatter.Reformat
yapf_api.reformatter.Reformat = lambda *a, **k: calls.append(1) or reformat(*a, **k)
config = Config(dict(a=[1, 2]))
same = config.pretty_text == config.pretty_text
once = len(calls)
config.a[0] = 3
style = dict(based_on_style='pep8', indent_width=2)
found = [
    yapf_api.FormatCode('if a:\\n  b\\n', style_config=style),
    yapf_api.FormatCode('a  =1', style_config='pep8'),
    yapf_api.FormatCode('a  =1', style_config='pep8', print_diff=True),
]
style['indent_width'] = 4
found.append(yapf_api.FormatCode('if a:\\n  b\\n', style_config=style))
print(json.dumps([same, once, config.pretty_text, found]))
"""


def test_a_text_is_formatted_once_and_anew_when_it_or_its_style_changes():
    same, once, changed, found = python(FORMATS)
    assert (same, once, changed) == (True, 1, 'a = [\n    3,\n    2,\n]\n')
    two, plain, diff, four = found
    assert two == ['if a:\n  b\n', False]
    assert four == ['if a:\n    b\n', True]
    assert plain == ['a = 1\n', True]
    assert diff[0].startswith('---')


STEPS = """
import json, sys, torch
import qaclims_mm.plugin

def weights(kind):
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(layer.weight, 0.5)
    torch.nn.init.zeros_(layer.bias)
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.1)
    optimizer.load_state_dict(optimizer.state_dict())
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.tensor([[1.0, 2.0]])).sum().backward()
        optimizer.step()
    return [*layer.weight[0].tolist(), torch.is_grad_enabled()]

kinds = ('SGD', 'AdamW', 'Adam', 'RMSprop')
ours = [weights(kind) for kind in kinds]
before = 'torch._dynamo' in sys.modules
import torch._dynamo
calls = []
torch._dynamo.graph_break = lambda *_: calls.append(1)
print(json.dumps([before, ours, [weights(kind) for kind in kinds], len(calls)]))
"""


def test_optimizers_step_as_torch_does():
    before, ours, of_torch, calls = python(STEPS)
    assert not before
    assert ours == of_torch
    # torch's own methods are called once its compiler is loaded
    assert calls == 4 * 3 * 2


def test_the_compiler_of_torch_has_no_other_way_in():
    """Torch 2.14 wraps these; where it no longer does, ours have nothing to do."""
    step = torch.optim.SGD.step
    while hasattr(step, '__wrapped__'):
        step = step.__wrapped__
    assert step.__qualname__ == 'SGD.step'
    assert hasattr(torch.optim.Optimizer.add_param_group, '__wrapped__')
