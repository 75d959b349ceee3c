import pytest
from tiny_runs import ROOT

from qaclims_mm.projects.presets import PRESETS
from qaclims_mm.workflow.method import chain

STAGES = {'qape', 'cam', 'qa_clims', 'ir_label', 'irn', 'segment', 'par', 'sam'}
STAGES |= {'prompted', 'prompted_answers', 'prompted_maps'}


@pytest.mark.parametrize('preset', PRESETS.values(), ids=PRESETS)
def test_presets_have_all_that_a_project_needs(preset):
    assert set(preset.configs) == STAGES
    configs = {stage: f'configs/{path}' for stage, path in preset.configs.items()}
    assert all((ROOT / path).is_file() for path in configs.values())
    trained = {s['name'] for s in chain(configs, ranks=1) if s['command'] == 'train'}
    assert set(preset.steps) == set(preset.batch_size) == trained
    assert preset.sides[0] <= preset.crop <= preset.max_side
    assert preset.scales[0] == 1.0
