"""The stage qape against a server, in processes of their own: killed, refused, without a key."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from helpers import TINY_LABELS, make_tiny_voc

from benchmarks.chat_server import MODEL, Behaviour, serving, text_of
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.errors import EXIT_BAD_RECORDS
from qaclims_mm.paths import config_path

pytest.importorskip('openai')
LABELS = {**TINY_LABELS, **{f'img_{i}': ('dog',) for i in range(4, 12)}}
CALLS = 16 * sum(map(len, LABELS.values()))
SECRET = 'sk-proj-Q7distinctive1234567890abcdef'
LEAF = """\
_base_ = {base!r}
model = dict(vqa=dict(model={model!r}, server=dict(base_url={url!r}, concurrency=4, retries=1)))
test_dataloader = dict(num_workers=0, batch_size=1, dataset=dict(
    data_root={root!r}, ann_file='train.txt', labels_file='labels.csv'))
test_evaluator = [dict(type='CorpusWriter', save_every=1)]
"""


@pytest.fixture
def server():
    behaviour = Behaviour()
    with serving(behaviour) as behaviour.url:
        yield behaviour


@pytest.fixture
def leaf(tmp_path, server):
    make_tiny_voc(tmp_path / 'voc', labels=LABELS)
    base = config_path('qape/qwen2.5-vl-7b-served_fg6-bg10_voc12aug-full.py')
    path = tmp_path / 'served.py'
    root = str(tmp_path / 'voc')
    path.write_text(LEAF.format(base=base, model=MODEL, url=server.url, root=root))
    return path


def start(leaf, work, *options, **variables):
    command = [sys.executable, '-m', 'qaclims_mm', 'test', str(leaf), 'none']
    command += ['--work-dir', str(work), *(['--cfg-options', *options] if options else [])]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8')
    env = {k: v for k, v in os.environ.items() if k != 'MY_KEY'} | variables
    return subprocess.Popen(command, env=env, **pipes)


def finish(process):
    text, _ = process.communicate(timeout=300)
    assert 'Traceback' not in text
    return process.returncode, text


def last(text):
    return text.strip().splitlines()[-1]


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.slow
def test_killed_and_resumed(leaf, tmp_path, server):
    assert finish(start(leaf, tmp_path / 'whole'))[0] == 0
    server.asked.clear()
    server.latency = 0.1
    process = start(leaf, tmp_path / 'killed')
    end = time.monotonic() + 120
    while len(server.asked) < CALLS // 2 and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert CALLS // 2 <= len(server.asked) < CALLS
    assert not (tmp_path / 'killed/corpus/manifest.json').exists()
    server.asked.clear()
    server.latency = 0.0
    assert finish(start(leaf, tmp_path / 'killed'))[0] == 0
    # the first image, and what was in flight: three times four slots, in whole images
    assert len(server.asked) <= CALLS // 2 + 1 + 12 + 2 * 32
    assert files(tmp_path / 'killed/corpus') == files(tmp_path / 'whole/corpus')


@pytest.mark.slow
def test_one_line_and_an_exit_status(leaf, tmp_path, server):
    """Six runs of what goes wrong, at once: they spend their time on imports."""
    no_vision = (400, '{"error": {"message": "stub-vl does not take images"}}')
    behaviours = dict(key=Behaviour(key=SECRET), vision=Behaviour(fault=lambda n, body: no_vision))
    with serving(behaviours['key']) as with_key, serving(behaviours['vision']) as blind:
        url, env = 'model.vqa.server.base_url', 'model.vqa.server.api_key_env'
        runs = {
            r'variable MY_KEY, .* is not set': start(leaf, tmp_path / 'a', f'{env}=MY_KEY'),
            r'refuses the key \(status 401: .*\*\*\*.*check the key in MY_KEY': start(
                leaf, tmp_path / 'b', f'{env}=MY_KEY', f'{url}={with_key}', MY_KEY=f'{SECRET}x'
            ),
            r'looks like a key or a password': start(
                leaf, tmp_path / 'c', f'model.vqa.server.api_key={SECRET}'
            ),
            r"has no model 'other' .*; it has stub-vl": start(
                leaf, tmp_path / 'd', 'model.vqa.model=other'
            ),
            r'takes no images; serve a model with vision': start(
                leaf, tmp_path / 'e', f'{url}={blind}'
            ),
            r'does not answer \(no connection': start(
                leaf, tmp_path / 'f', f'{url}=http://127.0.0.1:9/v1'
            ),
        }
        found = {message: finish(process) for message, process in runs.items()}
    for message, (status, text) in found.items():
        assert status == 1
        assert last(text).startswith('error: ')
        assert re.search(message, last(text)), text
        assert SECRET not in text
    assert not (tmp_path / 'c').exists()
    written = [p for name in 'abdef' for p in (tmp_path / name).rglob('*') if p.is_file()]
    assert written
    assert not [p for p in written if SECRET.encode() in p.read_bytes()]


@pytest.mark.slow
def picture_of(body):
    """Return the picture of a request."""
    return body['messages'][0]['content'][0]['image_url']['url']


def test_a_refused_image_gives_its_status(leaf, tmp_path, server):
    bad = 'the train'
    server.fault = lambda n, body: (400, 'content filter') if bad in text_of(body) else None
    status, text = finish(start(leaf, tmp_path / 'work'))
    assert status == EXIT_BAD_RECORDS
    assert 'img_3: ' in text
    assert 'refuses the image (status 400: content filter)' in text
    corpus = VQACorpus(tmp_path / 'work/corpus')
    assert len(corpus) == len(LABELS) - 1
    assert [image_id for image_id, _ in corpus.manifest.failed] == ['img_3']
    # after a plain picture, the same command asks about this image alone, and still says so
    server.asked.clear()
    assert finish(start(leaf, tmp_path / 'work'))[0] == EXIT_BAD_RECORDS
    _, *others = dict.fromkeys(map(picture_of, server.asked))
    assert others == [*{picture_of(body) for body in server.asked if bad in text_of(body)}]
    # until the server takes it
    server.fault = lambda n, body: None
    assert finish(start(leaf, tmp_path / 'work'))[0] == 0
    assert len(VQACorpus(tmp_path / 'work/corpus')) == len(LABELS)
