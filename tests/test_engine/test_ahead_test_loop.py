import itertools
import json
import logging
import time
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import TINY_LABELS, make_tiny_voc
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from benchmarks.chat_server import MODEL, Behaviour, say, serving, text_of
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.engine.ahead_test_loop import MOST_BEGUN, AheadTestLoop, _Ahead
from qaclims_mm.engine.runner import StageRunner, exit_status
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError, RecordError, StageError
from qaclims_mm.vlms.endpoint import pacing
from qaclims_mm.vlms.endpoint.pictures import data_url
from qaclims_mm.vlms.vqa.vqa_text import parse_answer

pytest.importorskip('openai')

LABELS = {**TINY_LABELS, **{f'img_{i}': ('dog',) for i in range(4, 12)}, 'img_x': ()}
SECRET = 'sk-proj-Q7distinctive1234567890abcdef'
RUNS = itertools.count()
CALLS = 16 * sum(map(len, LABELS.values()))


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch):
    monkeypatch.setattr(pacing, 'FIRST_DELAY', 0.001)
    # logged and written by every runner, and slow
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))


@pytest.fixture
def world(tmp_path):
    make_tiny_voc(tmp_path / 'voc', labels=LABELS)
    return tmp_path / 'voc'


@pytest.fixture
def server():
    behaviour = Behaviour()
    with serving(behaviour) as behaviour.url:
        yield behaviour


def make_runner(world, out_dir, server, loop='AheadTestLoop', structured=False, **settings):
    options = dict(base_url=server.url, concurrency=4, retries=1) | settings
    vqa = dict(type='ServedVQA', model=MODEL, structured=structured, server=options)
    return StageRunner.from_cfg(
        Config(
            dict(
                default_scope='mmseg',
                work_dir=str(world.parent / 'work'),
                # mmengine names what it keeps by the second, and tests are faster
                experiment_name=f'ahead_{next(RUNS)}',
                model=dict(type='VQACorpusBuilder', vqa=vqa),
                test_dataloader=dict(
                    batch_size=2,
                    num_workers=0,
                    sampler=dict(type='ShardSampler', shard_size=4),
                    batch_sampler=dict(type='ShardBatchSampler'),
                    collate_fn=dict(type='list_collate'),
                    dataset=dict(
                        type='VOC12WeakDataset',
                        data_root=str(world),
                        ann_file='train.txt',
                        pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')],
                        test_mode=True,
                    ),
                ),
                test_cfg=dict(type=loop),
                test_evaluator=[dict(type='CorpusWriter', out_dir=str(out_dir), save_every=1)],
                custom_hooks=[
                    dict(type='WorkDirHook'),
                    dict(type='FailedRecordsHook'),
                    dict(type='ResumeTestHook'),
                ],
                log_level='INFO',
            )
        )
    )


def run(*args, **options):
    runner = make_runner(*args, **options)
    runner.test()
    return runner


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def asked_of(server):
    """Return the number of requests, without the first image."""
    number = sum('color' not in text_of(body) for body in server.asked)
    server.asked.clear()
    return number


@pytest.mark.parametrize('structured', [False, True])
def test_the_corpus_is_that_of_a_plain_loop(world, tmp_path, server, structured):
    server.reply = lambda prompt: say(prompt.split('\n')[0])
    run(world, tmp_path / 'ahead', server, structured=structured)
    run(world, tmp_path / 'plain', server, 'TestLoop', structured=structured)
    assert files(tmp_path / 'ahead') == files(tmp_path / 'plain')
    for image_id, rows in VQACorpus(tmp_path / 'ahead'):
        assert len(rows) == 16 * len(LABELS[image_id])
        if not structured:
            wanted = [parse_answer(say(r['question']), r['question']) for r in rows]
            assert [r['answer'] for r in rows] == wanted
            assert {r['score'] for r in rows} == {-0.375}


def test_requests_of_the_next_images_begin_before_the_last_ends(world, tmp_path, server):
    """No batch of two images has more than 48 questions: one batch alone never ends the wait."""

    def reply(prompt):
        end = time.monotonic() + 20
        while 'color' not in prompt and server.peak <= 48 and time.monotonic() < end:
            time.sleep(0.01)
        return say(prompt)

    server.reply = reply
    run(world, tmp_path / 'corpus', server, concurrency=60)
    assert server.peak > 48
    assert asked_of(server) == CALLS


@pytest.mark.parametrize('dies_at', [0, 1, 40, 100, CALLS - 1])
def test_a_server_that_dies_midway(world, tmp_path, server, dies_at):
    run(world, tmp_path / 'whole', server)
    assert asked_of(server) == CALLS
    server.fault = lambda number, body: (500, 'dead') if number > dies_at else None
    with pytest.raises(StageError, match=r'cannot answer \(status 500: dead\)\. Run the same'):
        run(world, tmp_path / 'corpus', server)
    server.asked.clear()
    assert not (tmp_path / 'corpus/manifest.json').exists()
    # it is started again at another address, and asked in another way
    server.fault = lambda number, body: None
    with serving(server) as server.url:
        run(world, tmp_path / 'corpus', server, concurrency=7, price_input=1)
    # lost are at most the images in flight: two batches that wait, and the one that is answered
    assert asked_of(server) <= CALLS - dies_at + 3 * 2 * 32
    whole, again = files(tmp_path / 'whole'), files(tmp_path / 'corpus')
    assert whole == again


