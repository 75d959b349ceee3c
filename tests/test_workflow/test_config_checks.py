import pytest
from tiny_runs import ROOT

from qaclims_mm.errors import ConfigError
from qaclims_mm.workflow.config_checks import check_configs
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.stage import Stage

MINI = ROOT / 'configs/miniworld'
PLANS = ('miniworld_qa-clims', 'miniworld_strong', 'voc12_qa-clims', 'voc12_strong')


@pytest.mark.parametrize('name', PLANS)
def test_plans_that_ship(name):
    plan = read_plan(ROOT / f'configs/pipelines/{name}.py')
    check_configs((stage, plan.root) for stage in plan.all_stages)


@pytest.mark.parametrize(
    ('base', 'text', 'message'),
    [
        (
            'prompted_clipseg-mini_labels',
            "model = dict(prompting=dict(aliases={'plotted plant': ['plant']}))",
            r"aliases names the class 'plotted plant', .*; did you mean potted plant\?",
        ),
        (
            'qape_blip-mini_fg6-bg10',
            "model = dict(aliases={'kat': ['kitty']})",
            r"aliases names the class 'kat', .*; did you mean cat\?",
        ),
        (
            'sam_random_qa-clims',
            'model = dict(point_count=3)',
            r'model\.point_count is no option of SAMRefiner; ',
        ),
        ('par_qa-clims', 'test_dataloader = dict(bacth_size=1)', r'did you mean batch_size\?'),
    ],
)
def test_what_a_stage_would_refuse(tmp_path, base, text, message):
    path = tmp_path / 'leaf.py'
    path.write_text(f"_base_ = '{MINI / base}_miniworld-112x112.py'\n{text}\n")
    stages = [Stage('data', 'make-miniworld'), Stage('a', 'test', config=str(path))]
    with pytest.raises(ConfigError, match=message) as caught:
        check_configs((stage, tmp_path) for stage in stages)
    assert str(caught.value).startswith(f'{path}: ')
