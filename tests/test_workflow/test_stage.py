from pathlib import Path

import pytest

from qaclims_mm.workflow.stage import Stage, lineage

STAGES = [
    Stage(n, 'x', needs=tuple(needs)) for n, needs in dict(a='', b='a', c='a', d='bc').items()
]


@pytest.mark.parametrize(('name', 'found'), [('a', 'a'), ('b', 'ab'), ('d', 'abcd')])
def test_lineage(name, found):
    assert lineage(name, STAGES) == set(found)


def test_place_of_a_stage():
    stage = Stage('a', 'x', args=('X={work_dir}/b', '{root}'), checkpoint='none')
    placed = stage.at(Path('/w {work_dir}'))
    assert placed.args == ('X=/w {work_dir}/b', '{root}')
    assert (placed.checkpoint, Stage('b', 'x').at(Path('w')).checkpoint) == ('none', None)
