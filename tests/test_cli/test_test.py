import itertools
import runpy
import sys

import pytest
import torch
from helpers import served
from safetensors.torch import load_file
from tiny_runs import ROOT

from qaclims_mm.convert.publishing import publish
from qaclims_mm.engine.checkpoints import checkpoint_hash
from qaclims_mm.miniworld.generate import generate
from qaclims_mm.paths import resolve
from qaclims_mm.schemas import Manifest

SEGMENTOR = 'deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py'


def run(monkeypatch, tool, *arguments):
    """Run a tool in this process; returns the exit status."""
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    return ended.value.code


def test_tools_train_resume_and_test(monkeypatch, tiny, tmp_path):
    def flags(work_dir, *options):
        # a name of its own, since mmengine names what it keeps by the second
        name = f'experiment_name={tmp_path}_{next(numbers)}'
        return ['--work-dir', tmp_path / work_dir, '--cfg-options', name, *options]

    numbers = itertools.count()
    assert run(monkeypatch, 'train.py', tiny, *flags('w')) == 0
    assert (tmp_path / 'w/epoch_1.pth').is_file()
    more = flags('w', 'train_cfg.max_epochs=2')
    assert run(monkeypatch, 'train.py', tiny, '--resume', *more) == 0
    checkpoint = tmp_path / 'w/epoch_2.pth'
    assert torch.load(checkpoint, weights_only=False)['meta']['iter'] == 4
    (tmp_path / 'voc/SegmentationClass/img_2.png').unlink()
    assert run(monkeypatch, 'test.py', tiny, checkpoint, *flags('w')) == 3
    message = run(monkeypatch, 'test.py', tiny, 'none', '--strict', *flags('x'))
    assert message.startswith('error: mask ')
    assert 'img_2.png of image img_2 is missing' in message


def test_names_of_checkpoints(monkeypatch, tmp_path):
    """A shipped network and an address are tested, and a training starts from them."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    shipped = 'miniworld://segment/r18-mini.safetensors'
    world = tmp_path / 'world'
    generate(world, num_train=4, num_val=2)
    config = tmp_path / 'segment.py'
    config.write_text(
        f'_base_ = {str(ROOT / "configs/miniworld" / SEGMENTOR)!r}\n'
        f'data = dict(data_root={str(world)!r})\n'
        'loader = dict(num_workers=0, persistent_workers=False, batch_size=2)\n'
        'train_dataloader = dict(**loader, dataset=dict(**data, indices=4))\n'
        'test_dataloader = dict(num_workers=0, dataset=data)\n'
    )
    publish(shipped, tmp_path / 'web/a.pth')
    with served(tmp_path / 'web') as (address, _):
        found = []
        for number, name in enumerate((shipped, f'{address}/a.pth', resolve(shipped))):
            work = tmp_path / f'work{number}'
            assert run(monkeypatch, 'test.py', config, name, '--work-dir', work) == 0
            found.append(Manifest.read(work / 'predictions').inputs['checkpoint'])
        assert found == [
            checkpoint_hash(shipped),
            checkpoint_hash(str(tmp_path / 'web/a.pth')),
            checkpoint_hash(shipped),
        ]
        for name in (shipped, f'{address}/a.pth'):
            options = [f'load_from={name}', 'train_cfg.max_epochs=1', 'param_scheduler.0.end=1']
            options += [f'experiment_name={abs(hash(name))}', 'optim_wrapper.optimizer.lr=0.0']
            work = tmp_path / f'train{len(name)}'
            assert (
                run(monkeypatch, 'train.py', config, '--work-dir', work, '--cfg-options', *options)
                == 0
            )
            trained = torch.load(work / 'epoch_1.pth', weights_only=False)['state_dict']
            given = load_file(resolve(shipped))
            weight = 'decode_head.convs.0.weight'
            assert torch.equal(trained[weight], given[weight].float())


def test_shards_and_then_the_plain_command(monkeypatch, tiny, tmp_path):
    def flags(number):
        name = f'experiment_name={tmp_path}_{number}'
        return ['--work-dir', tmp_path / 'w', '--cfg-options', name]

    for number in (2, 1):
        shard = ['--shard', f'{number}/2']
        assert run(monkeypatch, 'test.py', tiny, 'none', *shard, *flags(number)) == 0
        assert len(list((tmp_path / 'w/cams').glob('*.npz'))) == 2 * (3 - number)
    assert not (tmp_path / 'w/cams/manifest.json').exists()
    assert not (tmp_path / 'w/metrics.json').exists()
    assert run(monkeypatch, 'test.py', tiny, 'none', *flags(0)) == 0
    assert Manifest.read(tmp_path / 'w/cams').counts == dict(images=4, failed=0)
    assert run(monkeypatch, 'test.py', tiny, 'none', '--shard', '0/2', *flags(3)) == 2
