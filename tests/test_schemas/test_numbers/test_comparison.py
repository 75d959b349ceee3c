import csv
import json

from qaclims_mm.schemas.numbers.comparison import HEAD, Agreement, Behind, ComparedMasks, Comparison


def test_json_and_csv(tmp_path):
    # names are data, also to a spreadsheet's reader
    names = ['background', 'a,"b"\n', '</script>']
    masks = [
        ComparedMasks('par', 'par', 60.128, [90.0, None, 30.0]),
        ComparedMasks('irn', 'irn_masks', 50, [60.0, 40.0, None], Behind(10.128, -1, 21), 'x'),
        ComparedMasks('sam', 'sam', mask_models=('facebook/sam', 'a b')),
    ]
    found = Comparison(
        names, 5, 3, 1, masks, [Agreement('par', 'irn', 70, [70.0, None, None])], {'prompted': 'no'}
    )
    paths = found.write(tmp_path / 'compare')
    value = json.loads(paths[0].read_text(encoding='utf-8'))
    assert (value['schema'], value['judged'], value['names']) == (1, 3, names)
    assert value['masks'][1]['behind'] == dict(points=10.128, low=-1, high=21)
    assert value['masks'][2]['mask_models'] == ['facebook/sam', 'a b']
    assert value['absent'] == {'prompted': 'no'}
    with paths[1].open(encoding='utf-8', newline='') as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == HEAD
    assert rows == [
        ['par', 'par', '3', '60.13', '', '', '', '</script>', '30.00', '', ''],
        ['irn', 'irn_masks', '3', '50.00', '10.13', '-1.00', '21.00', names[1], '40.00', 'x', ''],
        ['sam', 'sam', '0', '', '', '', '', '', '', '', 'facebook/sam a b'],
        ['prompted', '', *[''] * 7, 'no', ''],
    ]
