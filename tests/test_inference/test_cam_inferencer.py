import copy

import numpy as np
import pytest
import torch
from helpers import make_tiny_voc
from PIL import Image
from tiny_runs import ROOT, build_tiny_runner, read_tiny_config, write_tiny_config

from qaclims_mm.datasets.voc12 import CLASSES
from qaclims_mm.errors import FormatError
from qaclims_mm.functional.cam import mask_of_cams
from qaclims_mm.inference import CAMInferencer
from qaclims_mm.schemas import read_cams


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Return config and checkpoint of a tiny training, its images, and the maps of a test run."""
    root = tmp_path_factory.mktemp('tiny')
    make_tiny_voc(root / 'voc')
    path = write_tiny_config(root / 'tiny.py', root / 'voc')
    build_tiny_runner(path, root / 'work', 'train').train()
    checkpoint = str(root / 'work/epoch_1.pth')
    build_tiny_runner(path, root / 'work', 'test', load_from=checkpoint).test()
    return read_tiny_config(path, root / 'work'), checkpoint, root


@pytest.fixture(scope='module')
def cams(trained):
    return CAMInferencer(*trained[:2], device='cpu')


def test_maps_are_those_of_a_test_run(trained, cams):
    root = trained[2]
    path = root / 'voc/JPEGImages/img_1.jpg'
    found = cams(str(path), labels=['person', 'dining table'])
    [prediction] = found['predictions']
    wanted = read_cams(root / 'work/cams/img_1.npz')
    assert prediction['classes'] == ['dining table', 'person']
    assert [CLASSES.index(n) - 1 for n in prediction['classes']] == wanted.class_indices.tolist()
    # a byte on disk
    np.testing.assert_allclose(prediction['cams'], wanted.high_res, atol=0.5 / 255 + 1e-6)
    assert prediction['image_id'] == 'img_1'
    [overlays] = found['visualization']
    assert [o.shape for o in overlays] == [(32, 40, 3)] * 2


def test_paths_arrays_and_lists(trained, cams):
    root = trained[2]
    paths = sorted((root / 'voc/JPEGImages').glob('*.jpg'))[:3]
    arrays = [np.asarray(Image.open(p)) for p in paths]
    labels = [['cat'], ['dog', 'person'], []]
    by_path = cams([str(p) for p in paths], labels=labels, batch_size=2)['predictions']
    by_array = cams(arrays, labels=labels)['predictions']
    for a, b in zip(by_path, by_array, strict=True):
        assert a['classes'] == b['classes']
        np.testing.assert_allclose(a['cams'], b['cams'], atol=1e-5)
    assert [len(p['cams']) for p in by_path] == [1, 2, 0]
    assert cams(arrays[0])['predictions'][0]['classes'] == list(CLASSES[1:])


def test_a_mask_is_as_large_as_the_file(trained):
    config, checkpoint, root = trained
    smaller = copy.deepcopy(config)
    smaller.test_dataloader.dataset.pipeline[0].max_side = 20
    found = CAMInferencer(smaller, checkpoint, device='cpu')(
        str(root / 'voc/JPEGImages/img_1.jpg'), labels=['person']
    )
    [prediction] = found['predictions']
    assert prediction['cams'].shape == (1, 16, 20)
    assert prediction['mask'].shape == (32, 40)


def test_masks_follow_the_threshold(cams):
    image = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    for threshold in (0.0, 0.5, 2.0):
        found = cams(image, labels=['cat', 'dog'], threshold=threshold)['predictions'][0]
        wanted = np.zeros((32, 40), int)
        for y in range(32):
            for x in range(40):
                values = found['cams'][:, y, x]
                if values.max() > threshold:
                    wanted[y, x] = [8, 12][values.argmax()]
        np.testing.assert_array_equal(found['mask'], wanted)
    keys = torch.tensor([3])
    assert mask_of_cams(torch.zeros(1, 2, 2), keys, 0.25).tolist() == [[0, 0], [0, 0]]


def test_samples_and_opacity(cams):
    image = np.full((32, 40, 3), 200, np.uint8)
    found = cams(image, labels=['cat'], return_datasamples=True, opacity=0.0)
    assert found['predictions'][0].cam_class_indices.tolist() == [7]
    assert (found['visualization'][0][0] == 200).all()


def test_answers(trained):
    qape = ROOT / 'configs/miniworld/qape_blip-mini_fg6-bg10_miniworld-112x112.py'
    config = ROOT / 'configs/miniworld/clip-cam_clip-mini_miniworld-112x112.py'
    inferencer = CAMInferencer(config, device='cpu', qape=qape)
    image = np.full((112, 112, 3), 90, np.uint8)
    answers = inferencer.ask(image, ['cat', 'boat'])
    assert list(answers) == ['boat', 'cat']
    assert [len(rows) for rows in answers.values()] == [16, 16]
    assert {row['kind'] for row in answers['cat']} == {'fg', 'bg'}
    assert inferencer(image, labels=['cat'])['predictions'][0]['cams'].shape == (1, 112, 112)


def test_nobody_to_ask(cams):
    with pytest.raises(ValueError, match='there is no VQA model to ask'):
        cams.ask(np.zeros((4, 4, 3), np.uint8), ['cat'])


@pytest.mark.parametrize(
    ('image', 'labels', 'message'),
    [
        (np.zeros((4, 4, 3), np.uint8), ['unicorn'], r"labels must be .* but got \['unicorn'\]"),
        (np.zeros((4, 4, 3), np.uint8), [['cat'], ['dog']], r'each image, 1 in all, but got 2'),
        (np.zeros((4, 4), np.uint8), ['cat'], r'must be RGB uint8 .* but got uint8 \(4, 4\)'),
        (np.zeros((4, 4, 3)), ['cat'], r'must be RGB uint8 .* but got float64'),
    ],
)
def test_bad_input(cams, image, labels, message):
    with pytest.raises(ValueError, match=message):
        cams(image, labels=labels)


def test_weights_of_another_network(trained):
    config, checkpoint, root = trained
    state = torch.load(checkpoint, weights_only=False)['state_dict']
    state['more'] = state.pop('cam_head.conv.weight')
    torch.save(dict(state_dict=state), root / 'other.pth')
    with pytest.raises(FormatError, match=r'(?s)not fit CAMClassifier.*missing \(1\): cam'):
        CAMInferencer(config, str(root / 'other.pth'), device='cpu')


def test_masks_of_files(trained, cams):
    path = trained[2] / 'voc/JPEGImages/img_1.jpg'
    [wanted] = cams(str(path), labels=['person', 'cat'], threshold=0.5)['predictions']
    found = cams.predict(cams.read(path), ['person', 'cat'], threshold=0.5)
    assert np.array_equal(found.mask, wanted['mask'])
    assert found.classes == CLASSES
    assert 'data:image/png' in found._repr_html_()
    assert wanted._repr_html_().count('<img') == 2


def test_a_classifier_tells_what_is_there(cams):
    picture = cams.read(np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8))
    normal = cams.model.data_preprocessor.normalise
    image = normal(torch.from_numpy(picture.pixels.transpose(2, 0, 1).copy()))
    scores = cams.model.logits(image[None]).mean((2, 3))[0].sigmoid().tolist()
    wanted = [n for n, score in zip(cams.class_names, scores, strict=True) if score > 0.5]
    assert cams.present_in(picture) == wanted
    assert 0 < len(wanted) < 20
    assert np.array_equal(cams.predict(picture).mask, cams.predict(picture, wanted).mask)
