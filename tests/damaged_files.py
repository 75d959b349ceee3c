"""Every kind of file that this package reads, with its reader, and ways to damage it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image
from released_files import npy
from safetensors.torch import save_file
from tiny_work_dir import WITH_MAPS, end_stage, make_corpus, make_maps, make_text_bank

from qaclims_mm.convert.npy import read_npy
from qaclims_mm.datasets.read_image import UNREADABLE, read_image, unreadable
from qaclims_mm.engine.checkpoints import load_safely
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.schemas import (
    Manifest,
    check_text_bank,
    file_of,
    read_cams,
    read_claim,
    read_metrics,
    read_run_config,
    read_shard,
    update_metrics,
    write_run_config,
)
from qaclims_mm.schemas.cams import check_cams
from qaclims_mm.schemas.labels import read_instances, read_labels
from qaclims_mm.schemas.masks import check_mask
from qaclims_mm.schemas.numbers.costs import Cost, read_costs, write_costs
from qaclims_mm.schemas.numbers.curve import Curve, read_curve, write_curve
from qaclims_mm.schemas.numbers.runs import Run, note_run, read_runs
from qaclims_mm.schemas.project import ProjectTables, read_project_tables, write_project_tables
from qaclims_mm.schemas.stage_folder import StageFolder

ENDED = Run(seconds=1.5, gigabytes=0.5, megabytes=2.0, status=0, resumed=False)
COCO = dict(
    images=[dict(id=1, file_name='p0.png', width=40, height=33)],
    categories=[dict(id=7, name='dog')],
    annotations=[dict(id=1, image_id=1, category_id=7, bbox=[0, 0, 3, 3], segmentation=[])],
)
VOC = '<annotation><filename>p0.png</filename><object><name>dog</name></object></annotation>'
LABELME = dict(
    imagePath='p0.png', shapes=[dict(label='dog', points=[[0, 0], [3, 3]], shape_type='rectangle')]
)


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        path: The file.
        read: Reads it, and what belongs to it.
        is_whole: Whether its format tells every change of its content: what is read without an
            error is then right.
    """

    path: Path
    read: Callable[[], Any]
    is_whole: bool = False


def make_kinds(root: Path) -> dict[str, Kind]:
    """Write a file of each kind; returns {name: kind}."""
    return {**_kinds_of_a_run(root / 'run'), **_kinds_of_networks(root), **_kinds_of_people(root)}


def _kinds_of_a_run(run: Path) -> dict[str, Kind]:
    make_corpus(run / 'qape/corpus')
    make_text_bank(run / 'texts/text_bank', run / 'qape/corpus')
    make_maps(run / 'maps')
    update_metrics(run / 'maps/metrics.json', 'maps', {'cam/mIoU': 50.0})
    write_run_config(run / 'maps', 'test', 'c.py', dict(model=dict(type='A')))
    write_curve(run / 'maps/curve.json', Curve(np.ones(1), np.ones(1), {'dog': np.ones(1)}))
    write_costs(run / 'costs.json', 'a machine', {'qape': Cost(1.0, 2.0)})
    for stage in ('qape', 'texts', 'maps'):
        end_stage(run / stage)
        note_run(run, stage, ENDED)
    bank, image_id = run / 'texts/text_bank', WITH_MAPS[0]
    shard = run / 'qape/corpus/part-00001.parquet'
    cams = file_of(run / 'maps/cams', image_id, '.npz')
    mask = file_of(run / 'maps/ir_labels', image_id, '.png')
    stage = StageFolder(run / 'maps')
    return {
        'manifest': Kind(stage.path / 'manifest.json', lambda: Manifest.read(stage.path)),
        'claim': Kind(stage.path / 'run.json', lambda: read_claim(stage.path)),
        'outputs': Kind(stage.path / 'outputs.json', stage.read_outputs),
        'runs': Kind(run / 'logs/runs.json', lambda: read_runs(run)),
        'metrics': Kind(run / 'maps/metrics.json', lambda: read_metrics(run / 'maps/metrics.json')),
        'curve': Kind(run / 'maps/curve.json', lambda: read_curve(run / 'maps/curve.json')),
        'costs': Kind(run / 'costs.json', lambda: read_costs(run / 'costs.json')),
        'run config': Kind(
            run / 'maps/test_config.json', lambda: read_run_config(run / 'maps/test_config.json')
        ),
        'shard': Kind(shard, lambda: read_shard(shard).to_pydict(), True),
        'texts': Kind(bank / 'texts.json', lambda: check_text_bank(bank).texts),
        'index': Kind(
            bank / 'index.parquet', lambda: check_text_bank(bank).index.to_pydict(), True
        ),
        'embeddings': Kind(bank / 'texts.safetensors', lambda: check_text_bank(bank)[0]),
        'maps': Kind(cams, lambda: read_cams(cams), True),
        'maps in pieces': Kind(cams, lambda: check_cams(cams), True),
        'mask': Kind(mask, lambda: check_mask(mask), True),
    }


def _kinds_of_networks(root: Path) -> dict[str, Kind]:
    weights = dict(a=torch.arange(6.0), b=torch.ones(2, 3))
    paths = {name: root / name for name in ('new.pth', 'old.pth', 'a.safetensors')}
    for name in ('new.pth', 'old.pth'):
        content = dict(state_dict=weights, meta=dict(epoch=1))
        torch.save(content, paths[name], _use_new_zipfile_serialization=name == 'new.pth')
    save_file(weights, paths['a.safetensors'])
    kinds = {n: Kind(p, lambda p=p: load_safely(str(p), 'cpu')) for n, p in paths.items()}
    answers = dict(a=[('what?', 'dog', np.str_('x'))], b=torch.ones(2))
    np.save(root / 'a.npy', np.array(answers, dtype=object))
    (root / 'empty.npy').write_bytes(npy(b''))
    return kinds | {'npy': Kind(root / 'a.npy', lambda: read_npy(root / 'a.npy'))}


