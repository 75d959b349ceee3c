import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import NAMES, SEGMENTOR, make_stage

from qaclims_mm.demo import model as module
from qaclims_mm.demo.model import MAX_SIDE, Explainer
from qaclims_mm.demo.networks import find_networks, network_of_config
from qaclims_mm.demo.proposing import propose_by_questions
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError, FormatError, RecordError
from qaclims_mm.inference.networks import build_network
from qaclims_mm.inference.segmenter import Segmenter
from qaclims_mm.miniworld.regions import draw_pictures
from qaclims_mm.paths import config_file

CLIP_CAM = 'clip-cam_clip-mini_miniworld-112x112'


def iou(mask, truth):
    return (mask & truth).sum() / max(1, (mask | truth).sum())


def test_what_is_found_is_where_it_is(explainer):
    """Masks of the shipped weights, on pictures that they have not seen."""
    plain, refined = [], []
    for scene, picture in draw_pictures(999, 24):
        names = sorted({thing.class_name for thing in scene.objects})
        found = explainer.find(picture.image, names)
        assert found.classes == tuple(names)
        for key in found.class_indices:
            truth = picture.mask == key + 1
            plain.append(iou(found.mask(0.25, refined=False) == key + 1, truth))
            refined.append(iou(found.mask(0.25, refined=True) == key + 1, truth))
    assert np.mean(plain) > 0.4
    assert np.mean(refined) > np.mean(plain)


def test_maps_are_the_inferencers(explainer, drawn):
    image, names = drawn
    found = explainer.find(image, names)
    [wanted] = explainer.inferencer(image, labels=names)['predictions']
    assert found.size == image.shape[:2]
    assert explainer.find(image, names, (900, 800)).size == (900, 800)
    np.testing.assert_array_equal(found.cams, wanted['cams'])
    assert found.refined.shape == found.cams.shape
    assert 0 <= found.refined.min() < found.refined.max() <= 1
    np.testing.assert_array_equal(found.mask(0.25, refined=False), wanted['mask'])


def test_answers(explainer, drawn):
    image, names = drawn
    rows = explainer.ask(image, names)
    assert len(rows) == 32
    assert {row[0] for row in rows} == set(names)
    assert [row[1] for row in rows[:16]] == ['the object'] * 6 + ['around it'] * 10
    assert rows[0][2] == f'What kind of {names[0]} is in the photo?'
    assert all(row[3] for row in rows)
    assert explainer.ask(image, []) == []


def test_clip_proposes_where_the_vqa_model_has_no_yes(explainer, drawn):
    image, names = drawn
    assert propose_by_questions(explainer.inferencer.vqa, image, explainer.class_names) is None
    assert set(explainer.propose(image)) & set(names)


@pytest.mark.parametrize(('most', 'wanted'), [(100, ['boat', 'train']), (7, ['cat'])])
def test_the_vqa_model_is_asked_about_few_classes(monkeypatch, most, wanted):
    """The real networks stay out of it: who decides is the question."""
    made = Explainer.__new__(Explainer)
    names = ('aeroplane', 'bird', 'boat', 'car', 'cat', 'potted plant', 'sheep', 'train')
    monkeypatch.setattr(module, 'ASKED', most)
    monkeypatch.setattr(
        module, 'propose_by_questions', lambda vqa, image, classes: ['boat', 'train']
    )
    made.classes, made.can_ask, made._lock = ('background', *names), True, threading.Lock()
    made._maker = SimpleNamespace(vqa=None)
    made._by_clip = lambda image: ['cat']
    assert made.propose(np.zeros((4, 4, 3), np.uint8)) == wanted


def test_without_answers_and_refiner(tmp_path, drawn):
    plain = Explainer(network_of_config(CLIP_CAM), device='cpu')
    assert plain.max_side == MAX_SIDE
    assert not plain.can_refine
    assert not plain.can_segment
    assert plain.can_map
    image, names = drawn
    found = plain.find(image, names)
    assert found.refined is found.cams
    assert plain.ask(image, names) == []


@pytest.mark.parametrize('kind', ['text', 'cut', 'empty', 'bomb'])
def test_bad_files(explainer, tmp_path, kind, monkeypatch):
    path = tmp_path / 'secret folder' / 'bad.png'
    path.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)).save(path)
    if kind == 'text':
        path.write_text('no image')
    elif kind == 'cut':
        path.write_bytes(path.read_bytes()[:3000])
    elif kind == 'empty':
        path.write_bytes(b'')
    else:
        monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(RecordError, match=r'^image bad\.png cannot be read \((it|image) ') as told:
        explainer.read(path)
    assert 'secret' not in str(told.value)


