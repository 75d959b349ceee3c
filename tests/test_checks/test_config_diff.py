import ast
import copy

import pytest
from mmengine.config import Config
from shipped_configs import INPUTS, PRESETS, each_leaf, leaf, load

from qaclims_mm.checks.config_diff import MISSING, Element, diff_configs, diff_files, is_read
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.schemas import write_run_config


def diff(a, b):
    return {d.key: (d.a, d.b) for d in diff_configs(a, b)}


def steps(*kinds, **options):
    return dict(steps=[dict(type=k, **options.get(k, {})) for k in kinds])


# --- two dicts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('a', 'b', 'found'),
    [
        ({}, {}, {}),
        (dict(x=1), dict(x=1), {}),
        (dict(x=1), dict(x=2), {'x': (1, 2)}),
        (dict(x=1), {}, {'x': (1, MISSING)}),
        ({}, dict(x=None), {'x': (MISSING, None)}),
        # what is equal in Python, but not in a config
        (dict(x=True), dict(x=1), {'x': (True, 1)}),
        (dict(x=0.0), dict(x=False), {'x': (0.0, False)}),
        (dict(x=[1, 2]), dict(x=[True, 2]), {'x': ([1, 2], [True, 2])}),
        # what is written in two ways
        (dict(x=(1, (2,))), dict(x=[1, [2]]), {}),
        (dict(x=1), dict(x=1.0), {}),
        # a dict that is absent is named by its parts, an empty one has none
        (dict(x=dict(y=dict(z=1))), {}, {'x.y.z': (1, MISSING)}),
        ({}, dict(x=dict(y=1, z=2)), {'x.y': (MISSING, 1), 'x.z': (MISSING, 2)}),
        ({}, dict(x={}), {'x': (MISSING, {})}),
        (dict(x={}), dict(x=dict(y=1)), {'x.y': (MISSING, 1)}),
        (dict(x=None), dict(x=dict(y=1)), {'x': (None, dict(y=1))}),
        ({'a.b': dict(c=1)}, {'a.b': dict(c=2)}, {'a.b.c': (1, 2)}),
        # lists
        (dict(x=[1, 2]), dict(x=[1, 3]), {'x': ([1, 2], [1, 3])}),
        (dict(x=[]), {}, {'x': ([], MISSING)}),
        (dict(x=[[1, 2], [3]]), dict(x=[[1, 2], [4]]), {'x.1': ([3], [4])}),
        (dict(x=[[1]]), dict(x=[[1], [2]]), {'x': ([[1]], [[1], [2]])}),
        (dict(x=[dict(y=1)]), dict(x=[dict(y=2)]), {'x': ([dict(y=1)], [dict(y=2)])}),
    ],
)
def test_values(a, b, found):
    assert diff(a, b) == found
    assert diff(b, a) == {k: (y, x) for k, (x, y) in found.items()}


def test_order_is_that_of_the_first_and_then_of_the_second():
    a, b = dict(z=1, m=dict(q=1), a=1), dict(n=2, a=2, m=dict(p=1), z=2)
    assert [d.key for d in diff_configs(a, b)] == ['z', 'm.q', 'm.p', 'a', 'n']


def test_configs_and_what_they_hold_are_not_changed():
    a, b = Config(steps('L', 'P')), Config(steps('L', 'F', 'P'))
    before = a.pretty_text, b.pretty_text
    assert [d.key for d in diff_configs(a, b)] == ['steps.F']
    assert (a.pretty_text, b.pretty_text) == before


# --- lists of typed dicts -------------------------------------------------------------------------


def test_an_inserted_element_is_one_difference():
    assert diff(steps('L', 'P'), steps('L', 'F', 'P')) == {
        'steps.F': (MISSING, Element(1, dict(type='F')))
    }


def test_values_of_matched_elements():
    a = steps('L', 'F', 'P', F=dict(prob=0.5))
    b = steps('L', 'M', 'F', 'P', F=dict(prob=0.1), P=dict(scales=(1,)))
    assert diff(a, b) == {
        'steps.M': (MISSING, Element(1, dict(type='M'))),
        'steps.F.prob': (0.5, 0.1),
        'steps.P.scales': (MISSING, [1]),
    }


