"""Small data and networks that several tests use."""

import numpy as np
from PIL import Image

from qaclims_mm.schemas import write_mask

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
