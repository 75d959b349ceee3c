"""How fast this machine multiplies matrices, by which estimates of time are scaled."""

import time
from collections.abc import Callable

import torch

from qaclims_mm.cores import number_of_cores

# side of the square matrices, large enough for the full rate: tens of ms each
_MATRIX = {'cpu': 2048, 'cuda': 8192}
_REPEATS = 5


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done all it was given."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def best_seconds(function: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of the fastest of five calls, after one that is not counted."""
    function()
    seconds = []
    for _ in range(_REPEATS):
        synchronise(device)
        begin = time.perf_counter()
        function()
        synchronise(device)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def quiet_rate(device: torch.device) -> float:
    """Return the FLOPs a second of a large matrix product when nothing else runs.

    On CPUs the time of the processor is measured, which other processes do not lengthen. The best
    of five counts.
    """
    if device.type != 'cpu':
        return matmul_rate(device)
    side = _MATRIX['cpu']
    a = torch.randn(side, side)
    torch.mm(a, a)
    seconds = []
    for _ in range(_REPEATS):
        begin = time.process_time()
        torch.mm(a, a)
        seconds.append(time.process_time() - begin)
    # all threads spend it at the same time, as far as they get cores
    threads = min(torch.get_num_threads(), number_of_cores())
    return 2 * side**3 / min(seconds) * threads


def matmul_rate(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Measure the FLOPs a second of a large matrix product, the best of five."""
    side = _MATRIX[device.type]
    a = torch.randn(side, side, device=device).to(dtype)
    return 2 * side**3 / best_seconds(lambda: a @ a, device)
