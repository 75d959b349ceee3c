import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image

from qaclims_mm.vlms.endpoint import pictures
from qaclims_mm.vlms.endpoint.pictures import Picture, data_url


def gradient(height, width):
    rows, columns = np.mgrid[:height, :width] * 255
    planes = [rows / height, columns / width, np.full((height, width), 90)]
    return np.stack(planes, axis=2).astype(np.uint8)


def decoded(url):
    head, _, data = url.partition(',')
    assert head == 'data:image/jpeg;base64'
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert image.format == 'JPEG'
    return np.asarray(image)


def test_an_image_arrives():
    image = gradient(40, 60)
    difference = np.abs(decoded(data_url(image)).astype(int) - image)
    assert difference.mean() < 3


@pytest.mark.parametrize(
    ('size', 'max_side', 'expected'),
    [
        ((40, 60), None, (40, 60)),
        ((40, 60), 60, (40, 60)),
        ((40, 60), 30, (20, 30)),
        ((60, 40), 30, (30, 20)),
        ((4, 900), 30, (1, 30)),
        ((1, 1), 1, (1, 1)),
    ],
)
def test_size(size, max_side, expected):
    assert decoded(data_url(gradient(*size), max_side)).shape == (*expected, 3)


def test_a_picture_is_encoded_once(monkeypatch):
    calls = []

    def counted(*args):
        calls.append(args)
        return data_url(*args)

    monkeypatch.setattr(pictures, 'data_url', counted)
    picture = Picture(gradient(40, 60), 30)
    assert not calls
    found = []
    threads = [threading.Thread(target=lambda: found.append(picture.url())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert set(found) == {data_url(gradient(40, 60), 30)}
