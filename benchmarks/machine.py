"""What a machine can do at most, and what a call took of it."""

import ctypes
import math
import platform
import re
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from qaclims_mm.projects.machine import best_seconds, matmul_rate, synchronise
from qaclims_mm.schemas.names import counted
from qaclims_mm.vlms.vqa.cpu_linear import PackedLinear, can_pack

# bytes copied: large enough for the full rate, tens of ms each
_COPIED = {'cpu': 2**27, 'cuda': 2**30}
# side of the square matrices of a packed layer, large enough for the full rate
_PACKED = 2048


class Spent(NamedTuple):
    """What a call took: seconds, and bytes beyond those in use before it.

    ``peak`` are the most, ``held`` those that stay; mapped files count as part of the peak alone,
    as their pages belong to no process. ``held`` is 0 where it is not measured.
    """

    seconds: float
    peak: int
    held: int = 0


def describe(device: torch.device) -> str:
    """Return the name of the processor that a device is."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    info = Path('/proc/cpuinfo')
    names = (
        re.findall(r'model name\s*: (.+)', info.read_text(encoding='utf-8'))
        if info.is_file()
        else []
    )
    name = names[0] if names else platform.processor() or platform.machine()
    return f'{name}, {counted(torch.get_num_threads(), "thread")}'


def copy_rate(device: torch.device) -> float:
    """Measure the bytes a second of a large copy, read and written, the best of five."""
    source = torch.zeros(_COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / best_seconds(lambda: target.copy_(source), device)


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measure the FLOPs a second of a large matrix product, by the fastest library that is used.

    torch multiplies by MKL, which leaves out AVX-512 on processors of AMD; packed layers multiply
    by oneDNN.
    """
    rate = matmul_rate(device, dtype)
    if device.type == 'cuda' or dtype != torch.float32 or not can_pack():
        return rate
    side = _PACKED
    layer, rows = PackedLinear(nn.Linear(side, side, bias=False)), torch.randn(side, side)
    with torch.inference_mode():
        return max(rate, 2 * side**3 / best_seconds(lambda: layer(rows), device))


def count_flops(function: Callable[[], object]) -> int:
    """Count the FLOPs of torch's matrix products and convolutions in a call."""
    # the counter does not know every fused attention, and no packed layer
    known = {torch.ops.mkldnn._linear_pointwise: _flops_of_packed_linear} if can_pack() else {}
    counting = FlopCounterMode(display=False, custom_mapping=known)
    with sdpa_kernel(SDPBackend.MATH), counting as counter:
        function()
    return counter.get_total_flops()


def _flops_of_packed_linear(x: torch.Size, *_: Any, out_shape: torch.Size, **__: Any) -> int:
    return 2 * math.prod(out_shape) * x[-1]


def measure(function: Callable[[], object], device: torch.device) -> tuple[Spent, object]:
    """Call a function; return what it took and what it returned.

    On a CPU the peak is that of the process (Linux; 0 elsewhere), on a GPU that of torch there.
    """
    before = _start_peak(device)
    begin = time.perf_counter()
    result = function()
    synchronise(device)
    seconds = time.perf_counter() - begin
    return Spent(seconds, max(0, _peak(device) - before)), result


def call_alone(function: Callable[[], Any]) -> Any:
    """Call a function in a copy of this process, where it finds nothing that other calls left.

    Args:
        function: Uses no GPU, and gets one thread of torch's: a copy would wait for ever for the
            others, which are not copied. What it returns is pickled.

    Raises:
        RuntimeError: If it fails; standard error has the reason.
    """
    context = get_context('fork')
    receiver, sender = context.Pipe(duplex=False)

    def call() -> None:
        torch.set_num_threads(1)
        sender.send(function())

    process = context.Process(target=call)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError('a call in a copy of this process failed; see above.') from None
    finally:
        process.join()


def measure_alone(function: Callable[[], object]) -> tuple[Spent, object]:
    """Call a function as ``call_alone`` does and measure what it holds, too, on the CPU."""

    def call() -> tuple[Spent, object]:
        before = _held()
        spent, result = measure(function, torch.device('cpu'))
        return spent._replace(held=_held() - before), result

    return call_alone(call)


def _held() -> int:
    """Return the bytes in use that are no file's; what was freed is given back before."""
    if platform.system() != 'Linux':
        return 0
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    return _status('RssAnon')


def _start_peak(device: torch.device) -> int:
    """Forget the peak so far; return the bytes in use."""
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if platform.system() != 'Linux':
        return 0
    # what was freed counts until it is given back to the system
    ctypes.CDLL(None).malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5', encoding='utf-8')
    return _status('VmRSS')


def _peak(device: torch.device) -> int:
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device)
    return _status('VmHWM') if platform.system() == 'Linux' else 0


def _status(name: str) -> int:
    """Return a number of this process's in bytes."""
    found = re.search(rf'{name}:\s*(\d+) kB', Path('/proc/self/status').read_text(encoding='utf-8'))
    return 1024 * int(found[1]) if found else 0
