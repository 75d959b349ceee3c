import pyarrow as pa
import pytest

from qaclims_mm import schemas
from qaclims_mm.errors import FormatError


def test_parquet_bytes_depend_on_content_only(tmp_path):
    schema = pa.schema([('a', pa.string()), ('b', pa.float32())])
    for name in ('x', 'y'):
        schemas.write_parquet(tmp_path / name, dict(a=['p', 'q'], b=[1.0, 2.0]), schema)
    assert (tmp_path / 'x').read_bytes() == (tmp_path / 'y').read_bytes()
    with pytest.raises(FormatError, match=r"lacks the columns \['c'\]"):
        schemas.read_parquet(tmp_path / 'x', schema, ['a', 'c'])


def test_damaged_parquet_pages(tmp_path):
    schema = pa.schema([('a', pa.string())])
    schemas.write_parquet(tmp_path / 'x', dict(a=[f'{i:09d}' for i in range(2000)]), schema)
    damaged = bytearray((tmp_path / 'x').read_bytes())
    damaged[40:400] = bytes(360)
    (tmp_path / 'x').write_bytes(damaged)
    with pytest.raises(FormatError, match=r'x is not a readable Parquet file .*delete it'):
        schemas.read_parquet(tmp_path / 'x', schema)
