import io
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from rich.progress import Progress
from tiny_runs import build_tiny_runner

from qaclims_mm.engine.hooks import progress_bar
from qaclims_mm.engine.hooks.progress_bar import ProgressBarHook


def number_without_graph(tensor):
    assert not tensor.requires_grad
    return tensor.item()


@pytest.fixture
def bars(monkeypatch):
    """Make a terminal and return the bars shown on it."""
    shown = []

    def on_terminal():
        terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
        shown.append(Progress(console=terminal, auto_refresh=False))
        return shown[-1]

    monkeypatch.setattr(progress_bar, 'new_progress', on_terminal)
    return shown


def states(bars):
    return [(t.description, t.completed, t.total) for bar in bars for t in bar.tasks]


def test_bars_of_real_runs(tiny, run_test, tmp_path, bars):
    build_tiny_runner(tiny, tmp_path / 'work', 'train').train()
    assert states(bars) == [('train', 2, 2)]
    run_test()
    assert states(bars) == [('train', 2, 2), ('test', 4, 4)]
    assert not any(bar.live.is_started for bar in bars)


def test_a_resumed_training_starts_where_it_was(bars):
    hook = ProgressBarHook()
    hook.before_train(SimpleNamespace(max_iters=10, iter=7))
    assert bars[0].live.is_started
    hook.after_train_iter(None, 7, data_batch=None, outputs=None)
    assert states(bars) == [('train', 8, 10)]
    hook.after_train(None)
    assert not bars[0].live.is_started


def test_other_ranks_show_nothing(bars, monkeypatch):
    monkeypatch.setattr(progress_bar, 'is_main_process', lambda: False)
    hook = ProgressBarHook()
    hook.before_train(SimpleNamespace(max_iters=10, iter=0))
    hook.after_train_iter(None, 0)
    hook.after_train(None)
    assert states(bars) == []


def test_nothing_without_a_terminal(capfd):
    hook = ProgressBarHook()
    hook.before_test_epoch(SimpleNamespace(test_dataloader=range(3)))
    hook.after_test_iter(None, 0)
    hook.after_test_epoch(None)
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
    'loss',
    [
        0.25,
        torch.tensor(0.25),
        torch.tensor(0.25, requires_grad=True),
        torch.tensor([0.5], requires_grad=True).sum() / 2,
        torch.tensor(0.25, dtype=torch.bfloat16, requires_grad=True),
    ],
    ids=['number', 'tensor', 'leaf', 'graph', 'bfloat16'],
)
def test_a_line_with_the_loss_in_a_file(capfd, monkeypatch, loss):
    monkeypatch.setattr('qaclims_mm.progress.PAUSE', 0.0)
    # torch warns once in a process
    monkeypatch.setattr(torch.Tensor, '__float__', number_without_graph)
    hook = ProgressBarHook()
    hook.before_train(SimpleNamespace(max_iters=10, iter=7))
    hook.after_train_iter(None, 7, outputs=dict(loss=loss))
    hook.after_train_iter(None, 8, outputs=dict(lr=1))
    first, second = capfd.readouterr().err.splitlines()
    assert first.startswith('train 8/10, ')
    assert first.endswith(' left, loss 0.25')
    assert second.startswith('train 9/10, ')
    assert second.endswith(' left')