def test_what_is_done_is_not_asked_again(world, tmp_path, server):
    run(world, tmp_path / 'corpus', server)
    asked_of(server)
    server.fault = lambda number, body: (500, 'dead')
    run(world, tmp_path / 'corpus', server)
    # not even the first image: nobody needs the server
    assert not server.asked


@pytest.mark.parametrize('structured', [False, True])
def test_a_refused_image_is_a_bad_record(world, tmp_path, server, structured):
    pixels = np.asarray(Image.open(world / 'JPEGImages/img_2.jpg').convert('RGB'))
    bad, refusal = data_url(pixels), (400, json.dumps(dict(error='content policy')))

    def fault(number, body):
        url = body['messages'][0]['content'][0]['image_url']['url']
        return refusal if url == bad else None

    server.fault = fault
    runner = run(world, tmp_path / 'corpus', server, structured=structured)
    assert exit_status(runner) == EXIT_BAD_RECORDS
    corpus = VQACorpus(tmp_path / 'corpus')
    assert corpus.image_ids == sorted(i for i in LABELS if i not in ('img_2', 'img_x'))
    [[image_id, reason]] = corpus.manifest.failed
    assert image_id == 'img_2'
    refusal = 'the server refuses the image (status 400: content policy).'
    assert reason == f'{world}/JPEGImages/img_2.jpg: {refusal}'


def test_a_strict_run_stops_at_a_refused_image(world, tmp_path, server):
    server.fault = lambda number, body: (400, 'no') if 'train' in text_of(body) else None
    runner = make_runner(world, tmp_path / 'corpus', server)
    runner.test_dataloader.dataset.strict = True
    with pytest.raises(RecordError, match=r'img_3\.jpg: .* refuses the image \(status 400: no\)'):
        runner.test()
    assert not (tmp_path / 'corpus/manifest.json').exists()


def test_the_log_ends_with_the_tokens_and_has_no_key(world, tmp_path, server, monkeypatch, caplog):
    monkeypatch.setenv('MY_KEY', SECRET)
    server.key = SECRET
    caplog.set_level(logging.DEBUG)
    runner = run(world, tmp_path / 'corpus', server, api_key_env='MY_KEY', price_output=1000)
    runner.logger.handlers[-1].flush()
    written = [p for p in tmp_path.rglob('*') if p.is_file()]
    assert {p.suffix for p in written} >= {'.parquet', '.json', '.log', '.py'}
    assert not [p for p in written if SECRET.encode() in p.read_bytes()]
    [log] = (tmp_path / 'work').glob('*/*.log')
    line = f'{MODEL}: requests: {CALLS + 1} (failed attempts: 0); tokens: {100 * (CALLS + 1):,} of'
    assert line in log.read_text()
    assert 'cost 1.1250 at the prices of the config' in log.read_text()
    assert SECRET not in caplog.text


def test_the_log_has_the_tokens_of_a_run_that_fails(world, tmp_path, server):
    server.fault = lambda number, body: (500, 'dead') if number > 20 else None
    runner = make_runner(world, tmp_path / 'corpus', server)
    with pytest.raises(StageError, match='dead'):
        runner.test()
    [log] = (tmp_path / 'work').glob('*/*.log')
    assert f'{MODEL}: requests: 21 (' in log.read_text()


class Counting:
    """A model that is busy with three batches."""

    def __init__(self, busy=3):
        self.busy, self.begun, self.done = busy, [], []

    @property
    def is_busy(self):
        return len(self.begun) - len(self.done) >= self.busy

    def begin(self, batch):
        self.begun.append(batch)

    def finish(self):
        return []


@pytest.mark.parametrize('number', [0, 1, 3, 10])
def test_batches_keep_their_order(number):
    model, most = Counting(), 0
    for batch in _Ahead(range(number), model):
        most = max(most, len(model.begun) - len(model.done))
        model.done.append(batch)
    assert model.begun == model.done == list(range(number))
    assert most == min(number, 3)


def test_images_without_questions_do_not_fill_the_memory():
    model, most = Counting(busy=10**9), 0
    for batch in _Ahead(range(3 * MOST_BEGUN), model):
        most = max(most, len(model.begun) - len(model.done))
        model.done.append(batch)
    assert most == MOST_BEGUN + 1
    assert model.done == list(range(3 * MOST_BEGUN))


def test_the_loader_is_otherwise_the_same():
    loader = SimpleNamespace(dataset='data', __len__=None)
    assert _Ahead(loader, Counting()).dataset == 'data'
    assert len(_Ahead([1, 2], Counting())) == 2


def test_a_model_that_begins_nothing_ahead():
    loop = AheadTestLoop.__new__(AheadTestLoop)
    loop._runner, loop.dataloader = SimpleNamespace(model=SimpleNamespace()), []
    with pytest.raises(ConfigError, match=r'but got a SimpleNamespace; set test_cfg = dict\(type='):
        loop.run()


def test_the_plain_runner_takes_it(world, tmp_path, server):
    """mmengine's own runner is what mmseg's tools have."""
    runner = make_runner(world, tmp_path / 'corpus', server)
    Runner.test(runner)
    assert len(VQACorpus(tmp_path / 'corpus')) == len(LABELS) - 1
