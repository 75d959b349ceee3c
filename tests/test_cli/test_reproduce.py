"""``qaclims reproduce`` over a catalogue of a tiny VOC, a tiny network and a server here."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import pytest
import torch
from download_servers import Served, proxy, serving
from helpers import make_tiny_voc
from released_files import cam_file
from tiny_runs import ROOT, write_tiny_config
from tool_runs import run_tool

VOC = 'data/VOCdevkit/VOC2012'
# the network whose weights are served: a ResNet-50 of two channels
NETWORK = """
model = dict(
    type='CAMClassifier',
    backbone=dict(type='ResNet', depth=50, base_channels=2, stem_channels=4),
    cam_head=dict(type='CAMHead', in_channels=64, num_classes=20),
)
"""
PLAN = """
work_dir = 'work_dirs/tiny'
stages = [
    dict(name='cam_maps', command='test', config='tiny.py', checkpoint='data/weights/cam.pth'),
]
table = dict(
    rows=dict(cam_maps='CAM'), columns={'cam/mIoU': 'best mIoU'},
    paper={'cam_maps': ('cam/mIoU', 48.3)},
)
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Files of a server, a plan and a catalogue, which is given an address by ``write``."""
    for name in [n for n in os.environ if n.lower().endswith('_proxy')]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    made = tmp_path / 'made'
    make_tiny_voc(made / 'VOCdevkit/VOC2012')
    with tarfile.open(made / 'voc.tar', 'w') as archive:
        archive.add(made / 'VOCdevkit', 'VOCdevkit')
    cam_file(made / 'cam_in.pth', num_classes=20)
    weights = torch.load(made / 'cam_in.pth', weights_only=True)
    # or fifty layers of positive weights overflow
    small = {k: v * 0.02 if v.ndim == 4 else v for k, v in weights.items()}
    torch.save(small, made / 'cam_in.pth')
    (made / 'aug.txt').write_text('img_0\nimg_1\nimg_2\nimg_3\n')
    write_tiny_config(tmp_path / 'tiny.py', VOC, NETWORK)
    (tmp_path / 'plan.py').write_text(PLAN)
    return World(
        tmp_path, {n: (made / n).read_bytes() for n in ('voc.tar', 'cam_in.pth', 'aug.txt')}
    )


class World:
    def __init__(self, folder, contents):
        self.folder, self.contents = folder, contents
        self.served = {name: Served(content) for name, content in contents.items()}

    def write(self, url, **changes):
        """Write the catalogue; ``changes`` are of the weights."""
        base = dict(about='x', licence='MIT', page='https://example.com/x')
        voc, cam, aug = (
            base | dict(file=name, urls=[f'{url}/{name}'], bytes=len(content))
            for name, content in self.contents.items()
        )
        digest = hashlib.sha256(self.contents['voc.tar']).hexdigest()
        unpack = dict(folder='VOCdevkit/VOC2012', to=VOC)
        voc |= dict(sha256=digest, unpack=unpack, there=[f'{VOC}/JPEGImages'])
        aug |= dict(copy=f'{VOC}/aug.txt', there=[f'{VOC}/aug.txt'])
        cam |= dict(there=['data/weights/cam.pth'], licence='CC BY-NC 4.0') | changes
        cam = {k: v for k, v in cam.items() if v is not None}
        command = dict(
            about='convert the baseline',
            words=['convert', 'cam', '{downloads}/cam_in.pth', 'data/weights/cam.pth'],
            makes=['data/weights/cam.pth'],
        )
        value = dict(
            title='A tiny paper',
            presets=dict(paper='plan.py'),
            items=[voc, aug, cam],
            commands=[command],
            note='That is all.',
        )
        (self.folder / 'tiny.json').write_text(json.dumps(value))


def reproduce(*words, capsys):
    return run_tool('reproduce', 'tiny.json', *words, capsys=capsys)


READY = ('--accept-licences', '--download-only')


def test_a_dry_run_writes_nothing(world, capsys):
    with serving(world.served) as (url, asked):
        world.write(url, urls=None)
        before = sorted(world.folder.rglob('*'))
        done = reproduce('--dry-run', capsys=capsys)
    assert done.status == 0, done.text
    for part in ('A tiny paper, preset paper', 'CC BY-NC 4.0', 'to fetch', 'by hand', 'voc.tar'):
        assert part in done.text
    assert '→ data/downloads/cam_in.pth' in done.text
    lines = [line.strip() for line in done.text.splitlines()]
    assert f'from: {url}/voc.tar' in lines
    assert any(line.startswith('needs about 0.0 GB in all') for line in lines)
    # the plan
    assert 'cam_maps' in done.text
    assert 'plan.py in work_dirs/tiny' in done.text
    assert sorted(world.folder.rglob('*')) == before
    assert asked == []


def test_a_dry_run_names_a_file_of_the_wrong_size(world, capsys):
    size = len(world.contents['voc.tar'])
    with serving(world.served) as (url, _):
        world.write(url)
        path = world.folder / 'data/downloads/voc.tar'
        path.parent.mkdir(parents=True)
        path.write_bytes(b'half of it')
        done = reproduce('--dry-run', '--download-only', capsys=capsys)
    assert done.status == 0, done.text
    assert 'wrong size' in done.text
    assert f'data/downloads/voc.tar has 10 bytes, not {size}; delete it' in done.text


def test_all_is_fetched_converted_checked_and_run(world, capsys):
    with serving(world.served) as (url, asked):
        world.write(url)
        done = reproduce('--accept-licences', '--work-dir', 'work', capsys=capsys)
        assert done.status == 0, done.text
        assert [path for path, _ in asked] == ['/voc.tar', '/aug.txt', '/cam_in.pth']
    assert 'convert the baseline: qaclims convert cam data/downloads/cam_in.pth' in done.text
    assert 'nothing is missing; 4 records' in done.text
    [row] = [line for line in done.text.splitlines() if line.startswith('│ CAM')]
    metrics = json.loads((world.folder / 'work/metrics.json').read_text())
    measured = metrics['cam_maps']['cam/mIoU']
    difference = round(round(measured, 1) - 48.3, 1)
    assert [cell.strip() for cell in row.strip('│').split('│')] == [
        'CAM',
        f'{measured:.1f}',
        '48.3 (best mIoU)',
        f'{difference:+.1f} {"within" if abs(difference) <= 0.5 else "beyond"} 0.5',
    ]
    assert done.text.rstrip().endswith('That is all.')
    # offline, with all there: neither the network nor a licence is asked for
    again = reproduce('--work-dir', 'work', capsys=capsys)
    assert again.status == 0, again.text
    assert 'fetching' not in again.text
    assert 'convert' not in again.text


def test_it_stops_before_the_run_if_told_to(world, capsys):
    with serving(world.served) as (url, _):
        world.write(url)
        done = reproduce(*READY, capsys=capsys)
    assert done.status == 0, done.text
    assert 'everything is there; the same command without --download-only runs it' in done.text
    assert not (world.folder / 'work_dirs').exists()


def test_licences_are_accepted_before_anything_is_fetched(world, capsys, monkeypatch):
    with serving(world.served) as (url, asked):
        world.write(url)
        done = reproduce('--download-only', capsys=capsys)
        assert done.status == 1
        assert 'give --accept-licences' in done.text
        for answer in ('\n', 'no\n', ''):
            monkeypatch.setattr('sys.stdin', Terminal(answer))
            done = reproduce('--download-only', capsys=capsys)
            assert done.status == 1
            assert 'were not accepted; nothing was fetched' in done.text
        assert asked == []
        monkeypatch.setattr('sys.stdin', Terminal('y\n'))
        assert reproduce('--download-only', capsys=capsys).status == 0
        assert len(asked) == 3


class Terminal:
    def __init__(self, line):
        self.line = line

    def isatty(self):
        return True

    def readline(self):
        return self.line


def test_what_a_person_fetches_is_named_and_taken(world, capsys):
    with serving(world.served) as (url, _):
        world.write(url, urls=None)
        done = reproduce(*READY, capsys=capsys)
        assert done.status == 1
        assert 'https://example.com/x' in done.text
        assert '→ data/downloads/cam_in.pth' in done.text
        assert 'put these files there, and give the same command again' in done.text
        # the rest is there meanwhile
        assert (world.folder / VOC / 'JPEGImages/img_0.jpg').is_file()
        (world.folder / 'data/downloads/cam_in.pth').write_bytes(world.contents['cam_in.pth'])
        assert reproduce(*READY, capsys=capsys).status == 0


def test_what_is_optional_stops_nothing(world, capsys):
    with serving(world.served) as (url, _):
        world.write(url)
        value = json.loads((world.folder / 'tiny.json').read_text())
        more = dict(about='more', licence='x', page='x', file='more.tar', there=['data/more'])
        value['items'].append(more | dict(optional=True))
        (world.folder / 'tiny.json').write_text(json.dumps(value))
        assert 'more (optional)' in reproduce('--dry-run', capsys=capsys).text
        assert reproduce(*READY, capsys=capsys).status == 0


def test_a_mirror_has_what_a_person_would_fetch(world, capsys):
    world.write('http://127.0.0.1:9', urls=None)
    with serving(world.served) as (url, _):
        assert reproduce(*READY, '--mirror', url, capsys=capsys).status == 0
    done = reproduce(*READY, '--mirror', 'example.com', capsys=capsys)
    assert done.status == 1
    assert '--mirror must begin with http:// or https://' in done.text


def test_all_is_fetched_behind_a_proxy(world, capsys, monkeypatch):
    world.write('http://example.invalid/deep')
    with serving(world.served) as (url, _), proxy(url) as (address, asked):
        monkeypatch.setenv('http_proxy', address)
        assert reproduce(*READY, capsys=capsys).status == 0
    assert asked[0] == 'http://example.invalid/deep/voc.tar'


def test_wrong_files_end_in_messages(world, capsys):
    world.served['voc.tar'].content = bytes(len(world.contents['voc.tar']))
    world.served['cam_in.pth'].content = bytes(len(world.contents['cam_in.pth']))
    with serving(world.served) as (url, _):
        world.write(url)
        done = reproduce(*READY, capsys=capsys)
        assert done.status == 1
        assert 'error: voc.tar cannot be fetched' in done.text
        world.served['voc.tar'].content = world.contents['voc.tar']
        done = reproduce(*READY, capsys=capsys)
    # its checksum is unknown, but the converter reads nothing else than weights
    assert done.status == 1
    assert 'cam_in.pth cannot be loaded safely' in done.text
    assert 'Traceback' not in done.text


def test_missing_data_are_listed_before_the_run(world, capsys):
    with serving(world.served) as (url, _):
        world.write(url)
        assert reproduce(*READY, capsys=capsys).status == 0
    (world.folder / VOC / 'JPEGImages/img_1.jpg').unlink()
    done = reproduce('--accept-licences', capsys=capsys)
    assert done.status == 1
    assert 'img_1.jpg' in done.text
    assert not (world.folder / 'work_dirs').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--preset', 'papr'), 'has no preset papr; it has paper'),
        (('--jobs', '0'), '--jobs must be at least 1, but got 0'),
        (('--seed', '-1'), 'seeds must be at least 0, but got -1'),
    ],
)
def test_wrong_words_are_told_before_anything_is_fetched(world, capsys, words, message):
    with serving(world.served) as (url, asked):
        world.write(url)
        done = reproduce('--accept-licences', *words, capsys=capsys)
    assert done.status in (1, 2)
    assert message in done.text
    assert asked == []


def test_a_killed_command_resumes(world, capsys):
    # the part grows for a while
    world.served['voc.tar'].pause, world.served['voc.tar'].chunk = 0.01, 100
    with serving(world.served) as (url, asked):
        world.write(url)
        command = [sys.executable, ROOT / 'tools/reproduce.py', 'tiny.json', *READY]
        process = subprocess.Popen(command, cwd=world.folder, stdout=subprocess.DEVNULL)
        part = world.folder / 'data/downloads/voc.tar.part'
        while not (part.is_file() and part.stat().st_size > 1000):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        had = part.stat().st_size
        world.served['voc.tar'].pause = 0.0
        done = reproduce(*READY, capsys=capsys)
    assert done.status == 0, done.text
    assert asked[:2] == [('/voc.tar', None), ('/voc.tar', f'bytes={had}-')]
    assert not part.exists()


def test_two_at_once_do_not_meet(world, capsys):
    from qaclims_mm.workflow.locks import hold

    with serving(world.served) as (url, asked), hold(world.folder / 'data/downloads/.lock', 'x'):
        world.write(url)
        done = reproduce(*READY, capsys=capsys)
    assert done.status == 1
    assert 'data/downloads is in use by process' in done.text
    assert asked == []


@pytest.mark.parametrize('preset', ['paper', 'official'])
@pytest.mark.parametrize('name', ['voc12', 'coco14'])
def test_catalogues_have_all_weights_of_their_plans(name, preset, tmp_path, monkeypatch):
    from qaclims_mm.checks.weights import MISSING, find_weights
    from qaclims_mm.downloads.catalogue import catalogue_file, read_catalogue
    from qaclims_mm.paths import config_file
    from qaclims_mm.workflow.plans import read_configs

    found = read_catalogue(catalogue_file(name), preset)
    configs = read_configs(config_file(found.plan))
    known = {i.weights or i.hub for i in found.items}
    made = {path for command in found.commands for path in command.makes}
    monkeypatch.chdir(tmp_path)
    for weights in find_weights(configs):
        if weights.state == MISSING:
            assert any(path.startswith(weights.name) for path in made), weights
        else:
            assert weights.name in known, weights
