import numpy as np
from PIL import Image

from qaclims_mm.exchange.ground_truth.known import coco_colours, find_numberings, voc_colours
from qaclims_mm.exchange.ground_truth.pixels import symbol_of
from qaclims_mm.schemas import write_mask


def test_colours_of_voc_are_those_of_masks(tmp_path):
    values = np.arange(256, dtype=np.uint8)[None]
    write_mask(tmp_path / 'a.png', values)
    colours = np.asarray(Image.open(tmp_path / 'a.png').convert('RGB'))[0].tolist()
    assert voc_colours() == {symbol_of(*colour): k for k, colour in enumerate(colours)}


def test_colours_of_coco():
    colours = coco_colours()
    assert len(colours) == 81
    assert colours[0] == 0
    # person, bicycle, toothbrush
    assert colours[symbol_of(220, 20, 60)] == 1
    assert colours[symbol_of(119, 11, 32)] == 2
    assert colours[symbol_of(191, 162, 208)] == 80


def test_numberings_that_have_all_classes():
    [voc, coco] = find_numberings(['cat', 'dog'], {})
    assert (voc.name, coco.name) == ('VOC', 'COCO')
    assert {k: v for k, v in voc.values.items() if v} == {8: 1, 12: 2}
    assert {k: v for k, v in coco.values.items() if v} == {16: 1, 17: 2}
    assert set(voc.values) == set(range(21))
    assert [n.name for n in find_numberings(['dining_table', 'TVMonitor'], {})] == ['VOC']
    assert find_numberings(['cat', 'axolotl'], {}) == []
    assert [n.name for n in find_numberings(['plane'], {'plane': ['aeroplane']})] == ['VOC']