def test_a_moved_element_is_one_difference():
    found = diff(steps('A', 'B', 'C', 'M'), steps('M', 'A', 'B', 'C'))
    assert found == {'steps.M': (Element(3, dict(type='M')), Element(0, dict(type='M')))}


def test_a_replaced_element_is_two():
    assert diff(steps('L', 'F', 'P'), steps('L', 'G', 'P')) == {
        'steps.F': (Element(1, dict(type='F')), MISSING),
        'steps.G': (MISSING, Element(1, dict(type='G'))),
    }


def test_elements_of_one_type_are_numbered():
    a = dict(steps=[dict(type='R', s=1), dict(type='R', s=2)])
    b = dict(steps=[dict(type='R', s=1), dict(type='R', s=3), dict(type='R', s=4)])
    assert diff(a, b) == {
        'steps.R#2.s': (2, 3),
        'steps.R#3': (MISSING, Element(2, dict(type='R', s=4))),
    }


def test_absent_and_empty_lists():
    found = {'steps.L': (Element(0, dict(type='L')), MISSING)}
    assert diff(steps('L'), {}) == diff(steps('L'), dict(steps=[])) == found


def test_branches_of_test_time_augmentation():
    a, b = (dict(t=[[dict(type='R', s=s)], [dict(type='P')]]) for s in (1, 2))
    assert diff(a, b) == {'t.0.R.s': (1, 2)}


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize('stem', PRESETS, ids=lambda stem: stem.split('_')[0])
def test_presets(stem):
    suffix = '_official' if stem.startswith('cam') else '-official'
    paths = [str(leaf(stem.format(preset))) for preset in ('', suffix)]
    found = {
        d.key: tuple(None if v is MISSING else v for v in (d.a, d.b)) for d in diff_files(*paths)
    }
    expected = dict(PRESETS[stem])
    # a list that one lacks is a difference as a whole
    for key in [k for k in expected if k.startswith('model.aliases')]:
        paper, official = expected.pop(key)
        expected[key.removesuffix('.0')] = (paper, [official])
    # what either reads lies at the same place beside it
    assert not set(INPUTS) & set(found)
    assert found == expected


@pytest.mark.parametrize(
    ('words', 'keys'),
    [
        (
            'irn_r50_qa-clims{}_1xb32-3e_voc12aug-512x512',
            {
                'model.pad_to',
                'test_evaluator.PseudoMaskWriter.threshold',
                'test_evaluator.CAMMetric.report_at',
            },
        ),
        (
            'ir-label_crf_qa-clims{}_voc12aug-full',
            {'ir_label.conf_bg'},
        ),
    ],
)
def test_presets_of_irn(words, keys):
    paths = [str(leaf(words.format(preset))) for preset in ('', '-official')]
    assert {d.key for d in diff_files(*paths)} == keys


def test_an_export_reads_another_list_and_no_masks():
    words = 'qa-clims_r50_clip-vitl14-mask{}_2xb4-15e_voc12aug-512x512'
    paths = [str(leaf(words.format(x))) for x in ('', '-export')]
    assert [d.key for d in diff_files(*paths)] == [
        'test_dataloader.dataset.ann_file',
        'test_dataloader.dataset.pipeline.LoadMask',
        'test_evaluator.CAMMetric',
    ]
    everything = [d.key for d in diff_files(*paths, everything=True)]
    assert 'work_dir' in everything


@each_leaf
def test_a_config_is_equal_to_itself(path):
    assert diff_configs(load(path), copy.deepcopy(load(path))) == []


def test_a_file_is_equal_to_itself():
    path = str(leaf('deeplabv3plus_r50-d8_qa-clims-irn_2xb8-30k_voc12aug-512x512'))
    assert diff_files(path, path, everything=True) == []


def test_names_that_only_the_file_uses(tmp_path):
    base = leaf('cam_r50_2xb8-5e_voc12aug-512x512')
    text = f"_base_ = '{base}'\nmark = 'x'\nload_from = f'{{mark}}.pth'\n"
    (tmp_path / 'a.py').write_text(text)
    # what is made of a name is read
    [found] = diff_files(str(base), str(tmp_path / 'a.py'))
    assert found == ('load_from', None, 'x.pth')
    everything = {d.key for d in diff_files(str(base), str(tmp_path / 'a.py'), everything=True)}
    assert {'mark', 'load_from'} <= everything


