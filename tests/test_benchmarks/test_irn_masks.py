import numpy as np
import pytest
import torch

from benchmarks import irn_masks
from benchmarks.irn_masks import check_masks
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_mask, write_mask

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def case():
    return irn_masks.build('tiny', CPU)


def test_ways_agree_and_the_reference_walks_image_by_image(case, monkeypatch):
    walked, dense = [], irn_masks.dense_walk
    monkeypatch.setattr(
        irn_masks, 'dense_walk', lambda *maps: walked.append(maps[0].shape) or dense(*maps)
    )
    ours, plain = (way() for way in case.ways.values())
    assert walked == [(2, 28, 28)] * 4
    assert sorted(p.name for p in plain.iterdir()) == [f'{i}.png' for i in range(4)]
    for index in range(4):
        mask = read_mask(ours / f'{index}.png')
        # the background and both classes
        names, counts = np.unique(mask, return_counts=True)
        assert names.tolist() == [0, 4, 15]
        assert counts.min() > 0.05 * mask.size
    case.check([ours, plain])


def test_edges_are_here_and_there(case):
    network, batch, _ = next(iter(case.ways.values())).args
    image = network.data_preprocessor.normalise(batch['inputs'][0][0])
    [edge] = network.edges([image])
    assert 0.3 < (edge > 0.5).float().mean() < 0.7


def test_denormal_numbers_are_back(case):
    [*_, plain] = case.ways.values()
    plain()
    assert np.float32(torch.tensor(1e-39) / 2) > 0


@pytest.mark.parametrize(('pixels', 'accepted'), [(2, True), (3, False)])
def test_rounding_moves_few_pixels(tmp_path, pixels, accepted):
    mask = np.zeros((32, 32), np.uint8)
    for name in ('ours', 'plain'):
        for index in range(2):
            write_mask(tmp_path / name / f'{index}.png', mask)
    mask[0, :pixels] = 4
    write_mask(tmp_path / 'ours/1.png', mask)
    folders = [tmp_path / 'ours', tmp_path / 'plain']
    if accepted:
        check_masks(2, folders)
        return
    with pytest.raises(FormatError, match=r'^mask 1 differs from the plain one in 0\.29% of its'):
        check_masks(2, folders)


def test_full_sizes(monkeypatch):
    made = []
    monkeypatch.setattr(
        irn_masks, 'build_irn', lambda setup, device, pixels: made.append((setup, pixels.shape))
    )
    case = irn_masks.build('full', CPU)
    assert case.work == '1 image of 252 x 376 with 2 classes, ResNet-50, 256 steps'
    [(setup, shape)] = made
    assert shape == (3, 252, 376)
    cfg = irn_masks.network_cfg(setup)
    assert cfg['backbone']['depth'] == 50
    assert list(cfg['backbone']['out_indices']) == [0, 1, 2, 3]
    assert (cfg['radius'], cfg['beta'], cfg['exp_times']) == (5, 10.0, 8)
    on_a_gpu = irn_masks.build('full', torch.device('cuda'))
    assert on_a_gpu.work.startswith('16 images of 375 x 500')
