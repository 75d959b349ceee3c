import json

import numpy as np
import pytest
from test_schemas.test_labels import bad, instances
from tool_runs import run_tool

from qaclims_mm.convert.prepare_coco import draw_mask, mask_values, prepare_split
from qaclims_mm.datasets.coco14 import COCO14WeakDataset
from qaclims_mm.errors import ConfigError, DataError, FormatError, StageError
from qaclims_mm.schemas import read_mask
from qaclims_mm.schemas.labels import read_instances, read_labels

IMAGE = dict(height=12, width=16, file_name='a.jpg')


def box(left, top, right, bottom, category, **more):
    outline = [[left, top, right, top, right, bottom, left, bottom]]
    area = (right - left) * (bottom - top)
    return dict(segmentation=outline, area=area, category_id=category, iscrowd=0, **more)


LARGE, SMALL = box(1, 1, 13, 11, 5), box(3, 3, 7, 7, 6)
# the pixels (4, 4) and (5, 4), counted down the columns
CROWD = dict(
    segmentation=dict(size=[12, 16], counts=[4 * 12 + 4, 2, 12 * 16 - 54]),
    area=2,
    category_id=5,
    iscrowd=1,
)


def naive(objects):
    """Paint box after box, pixel by pixel."""
    mask = np.zeros((12, 16), np.uint8)
    for item, value in objects:
        xs, ys = item['segmentation'][0][::2], item['segmentation'][0][1::2]
        for y in range(12):
            for x in range(16):
                if min(xs) <= x + 0.5 < max(xs) and min(ys) <= y + 0.5 < max(ys):
                    mask[y, x] = value
    return mask


@pytest.mark.parametrize(
    ('objects', 'overlap', 'order'),
    [
        ([LARGE, SMALL], 'later', [(LARGE, 1), (SMALL, 2)]),
        ([SMALL, LARGE], 'later', [(SMALL, 2), (LARGE, 1)]),
        ([SMALL, LARGE], 'smaller', [(LARGE, 1), (SMALL, 2)]),
        ([], 'later', []),
    ],
)
def test_overlap(objects, overlap, order):
    np.testing.assert_array_equal(draw_mask(IMAGE, objects, {5: 1, 6: 2}, overlap), naive(order))


def test_crowds_lie_below_what_is_single():
    without = draw_mask(IMAGE, [CROWD], {5: 1})
    assert not without.any()
    alone = draw_mask(IMAGE, [CROWD], {5: 1}, crowd='ignore')
    assert sorted(zip(*np.nonzero(alone), strict=True)) == [(4, 4), (5, 4)]
    assert alone[4, 4] == 255
    assert draw_mask(IMAGE, [SMALL, CROWD], {5: 1, 6: 2}, crowd='ignore')[4, 4] == 2


def write(root, content):
    (root / 'annotations').mkdir(exist_ok=True)
    (root / 'annotations/instances_train2014.json').write_text(json.dumps(content))


def test_prepare(tmp_path):
    write(tmp_path, instances())
    assert prepare_split(tmp_path, 'train2014') == (2, 1)
    assert read_labels(tmp_path / 'image_labels/train2014.csv') == dict(a=[], b=['dog', 'car'])
    masks = {n: read_mask(tmp_path / f'mask/train2014/{n}.png') for n in 'ab'}
    assert not masks['a'].any()
    assert sorted(np.unique(masks['b'])) == [0, 3]
    assert masks['b'].shape == (8, 9)
    # what is there is kept
    (tmp_path / 'mask/train2014/a.png').unlink()
    before = (tmp_path / 'mask/train2014/b.png').stat().st_mtime_ns
    prepare_split(tmp_path, 'train2014')
    assert (tmp_path / 'mask/train2014/a.png').is_file()
    assert (tmp_path / 'mask/train2014/b.png').stat().st_mtime_ns == before


