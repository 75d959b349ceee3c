import pytest
from tiny_runs import ROOT

from qaclims_mm.apis.pipeline import Pipeline
from qaclims_mm.apis.plan import read_plan
from qaclims_mm.apis.suites import read_suite, with_suite
from qaclims_mm.corpus.text_bank import TextIndex
from qaclims_mm.engine.launch import base_parser, load_config
from qaclims_mm.registry import MODELS
from qaclims_mm.schemas import FormatError, read_json, write_json

SUITES = sorted((ROOT / 'configs/suites').glob('*.py'))
PIPELINE = 'configs/pipelines/{}_qa-clims.py'


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def write(path, variants):
    path.write_text(f'variants = {variants!r}\n')
    return path


def test_there_are_suites():
    assert {p.stem for p in SUITES} >= {'table4_losses', 'table5_texts', 'fat', 'omega'}


@pytest.mark.parametrize('dataset', ['voc12', 'coco14', 'miniworld'])
@pytest.mark.parametrize('suite', SUITES, ids=lambda p: p.stem)
def test_options_reach_the_config(suite, dataset):
    """As the tools read them; and nothing but what is varied changes."""
    plan = with_suite(read_plan(PIPELINE.format(dataset), 'root'), suite)
    before = read_plan(PIPELINE.format(dataset), 'root')
    config = next(s.config for s in before.stages if s.name == 'qa_clims')
    variants, seen = read_suite(suite), 0
    for name, variant in variants.items():
        folder = f'{suite.stem.split("_")[0]}-{name}'
        stages = [s for s in plan.stages if s.name == folder]
        assert len(stages) == bool(variant.options)
        for stage in stages:
            flags = [config, '--work-dir', f'root/{folder}', *stage.args]
            cfg = load_config(base_parser('').parse_args(flags))
            for key, value in variant.options.items():
                found = cfg
                for part in key.split('.'):
                    found = found[part]
                assert found == value, key
            if any(key.startswith('text_bank.') for key in variant.options):
                TextIndex(cfg.text_bank.bg_filter, cfg.text_bank.groups)
                assert cfg.model.text_bank == cfg.text_bank.folder == f'root/{folder}/texts'
            cfg.model.backbone.pop('init_cfg', None)
            MODELS.build(cfg.model)
            seen += 1
    assert seen >= 1
    assert len(variants) - seen == 1


def test_stages_of_a_suite(tmp_path):
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    suite = write(
        tmp_path / 'mine_x.py',
        dict(
            a=dict(title='A', options={'model.loss_reg': None}),
            b=dict(title='B', options={'text_bank.groups': ['fine']}),
            c=dict(title='C', paper=67.3),
        ),
    )
    varied = with_suite(plan, suite)
    stages = {s.name: s for s in varied.stages}
    assert list(stages) == [
        *('qape', 'cam', 'texts', 'mine-a', 'mine-a_maps'),
        *('mine-b_texts', 'mine-b', 'mine-b_maps', 'qa_clims', 'qa_clims_maps'),
    ]
    assert stages['mine-a'].args == ('--cfg-options', 'model.loss_reg=None')
    assert stages['mine-a'].needs == ('cam', 'texts')
    assert stages['mine-b'].needs == ('cam', 'mine-b_texts')
    assert stages['mine-b_texts'].needs == ('qape',)
    assert stages['mine-b_maps'].checkpoint == 'root/mine-b/epoch_15.pth'
    assert stages['mine-b_maps'].needs == ('mine-b',)
    # a row without options is the pipeline's own training
    assert stages['qa_clims'] in plan.stages
    assert varied.table == dict(
        rows={'mine-a': 'A', 'mine-b': 'B', 'qa_clims': 'C (paper, VOC: 67.3)'},
        columns={'cam/mIoU': 'best mIoU', 'cam/mIoU@0.15': 'at 0.15'},
    )


def test_options_survive_those_of_the_seed():
    """A pipeline adds a second --cfg-options."""
    parser = base_parser('')
    args = parser.parse_args(['c', '--cfg-options', 'a=None', '--cfg-options', 'randomness.seed=1'])
    assert args.cfg_options == {'a': None, 'randomness.seed': 1}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, r'there is no suite .*; see configs/suites'),
        ('x = 1', r'needs variants = \{name'),
        ("variants = dict(a=dict(name='x'))", "unexpected keyword argument 'name'"),
        ("variants = dict(a='x')", 'needs variants'),
        ('variants = dict()', 'has no variants'),
        ('variants = dict(', r's.py is no Python'),
    ],
)
def test_bad_suite(tmp_path, text, message):
    path = tmp_path / 's.py'
    if text is not None:
        path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_suite(path)


def test_plan_without_the_stage():
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    with pytest.raises(FormatError, match=r'has no stage clims, which .*fat\.py varies'):
        with_suite(plan, 'configs/suites/fat.py', trained='clims')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'model.loss_rge': None}, r'mine.py: a: configs/\S+ has no model.loss_rge'),
        ({'model.loss_reg.weight.x': 1}, r'has no model.loss_reg.weight.x'),
        ({'text_bank.group': ['fine']}, 'has no text_bank.group'),
        ({'lr': 1e-3}, r'a: lr is read by configs/\S+ alone; name the place'),
        ({'text_bank.prompt': 'an origami {answer}'}, "would arrive as 'anorigami{answer}'"),
        ({'model.loss_reg': dict(type='REGLoss')}, 'would arrive as'),
    ],
)
def test_options_that_would_not_do_what_they_say(tmp_path, options, message):
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    suite = write(tmp_path / 'mine.py', dict(a=dict(title='A', options=options)))
    with pytest.raises(FormatError, match=message):
        with_suite(plan, suite)


def test_a_suite_leaves_the_numbers_of_the_pipeline(tmp_path):
    plan = read_plan(PIPELINE.format('voc12'), tmp_path)
    suite = write(tmp_path / 's.py', dict(a=dict(title='A', options={'model.loss_reg': None})))
    for folder in ('irn', 's-a'):
        write_json(tmp_path / folder / 'metrics.json', {folder: {'cam/mIoU': 1.0}})
    Pipeline(plan).collect_metrics(plan.stages)
    varied = with_suite(plan, suite)
    assert set(Pipeline(varied).collect_metrics(varied.stages)) == {'irn', 's-a'}
    assert set(read_json(tmp_path / 'metrics.json')) == {'irn', 's-a'}
