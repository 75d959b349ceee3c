"""How busy the stage qape keeps a server: python -m benchmarks.served.

A server of fixed latency runs in a process of its own. Ideal is the time in which its slots would
answer all requests without a pause.
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from PIL import Image

from benchmarks.chat_server import MODEL
from qaclims_mm.console import new_console
from qaclims_mm.engine.config import read_config
from qaclims_mm.engine.runner import build_runner
from qaclims_mm.errors import StageError

LEAF = 'qape/qwen2.5-vl-7b-served_fg6-bg10_voc12aug-full.py'
QUESTIONS = 16
CLASSES = (('dog',), ('cat', 'sofa'))


class Work(NamedTuple):
    """What is asked.

    Attributes:
        images: Images of 375 x 500 px with 1.5 classes on average, as those of VOC.
        slots: Requests that are open at the same time.
        latency: Seconds of an answer.
        structured: Whether one request has all questions about a class.
        loop: Loop of the run.
    """

    images: int = 96
    slots: int = 32
    latency: float = 0.5
    structured: bool = False
    loop: str = 'AheadTestLoop'

    @property
    def requests(self) -> int:
        """Number of requests."""
        pairs = sum(len(CLASSES[i % 2]) for i in range(self.images))
        return pairs if self.structured else pairs * QUESTIONS

    @property
    def ideal(self) -> float:
        """Seconds of the server for all requests."""
        return math.ceil(self.requests / self.slots) * self.latency


class Measured(NamedTuple):
    """What a run took.

    Attributes:
        seconds: Of the stage, from its start to its manifest.
        served: Seconds from the first question to the last answer, as the server saw them.
    """

    seconds: float
    served: float


def main() -> None:
    """Print the share of the ideal throughput."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in Work()._asdict().items():
        if isinstance(default, bool):
            parser.add_argument(f'--{name}', action='store_true')
        else:
            parser.add_argument(f'--{name}', type=type(default), default=default)
    work = Work(**vars(parser.parse_args()))
    found = measure(work)
    new_console(width=120).print(
        f'{work.requests} requests, {work.slots} slots of {work.latency:g} s, {work.loop}: ideal '
        f'{work.ideal:.1f} s, served in {found.served:.1f} s ({work.ideal / found.served:.0%}), '
        f'stage {found.seconds:.1f} s ({work.ideal / found.seconds:.0%})'
    )


def measure(work: Work) -> Measured:
    """Run the stage.

    Raises:
        StageError: If the server saw another number of requests.
    """
    command = [sys.executable, '-m', 'benchmarks.chat_server', '--latency', str(work.latency)]
    pipes: dict[str, Any] = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, encoding='utf-8', **pipes)
        try:
            url = server.stdout.readline().strip() if server.stdout else ''
            runner = build_runner(config_of(work, Path(folder), url), 'test')
            begin = time.perf_counter()
            runner.test()
            seconds = time.perf_counter() - begin
        finally:
            served, _, number = server.communicate('')[0].strip().partition(' ')
    if int(number) != work.requests:
        raise StageError(f'the server saw {number} requests instead of {work.requests}.')
    return Measured(seconds, float(served))


def config_of(work: Work, folder: Path, url: str) -> Config:
    """Write images and labels, and return the config of a run over them."""
    rng = np.random.default_rng(0)
    (folder / 'JPEGImages').mkdir()
    rows, names = ['image,labels'], []
    for i in range(work.images):
        small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        small.resize((500, 375)).save(folder / f'JPEGImages/{i:06}.jpg')
        names.append(f'{i:06}')
        rows.append(f'{i:06},{";".join(CLASSES[i % 2])}')
    (folder / 'labels.csv').write_text('\n'.join(rows) + '\n', encoding='utf-8')
    (folder / 'list.txt').write_text('\n'.join(names) + '\n', encoding='utf-8')
    options = {
        'model.vqa.model': MODEL,
        'model.vqa.structured': work.structured,
        'model.vqa.server': dict(base_url=url, concurrency=work.slots),
        'test_cfg.type': work.loop,
        'test_dataloader.dataset.data_root': str(folder),
        'test_dataloader.dataset.ann_file': 'list.txt',
        'test_dataloader.dataset.labels_file': 'labels.csv',
        'log_level': 'WARNING',
    }
    cfg = read_config(LEAF, str(folder / 'work'), options)
    cfg.launcher = 'none'
    return cfg


if __name__ == '__main__':
    main()