def test_large_files_become_smaller(explainer, tmp_path):
    image = Image.new('CMYK', (900, 300), (0, 200, 200, 0))
    image.save(tmp_path / 'wide.tif')
    picture = explainer.read(tmp_path / 'wide.tif')
    assert picture.pixels.shape == (75, 224, 3)
    assert picture.size == (300, 900)


def test_no_class(explainer, drawn):
    with pytest.raises(ValueError, match='no class was chosen; tick those'):
        explainer.find(drawn[0], [])
    with pytest.raises(ValueError, match=r'labels must be among aeroplane, .* but got'):
        explainer.find(drawn[0], ['unicorn'])


IRN = 'irn_r18-mini_1xb16-10e_miniworld-112x112'


def with_irn():
    return replace(network_of_config(CLIP_CAM), refiner=read_config(config_file(IRN)))


def test_a_refiner_that_was_trained(tmp_path, drawn):
    image, names = drawn
    with pytest.raises(ConfigError, match=r'the IRNRefiner of .* has to be trained, but no check'):
        Explainer(with_irn(), device='cpu')
    torch.manual_seed(0)
    state = build_network(read_config(config_file(IRN)).model, None).state_dict()
    torch.save(dict(state_dict=state), tmp_path / 'irn.pth')
    made = Explainer(with_irn(), str(tmp_path / 'irn.pth'), device='cpu')
    assert made.can_refine
    found = made.find(image, names)
    assert found.refined.shape == found.cams.shape
    assert np.isfinite(found.refined).all()
    assert not np.array_equal(found.refined, found.cams)


def test_refiner_weights_must_fit(tmp_path):
    with pytest.raises(FormatError, match='does not fit IRNRefiner'):
        Explainer(with_irn(), 'miniworld://qa_clims/r18-mini.safetensors', device='cpu')


def test_a_segmentor_alone(tmp_path, drawn):
    image, _ = drawn
    make_stage(tmp_path, SEGMENTOR)
    networks = find_networks(tmp_path)
    made = Explainer(networks, device='cpu')
    made.warm_up()
    assert (made.can_map, made.can_ask, made.can_segment) == (False, False, True)
    assert made.class_names == NAMES[1:]
    # it is asked about no class, and gives the mask of qaclims predict
    found = made.find(image, [], (300, 200))
    assert (found.classes, found.cams.shape) == ((), (0, *image.shape[:2]))
    [wanted] = Segmenter(SEGMENTOR, networks.segmentor.checkpoint, device='cpu')(image)
    np.testing.assert_array_equal(found.segmented, wanted.mask)
    assert found.values == NAMES
    with pytest.raises(ValueError, match='there is no network of activation maps'):
        made.inferencer.ask(image, ['cat'])


def test_maps_and_a_segmentor(tmp_path, drawn):
    image, names = drawn
    make_stage(tmp_path)
    networks = replace(network_of_config(CLIP_CAM), segmentor=find_networks(tmp_path).segmentor)
    found = Explainer(networks, device='cpu').find(image, names)
    assert found.classes == tuple(names)
    assert found.segmented.shape == image.shape[:2]


def test_random_weights_are_refused():
    networks = network_of_config('cam_r18-mini_1xb16-3e_miniworld-112x112')
    with pytest.raises(ConfigError, match=r'CAMClassifier of .* has to be trained, but'):
        Explainer(networks, device='cpu')


def test_all_of_an_image(explainer, drawn, tmp_path):
    image, names = drawn
    Image.fromarray(image).save(tmp_path / 'a.png')
    explained = explainer.explain(tmp_path / 'a.png', names)
    np.testing.assert_array_equal(explained.found.cams, explainer.find(image, names).cams)
    assert list(explained.answers) == explainer.ask(image, names)
    found = explained.found
    wanted = image.nbytes + found.cams.nbytes + found.refined.nbytes
    assert explained.nbytes == wanted
    # maps that are not refined count once
    assert replace(found, refined=found.cams).nbytes == image.nbytes + found.cams.nbytes
    with pytest.raises(RecordError, match=r'image gone\.png cannot be read'):
        explainer.explain(tmp_path / 'gone.png', names)


def test_it_knows_what_it_runs_on(explainer):
    assert explainer.runs_on[-1] == ('device', 'CPU')
    assert explainer.runs_on[0][0] == 'activation maps'
