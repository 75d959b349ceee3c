import pytest
import torch
from mmengine.runner import load_checkpoint
from released_files import TINY_CAM, bottlenecks, cam_file, random_state

from qaclims_mm.convert.networks import convert_cam, convert_irn, resnet_sizes
from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.registry import MODELS

STAGES = dict(in_channels=(4, 8, 16, 32, 64), strides=(4, 4, 8, 16, 16))
TINY_IRN = dict(
    type='IRNRefiner',
    backbone=bottlenecks(),
    edge_head=dict(type='IRNEdgeHead', channels=4, **STAGES),
    displacement_head=dict(type='IRNDisplacementHead', channels=(8, 16, 32, 32, 32), **STAGES),
)


def loaded(path):
    """Return what is in a converted checkpoint, read as MMEngine reads it."""
    return torch.load(path, weights_only=True)['state_dict']


def check_equal(found, wanted):
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[k], v) for k, v in wanted.items())


# ------------------------------------------------------------------------------------------- CAM


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('families', [(0, 1, 2), (0,), (1,), (2,), (1, 2)])
def test_cam_by_any_of_its_names(tmp_path, families, prefix):
    wanted = cam_file(tmp_path / 'in.pth', families, prefix=prefix)
    seen = []
    convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth', on_coverage=seen.append)
    check_equal(loaded(tmp_path / 'out.pth'), wanted)
    model = MODELS.build(TINY_CAM)
    load_checkpoint(model, str(tmp_path / 'out.pth'), 'cpu', strict=True)
    check_equal(model.state_dict(), wanted)
    assert seen[0].used == seen[0].wanted == len(wanted)
    assert seen[0].ignored == ({r'resnet50\.fc\..+': 1} if 0 in families else {})


def test_number_of_classes_is_the_classifiers(tmp_path):
    shape = torch.ones(80, 64, 1, 1)
    changes = {'classifier.weight': shape, 'newly_added.0.weight': shape}
    cam_file(tmp_path / 'in.pth', changes=changes)
    convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert loaded(tmp_path / 'out.pth')['cam_head.conv.weight'].shape == (80, 64, 1, 1)


def test_names_that_disagree(tmp_path):
    other = {'stage3.0.1.conv2.weight': torch.zeros(8, 8, 3, 3)}
    cam_file(tmp_path / 'in.pth', changes=other)
    wanted = (
        r'1 weight has two names in .*in\.pth, with values that differ:\s+'
        r'resnet50\.layer3\.1\.conv2\.weight and stage3\.0\.1\.conv2\.weight'
    )
    with pytest.raises(FormatError, match=wanted):
        convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert [p.name for p in tmp_path.iterdir()] == ['in.pth']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(drop=('classifier.weight', 'newly_added.0.weight')),
            r'missing \(1\): cam_head.conv.weight',
        ),
        (dict(changes={'conv9.weight': torch.ones(1)}), r'unexpected \(1\): conv9.weight'),
        (
            dict(families=(0,), changes={'resnet50.bn1.bias': torch.ones(5)}),
            r'of another shape \(1\): backbone.bn1.bias \(5,\) instead of \(4,\)',
        ),
        (
            dict(families=(0,), changes={'resnet50.layer3.6.bn1.bias': torch.ones(1)}),
            r'has 7 blocks in its third stage; a ResNet of depth 50, 101 or 152',
        ),
    ],
)
def test_weights_that_do_not_fit(tmp_path, options, message):
    cam_file(tmp_path / 'in.pth', **options)
    with pytest.raises(FormatError, match=message):
        convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert [p.name for p in tmp_path.iterdir()] == ['in.pth']


def test_older_files_without_batch_counters(tmp_path):
    wanted = cam_file(tmp_path / 'all.pth', (0,))
    content = torch.load(tmp_path / 'all.pth', weights_only=True)
    torch.save({k: v for k, v in content.items() if 'num_batches' not in k}, tmp_path / 'in.pth')
    convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth')
    counters = {k: torch.tensor(0) for k in wanted if 'num_batches' in k}
    assert len(counters) == 53
    check_equal(loaded(tmp_path / 'out.pth'), wanted | counters)


def test_again_and_by_force(tmp_path):
    cam_file(tmp_path / 'in.pth')
    convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth')
    first = (tmp_path / 'out.pth').read_bytes()
    with pytest.raises(ConfigError, match='--force'):
        convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth')
    convert_cam(tmp_path / 'in.pth', tmp_path / 'out.pth', force=True)
    assert (tmp_path / 'out.pth').read_bytes() == first


def test_depths():
    state = {f'backbone.layer3.{n}.bn1.bias': torch.zeros(1) for n in range(23)}
    assert resnet_sizes(state, 'f') == dict(depth=101, stem_channels=64, base_channels=64)


# ------------------------------------------------------------------------------------------- IRN


def irn_names(name):
    """Return all names that the released code has for one of our weights."""
    part, _, rest = name.partition('.')
    if part == 'backbone':
        layer, _, rest = rest.partition('.')
        number = int(layer[-1]) + 1 if layer.startswith('layer') else 1
        place = {'conv1': 0, 'bn1': 1}.get(layer, 0)
        return (
            f'resnet50.{layer}.{rest}',
            f'stage{number}.{place}.{rest}',
            f'backbone.{number - 1}.{place}.{rest}',
        )
    if name == 'displacement_head.mean':
        return tuple(f'{p}.running_mean' for p in ('mean_shift', 'fc_dp7.4', 'dp_layers.6.4'))
    kind = dict(edge_head='edge', displacement_head='dp')[part]
    place, _, rest = rest.partition('.')
    if place == 'branches':
        number, _, rest = rest.partition('.')
        number = int(number) + 1
    else:
        number = 6 if kind == 'edge' or place == 'deep' else 7
    return f'fc_{kind}{number}.{rest}', f'{kind}_layers.{number - 1}.{rest}'


def irn_file(path, family=None, drop=()):
    ours = random_state(TINY_IRN)
    released = {
        released_name: value
        for name, value in ours.items()
        for position, released_name in enumerate(irn_names(name))
        if family in (None, position) or position == len(irn_names(name)) - 1
    }
    torch.save({k: v for k, v in released.items() if k not in drop}, path)
    return ours


@pytest.mark.parametrize('family', [None, 0, 1, 2])
def test_irn(tmp_path, family):
    wanted = irn_file(tmp_path / 'in.pth', family)
    convert_irn(tmp_path / 'in.pth', tmp_path / 'out.pth')
    check_equal(loaded(tmp_path / 'out.pth'), wanted)
    load_checkpoint(MODELS.build(TINY_IRN), str(tmp_path / 'out.pth'), 'cpu', strict=True)


def test_irn_without_the_mean_displacement(tmp_path):
    irn_file(tmp_path / 'in.pth', drop=irn_names('displacement_head.mean'))
    with pytest.raises(FormatError, match=r'missing \(1\): displacement_head\.mean') as raised:
        convert_irn(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert 'is mean_shift.running_mean in the released file' in str(raised.value)
    assert not (tmp_path / 'out.pth').exists()


def test_another_kind_of_file(tmp_path):
    cam_file(tmp_path / 'in.pth')
    with pytest.raises(FormatError, match='Is it the file that this kind converts'):
        convert_irn(tmp_path / 'in.pth', tmp_path / 'out.pth')
