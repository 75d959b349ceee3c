import pytest
from tiny_runs import ROOT

from qaclims_mm.engine.config import load_config, read_config
from qaclims_mm.engine.config_keys import options_of
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError
from qaclims_mm.registry import DATASETS, MODELS

QA = ROOT / 'configs/miniworld/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'


def load(path, *flags):
    return load_config(base_parser('').parse_args([str(path), *flags]))


def leaf(folder, text, base=QA, name='leaf.py'):
    path = folder / name
    path.write_text(f"_base_ = '{base}'\n{text}\n")
    return path


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('optim_wraper = dict()', r'optim_wraper has no effect, .*did you mean optim_wrapper'),
        ('lr = 1e-3', r'lr has no effect, since qa-clims_\S+, which it inherits, has read its own'),
        ('epochs = 1', r'epochs has no effect'),
        ('something = 1', r'something has no effect, since nothing reads it; known are'),
    ],
)
def test_names_at_the_top_that_nothing_reads(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_config(leaf(tmp_path, text))


def test_names_that_are_read(tmp_path):
    text = 'lr = 1e-3\n_note = 1\noptim_wrapper = dict(optimizer=dict(lr=lr))'
    cfg = read_config(leaf(tmp_path, text))
    assert cfg.optim_wrapper.optimizer.lr == 1e-3
    leaf(tmp_path, 'mine = 3', name='middle.py')
    read_config(leaf(tmp_path, 'work_dir = "w"', tmp_path / 'middle.py'))
    with pytest.raises(ConfigError, match=r'middle\.py: mine has no effect'):
        read_config(tmp_path / 'middle.py')
    leaf(tmp_path, 'randomnes = dict(seed=1)', name='misspelt.py')
    with pytest.raises(ConfigError, match=r'misspelt\.py: randomnes .* did you mean randomness'):
        read_config(leaf(tmp_path, 'work_dir = "w"', tmp_path / 'misspelt.py'))
    cfg = read_config(leaf(tmp_path, 'work_dir = f"w{_base_.mine}"', tmp_path / 'middle.py'))
    assert cfg.work_dir == 'w3'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (
            'model = dict(bakcbone=1)',
            r'model\.bakcbone is no option of RITC; did you mean backbone',
        ),
        (
            'model = dict(loss_frc=dict(loss_wieght=1))',
            r'model\.loss_frc\.loss_wieght is no option of FRCLoss; did you mean loss_weight',
        ),
        (
            'train_dataloader = dict(dataset=dict(ann_fil=1))',
            r'dataset\.ann_fil is no option of MiniWorldDataset; did you mean ann_file',
        ),
        (
            'train_dataloader = dict(num_worker=1)',
            r'train_dataloader\.num_worker is no option of train_dataloader; did you mean num_w',
        ),
        ('randomness = dict(sead=1)', r'randomness\.sead .* did you mean seed'),
        ('text_encoding = dict(promt="x")', r'text_encoding\.promt .* did you mean prompt'),
        (
            'text_encoding = dict(edit=dict(type="ListedBackgrounds", list=dict()))',
            r'text_encoding\.edit\.list is no option of ListedBackgrounds; did you mean lists',
        ),
        (
            'default_hooks = dict(logger=dict(intervall=1))',
            r'logger\.intervall is no option of LoggerHook; did you mean interval',
        ),
        ('env_cfg = dict(cudnn_bench=1)', r'env_cfg\.cudnn_bench .* did you mean cudnn_benchmark'),
    ],
)
def test_options_that_no_class_takes(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load(leaf(tmp_path, text))


@pytest.mark.parametrize('kind', ['labels', 'answers', 'qa-clims'])
@pytest.mark.parametrize('key', ['minscore', 'min_scores', 'minn_score'])
def test_options_of_a_part_without_a_type(tmp_path, kind, key):
    base = ROOT / f'configs/miniworld/prompted_clipseg-mini_{kind}_miniworld-112x112.py'
    path = leaf(tmp_path, f'model = dict(prompting=dict({key}=0.3))', base)
    with pytest.raises(ConfigError, match=rf'prompting\.{key} is no option of .* min_score\?'):
        load(path)


def test_a_typo_three_levels_down(tmp_path):
    one = leaf(tmp_path, 'model = dict(threshold=dict(omga=0.2))', name='one.py')
    two = leaf(tmp_path, 'load_from = None', one, 'two.py')
    with pytest.raises(ConfigError, match=r'model\.threshold\.omga is no option of .* omega'):
        load(leaf(tmp_path, 'load_from = None', two))


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('modle.omega=1', r'--cfg-options modle\.omega: nothing reads modle; did you mean model'),
        ('lr=1', r'--cfg-options lr: nothing reads lr'),
        ('model.loss_frc.wieght=1', r'loss_frc\.wieght is no option of FRCLoss'),
        ('randomness.sed=1', r'randomness\.sed'),
    ],
)
def test_options_of_the_command_line(option, message):
    with pytest.raises(ConfigError, match=message):
        load(QA, '--cfg-options', option)


def test_options_of_a_class_and_of_those_that_it_inherits():
    known = options_of(DATASETS.get('MiniWorldDataset'))
    assert {'data_root', 'labels_file', 'strict', 'indices'} < known
    assert 'norm_cfg' in options_of(MODELS.get('ResNet'))
    assert options_of(lambda **kwargs: None) is None
    # timm gets what it does not name
    assert options_of(MODELS.get('TIMMBackbone')) is None
