from types import SimpleNamespace

import pytest

from qaclims_mm.datasets.transforms.cams import LoadCAMs
from qaclims_mm.datasets.transforms.loading import LoadMask, LoadRGBImage
from qaclims_mm.engine.fingerprints import hash_image_ids, hashes_of_inputs
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import Manifest, manifest_hash


def test_a_list_of_images_in_its_order():
    assert hash_image_ids(['a', 'b']) == hash_image_ids(('a', 'b'))
    assert len({hash_image_ids(ids) for ids in (['a', 'b'], ['b', 'a'], ['ab'], [])}) == 4


def test_stages_that_are_read(tmp_path):
    transforms = [LoadRGBImage(), LoadMask(), LoadCAMs(str(tmp_path)), SimpleNamespace()]
    with pytest.raises(FormatError, match='has not finished'):
        hashes_of_inputs(transforms)
    Manifest('cams', 'c0').write(tmp_path)
    assert hashes_of_inputs(transforms) == {'LoadCAMs': manifest_hash(tmp_path)}
    assert hashes_of_inputs(transforms[:2]) == {}
