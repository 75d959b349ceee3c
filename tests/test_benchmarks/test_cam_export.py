import numpy as np
import pytest
import torch

from benchmarks import cam_export
from benchmarks.cam_export import SETUPS, build_network, check_files, make_batch
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas import read_cams, write_cams

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def case():
    return cam_export.build('tiny', CPU)


def record_batches(way, monkeypatch):
    """Let the network of a way remember the shapes of what it gets."""
    shapes, forward = [], (network := way.args[0]).backbone.forward
    monkeypatch.setattr(
        network.backbone, 'forward', lambda x: shapes.append(tuple(x.shape)) or forward(x)
    )
    return shapes


def test_ways_agree_and_the_reference_takes_a_copy_at_a_time(case, monkeypatch):
    ours, plain = case.ways.values()
    shapes = record_batches(ours, monkeypatch)
    folder = ours()
    # 4 images of 3 scales and their mirror images; the small ones together
    assert sum(s[0] for s in shapes) == 2 * 4 * 3
    assert len(shapes) < 12
    assert (8, 3, 56, 56) in shapes
    shapes.clear()
    wanted = plain()
    assert shapes == [(2, 3, 112, 112), (2, 3, 56, 56), (2, 3, 168, 168)] * 4
    assert sorted(p.name for p in folder.iterdir()) == [
        *(f'{i}.npz' for i in range(4)),
        'manifest.json',
    ]
    maps = np.load(wanted / '3.high_res.npy')
    assert (maps.dtype, maps.shape) == (np.float32, (2, 112, 112))
    assert np.load(wanted / '3.strided.npy').shape == (2, 28, 28)
    # maps with something to see
    assert maps.std() > 0.1
    case.check([folder, wanted])


def cams_of(folder):
    cams = read_cams(folder / '2.npz')
    return cams.class_indices, cams.strided.copy(), cams.high_res.copy()


@pytest.mark.parametrize(('name', 'off'), [('strided', 0.001), ('high_res', 0.003)])
def test_other_maps_are_refused(case, tmp_path, name, off):
    folder, wanted = (way() for way in case.ways.values())
    keys, *maps = cams_of(folder)
    maps[name == 'high_res'][1, 5, 7] += -off if maps[name == 'high_res'][1, 5, 7] > 0.5 else off
    write_cams(folder / '2.npz', keys, *maps)
    with pytest.raises(FormatError, match=rf'^float32: {name} of .*2\.npz is .* off the plain way'):
        case.check([folder, wanted])
    # half precision may be that far off
    check_files(['float16'], 4, [folder, wanted])


def test_full_size_is_the_paper_s(monkeypatch):
    made = []
    monkeypatch.setattr(cam_export, 'build_network', lambda cfg, device: made.append(cfg))
    case = cam_export.build('full', CPU)
    assert case.work == (
        '2 images of 375 x 500 with 2 classes, scales 1.0, 0.5, 1.5, 2.0 and flip, ResNet-50'
    )
    [cfg] = made
    assert cfg['backbone']['out_indices'] == (3,)
    assert cfg['cam_head'] == dict(type='CAMHead', in_channels=2048, num_classes=20)
    assert (case.items, case.bar, case.flops) == (2, 1.3, None)


def test_a_gpu_has_half_precision_first(monkeypatch):
    made = []
    monkeypatch.setattr(cam_export, 'build_network', lambda cfg, device: made.append(cfg))
    monkeypatch.setitem(SETUPS, ('tiny', 'cuda'), cam_export.Setup(1, (8, 8), (1.0,), bar=5.0))
    case = cam_export.build('tiny', torch.device('cuda'))
    assert [cfg['channels_last'] for cfg in made] == [True, False]
    assert [w.split(', ')[-1] for w in case.ways] == [
        'float16',
        'float32',
        'one image and scale a time',
    ]
    assert case.dtype == torch.float16
    assert case.bar == 5.0


def test_half_precision_is_that_of_the_test_loop(tmp_path):
    setup = SETUPS['tiny', 'cpu']
    network = build_network(cam_export.network_cfg(setup, 'float16'), CPU)
    seen = []
    network.cam_head.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    batch = make_batch(1, (32, 40), (1.0,))
    cam_export.export(network, batch, tmp_path, 'float16')
    cam_export.export(network, batch, tmp_path, 'float32')
    assert seen == [torch.float16, torch.float32]


def test_networks_are_the_same_and_leave_the_random_numbers():
    cfg = cam_export.network_cfg(SETUPS['tiny', 'cpu'], 'float32')
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one, other = build_network(cfg, CPU), build_network(cfg, CPU)
    assert torch.rand(1) == wanted
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not one.training


def test_batches_are_those_of_a_loader():
    batch = make_batch(2, (18, 30), (1.0, 0.5))
    assert [[tuple(x.shape) for x in copies] for copies in batch['inputs']] == [
        [(3, 18, 30), (3, 9, 15)]
    ] * 2
    assert [s.image_id for s in batch['data_samples']] == ['0', '1']
    for sample in batch['data_samples']:
        assert sample.class_indices.tolist() == sample.cam_class_indices.tolist() == [3, 14]
        assert sample.cam_strided.shape == (2, 5, 8)
