import atexit
import json
import shutil

import numpy as np
import pytest
import torch

from benchmarks import texts
from benchmarks.machine import call_alone
from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.labels import read_labels

IMAGES, SHARE = 40, 4


@pytest.fixture(scope='module')
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp('simulated')
    return root, *texts.simulate(root, IMAGES, SHARE)


def test_part_is_one_image_in_so_many(simulated):
    root, pairs, counts = simulated
    every, part = (read_labels(root / name / 'labels.csv') for name in ('all', 'part'))
    assert list(part) == list(every)[::SHARE]
    assert all(part[i] == every[i] for i in part)
    assert np.mean([len(names) for names in every.values()]) == pytest.approx(2.9, abs=0.8)
    assert len(pairs) >= 5
    assert all(name in part[image_id] for image_id, name in pairs)
    for name, number in counts.items():
        assert len(json.loads((root / name / 'texts.json').read_text())) == number


def test_caches_are_laid_out_as_the_released_ones(simulated):
    root, *_ = simulated
    labels = read_labels(root / 'part/labels.csv')
    bank = TextBank(root / 'part')
    answers, fg, bg = (texts.unpickle(root / f'part/{k}.npy') for k in ('answers', 'fg', 'bg'))
    hot = np.load(root / 'part/labels.npy')
    assert hot.shape == (len(labels), 80)
    assert hot.sum(1).tolist() == [len(names) for names in labels.values()]
    assert list(answers) == list(fg) == list(bg) == list(labels)
    storages = set()
    for image_id, names in labels.items():
        assert set(answers[image_id]) == set(names)
        for name in names:
            assert len(answers[image_id][name]) == 6
            assert fg[image_id][name].keys() == set(answers[image_id][name])
            assert {v.shape for v in fg[image_id][name].values()} == {(1, texts.WIDTH)}
            entry = bg[image_id][name]
            rows = bank.rows(image_id, [name]).bg_rows[0]
            assert entry['answers'] == [bank.texts[r] for r in rows[rows >= 0]]
            assert entry['answer_feats'].shape == (len(entry['answers']), texts.WIDTH)
            assert entry['answer_feats'].dtype == torch.float32
            tensors = [*fg[image_id][name].values(), entry['answer_feats']]
            storages |= {t.untyped_storage().data_ptr() for t in tensors}
    # each has numbers of its own
    wanted = sum(len(e) + 1 for classes in fg.values() for e in classes.values())
    assert len(storages) == wanted


def test_ways_have_the_same_features_and_keep_what_they_opened(simulated):
    root, pairs, _ = simulated
    kept = []
    samples = [
        texts.open_bank(root / 'part', pairs, kept),
        texts.open_bank(root / 'all', pairs, kept),
        texts.open_caches(root / 'part', pairs, kept),
    ]
    texts.check_samples(samples)
    assert [len(dataset) for dataset in kept[:2]] == [IMAGES // SHARE, IMAGES]
    labels, fg, bg = kept[2]
    assert len(labels) == len(fg) == len(bg) == IMAGES // SHARE
    for (image_id, name), features in samples[-1].items():
        assert fg[image_id][name].shape == (6, texts.WIDTH)
        assert len(features) == 6 + len(bg[image_id][name]['answers'])
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize('which', [0, 1])
def test_other_features_are_refused(simulated, which):
    root, pairs, _ = simulated
    samples = [texts.open_bank(root / 'part', pairs, []) for _ in range(3)]
    texts.check_samples(samples)
    samples[which][pairs[-1]][-1, 5] += 0.01
    with pytest.raises(FormatError, match=r'^the texts of .* have other features than the caches'):
        texts.check_samples(samples)


def test_case(monkeypatch):
    monkeypatch.setitem(texts._SIZES, 'tiny', (IMAGES, SHARE))
    removed = []
    monkeypatch.setattr(atexit, 'register', lambda *args, **kwargs: removed.append(args[1]))
    case = texts.build('tiny', torch.device('cpu'))
    assert list(case.ways) == ['text bank', 'text bank of all', 'pickled caches']
    assert case.memory == 'held'
    assert case.work.startswith(f'1 in {SHARE} of {IMAGES} images with ')
    (root,) = removed
    files = ('labels.csv', 'texts.safetensors', 'texts.json', 'index.parquet')
    assert case.traffic == sum((root / 'part' / f).stat().st_size for f in files)
    case.check([call_alone(way) for way in case.ways.values()])
    # 4 bytes a number, and 2 where each text is stored once
    assert (root / 'part/bg.npy').stat().st_size > 20 * 7 * 4 * texts.WIDTH
    shutil.rmtree(root)


def test_full_size_is_coco():
    images, share = texts._SIZES['full']
    # those of train2014 that have a label
    assert images == 82_783 - 702
    assert share > 1
    assert texts._BARS['full'] == (20.0, 50.0)
