import numpy as np
from PIL import Image
from tiny_review import square, write_maps, write_masks

from qaclims_mm.review.newest import write_newest
from qaclims_mm.review.sources import find_sources
from qaclims_mm.schemas import read_mask


def test_the_newest_mask_at_the_size_of_the_file(tmp_path):
    images = ('all', 'irn', 'maps', 'none', 'broken')
    for name in images:
        Image.new('RGB', (60, 40)).save(tmp_path / f'{name}.png')
        if name != 'none':
            write_maps(tmp_path, name, square(3))
    whole = {i: square(2, (10, 30), (10, 30), (40, 60)) for i in ('all', 'irn', 'broken')}
    write_masks(tmp_path, 'irn_masks', 'pseudo_masks', whole)
    one = square(1, (10, 30), (10, 30), (40, 60))
    write_masks(tmp_path, 'segment_test', 'predictions', dict(all=one, broken=one))
    (tmp_path / 'segment_test/predictions/broken.png').write_bytes(b'')
    paths = {name: str(tmp_path / f'{name}.png') for name in images}
    written = write_newest(tmp_path / 'out', paths, find_sources(tmp_path), oriented=True)
    assert written == ['all', 'irn', 'maps', 'broken']
    values = {i: {*np.unique(read_mask(tmp_path / f'out/{i}.png')).tolist()} for i in written}
    assert values == dict(all={0, 1}, irn={0, 2}, maps={0, 3}, broken={0, 2})
    mask = read_mask(tmp_path / 'out/maps.png')
    assert mask.shape == (40, 60)
    assert np.array_equal(mask[::2, ::2], square(3))
