"""Small data and networks that several tests use."""

import contextlib
import functools
import http.server
import threading

import numpy as np
import torch
from PIL import Image

from qaclims_mm.schemas import write_mask
from qaclims_mm.vlms.vqa.base import Answer

# without these it asks its maker's servers for updates
CHROMIUM_FLAGS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
)
TINY_LABELS = {
    'img_0': ('dog',),
    'img_1': ('person', 'diningtable'),
    'img_2': ('cat', 'dog'),
    'img_3': ('train',),
}
TINY_CLASSES = {'dog': 12, 'person': 15, 'diningtable': 11, 'cat': 8, 'train': 19}


def make_tiny_voc(root, size=(32, 40), labels=TINY_LABELS):
    """Write images with random pixels, masks of stripes, XML and CSV labels, and a list."""
    rng = np.random.default_rng(0)
    for folder in ('JPEGImages', 'SegmentationClass', 'Annotations'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    rows = ['image,labels']
    for image_id, names in labels.items():
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f'JPEGImages/{image_id}.jpg')
        mask = np.zeros(size, np.uint8)
        for i, name in enumerate(names):
            mask[4:-4, 4 + 12 * i : 14 + 12 * i] = TINY_CLASSES[name]
        mask[:, -1] = 255
        write_mask(root / f'SegmentationClass/{image_id}.png', mask)
        objects = ''.join(f'<object><name>{n}</name></object>' for n in names)
        (root / f'Annotations/{image_id}.xml').write_text(f'<annotation>{objects}</annotation>')
        rows.append(f'{image_id},{";".join(names)}')
    (root / 'labels.csv').write_text('\n'.join(rows) + '\n')
    (root / 'train.txt').write_text('\n'.join(labels) + '\n')


class FakeVQA:
    """Answers by the pixels and the question; ``images_left`` counts down to a kill."""

    images_left = None
    seen = []

    def __init__(self, word='thing'):
        self.word = word

    def load(self, device):
        self.device = device

    def answer(self, images, questions_per_image):
        return [self._answer(x, q) for x, q in zip(images, questions_per_image, strict=True)]

    def _answer(self, image, questions):
        if FakeVQA.images_left == 0:
            raise KeyboardInterrupt
        if FakeVQA.images_left is not None:
            FakeVQA.images_left -= 1
        FakeVQA.seen.append(int(image.sum()))
        return [self.about(image, q) for q in questions]

    def about(self, image, question):
        """Return the answer to one question, which a test can work out too."""
        # the corner tells (H, W, 3) in RGB from any other order
        number = int(image.sum() + image[0, -1, 2]) % 7 + len(question) % 5
        return Answer(f' A {self.word} {number}. ' if number else '?', -number / 7)


def limited(function, most, sizes):
    """Return a function that is out of memory for parts above a size, and notes their sizes."""

    def run(part):
        sizes.append(len(part))
        if len(part) > most:
            raise torch.OutOfMemoryError('out of memory')
        return function(part)

    return run


@contextlib.contextmanager
def served(folder):
    """Serve a folder on this machine; give its address and the list of what is asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}', asked
        finally:
            server.shutdown()
            thread.join()
