from pathlib import Path

import pytest
from tiny_runs import ROOT

from qaclims_mm.corpus.text_bank import TextIndex
from qaclims_mm.engine.config import load_config
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import MODELS
from qaclims_mm.workflow.plans import read_plan
from qaclims_mm.workflow.suites import read_suite, rows_of, stages_of

SUITES = sorted((ROOT / 'configs/suites').glob('*.py'))
# of stages that other plans do not have
OF_MINIWORLD = ('fixed_texts', 'fixed_texts_apart', 'refiners', 'segmentors')
PIPELINE = 'configs/pipelines/{}_qa-clims.py'


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def write(path, variants):
    path.write_text(f'variants = {variants!r}\n')
    return path


def test_there_are_suites():
    assert {p.stem for p in SUITES} >= {
        *('table1_cams', 'table4_losses', 'table5_texts', 'fat', 'omega', 'temperature', 'vlm'),
    }


def load_config_of(stage):
    return load_config(base_parser('').parse_args([str(stage.config)]))


def get(cfg, key):
    for part in key.split('.'):
        cfg = cfg[int(part) if part.isdigit() else part]
    return cfg


@pytest.mark.parametrize('dataset', ['voc12', 'coco14', 'miniworld'])
@pytest.mark.parametrize('suite', SUITES, ids=lambda p: p.stem)
def test_options_reach_the_config(suite, dataset, monkeypatch):
    """As the tools read them; and nothing but what is varied changes."""
    monkeypatch.setenv('QACLIMS_ROOT', 'root')
    plan = read_plan(PIPELINE.format(dataset), 'root')
    if suite.stem in OF_MINIWORLD and dataset != 'miniworld':
        with pytest.raises(ConfigError, match=r'has no stage (fixed|cam_irn_masks|segment_full)'):
            rows_of(plan, suite)
        return
    seen = 0
    for row in rows_of(plan, suite):
        if not row.variant.is_varied:
            assert set(row.stages) <= set(plan.all_stages)
            continue
        for stage in row.stages:
            options = row.variant.qape if stage.name.endswith('_qape') else row.variant.options
            args = [word.replace('{root}', 'root') for word in stage.args]
            flags = [stage.config, '--work-dir', str(plan.root / stage.name), *args]
            cfg = load_config(base_parser('').parse_args(flags))
            for key, value in options.items():
                assert get(cfg, key) == value, key
            if stage.command == 'train':
                seen += 1
                if 'text_encoding' in cfg:
                    check_own_texts(row, stage.name, cfg)
                cfg.model.backbone.pop('init_cfg', None)
            MODELS.build(cfg.model)
    assert seen >= (suite.stem not in ('table1_cams', 'fixed_texts', 'refiners', 'segmentors'))


def check_own_texts(row, name, cfg):
    own = row.variant.qape or any(key.startswith('text_encoding.') for key in row.variant.options)
    TextIndex(cfg.text_encoding.bg_filter, cfg.text_encoding.groups)
    texts = f'root/{name}_texts/text_bank' if own else 'root/texts/text_bank'
    assert Path(cfg.model.text_bank).resolve() == Path(texts).resolve()
    qape = f'{name}_qape' if row.variant.qape else 'qape'
    assert Path(cfg.text_encoding.corpus).resolve() == Path('root', qape, 'corpus').resolve()


def test_stages_of_a_suite(tmp_path):
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    suite = write(
        tmp_path / 'mine.py',
        dict(
            a=dict(title='A', options={'model.loss_reg': None}),
            b=dict(title='B', options={'text_encoding.groups': ['fine']}),
            c=dict(title='C', paper=67.3),
            d=dict(title='D', stage='cam'),
            e=dict(title='E', qape={'model.groups': ['fine', 'color']}),
        ),
    )
    rows = rows_of(plan, suite)
    stages = {s.name: s for s in stages_of(plan, rows)}
    assert list(stages) == [
        *(
            'qape',
            'texts',
            'mine-a',
            'mine-a_maps',
            'mine-b_texts',
            'mine-b',
            'mine-b_maps',
        ),
        *('qa_clims', 'qa_clims_maps', 'cam', 'cam_maps'),
        *('mine-e_qape', 'mine-e_texts', 'mine-e', 'mine-e_maps'),
    ]
    assert stages['mine-a'].args == ('--cfg-options', 'model.loss_reg=None')
    assert stages['mine-a'].needs == ('cam', 'texts')
    assert stages['mine-b'].needs == ('cam', 'mine-b_texts')
    assert stages['mine-b_texts'].needs == ('qape',)
    assert stages['mine-b_maps'].checkpoint == '{work_dir}/mine-b/epoch_15.pth'
    assert stages['mine-b_maps'].needs == ('mine-b',)
    assert stages['mine-e_qape'].args == ('--cfg-options', 'model.groups=[fine,color]')
    assert stages['mine-e_texts'].needs == ('mine-e_qape',)
    assert stages['mine-e'].needs == ('cam', 'mine-e_texts')
    # a row without options is the pipeline's own training
    assert stages['qa_clims'] in plan.stages
    maps = [r.stages[-1].name for r in rows]
    assert maps == ['mine-a_maps', 'mine-b_maps', 'qa_clims_maps', 'cam_maps', 'mine-e_maps']
    # Snakemake's rules are those of the plan
    assert {s.rule for s in stages.values()} == {s.rule for s in plan.stages[:6]}


