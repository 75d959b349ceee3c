import pytest
from mmengine.config import Config
from tiny_runs import ROOT

from qaclims_mm.engine.config import load_config, read_config
from qaclims_mm.engine.config_classes import check_class_names
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError
from qaclims_mm.models.classifiers.clims import CLIMS
from qaclims_mm.registry import MODELS

MINI = ROOT / 'configs/miniworld'
PROMPTED = 'prompted_clipseg-mini_labels_miniworld-112x112'
REFINED = 'prompted_clipseg-mini_qa-clims_miniworld-112x112'
QAPE = 'qape_blip-mini_fg6-bg10_miniworld-112x112'
FIXED = 'qape_fixed_fg6-bg10_miniworld-112x112'
EDITED = 'qa-clims_r18-mini_clip-mini-mask-fixed-fg_1xb16-5e_miniworld-112x112'
CLIMS_MINI = 'clims_r18-mini_clip-mini_1xb16-5e_miniworld-112x112'
CLIP_CAM = 'clip-cam_clip-mini_miniworld-112x112'
WECLIP = 'weclip_clip-mini_1xb16-3e_miniworld-112x112'
# {option: leaf text that misspells one of its classes, config}
MISSPELT = {
    'model.prompting.aliases': (
        "model = dict(prompting=dict(aliases={'cat': ['kitty'], 'plotted plant': ['plant']}))",
        (PROMPTED, REFINED),
    ),
    'model.aliases': ("model = dict(aliases={'pottedplant': ['plant']})", (QAPE,)),
    'model.vqa.answers': ("model = dict(vqa=dict(answers={'potted plent': ['room']}))", (FIXED,)),
    'text_encoding.edit.lists': (
        "text_encoding = dict(edit=dict(lists={'Potted Plant': ['room']}))",
        (EDITED,),
    ),
    'model.background_texts': (
        "model = dict(background_texts={'potted plants': ['room']})",
        (CLIMS_MINI, CLIP_CAM, WECLIP),
    ),
    'model.class_texts': (
        "model = dict(class_texts={'potted_plant': 'x'})",
        (CLIMS_MINI, CLIP_CAM),
    ),
    'model.class_names': (
        "model = dict(class_names=['aeroplane', 'bird', 'boat', 'car', 'cat', 'pottd plant'])",
        (CLIMS_MINI, CLIP_CAM, WECLIP),
    ),
}
CASES = [(option, text, base) for option, (text, bases) in MISSPELT.items() for base in bases]


def leaf(folder, text, base):
    path = folder / 'leaf.py'
    path.write_text(f"_base_ = '{MINI / base}.py'\n{text}\n", encoding='utf-8')
    return path


def load(path, *flags):
    return load_config(base_parser('').parse_args([str(path), *flags]))


@pytest.mark.parametrize(('option', 'text', 'base'), CASES)
def test_misspelt_classes(tmp_path, option, text, base):
    path = leaf(tmp_path, text, base)
    with pytest.raises(ConfigError) as raised:
        load(path)
    message = str(raised.value)
    assert message.startswith(f'{path}: {option} names the class ')
    assert message.endswith(', which does not exist; did you mean potted plant?')


def test_classes_in_another_order(tmp_path):
    names = "['bird', 'aeroplane', 'boat', 'car', 'cat', 'potted plant', 'sheep', 'train']"
    path = leaf(tmp_path, f'model = dict(class_names={names})', CLIMS_MINI)
    with pytest.raises(ConfigError, match=r"number 0 is 'bird' in place of 'aeroplane'"):
        load(path)


SHIPPED = [
    path
    for path in sorted(ROOT.glob('configs/*/*.py'))
    if path.parent.name not in ('_base_', 'pipelines', 'suites')
]


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_name_the_classes_of_their_data(path):
    check_class_names(read_config(str(path)))


@pytest.mark.parametrize('kind', ['labels', 'answers', 'qa-clims'])
def test_a_leaf_that_tests_on_other_data_than_its_base_trains_on(tmp_path, kind):
    base = ROOT / f'configs/prompted/prompted_sam3_{kind}_coco14-full.py'
    path = tmp_path / 'leaf.py'
    text = "_base_ = '{}'\nmodel = dict(prompting=dict(aliases={{'{}': ['x']}}))\n"
    path.write_text(text.format(base, 'traffic light'), encoding='utf-8')
    check_class_names(read_config(str(path)))
    path.write_text(text.format(base, 'tv monitor'), encoding='utf-8')
    with pytest.raises(ConfigError, match=r'class .tv monitor., which does not exist'):
        check_class_names(read_config(str(path)))


def test_classes_that_exist(tmp_path):
    text = "model = dict(prompting=dict(aliases={'cat': ['kitty'], 'potted plant': ['plant']}))"
    assert 'cat' in load(leaf(tmp_path, text, PROMPTED)).model.prompting.aliases


def test_the_command_line(tmp_path):
    path = leaf(tmp_path, '', PROMPTED)
    with pytest.raises(
        ConfigError,
        match=r"^--cfg-options: \S+aliases names the class 'kat', .* did you mean cat",
    ):
        load(path, '--cfg-options', 'model.prompting.aliases.kat=kitty')


def config_of(dataset, **aliases):
    model = dict(type='PromptedMasks', prompting=dict(aliases=aliases))
    return Config(dict(model=model, test_dataloader=dataset and dict(dataset=dataset)))


def test_classes_of_the_dataset_count():
    dataset = dict(type='FolderWeakDataset', classes=['zebra', 'tv'])
    check_class_names(config_of(dataset, zebra=['horse'], tv=['screen']))
    for wrapped in (dataset, dict(type='RepeatDataset', times=2, dataset=dataset)):
        with pytest.raises(ConfigError, match=r"the class 'Tv', .* did you mean tv\?"):
            check_class_names(config_of(wrapped, zebra=['horse'], Tv=['screen']))


def test_a_dataset_without_names_and_a_config_without_data():
    check_class_names(config_of(None, kat=['kitty']))
    check_class_names(config_of(dict(type='BaseSegDataset'), kat=['kitty']))


def test_every_such_option_exists():
    """A misspelt name in BY_CLASS would switch its check off."""
    assert set(CLIMS.BY_CLASS + CLIMS.ALL_CLASSES) <= {*CLIMS.__init__.__annotations__}
    found = {n for n, c in MODELS.module_dict.items() if hasattr(c, 'BY_CLASS')}
    assert found >= {'PromptedMasks', 'PromptedRefiner', 'CLIMS', 'CLIPCAM', 'CLIPES', 'WeCLIP'}