def test_masks_of_another_kind_are_not_mixed(tmp_path):
    write(tmp_path, instances())
    prepare_split(tmp_path, 'train2014')
    with pytest.raises(StageError, match=r'another run \(overlap differ\); delete the folder'):
        prepare_split(tmp_path, 'train2014', overlap='smaller')
    write(tmp_path, bad(0, category_id=3))
    for masks in (True, False):
        with pytest.raises(StageError, match=r'another run \(instances differ\)'):
            prepare_split(tmp_path, 'train2014', masks=masks)
    (tmp_path / 'mask/train2014/run.json').unlink()
    with pytest.raises(ConfigError, match='did not draw; keep them with --no-masks'):
        prepare_split(tmp_path, 'train2014')
    prepare_split(tmp_path, 'train2014', masks=False)


def test_tables_alone(tmp_path):
    write(tmp_path, instances())
    prepare_split(tmp_path, 'train2014', masks=False)
    assert not (tmp_path / 'mask').exists()


@pytest.mark.parametrize(
    ('content', 'kind', 'message'),
    [
        (
            instances(categories=[dict(id=18, name='dog'), dict(id=3, name='cart')]),
            DataError,
            r'1 category is none of the 80 classes of COCO:\n  cart \(id 3\)',
        ),
        (
            instances(
                images=[
                    dict(id=n, file_name=f, height=8, width=9)
                    for n, f in ((1, 'a\0.jpg'), (7, 'b.jpg'))
                ]
            ),
            DataError,
            '1 image has no usable name in',
        ),
        (bad(0, segmentation=[[1, 2]]), FormatError, 'objects of b.jpg cannot be drawn'),
        (
            bad(0, segmentation=dict(counts='x', size='y')),
            FormatError,
            'objects of b.jpg cannot be drawn',
        ),
    ],
)
def test_bad_instances_leave_no_table(tmp_path, content, kind, message):
    write(tmp_path, content)
    with pytest.raises(kind, match=message):
        prepare_split(tmp_path, 'train2014')
    assert not (tmp_path / 'image_labels').exists()


def test_tool(tmp_path, capsys):
    write(tmp_path, instances())
    done = run_tool('prepare_coco', '--root', tmp_path, '--splits', 'train2014', capsys=capsys)
    assert done == (0, 'train2014: 2 images, 1 without a label\n')
    done = run_tool('prepare_coco', '--root', tmp_path, '--splits', 'val2014', capsys=capsys)
    assert done.status == 1
    assert 'instances_val2014.json is missing' in done.text


@pytest.mark.realdata
@pytest.mark.parametrize('split', ['train2014', 'val2014'])
def test_masks_of_real_photographs(realdata_dir, split):
    """Those there were drawn with Pillow, whose polygons own their outlines."""
    root = realdata_dir / 'COCO2014'
    found = read_instances(root / f'annotations/instances_{split}.json')
    values, differ, total = mask_values(found), 0, 0
    for number, image in found.images.items():
        mask = draw_mask(image, found.objects[number], values, 'smaller', 'ignore')
        true = read_mask(root / f'mask/{split}/{image["file_name"][:-4]}.png')
        assert mask.shape == true.shape
        assert (mask != true).mean() < 0.01, image['file_name']
        differ += (mask != true).sum()
        total += mask.size
    assert differ < 0.005 * total


@pytest.mark.realdata
@pytest.mark.parametrize('split', ['train2014', 'val2014'])
def test_real_photographs(realdata_dir, split):
    annotations = f'annotations/instances_{split}.json'
    content = json.loads((realdata_dir / 'COCO2014' / annotations).read_text())
    dataset = COCO14WeakDataset(
        annotations,
        data_root=str(realdata_dir / 'COCO2014'),
        data_prefix=dict(img_path=split, seg_map_path=f'mask/{split}'),
        pipeline=[dict(type='LoadRGBImage'), dict(type='LoadMask'), dict(type='PackWeakInputs')],
        test_mode=True,
        strict=True,
    )
    assert len(dataset) == len(content['images']) > 0
    for packed in dataset:
        sample = packed['data_samples']
        in_mask = set(sample.gt_sem_seg.data.unique().tolist()) - {0, 255}
        # hidden or tiny objects may have no pixel of their own
        assert in_mask <= {k + 1 for k in sample.class_indices.tolist()}
