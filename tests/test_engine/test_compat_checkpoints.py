"""Trainings that were killed while they wrote a checkpoint."""

import builtins
import logging
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    find_latest_checkpoint,
    get_torch_safe_globals,
    save_checkpoint,
)

from qaclims_mm.engine import compat
from qaclims_mm.engine.switches import resume_from
from qaclims_mm.errors import FormatError

LAST = 'last_checkpoint'


def test_scores_of_a_validation_can_be_loaded(tmp_path):
    """mmengine lists float64, int64 and uint32 alone; a hub keeps mIoU as float32."""
    path = str(tmp_path / 'c.pth')
    hub = dict(best_score=np.float32(18.5), mask=np.array([True]), small=np.int8(3))
    save_checkpoint(dict(state_dict={}, message_hub=hub), path)
    found = CheckpointLoader.load_checkpoint(path, map_location='cpu')['message_hub']
    assert found == hub
    with (
        torch.serialization.safe_globals(get_torch_safe_globals()),
        pytest.raises(UnpicklingError, match='Float32DType'),
    ):
        torch.load(path, weights_only=True)


class Slowly:
    """A file in the middle of whose writes something is done."""

    def __init__(self, file, between):
        self.file, self.between = file, between

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        for part in (data[: len(data) // 2], data[len(data) // 2 :]):
            self.between()
            self.file.write(part)
            self.file.flush()


@contextmanager
def copied_whenever_it_changes(folder, copies):
    """Gives a list of what a kill could leave of a folder, each a folder with one of its name."""
    kept = []

    def copy():
        kept.append(copies / str(len(kept)))
        shutil.copytree(folder, kept[-1] / folder.name)

    def noting(change):
        def noted(path, *arguments, **options):
            if Path(path).parent == folder:
                copy()
            return change(path, *arguments, **options)

        return noted

    def open_slowly(path, mode='r', **options):
        file = opened(path, mode, **options)
        mine = 'w' in mode and Path(path).parent == folder
        return Slowly(file, copy) if mine else file

    opened = builtins.open
    with pytest.MonkeyPatch.context() as patch:
        for name in ('replace', 'remove', 'unlink'):
            patch.setattr(os, name, noting(getattr(os, name)))
        patch.setattr(builtins, 'open', open_slowly)
        yield kept
    copy()


def begin(kept, checkpoint=None):
    """Begin a training that has nothing but its checkpoints, or go on with one."""

    def save(folder, name, *_, meta, **__):
        content = dict(meta=meta, weight=torch.zeros(9), message_hub=hub.state_dict())
        save_checkpoint(content, f'{folder}/{name}')

    hub = MessageHub('hub')
    if checkpoint is not None:
        hub.load_state_dict(checkpoint['message_hub'])
    hook = CheckpointHook(interval=1, max_keep_ckpts=kept)
    runner = SimpleNamespace(
        work_dir='run', logger=logging.getLogger(), message_hub=hub, save_checkpoint=save, iter=0
    )
    hook.before_train(runner)
    return runner, hook


@pytest.mark.parametrize('kept', [1, 2, -1])
def test_killed_at_any_moment_a_run_goes_on(monkeypatch, tmp_path, kept):
    monkeypatch.chdir(tmp_path)
    Path('run').mkdir()
    runner, hook = begin(kept)
    for epoch in range(4):
        runner.epoch = epoch
        with copied_whenever_it_changes(Path('run'), tmp_path / str(epoch)) as copies:
            hook.after_train_epoch(runner)
        # twice in the writing of each of the two files, and when all is done
        assert len(copies) >= 2 * 2 + 1
        found = []
        for copy in copies:
            monkeypatch.chdir(copy)
            # what mmengine itself goes on with, which looks at nothing but the name
            path = find_latest_checkpoint('run')
            found.append(0)
            if path:
                checkpoint = torch.load(path, weights_only=False)
                found[-1] = checkpoint['meta']['epoch']
                begin(kept, checkpoint)
                left = {p.name for p in Path('run').glob('*.pth')}
                # the next may be there already, which is then written again
                assert kept < 0 or len(left - {f'epoch_{epoch + 1}.pth'}) <= kept
                assert kept < 0 or found[-1] == epoch or len(left) <= kept
        monkeypatch.chdir(tmp_path)
        # never a step back
        assert found == sorted(found)
        assert (found[0], found[-1], {*found}) == (epoch, epoch + 1, {epoch, epoch + 1})
    numbers = range(1, 5) if kept < 0 else range(5 - kept, 5)
    assert {p.name for p in Path('run').iterdir()} == {LAST, *(f'epoch_{n}.pth' for n in numbers)}


@pytest.mark.parametrize('mode', ['w', 'wb'])
def test_file_that_cannot_be_written_is_as_it_was(tmp_path, mode):
    backend, path = LocalBackend(), tmp_path / 'folder/a.pth'
    put = backend.put if mode == 'wb' else backend.put_text
    put(b'old' if mode == 'wb' else 'old', path)
    with pytest.raises(TypeError):
        put(0, path)
    assert backend.get(path) == b'old'
    assert backend.get_text(path) == 'old'
    assert [p.name for p in path.parent.iterdir()] == ['a.pth']


@pytest.fixture
def run(tmp_path):
    """A run with whole, torn and best checkpoints; the second epoch's is the newest whole one."""
    names = ('epoch_3', 'epoch_2', 'epoch_4', 'best_mIoU_epoch_2', 'epoch_2-5e6f7a8b')
    for number, name in enumerate(f'{n}.pth' for n in names):
        save_checkpoint(dict(weight=torch.zeros(99)), str(tmp_path / name))
        os.utime(tmp_path / name, (number, number))
    torn = tmp_path / 'epoch_4.pth'
    torn.write_bytes(torn.read_bytes()[:-30])
    return tmp_path


@pytest.mark.parametrize('named', ['', '\n', '{}/epoch_1.pth', '{}/epoch_4.pth', '{}'])
def test_what_is_not_whole_gives_way_to_the_newest_that_is(run, named, capsys):
    named = named.format(run)
    (run / LAST).write_text(named)
    cfg = Config(dict(work_dir=str(run)))
    resume_from(cfg, None)
    assert (cfg.resume, cfg.load_from) == (True, str(run / 'epoch_2.pth'))
    assert capsys.readouterr().out.strip() == (
        f'{run}/last_checkpoint names {named.strip()!r}, which is no whole checkpoint; going on '
        f'from {run}/epoch_2.pth, the newest that is.'
    )


@pytest.mark.parametrize(
    'named', ['{}/epoch_3.pth', '{}/best_mIoU_epoch_2.pth', 's3://b/epoch_1.pth']
)
def test_what_is_named_is_taken(run, named):
    (run / LAST).write_text(named.format(run))
    assert compat.find_whole_checkpoint(str(run)) == named.format(run)


def test_run_without_a_checkpoint_begins(run):
    assert compat.find_whole_checkpoint(str(run)) is None
    cfg = Config(dict(work_dir=str(run), load_from='other.pth'))
    resume_from(cfg, None)
    assert (cfg.resume, cfg.load_from) == (False, 'other.pth')


def test_run_whose_checkpoints_are_all_torn(run):
    (run / LAST).write_text('')
    for name in ('epoch_2.pth', 'epoch_3.pth'):
        (run / name).write_bytes((run / name).read_bytes()[:100])
    with pytest.raises(
        FormatError,
        match=rf"^{run}/last_checkpoint names '', which is no whole checkpoint, and no other "
        r'there is whole \(3 looked at\)\. Remove last_checkpoint to train from the start, or give '
        r'a checkpoint: --resume FILE\.$',
    ):
        compat.find_whole_checkpoint(str(run))
