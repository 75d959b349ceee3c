"""model-index.yml and metafiles name what exists, and numbers that were measured."""

import pytest
import yaml
from tiny_runs import ROOT

from qaclims_mm.paths import resolve
from qaclims_mm.schemas.numbers.ablation_reading import read_results

CONFIGS = ROOT / 'configs'
METAFILES = sorted(CONFIGS.glob('*/metafile.yml'))


def test_model_index_has_all_metafiles():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert [ROOT / path for path in index['Import']] == METAFILES
    assert len(METAFILES) >= 7


@pytest.mark.parametrize('metafile', METAFILES, ids=lambda path: path.parent.name)
def test_metafile_names_what_exists(metafile):
    content = yaml.safe_load(metafile.read_text())
    known = {c['Name'] for c in content['Collections']}
    assert all((ROOT / c['README']).is_file() for c in content['Collections'])
    assert content['Models']
    for model in content['Models']:
        path = ROOT / model['Config']
        assert path.is_file()
        assert path.parent == metafile.parent
        assert model['Name'] == path.stem
        assert model['In Collection'] in known
        # what has not been measured has no results
        assert ('Results' in model) == (metafile.parent.name == 'miniworld')
        assert resolve(model.get('Weights', 'none'))


def test_metafile_has_the_measured_numbers():
    models = yaml.safe_load((CONFIGS / 'miniworld/metafile.yml').read_text())['Models']
    results = read_results(ROOT / 'docs/results/table1_cams.json')
    stated = {
        m['Name'].split('_')[0].replace('-', ''): list(r['Metrics'].values())
        for m in models
        for r in m['Results']
        if r['Task'] == 'Class activation maps'
    }
    # the metafile's names are the configs', the suite's rows have names of their own
    rows = {
        'puzzle': 'puzzlecam',
        'clip_cam': 'clipcam',
        'clip_es': 'clipes',
        'qa_clims': 'qaclims',
    }
    measured, found = {}, [results.summaries(f'cam/{key}') for key in ('mIoU', 'mIoU@0.15')]
    for row in results.rows:
        if row.name.startswith('prompted'):
            continue  # masks, which have no threshold of 0.15
        best, fixed = (of_metric[row.name] for of_metric in found)
        values = [round(v, 1) for v in (best.mean, best.sd, fixed.mean)]
        measured[rows.get(row.name, row.name)] = values
    assert stated == measured


# {name of a config without its data set: suite, row, columns}
BEYOND_MAPS = {
    'irn_r18-mini_1xb16-10e': ('segmentors', 'irn', ['mask/mIoU', 'mask/mIoU@0.25']),
    'par_qa-clims': ('segmentors', 'par', ['mask/mIoU', 'mask/mIoU@0.25']),
    'prompted_clipseg-mini_labels': ('refiners', 'prompted', ['cam/mIoU']),
    'prompted_clipseg-mini_answers': ('refiners', 'prompted_answers', ['cam/mIoU']),
    'prompted_clipseg-mini_qa-clims': ('refiners', 'prompted_maps', ['cam/mIoU']),
    'deeplabv2_r18-mini_qa-clims-irn_1xb16-10e': ('segmentors', 'segment', ['seg/mIoU']),
    'deeplabv2_r18-mini_full_1xb16-10e': ('segmentors', 'full', ['seg/mIoU']),
}


def test_metafile_has_the_measured_numbers_of_masks_and_segmentors():
    models = yaml.safe_load((CONFIGS / 'miniworld/metafile.yml').read_text())['Models']
    stated = {
        m['Name'].removesuffix('_miniworld-112x112'): list(r['Metrics'].values())
        for m in models
        for r in m['Results']
        if r['Task'] != 'Class activation maps'
    }
    measured = {}
    for name, (suite, row, metrics) in BEYOND_MAPS.items():
        results = read_results(ROOT / f'docs/results/{suite}.json')
        first, *others = (results.summaries(metric)[row] for metric in metrics)
        values = [first.mean, first.sd, *(other.mean for other in others)]
        measured[name] = [round(v, 1) for v in values]
    assert stated == measured
