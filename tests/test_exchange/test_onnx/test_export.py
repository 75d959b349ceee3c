import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from tiny_models import CLASSIFIER, EOMT, SEGMENTOR, SHIPPED
from tiny_runs import ROOT

from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import ConfigError
from qaclims_mm.exchange.onnx import export
from qaclims_mm.exchange.onnx.export import OPSET, TOLERANCE, export_onnx
from qaclims_mm.functional.cam import mask_of_cams
from qaclims_mm.inference import CAMInferencer, Segmenter
from qaclims_mm.miniworld.generate import make_picture
from qaclims_mm.paths import config_file
from qaclims_mm.schemas import read_mask

# the backbones of the zoo, untrained
LARGE = [
    'zoo/segformer_mit-b0_qa-clims-irn_2xb8-30k_voc12aug-512x512',
    'zoo/deeplabv3plus_r50-d8_qa-clims-irn_2xb8-30k_voc12aug-512x512',
    'deeplabv1/deeplabv1_wr38_qa-clims-irn_1xb6-30k_voc12aug-512x512',
    'deeplabv2/deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321',
    'cam/cam_r50_2xb8-5e_voc12aug-512x512',
    'cam/cam_efficientnet-lite0_2xb8-5e_voc12aug-512x512',
]


def load(name, weights=None):
    torch.manual_seed(0)
    cfg = read_config(config_file(name))
    kind = CAMInferencer if 'cam_head' in cfg.model else Segmenter
    return kind(cfg, weights, device='cpu')


def session_of(path):
    return onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])


def to_input(*pictures):
    return dict(image=np.stack([p.transpose(2, 0, 1) for p in pictures]))