def test_masks_of_the_baseline_are_made_as_those_of_the_method():
    plan = read_plan(PIPELINE.format('miniworld'), 'root')
    rows = {r.name: r for r in rows_of(plan, ROOT / 'configs/suites/refiners.py')}
    stages = {s.name: s for s in stages_of(plan, [*rows.values()])}
    assert {'ir_label', 'irn', 'cam_ir_label', 'cam_irn'} <= set(stages)
    for name, other in (('par', 'cam_par'), ('irn_masks', 'cam_irn_masks')):
        mine, theirs = (load_config_of(stages[n]) for n in (other, name))
        changed = {k for k in theirs if str(mine[k]) != str(theirs[k])}
        assert changed <= {'work_dir', 'test_dataloader', 'train_dataloader', 'filename'}
        text, wanted = str(mine.test_dataloader), str(theirs.test_dataloader)
        assert text == wanted.replace('qa_clims_maps', 'cam_maps')


def test_a_row_may_be_a_test_run_that_needs_no_training(tmp_path):
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    rows = dict(
        a=dict(title='A', stage='prompted'),
        b=dict(title='B', stage='prompted_answers'),
        c=dict(title='C', stage='clip_cam'),
    )
    found = [[s.name for s in row.stages] for row in rows_of(plan, write(tmp_path / 'x.py', rows))]
    # prompted_maps is another stage
    assert found == [['prompted'], ['prompted_answers'], ['clip_cam_maps']]
    rows['a']['options'] = {'model.prompting.merge': 'mean'}
    with pytest.raises(
        ConfigError, match=r'x\.py: a: prompted trains nothing that could be varied'
    ):
        rows_of(plan, write(tmp_path / 'x.py', rows))


def test_a_row_may_have_epochs_and_images_of_its_own(tmp_path):
    plan = read_plan(PIPELINE.format('miniworld'), 'root')
    options = {'train_cfg.max_epochs': 2, 'train_dataloader.dataset.indices': 50}
    [row] = rows_of(plan, write(tmp_path / 'x.py', dict(a=dict(title='A', options=options))))
    *_, train, test = row.stages
    assert test.checkpoint == '{work_dir}/x-a/epoch_2.pth'
    assert train.args[1:] == ('train_cfg.max_epochs=2', 'train_dataloader.dataset.indices=50')


def test_a_suite_may_compare_segmentors():
    plan = read_plan(PIPELINE.format('miniworld'), 'root')
    path = ROOT / 'configs/suites/segmentors.py'
    suite, rows = read_suite(path), rows_of(plan, path)
    assert [[s.name for s in row.stages] for row in rows] == [
        *(['irn_masks'], ['par'], ['segment_test'], ['segment_full_test']),
    ]
    assert {'irn', 'segment', 'segment_full'} <= {s.name for s in stages_of(plan, rows)}
    assert next(iter(suite.columns)) == 'seg/mIoU'
    assert suite.reference in suite.variants


@pytest.mark.parametrize(
    ('text', 'reference'),
    [
        ('', 'ours'),
        ('reference = None', None),
        ("reference = 'cam'", 'cam'),
    ],
)
def test_the_reference_of_a_suite(tmp_path, text, reference):
    path = write(tmp_path / 'x.py', dict(cam=dict(title='A', stage='cam'), ours=dict(title='B')))
    path.write_text(f'{path.read_text()}{text}\n')
    assert read_suite(path).reference == reference


