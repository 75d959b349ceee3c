import re
import shutil

import pytest
from tiny_report import IDS, write_config
from tiny_review import write_masks

from qaclims_mm.errors import StageError
from qaclims_mm.report import look_first
from qaclims_mm.report.blocks import Link, MissingError, Panel, Table, Text, Tiles
from qaclims_mm.report.look_first import look_first_blocks
from qaclims_mm.report.page import write_report
from qaclims_mm.report.work_dir import WorkDir
from qaclims_mm.schemas import read_mask
from qaclims_mm.schemas.project import write_classes


@pytest.fixture
def made(run, finished):
    """Return a work dir whose pseudo masks are the ground truth, but one that is empty."""
    truth = finished.parents[1] / 'world/SegmentationClass'
    masks = {i: read_mask(truth / f'{i}.png') for i in IDS}
    masks[IDS[1]][:] = 0
    write_masks(run, 'irn_masks', 'pseudo_masks', masks)
    return run


def of_kind(blocks, kind):
    return [b for b in blocks if isinstance(b, kind)]


def test_numbers_sheet_pictures_and_agreement(made, tmp_path):
    blocks = look_first_blocks(WorkDir(made), tmp_path / 'a b_files')
    [tiles], [link], [text] = (of_kind(blocks, kind) for kind in (Tiles, Link, Text))
    assert tiles.tiles[:2] == [
        ('masks', '6'),
        ('IoU with the ground truth, mean over images', '83 %'),
    ]
    assert link.address == 'a%20b_files/masks.html'
    assert (tmp_path / 'a b_files/masks.html').is_file()
    assert text.command == f'qaclims review {made} --format cvat'
    panels = of_kind(blocks, Panel)
    assert panels[0].title.startswith(f'1. {IDS[1]} (score ')
    assert [p.caption for p in panels[0].pictures] == ['photograph', 'the map', 'IRN']
    [table] = of_kind(blocks, Table)
    assert list(table.head) == ['class', 'images', 'the map and IRN, IoU, %']
    values = [float(row[2]) for row in table.rows]
    assert values == sorted(values)
    assert min(values) < 100


def test_a_stage_alone_has_no_agreement(made, tmp_path):
    for folder in made.glob('*/cams'):
        shutil.rmtree(folder)
    shutil.rmtree(made / 'segment_test/predictions')
    blocks = look_first_blocks(WorkDir(made), tmp_path / 'files')
    assert not of_kind(blocks, Table)
    assert len(of_kind(blocks, Tiles)[0].tiles) == 2
    # what contradicts the labels stands out without another stage too
    assert IDS[1] in of_kind(blocks, Panel)[0].title


def test_images_that_are_gone(made, tmp_path):
    write_config(made / 'irn_masks', tmp_path / 'nowhere')
    with pytest.raises(MissingError):
        look_first_blocks(WorkDir(made), tmp_path / 'files')
    assert not (tmp_path / 'files').exists()


def test_the_report_links_the_sheet(made, tmp_path):
    out = tmp_path / 'out/my #1 report.html'
    titles = [s.title for s in write_report(made, out, tmp_path / 'none')]
    assert titles[:2] == ['The numbers', 'Masks to look at first']
    [address] = re.findall(r'<p class="link"><a href="([^"]+)"', out.read_text())
    assert address == 'my%20%231%20report_files/masks.html'
    assert (tmp_path / 'out/my #1 report_files/masks.html').is_file()


def test_masks_of_other_classes_cost_the_section_alone(made, tmp_path):
    write_classes(made / 'segment_test', ['one', 'two'])
    with pytest.raises(MissingError, match='segment_test/predictions was made before classes were'):
        look_first_blocks(WorkDir(made), tmp_path / 'files')


def test_a_killed_process_costs_the_section_alone(made, tmp_path, monkeypatch):
    def killed(*_):
        raise StageError('one of 2 processes was killed')

    monkeypatch.setattr(look_first, 'write_mask_sheet', killed)
    with pytest.raises(MissingError, match='was killed'):
        look_first_blocks(WorkDir(made), tmp_path / 'files')
