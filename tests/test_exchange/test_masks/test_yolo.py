import numpy as np
import pytest
import supervision as sv
import yaml
from tiny_masks import CLASSES, HOSTILE, make_export, shown

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.masks.export import export_masks
from qaclims_mm.exchange.masks.yolo import names_file

SQUARE = '0.125 0.17 0.4 0.17 0.4 0.34 0.125 0.34'


def write(folder, text, names='names: [cat, dog]'):
    (folder / 'labels').mkdir(parents=True, exist_ok=True)
    (folder / 'labels/p0.txt').write_text(text)
    (folder / 'data.yaml').write_text(names)
    return folder


def test_supervision_makes_the_same_masks(tmp_path, exported):
    names = ['a', 'odd #1 100%', 'x.y']
    given, masks = make_export(tmp_path, names)
    out = tmp_path / 'out'
    options = dict(classes=CLASSES, format='yolo', tolerance=0, copy_images=True)
    export_masks(**given, out=out, **options)
    dataset = sv.DetectionDataset.from_yolo(
        str(out / 'images'), str(out / 'labels'), str(out / 'data.yaml'), force_masks=True
    )
    assert dataset.classes == [*CLASSES]
    assert len(dataset) == 3
    for path, _, detections in dataset:
        mask = shown(masks[path.rpartition('/')[2].rpartition('.')[0]])
        found = np.zeros_like(mask)
        for pixels, k in zip(detections.mask, detections.class_id, strict=True):
            found[pixels] = k + 1
        np.testing.assert_array_equal(found, mask)


def test_layout(tmp_path):
    given, masks = make_export(tmp_path)
    export_masks(**given, classes=HOSTILE, out=tmp_path / 'out', format='yolo', copy_images=True)
    content = yaml.safe_load((tmp_path / 'out/data.yaml').read_text(encoding='utf-8'))
    assert content['names'] == [*HOSTILE]
    assert content['nc'] == len(HOSTILE)
    listed = (tmp_path / 'out' / content['train']).read_text(encoding='utf-8').splitlines()
    assert len(listed) == len(masks)
    for line in listed:
        assert line.startswith('./images/')
        assert (tmp_path / 'out' / line).is_file()
        # ultralytics looks there
        label = line.replace('/images/', '/labels/').rpartition('.')[0] + '.txt'
        assert (tmp_path / 'out' / label).is_file()


def test_what_other_tools_write(tmp_path, read):
    found, problems = read(write(tmp_path, f'1 {SQUARE}\n\n0 {SQUARE.replace("0.4 ", "0.2 ")}\n'))
    assert not problems
    assert found['p0'][1:3, 1:4].tolist() == [[1, 2, 2]] * 2
    assert set(found) == {'p0'}


@pytest.mark.parametrize(
    'names', ['names: {0: cat, 1: dog}', 'names:\n- cat\n- dog\n', '\ufeffnames: ["cat", dog]']
)
def test_names(tmp_path, read, names):
    write(tmp_path, f'1 {SQUARE}')
    (tmp_path / 'data.yaml').write_text(names, encoding='utf-8')
    assert read(tmp_path)[0]['p0'].max() == 2


@pytest.mark.parametrize('name', ['obj.names', 'classes.txt'])
def test_lists_of_names(tmp_path, read, name):
    write(tmp_path, f'1 {SQUARE}')
    (tmp_path / 'data.yaml').unlink()
    assert names_file(tmp_path) is None
    (tmp_path / name).write_text('cat\ndog\n')
    assert names_file(tmp_path) == tmp_path / name
    assert read(tmp_path)[0]['p0'].max() == 2


LINES = {
    'box': ('1 0.5 0.5 0.2 0.2', 'it is a box, not a polygon of x, y, x, y, ...'),
    'odd': ('1 0.1 0.2 0.3 0.4 0.5 0.6 0.7', 'it is a box, not a polygon'),
    'class': (f'2 {SQUARE}', "it has class '2' of 2"),
    'part': (f'0.5 {SQUARE}', "it has class '0.5' of 2"),
    'words': ('dog 0.1 0.2', 'could not convert string to float'),
    'infinite': (f'1 {SQUARE} inf 0', 'a number is not finite'),
}


@pytest.mark.parametrize(('line', 'message'), LINES.values(), ids=LINES)
def test_a_bad_line_costs_itself(tmp_path, read, line, message):
    found, problems = read(write(tmp_path, f'{line}\n1 {SQUARE}\n'))
    assert (found['p0'] == 2).sum() == 6
    [problem] = problems
    assert problem.startswith(f'{tmp_path}/labels/p0.txt, line 1: ')
    assert message in problem


@pytest.mark.parametrize('names', ['x: 1', 'names: 3', 'names: {0: a, 2: b}', '[', 'names: [[a]]'])
def test_broken_names(tmp_path, read, names):
    with pytest.raises(FormatError, match=r'data\.yaml'):
        read(write(tmp_path, f'1 {SQUARE}', names))


def test_empty_files_alone_are_no_masks(tmp_path, read):
    # so Label Studio exports regions of the brush
    write(tmp_path, '')
    with pytest.raises(
        FormatError, match=r'no file of YOLO has an object \(1 read\); .* export JSON'
    ):
        read(tmp_path)
    (tmp_path / 'labels/p1.txt').write_text(f'1 {SQUARE}')
    masks, problems = read(tmp_path)
    assert not masks['p0'].any()
    assert masks['p1'].any()
    assert not problems


def test_names_are_missing(tmp_path, read):
    write(tmp_path, f'1 {SQUARE}')
    (tmp_path / 'data.yaml').unlink()
    with pytest.raises(FormatError, match=r'no names of classes; put the data\.yaml of the export'):
        read(tmp_path)
