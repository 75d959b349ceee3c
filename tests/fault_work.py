"""Light work that writes files of every kind, for processes that are killed or find no room."""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from qaclims_mm.cli._execute import run_tool
from qaclims_mm.corpus.store import write_shard
from qaclims_mm.schemas import (
    Manifest,
    file_of,
    write_cams,
    write_json,
    write_mask,
    write_text_bank,
)

IDS = ('a', 'sub dir/ü', 'n' * 245)


def write_all(folder):
    """Write answers, texts, maps, masks and lists; what is there already is written again."""
    rng = np.random.default_rng(0)
    row = dict(class_name='dog', kind='fg', question_id='fine_1', question='What?', score=-0.5)
    rows = {i: [row | dict(image_id=i, answer='puppy', text='puppy dog')] for i in IDS}
    write_shard(folder / 'corpus', 0, rows)
    texts = [f'text {n}' for n in range(40)]
    index = dict(image_id=['a'], class_name=['dog'], label=[0], fg=[[1]], bg=[[2]], no=[3])
    write_text_bank(folder / 'bank', rng.random((40, 64)), texts, index, dict(clip='c'))
    for image_id in IDS:
        high = rng.random((2, 32, 48), dtype=np.float32)
        path = file_of(folder / 'cams', image_id, '.npz')
        write_cams(path, np.arange(2), high[:, ::4, ::4], high)
        write_mask(file_of(folder / 'masks', image_id, '.png'), rng.integers(0, 9, (32, 48)))
    write_json(folder / 'long.json', list(range(3000)))
    Manifest('work', 'c', counts=dict(images=len(IDS))).write(folder)


def run(folder, errors, most=None):
    """Do the work as a command does it.

    Args:
        folder: Where.
        errors: File of its standard error.
        most: Bytes that a file may have; more is as on a full disk.
    """
    file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 2)
    sys.stderr = open(2, 'w', encoding='utf-8', closefd=False)  # noqa: SIM115 - it ends with the process
    if most is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        run_tool(lambda: write_all(Path(folder)))
    except SystemExit as end:
        if isinstance(end.code, str):
            with contextlib.suppress(OSError):
                sys.stderr.write(f'{end.code}\n')
        status = 1 if isinstance(end.code, str) else int(end.code or 0)
    sys.stderr.flush()
    os._exit(status)