@pytest.mark.parametrize(
    ('key', 'read'),
    [
        ('model.type', True),
        ('text_encoding.prompt', True),
        ('tta_pipeline.LoadBGRImage', True),
        ('work_dir', True),
        ('lr', False),
        ('train_pipeline.LoadRGBImage', False),
        ('self', False),
        ('cfg', False),
    ],
)
def test_what_is_read(key, read):
    assert is_read(key) == read


def test_config_of_something_else(tmp_path):
    (tmp_path / 'suite.py').write_text('variants = dict()')
    with pytest.raises(ConfigError, match=r'suite\.py has variants, so it is for qaclims ablate'):
        diff_files(str(leaf('cam_r50_2xb8-5e_voc12aug-512x512')), str(tmp_path / 'suite.py'))


def test_missing_file():
    path = str(leaf('cam_r50_2xb8-5e_voc12aug-512x512'))
    with pytest.raises(ConfigError, match=r'config absent\.py does not exist'):
        diff_files(path, 'absent.py')


def test_json_of_a_run(tmp_path):
    path = leaf('cam_r50_2xb8-5e_voc12aug-512x512')
    values = load(path).to_dict()
    work_dir = values['work_dir']
    values['load_from'] = f'{work_dir}/x.pth'
    write_run_config(tmp_path, 'test', path.name, values | dict(train_dataloader=None))
    file = str(tmp_path / 'test_config.json')
    assert [d.key for d in diff_files(file, file, everything=True)] == []
    # what lies at the same place beside it is the same
    found = {d.key: d for d in diff_files(str(path), file)}
    assert set(found) == {'train_dataloader', 'load_from'}
    assert found['load_from'].b == 'work_dirs/SAME/x.pth'


def test_json_of_a_run_elsewhere(tmp_path):
    values = dict(model=dict(a=1), load_from='{0}/x.pth', test_cfg=['{0}', '{1}/y/z', '{0}z', 1])
    for name in ('one', 'two'):
        folder = f'{tmp_path}/{name}/qa_clims'
        text = repr(values).replace('{0}', folder).replace('{1}', f'{tmp_path}/{name}')
        run = ast.literal_eval(text) | dict(work_dir=folder)
        write_run_config(tmp_path / name, 'test', 'c.py', run)
    paths = [str(tmp_path / name / 'test_config.json') for name in ('one', 'two')]
    assert diff_files(*paths) == []
    found = [d.key for d in diff_files(*paths, everything=True)]
    assert found == ['load_from', 'test_cfg', 'work_dir']


@pytest.mark.parametrize('work_dir', [None, 1, '', '.', '/', 'w'])
def test_json_with_an_odd_work_dir(tmp_path, work_dir):
    values = dict(model='w', work_dir=work_dir, load_from='w/x')
    write_run_config(tmp_path, 'test', 'c.py', values)
    path = str(tmp_path / 'test_config.json')
    assert diff_files(path, path) == []


def test_json_is_not_executed_or_replaced(tmp_path, monkeypatch):
    """mmengine puts environment variables and its own names into the text of a JSON config."""
    monkeypatch.setenv('SECRET', 'x')
    values = dict(model='{{$SECRET:y}}', load_from='{{fileBasename}}', custom_imports='absent')
    write_run_config(tmp_path / 'a', 'test', 'c.py', values)
    write_run_config(tmp_path / 'b', 'test', 'c.py', dict(model=1))
    paths = [str(tmp_path / f / 'test_config.json') for f in ('a', 'b')]
    assert {d.key: d.a for d in diff_files(*paths)} == values


@pytest.mark.parametrize('text', ['[]', '{"model": 1}', '[' * 100_000])
def test_other_json(tmp_path, text):
    (tmp_path / 'x.json').write_text(text)
    with pytest.raises(FormatError, match='is not the config of a run'):
        diff_files(str(tmp_path / 'x.json'), str(tmp_path / 'x.json'))
