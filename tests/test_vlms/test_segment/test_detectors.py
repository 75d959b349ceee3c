import numpy as np
import pytest
import torch
from contracts import noise
from tiny_segmenters import make_grounding_dino, make_owlv2

from qaclims_mm.errors import ConfigError
from qaclims_mm.vlms.segment.detectors import GroundingDINO, OWLv2

transformers = pytest.importorskip('transformers')
TEXTS = ['dog', 'a photo of a boat', 'green grass with water']


def normalised(image, mean, std):
    pixels = (image / 255 - np.array(mean)) / np.array(std)
    return torch.from_numpy(pixels).float().permute(2, 0, 1)[None]


def corners(boxes, scale):
    x, y, w, h = boxes.unbind(-1)
    return torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1) * scale


def test_grounding_dino_is_that_of_transformers(tmp_path):
    image = noise(40, 60)
    detector = GroundingDINO(str(make_grounding_dino(tmp_path)), image_size=(40, 1333))
    detector.load('cpu')
    with torch.inference_mode():
        found = detector.detect(detector.encode(image), TEXTS)
    network = transformers.GroundingDinoForObjectDetection.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    pixels = normalised(image, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    for number, text in enumerate(TEXTS):
        tokens = tokenizer(f'{text}.', return_tensors='pt')
        with torch.no_grad():
            output = network(
                pixel_values=pixels,
                input_ids=tokens['input_ids'],
                attention_mask=tokens['attention_mask'],
            )
        scores = output.logits.sigmoid().amax(-1)[0]
        torch.testing.assert_close(found.scores[number], scores, atol=1e-3, rtol=1e-3)
        boxes = corners(output.pred_boxes[0], torch.tensor([60, 40, 60, 40]))
        torch.testing.assert_close(found.boxes[number], boxes, atol=0.05, rtol=1e-3)


def test_owlv2_is_that_of_transformers(tmp_path):
    image = noise(20, 32)
    detector = OWLv2(str(make_owlv2(tmp_path)))
    detector.load('cpu')
    with torch.inference_mode():
        found = detector.detect(detector.encode(image), TEXTS)
    network = transformers.Owlv2ForObjectDetection.from_pretrained(tmp_path).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path)(
        TEXTS, padding=True, return_tensors='pt'
    )
    square = np.zeros((32, 32, 3), np.uint8)
    square[:20] = image
    stats = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    with torch.no_grad():
        output = network(
            pixel_values=normalised(square, *stats),
            input_ids=tokens['input_ids'],
            attention_mask=tokens['attention_mask'],
        )
    torch.testing.assert_close(found.scores, output.logits[0].sigmoid().T, atol=1e-4, rtol=1e-3)
    boxes = corners(output.pred_boxes[0], 32)
    for each in found.boxes:
        torch.testing.assert_close(each, boxes, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ('size', 'message'),
    [
        (800, 'image_size must be the lengths of a short and long side, but got 800'),
        ((800,), r'image_size must be the lengths of a short and long side, but got \(800,\)'),
        ((0, 100), r'image_size\[0\] must be a whole number of at least 1, but got 0'),
        ((100, 90), r'image_size\[1\] must be a whole number of at least 100, but got 90'),
        ((100, 133.3), r'image_size\[1\] must be a whole number of at least 100, but got 133\.3'),
    ],
)
def test_sizes_out_of_range(size, message):
    with pytest.raises(ConfigError, match=message):
        GroundingDINO('nowhere', image_size=size)


@pytest.mark.parametrize(('size', 'seen'), [((40, 20), (80, 40)), ((10, 100), (20, 200))])
def test_the_sides_of_an_image_that_grounding_dino_sees(tmp_path, size, seen):
    detector = GroundingDINO(str(make_grounding_dino(tmp_path)), image_size=(40, 200))
    detector.load('cpu')
    with torch.inference_mode():
        pixels, of_image = detector.encode(noise(*size))
    assert of_image == size
    assert tuple(pixels.shape[-2:]) == seen