def _read_picture(path: Path) -> np.ndarray:
    try:
        return read_image(str(path))[0]
    except UNREADABLE as error:
        raise unreadable(str(path), error) from error


def _kinds_of_people(root: Path) -> dict[str, Kind]:
    images = root / 'images'
    images.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (33, 40, 3), dtype=np.uint8)
    for suffix in ('png', 'jpg', 'tif', 'bmp', 'gif', 'webp'):
        Image.fromarray(pixels).save(images / f'p0.{suffix}')
    kinds = {
        f'image {p.suffix}': Kind(p, lambda p=p: _read_picture(p)) for p in sorted(images.iterdir())
    }
    tables = {
        'labels.csv': 'image,labels\np0,dog;cat\n',
        'wide.csv': 'image;dog;cat\np0.png;1;0\n',
        'coco.json': json.dumps(COCO),
        'lines.jsonl': '{"file_name": "p0.png", "label": "dog"}\n',
        'cvat.xml': '<annotations><image id="0" name="p0.png" width="40" height="33">'
        '<tag label="dog"/></image></annotations>',
    }
    only = root / 'only'
    only.mkdir()
    (only / 'p0.png').write_bytes((images / 'p0.png').read_bytes())
    for name, text in tables.items():
        path = root / name
        path.write_text(text)
        kinds[name] = Kind(path, lambda p=path: dict(read_source(p, only).rows))
    for name, text in (('voc/p0.xml', VOC), ('labelme/p0.json', json.dumps(LABELME))):
        path = root / name
        path.parent.mkdir()
        path.write_text(text)
        kinds[name] = Kind(path, lambda p=path: dict(read_source(p.parent, only).rows))
    project = root / 'project'
    project.mkdir()
    write_project_tables(project, ProjectTables(only, ('dog', 'cat')))
    for name in ('project.json', 'classes.csv'):
        kinds[name] = Kind(project / name, lambda: read_project_tables(project))
    kinds['own labels'] = Kind(root / 'labels.csv', lambda: read_labels(root / 'labels.csv'))
    kinds['instances'] = Kind(root / 'coco.json', lambda: read_instances(root / 'coco.json'))
    return kinds


# ------------------------------------------------------------------------------------------ damage


@st.composite
def damages(draw: Any) -> Callable[[bytes], bytes]:
    """Return a function that damages a content; what it does it shows as a text."""
    places = st.floats(0, 1, exclude_max=True)
    name = draw(st.sampled_from(sorted(_WAYS)))
    start, length = draw(places), draw(st.integers(1, 64))
    more = draw(st.sampled_from(_PIECES) | st.binary(min_size=1, max_size=40))
    flips = draw(st.lists(st.tuples(places, st.integers(0, 7)), min_size=1, max_size=3))
    return _Damage(name, start, length, more, flips)


# what readers stumble over
_PIECES = (
    b'[' * 5000, b'{"a":' * 3000, b'null', b'NaN', b'1e999', b'-1', b'9' * 400, b'"', b'\\ud800',
    b'\x00', b'\xff\xfe', b'\xef\xbb\xbf', b'<a>', b'<!DOCTYPE a [<!ENTITY b "c">]>', b'&b;', b',',
    b'\n', b'PK\x03\x04', b')' + b'2\x86' * 60, b'cos\nsystem\n', b'{}', b'[]', b'true',
)  # fmt: skip


class _Damage:
    def __init__(
        self, name: str, start: float, length: int, more: bytes, flips: list[tuple[float, int]]
    ) -> None:
        self.name, self.start, self.length = name, start, length
        self.more, self.flips = more, flips

    def __repr__(self) -> str:
        return f'{self.name} at {self.start} of {self.length}, {self.more[:20]!r}, {self.flips}'

    def __call__(self, content: bytes) -> bytes:
        return _WAYS[self.name](self, content)

    def place(self, content: bytes) -> tuple[int, int]:
        """Return where it begins and ends."""
        start = int(self.start * len(content))
        return start, min(len(content), start + self.length)


def _flip(how: _Damage, content: bytes) -> bytes:
    changed = bytearray(content)
    for place, bit in how.flips:
        changed[int(place * len(content))] ^= 1 << bit
    return bytes(changed)


def _zero(how: _Damage, content: bytes) -> bytes:
    start, end = how.place(content)
    return content[:start] + bytes(end - start) + content[end:]


def _insert(how: _Damage, content: bytes) -> bytes:
    start, _ = how.place(content)
    return content[:start] + how.more + content[start:]


def _drop(how: _Damage, content: bytes) -> bytes:
    start, end = how.place(content)
    return content[:start] + content[end:]


def _replace(how: _Damage, content: bytes) -> bytes:
    start, end = how.place(content)
    return content[:start] + how.more + content[end:]


def _repeat(how: _Damage, content: bytes) -> bytes:
    start, end = how.place(content)
    return content[:end] + content[start:]


_WAYS: dict[str, Callable[[_Damage, bytes], bytes]] = {
    'cut': lambda how, content: content[: how.place(content)[0]],
    'cut the start': lambda how, content: content[how.place(content)[0] :],
    'drop': _drop,
    'flip': _flip,
    'zero': _zero,
    'insert': _insert,
    'replace': _replace,
    'repeat': _repeat,
    'other': lambda how, content: how.more,
}
