"""Numbers of a run of the benchmarks as files: ``STAGE.json`` and ``STAGE.growth.json``.

Each file is of one stage and names its machine, date, command and versions, so that a stage can be
measured again without the others.
"""

import datetime
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.case import Report
from benchmarks.growth import Point
from benchmarks.machine import describe
from qaclims_mm.errors import FormatError
from qaclims_mm.schemas.files import is_number, is_table, read_json, write_json
from qaclims_mm.schemas.names import counted
from qaclims_mm.version import __version__

SCHEMA = 1
GROWTH = '.growth'
# whose versions move the numbers, if they are installed
_PACKAGES = ('torch', 'numpy', 'scipy', 'transformers', 'open_clip_torch', 'onedl-mmsegmentation')
_PEERS = ('pydensecrf2', 'grad-cam', 'torchmetrics')


@dataclass(frozen=True)
class Origin:
    """Where and how numbers were measured.

    Attributes:
        command: What repeats it.
        date: Day in ISO 8601, UTC.
        machine: Processor, cores and memory.
        threads: Those of torch.
        versions: {package: version}.
        note: What else a reader has to know, or nothing.
    """

    command: str
    date: str
    machine: str
    threads: int
    versions: dict[str, str]
    note: str = ''


def origin_of(command: str, device: torch.device, threads: int) -> Origin:
    """Describe the run that is going on.

    Args:
        command: What started it.
        device: Where it runs.
        threads: Those of torch that it uses.
    """
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total
    processor = describe(device).rpartition(', ')[0] or describe(device)
    versions = {'python': platform.python_version(), 'qaclims_mm': __version__}
    for name in (*_PACKAGES, *_PEERS):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine = f'{processor}, {counted(cores, "core")}, {memory / 2**30:.0f} GB'
    load = os.getloadavg()[0]
    note = f'Other jobs ran beside it (load {load:.0f}).' if load > cores + 1 else ''
    return Origin(command, today, machine, threads, versions, note)


@dataclass(frozen=True)
class Way:
    """A way of working.

    Attributes:
        name: Its name.
        seconds: Of each round.
        peak: Bytes by which the peak rose, the median.
        held: Bytes that stay in use, the median.
    """

    name: str
    seconds: list[float]
    peak: int
    held: int

    @property
    def median(self) -> float:
        """The median second."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Stage:
    """What was measured of a stage; see ``Case`` and ``Report``.

    Attributes:
        origin: Where and how.
        work: What one call does.
        items: How many of ``unit`` one call works through.
        unit: What is counted.
        bar: Of speed.
        memory_bar: Of memory.
        memory: ``peak`` or ``held``.
        flops: Of our way; ``None`` is not known.
        traffic: Bytes of our way.
        flop_rate: Of the machine, a second; ``None`` is not known.
        byte_rate: The same of bytes.
        least: Seconds that the machine needs at least; 0 is not known.
        ways: Ours first, the reference last.
    """

    origin: Origin
    work: str
    items: int
    unit: str
    bar: float
    memory_bar: float
    memory: str
    flops: int | None
    traffic: int
    flop_rate: float | None
    byte_rate: float | None
    least: float
    ways: list[Way]


@dataclass(frozen=True)
class Growth:
    """How the CPU time of a stage grows, on one thread.

    Attributes:
        origin: Where and how.
        unit: What a size counts.
        flop_rate: FLOPs a second of large matrix products on one thread.
        byte_rate: Bytes a second of large copies on one thread.
        points: At least two, from small to large.
    """

    origin: Origin
    unit: str
    flop_rate: float
    byte_rate: float
    points: list[Point]

    def least(self, point: Mapping[str, Any]) -> float:
        """Return the seconds that the machine needs at least for a point; 0 is not known."""
        flops, traffic = point.get('flops', 0), point.get('traffic', 0)
        return max(flops / self.flop_rate, traffic / self.byte_rate)


def stage_of(report: Report, origin: Origin) -> Stage:
    """Return what is kept of a report."""
    case = report.case
    ways = [Way(t.name, t.seconds, t.peak, t.held) for t in report.timings]
    return Stage(
        origin,
        flops=report.flops,
        flop_rate=report.flop_rate,
        byte_rate=report.byte_rate,
        least=report.floor,
        ways=ways,
        **{k: getattr(case, k) for k in _OF_THE_CASE},
    )


_OF_THE_CASE = ('work', 'items', 'unit', 'bar', 'memory_bar', 'memory', 'traffic')


def write_numbers(folder: str | Path, stage: str, numbers: Stage | Growth) -> Path:
    """Write the file of a stage, or of its growth, and return its path."""
    path = Path(folder) / f'{stage}{GROWTH * isinstance(numbers, Growth)}.json'
    write_json(path, dict(schema=SCHEMA, **asdict(numbers)))
    return path


def read_stage(path: str | Path) -> Stage:
    """Read the numbers of a stage.

    Raises:
        FormatError: If the file holds something else.
    """
    value = _read(path, Stage)
    ways = [Way(**_part(path, way, Way)) for way in _list_of(path, value, 'ways')]
    return Stage(**value | dict(origin=_origin(path, value), ways=ways))


def read_growth(path: str | Path) -> Growth:
    """Read how a stage grows.

    Raises:
        FormatError: If the file holds something else.
    """
    value = _read(path, Growth)
    points = _list_of(path, value, 'points')
    for point in points:
        good = is_table(point, object) and all(map(is_number, point.values()))
        if not good or not all(_is_positive(point.get(k)) for k in ('size', 'seconds')):
            raise _not_ours(path, 'points')
    return Growth(**value | dict(origin=_origin(path, value)))


def _read(path: str | Path, kind: type) -> dict[str, Any]:
    value = read_json(path)
    if not is_table(value, object) or value.get('schema') != SCHEMA:
        raise _not_ours(path, 'schema')
    return _part(path, {k: v for k, v in value.items() if k != 'schema'}, kind)


def _origin(path: str | Path, value: Mapping[str, Any]) -> Origin:
    return Origin(**_part(path, value['origin'], Origin))


def _list_of(path: str | Path, value: Mapping[str, Any], name: str) -> list[Any]:
    found = value[name]
    if not isinstance(found, list) or len(found) < 2:
        raise _not_ours(path, name)
    return found


# {annotation: what tells whether a value is of it}
_KINDS: dict[Any, Callable[[object], bool]] = {
    str: lambda v: isinstance(v, str),
    int: lambda v: type(v) is int,
    float: is_number,
    int | None: lambda v: v is None or type(v) is int,
    float | None: lambda v: v is None or is_number(v),
    dict[str, str]: lambda v: is_table(v, str),
    list[float]: lambda v: isinstance(v, list) and bool(v) and all(map(_is_positive, v)),
}


def _is_positive(value: object) -> bool:
    return is_number(value) and value > 0  # type: ignore[operator]


def _part(path: str | Path, value: object, kind: type) -> dict[str, Any]:
    """Check that a value has the fields of a class, and those of plain types are of them."""
    if not isinstance(value, dict) or set(value) != {f.name for f in fields(kind)}:
        raise _not_ours(path, kind.__name__.lower())
    for field in fields(kind):
        if field.type in _KINDS and not _KINDS[field.type](value[field.name]):
            raise _not_ours(path, field.name)
    return value


def _not_ours(path: str | Path, name: str) -> FormatError:
    return FormatError(
        f'{path} has no {name!r} as python -m benchmarks --out writes it; measure the stage again.'
    )
