import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import write_json
from qaclims_mm.schemas.numbers.costs import Cost, Costs, read_costs, write_costs


def test_what_is_written_is_read(tmp_path):
    stages = {'cam': Cost(1.5, 12), '{texts}': Cost(None, 3.0), 'irn': Cost(2, None)}
    write_costs(tmp_path / 'a.json', 'a laptop', stages)
    assert read_costs(tmp_path / 'a.json') == Costs('a laptop', stages)


@pytest.mark.parametrize(
    'value',
    [
        [],
        {},
        dict(source='x'),
        dict(source=1, stages={}),
        dict(source='x', stages=[]),
        dict(source='x', stages=dict(cam=3)),
        dict(source='x', stages=dict(cam=dict(minutes=1))),
        dict(source='x', stages=dict(cam=dict(minutes='1', megabytes=2))),
        dict(source='x', stages=dict(cam=dict(minutes=True, megabytes=2))),
        dict(source='x', stages={}, more=1),
    ],
)
def test_what_is_no_cost(tmp_path, value):
    write_json(tmp_path / 'a.json', value)
    with pytest.raises(FormatError, match=r'a\.json is not \{source, stages: .*; delete it and'):
        read_costs(tmp_path / 'a.json')


def test_a_missing_file(tmp_path):
    with pytest.raises(FormatError, match=r'a\.json is missing'):
        read_costs(tmp_path / 'a.json')