@pytest.fixture(scope='module')
def segmentor(tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'a.onnx'
    segmenter = load(SEGMENTOR, SHIPPED)
    return segmenter, path, export_onnx(segmenter, path)


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'b.onnx'
    cams = load(CLASSIFIER)
    return cams, path, export_onnx(cams, path)


@pytest.mark.parametrize(('size', 'batch'), [(112, 1), (80, 3), (77, 2)])
def test_masks_of_miniworld(segmentor, size, batch):
    segmenter, path, done = segmentor
    assert done.difference < TOLERANCE
    pictures = [make_picture(seed=999, index=i, size=size)[1].image for i in range(batch)]
    logits, masks = session_of(path).run(None, to_input(*pictures))
    assert logits.shape == (batch, 9, size, size)
    wanted = [segmenter.segment(picture).mask for picture in pictures]
    # a pixel may lie between two classes
    assert np.mean(masks == np.stack(wanted)) > 0.999
    assert len(np.unique(masks)) > 1
    with torch.no_grad():
        for picture, found in zip(pictures, logits, strict=True):
            bgr = torch.from_numpy(picture[..., ::-1].transpose(2, 0, 1).copy())
            [sample] = segmenter.model.test_step(dict(inputs=[bgr], data_samples=None))
            np.testing.assert_allclose(found, sample.seg_logits.data.numpy(), atol=1e-3)


@pytest.mark.parametrize(('size', 'batch'), [((112, 96), 1), ((65, 83), 2)])
def test_maps_of_miniworld(classifier, size, batch):
    cams, path, done = classifier
    assert done.difference < TOLERANCE
    pictures = [
        make_picture(seed=999, index=i, size=128)[1].image[: size[0], : size[1]]
        for i in range(batch)
    ]
    maps, scores = session_of(path).run(None, to_input(*pictures))
    # the network's own maps are of several scales, so at one scale
    cams.pipeline.scales = (1.0,)
    for picture, found, score in zip(pictures, maps, scores, strict=True):
        [wanted] = cams(picture)['predictions']
        np.testing.assert_allclose(found, wanted['cams'], atol=1e-3)
        told = [n for n, s in zip(cams.class_names, score, strict=True) if s > 0.5]
        assert told == cams.present_in(cams.read(picture))
        mask = mask_of_cams(torch.from_numpy(found), torch.arange(8), 0.25).numpy()
        assert np.mean(mask == wanted['mask']) > 0.999


def test_masks_of_a_vit_at_one_size(tmp_path):
    """Its rotary embeddings are made of numbers, so the size is fixed, but to any number."""
    segmenter = load(EOMT)
    done = export_onnx(segmenter, tmp_path / 'a.onnx', (75, 99))
    assert done.difference < TOLERANCE
    pictures = [make_picture(seed=999, index=i, size=99)[1].image[:75] for i in range(3)]
    logits, masks = session_of(tmp_path / 'a.onnx').run(None, to_input(*pictures))
    assert logits.shape == (3, 9, 75, 99)
    wanted = [segmenter.segment(picture).mask for picture in pictures]
    assert np.mean(masks == np.stack(wanted)) > 0.999


WITHOUT_TORCH = """
import sys
for name in ('torch', 'mmengine', 'mmseg', 'qaclims_mm', 'onnx'):
    sys.modules[name] = None
"""


@pytest.mark.parametrize('kind', ['segmentor', 'classifier'])
def test_the_example_of_the_docs_runs_without_torch(kind, request, tmp_path):
    predictor, model, _ = request.getfixturevalue(kind)
    [code] = re.findall(r'```python\n(.*?)```', (ROOT / 'docs/deploy.md').read_text(), re.DOTALL)
    picture = make_picture(seed=999, index=0, size=112)[1].image
    Image.fromarray(picture).save(tmp_path / 'photo.png')
    files = [model, tmp_path / 'photo.png', tmp_path / 'mask.png']
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_TORCH + code, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if kind == 'segmentor':
        wanted = predictor.segment(picture)
    else:
        predictor.pipeline.scales = (1.0,)
        wanted = predictor.predict(predictor.read(picture))
    assert np.mean(read_mask(tmp_path / 'mask.png') == wanted.mask) > 0.999
    names = [line.split(':')[0] for line in done.stdout.splitlines()]
    assert names == [wanted.name_of(value) for value in wanted.areas]


def test_what_a_file_says(segmentor, classifier):
    said = []
    for _, path, _ in (segmentor, classifier):
        model = onnx.load(path)
        onnx.checker.check_model(model)
        assert {o.domain: o.version for o in model.opset_import}[''] == OPSET
        values = session_of(path).get_modelmeta().custom_metadata_map
        said.append({key: json.loads(value) for key, value in values.items()})
    masks, maps = said
    assert (masks['task'], maps['task']) == ('segmentation', 'activation maps')
    assert masks['classes'] == maps['classes']
    assert masks['classes'][0] == 'background'
    assert len(masks['palette']) == 9
    assert maps['threshold'] == 0.25
    assert 'threshold' not in masks
    assert masks['max_side'] is None
    assert 'argmax' in masks['output']
    assert 'scores' in maps['output']
    np.testing.assert_allclose(maps['std'], [0.229 * 255, 0.224 * 255, 0.225 * 255], rtol=1e-5)


def test_notes(segmentor, classifier):
    assert segmentor[2].notes == ()
    [note] = classifier[2].notes
    assert note.startswith('its maps are of scale 1 alone')


class Untraceable(torch.nn.Module):
    """Reads a number, which no graph can."""

    def forward(self, x):
        return [x[:, :, : int(x.sum()) + 1]]


def test_what_cannot_be_exported(tmp_path):
    segmenter = load(SEGMENTOR, SHIPPED)
    segmenter.model.backbone = Untraceable()
    with pytest.raises(
        ConfigError, match=r'DeepLabV2 with Untraceable cannot be exported by torch'
    ):
        export_onnx(segmenter, tmp_path / 'a.onnx')
    assert list(tmp_path.iterdir()) == []


class Program:
    """What torch would have made, but of no network."""

    def __init__(self):
        self.model = SimpleNamespace(metadata_props={})

    def save(self, path, external_data):
        assert not external_data
        path.write_bytes(b'')


@pytest.mark.parametrize('difference', [0.5, float('nan'), float('inf')])
def test_a_file_that_computes_something_else(segmentor, tmp_path, monkeypatch, difference):
    monkeypatch.setattr(export, '_traced', lambda *_: Program())
    monkeypatch.setattr(export, '_difference', lambda *_: difference)
    message = r'differs by \S+ from torch, more than 0\.001; .* is not'
    with pytest.raises(ConfigError, match=message):
        export_onnx(segmentor[0], tmp_path / 'a.onnx')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize('name', LARGE)
def test_photographs(realdata_dir, tmp_path, name):
    predictor = load(name)
    export_onnx(predictor, tmp_path / 'a.onnx')
    session = session_of(tmp_path / 'a.onnx')
    paths = sorted((realdata_dir / 'VOCdevkit/VOC2012/JPEGImages').glob('*.jpg'))[:3]
    for side, batch in ((128, 1), (193, 2)):
        pictures = [np.asarray(Image.open(p).resize((side, side - 30))) for p in paths[:batch]]
        found = session.run(None, to_input(*pictures))[0]
        graph = (
            export.MapsGraph if isinstance(predictor, CAMInferencer) else export.SegmentorGraph
        )(predictor.model).eval()
        with torch.no_grad():
            wanted = graph(torch.from_numpy(to_input(*pictures)['image']))[0].numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-3)
