import pytest
from tiny_report import FAILED, write_config

from qaclims_mm.miniworld import CLASSES
from qaclims_mm.report import failures
from qaclims_mm.report.blocks import MissingError
from qaclims_mm.report.failures import Case, failure_blocks, worst_cases
from qaclims_mm.report.work_dir import WorkDir


@pytest.fixture
def drawn(monkeypatch):
    """Return a list of the sheets that are drawn, instead of pictures."""
    found = []
    monkeypatch.setattr(failures, 'draw_named_sheet', lambda columns, _: found.append(columns))
    monkeypatch.setattr(failures, 'sheet_picture', lambda figure, alt, caption: caption)
    return found


def case(image_id, label, value):
    return Case(dict(image_id=image_id), label, 'x', value)


def test_worst_of_each_class():
    cases = [case('a', 1, 0.5), case('b', 1, 0.1), case('c', 0, 0.9), case('d', 1, 0.1)]
    found = worst_cases(cases, 2)
    assert [(c.label, c.record['image_id']) for c in found] == [(0, 'c'), (1, 'b'), (1, 'd')]


def test_sheets(work, drawn):
    captions = failure_blocks(work)
    columns = [c for sheet in drawn for c in sheet]
    dataset = work.dataset('qa_clims_maps')
    labels = next(r['label_names'] for r in dataset.iterate_records() if r['image_id'] == FAILED)
    titles = [c.class_name for c in columns]
    # nothing is marked in the one, all is right in the others
    assert {t for t in titles if t.endswith(': 0 %')} == {f'{n}: 0 %' for n in labels}
    assert all(t.endswith((': 0 %', ': 100 %')) for t in titles)
    order = [CLASSES.index(t.partition(':')[0]) for t in titles]
    assert order == sorted(order)
    assert max(order.count(k) for k in order) <= 2
    assert 'Looked at: 6 of 6 images, of the' in captions[0]
    for column in columns:
        assert list(column.cams) == ['QA-CLIMS']
        assert list(column.made) == ['mask at 0.50']
        assert column.fg
        assert column.bg


def test_not_all_are_looked_at(work, drawn, monkeypatch):
    monkeypatch.setattr(failures, 'MOST_IMAGES', 2)
    assert 'Looked at: 2 of 6 images, of the' in failure_blocks(work)[0]


def test_no_maps(run):
    (run / 'qa_clims_maps/curve.json').unlink()
    with pytest.raises(MissingError, match=r'qa_clims_maps/curve.json or the maps beside it'):
        failure_blocks(WorkDir(run))


def test_no_masks(run, finished, tmp_path):
    world = tmp_path / 'world'
    world.mkdir()
    source = finished.parents[1] / 'world'
    for name in ('JPEGImages', 'Annotations', 'ImageSets', 'world.json'):
        (world / name).symlink_to(source / name)
    write_config(run / 'qa_clims_maps', world)
    with pytest.raises(MissingError, match='has a mask to compare them with'):
        failure_blocks(WorkDir(run))