def test_a_seed_may_go_elsewhere(tmp_path):
    plan = read_plan(PIPELINE.format('miniworld'), 'root')
    rows = {r.name: r for r in rows_of(plan, ROOT / 'configs/suites/noise_floor.py')}
    train, test = rows['qa_clims-weights'].stages
    assert (train.seeded, train.seed_option) == (True, 'default_hooks.noise.seed')
    assert rows['qa_clims'].stages[0].seed_option == 'randomness.seed'
    cfg = load_config(base_parser('').parse_args([str(train.config), *train.args]))
    assert cfg.default_hooks.noise == dict(type='WeightNoiseHook')
    assert test.needs == (train.name,)


def test_averaged_weights_more_steps_and_the_head_first():
    plan = read_plan(PIPELINE.format('miniworld'), 'root')
    rows = {r.name: r for r in rows_of(plan, ROOT / 'configs/suites/steadier.py')}
    assert len(rows) == 8

    def read(stage):
        return load_config(base_parser('').parse_args([str(stage.config), *stage.args]))

    for stage in rows['cam_averaged'].stages:
        # the test run swaps the weights in
        assert read(stage).default_hooks.ema == dict(type='EMAHook', momentum=0.01)
    for name in ('cam', 'qa_clims'):
        [train, _] = rows[f'{name}_warmed'].stages
        assert read(train).default_hooks.warmup == dict(type='HeadWarmUpHook', iters=93)
        usual, *_ = rows[name].stages
        train, test = rows[f'{name}_longer'].stages
        epochs = read(usual).train_cfg.max_epochs
        cfg = read(train)
        assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].end == 2 * epochs
        assert test.checkpoint == f'{{work_dir}}/{train.name}/epoch_{2 * epochs}.pth'


def test_options_survive_those_of_the_seed():
    """A pipeline adds a second --cfg-options."""
    parser = base_parser('')
    words = ['--cfg-options', 'a=None', '--cfg-options', 'randomness.seed=1']
    args = parser.parse_args([PIPELINE.format('voc12'), *words])
    assert args.cfg_options == {'a': None, 'randomness.seed': 1}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, r'there is no suite .*; see configs/suites'),
        ('x = 1', r'needs variants = \{name'),
        ("variants = dict(a=dict(name='x'))", "unexpected keyword argument 'name'"),
        ("variants = dict(a='x')", 'needs variants'),
        ('variants = dict()', 'has no variants'),
        ('\nvariants = dict(', r's.py:2 is no Python'),
        ('variant = dict(a=1)', r's.py needs variants = .*; it has variant\.'),
        ("variants = {'a b': dict(title='A')}", r"s.py: 'a b' names a folder, so it may have"),
        (
            "columns = ['seg/mIoU']\nvariants = dict(a=dict(title='A'))",
            r'columns = {metric: title}',
        ),
        ("columns = {'seg/mIoU': 1}\nvariants = dict(a=dict(title='A'))", r'columns = {metric: ti'),
        (
            "reference = 'aa'\nvariants = dict(a=dict(title='A'))",
            r"the reference 'aa' is no row; did you mean a\?",
        ),
        ("reference = 1\nvariants = dict(a=dict(title='A'))", r"the reference '1' is no row; "),
        ("reference = ['a']\nvariants = dict(a=dict(title='A'))", r'the reference .+ is no row; '),
    ],
)
def test_bad_suite(tmp_path, text, message):
    path = tmp_path / 's.py'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_suite(path)


def test_plan_without_the_stage(tmp_path):
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    suite = write(tmp_path / 'x.py', dict(a=dict(title='A', stage='seam')))
    with pytest.raises(ConfigError, match=r'x\.py: a: configs/\S+ has no stage seam_maps'):
        rows_of(plan, suite)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'model.loss_rge': None}, r'mine.py: a: configs/\S+ has no model.loss_rge'),
        ({'model.loss_reg.weight.x': 1}, r'has no model.loss_reg.weight.x'),
        ({'text_encoding.group': ['fine']}, 'has no text_encoding.group'),
        ({'param_scheduler.9.end': 1}, 'has no param_scheduler.9.end'),
        ({'param_scheduler.end': 1}, 'has no param_scheduler.end'),
        ({'model.kwargs': 1}, 'has no model.kwargs'),
        ({'train_dataloader.dataset.max_side': 1}, 'has no train_dataloader.dataset.max_side'),
        ({'lr': 1e-3}, r'a: lr is read by configs/\S+ alone; name the place'),
        ({'model.loss_reg': dict(type='REGLoss')}, 'would arrive as'),
    ],
)
def test_options_that_would_not_do_what_they_say(tmp_path, options, message):
    plan = read_plan(PIPELINE.format('voc12'), 'root')
    suite = write(tmp_path / 'mine.py', dict(a=dict(title='A', options=options)))
    with pytest.raises(ConfigError, match=message):
        rows_of(plan, suite)
