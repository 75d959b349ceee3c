"""Images without answers are tried again by the next run, with local and with served models."""

import json

import numpy as np
import pytest
from helpers import TINY_LABELS, FakeVQA, make_tiny_voc
from mmengine.config import Config
from mmengine.logging import MMLogger
from PIL import Image

from benchmarks.chat_server import MODEL, Behaviour, serving
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.engine.runner import StageRunner, exit_status
from qaclims_mm.engine.shards import parse_shard
from qaclims_mm.engine.switches import limit_to_shard
from qaclims_mm.errors import EXIT_BAD_RECORDS, RecordError, StageError
from qaclims_mm.vlms.endpoint import pacing
from qaclims_mm.vlms.endpoint.pictures import data_url
from qaclims_mm.vlms.registry import VQA_MODELS

LABELS = {**TINY_LABELS, **{f'img_{i}': ('dog',) for i in range(4, 9)}, 'img_x': ()}
BAD = ['img_2', 'img_5']


class LocalModel(FakeVQA):
    """A model in this process, which cannot use some images."""

    refused, loaded = {}, 0

    def load(self, device):
        LocalModel.loaded += 1

    def _answer(self, image, questions):
        answers = super()._answer(image, questions)
        return LocalModel.refused.get(int(image.sum()), answers)


class Local:
    vqa = dict(type='LocalModel')

    def refuse(self, pictures, reason='too wide'):
        LocalModel.refused = {int(x.sum()): RecordError(f'{reason}.') for x in pictures}

    def asked(self):
        """Return the number of images of which questions were asked, and forget them."""
        seen, FakeVQA.seen = FakeVQA.seen, []
        return len(seen)


class Served:
    def __init__(self, behaviour):
        self.behaviour = behaviour

    @property
    def vqa(self):
        server = dict(base_url=self.behaviour.url, concurrency=2, retries=0)
        # so that an image of one class is one request
        return dict(type='ServedVQA', model=MODEL, structured=True, server=server)

    def refuse(self, pictures, reason='content policy'):
        urls = {data_url(x) for x in pictures}

        def fault(number, body):
            url = body['messages'][0]['content'][0]['image_url']['url']
            return (400, json.dumps(dict(error=reason))) if url in urls else None

        self.behaviour.fault = fault

    def asked(self):
        urls = [b['messages'][0]['content'][0]['image_url']['url'] for b in self.behaviour.asked]
        self.behaviour.asked.clear()
        # without the first picture, which is red
        return len(set(urls)) - bool(urls)


@pytest.fixture(params=['local', 'served'])
def model(request, monkeypatch):
    monkeypatch.setattr(pacing, 'FIRST_DELAY', 0.001)
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))
    monkeypatch.setattr('qaclims_mm.schemas.corpus.SHARD_SIZE', 4)
    monkeypatch.setattr(FakeVQA, 'images_left', None)
    monkeypatch.setattr(FakeVQA, 'seen', [])
    monkeypatch.setattr(LocalModel, 'refused', {})
    VQA_MODELS.register_module(module=LocalModel)
    if request.param == 'local':
        yield Local()
    else:
        pytest.importorskip('openai')
        behaviour = Behaviour(reply=lambda prompt: '{"1": "grass"}' if 'JSON' in prompt else 'red')
        with serving(behaviour) as behaviour.url:
            yield Served(behaviour)
    VQA_MODELS._module_dict.pop('LocalModel')


@pytest.fixture
def world(tmp_path):
    make_tiny_voc(tmp_path / 'voc', labels=LABELS)
    return tmp_path / 'voc'


def pixels(world, *image_ids):
    paths = [world / f'JPEGImages/{i}.jpg' for i in image_ids]
    return [np.asarray(Image.open(p).convert('RGB')) for p in paths]


def run(world, model, shard=None):
    """Run the stage; return its runner."""
    config = Config(
        dict(
            default_scope='mmseg',
            work_dir=str(world.parent / 'work'),
            model=dict(type='VQACorpusBuilder', groups=['fine'], vqa=model.vqa),
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
            test_cfg=dict(type='AheadTestLoop'),
            test_evaluator=[dict(type='CorpusWriter', out_dir=str(world.parent / 'corpus'))],
            custom_hooks=[dict(type='FailedRecordsHook'), dict(type='ResumeTestHook')],
            log_level='WARNING',
        )
    )
    if shard is not None:
        limit_to_shard(config, parse_shard(shard))
    runner = StageRunner.from_cfg(config)
    runner.test()
    return runner


def files(world):
    return {p.name: p.read_bytes() for p in (world.parent / 'corpus').iterdir()}


def failed(world):
    return [i for i, _ in VQACorpus(world.parent / 'corpus').manifest.failed]


def test_refused_images_are_tried_again_once_a_run(world, model):
    model.refuse(pixels(world, *BAD))
    assert exit_status(run(world, model)) == EXIT_BAD_RECORDS
    assert model.asked() == len(LABELS) - 1
    assert failed(world) == BAD
    before = files(world)
    for reason in ('too wide', 'another reason'):
        model.refuse(pixels(world, *BAD), reason)
        runner = run(world, model)
        assert exit_status(runner) == EXIT_BAD_RECORDS
        assert model.asked() == 2
        # what was made from the corpus need not be made again
        assert files(world) == before
        # but the log says what happened now
        [hook] = [h for h in runner.hooks if hasattr(h, 'failures')]
        assert reason in hook.failures['img_5']
    model.refuse(pixels(world, 'img_5'))
    run(world, model)
    assert (model.asked(), failed(world)) == (2, ['img_5'])
    model.refuse([])
    assert exit_status(run(world, model)) == 0
    assert (model.asked(), failed(world)) == (1, [])
    run(world, model)
    assert model.asked() == 0
    assert VQACorpus(world.parent / 'corpus').image_ids == sorted({*LABELS} - {'img_x'})


def test_the_end_says_how_to_ask_again(world, model, capsys, monkeypatch):
    # a run that begins in the same second as that of an earlier test would take its logger over,
    # whose stream is closed
    monkeypatch.setattr(MMLogger, '_instance_dict', type(MMLogger._instance_dict)())
    model.refuse(pixels(world, *BAD))
    run(world, model)
    assert (
        '2 images have no answers. Run the same command to ask again; qaclims run '
        'needs --retry-failed for it.\n'
    ) in ''.join(capsys.readouterr())
    model.refuse([])
    run(world, model)
    assert 'no answers' not in ''.join(capsys.readouterr())


def test_shards_of_a_run_try_once(world, model):
    model.refuse(pixels(world, *BAD))
    run(world, model)
    before = files(world)
    assert model.asked() == len(LABELS) - 1
    for shard in ('1/2', '2/2'):
        run(world, model, shard)
    assert model.asked() == 2
    # this one completes what the shards have left
    run(world, model)
    assert model.asked() == 0
    assert files(world) == before


def test_an_unreadable_image_needs_no_model(world, model):
    """It is read again, as what reads it may be installed by now."""
    (world / 'JPEGImages/img_2.jpg').write_bytes(b'no image')
    run(world, model)
    model.asked()
    loaded, before = LocalModel.loaded, files(world)
    assert exit_status(run(world, model)) == EXIT_BAD_RECORDS
    assert model.asked() == 0
    assert LocalModel.loaded == loaded
    assert files(world) == before
    if isinstance(model, Served):
        assert not model.behaviour.asked


@pytest.mark.parametrize('model', ['served'], indirect=True)
def test_a_server_that_is_gone_leaves_the_corpus_as_it_is(world, model):
    model.refuse(pixels(world, *BAD))
    run(world, model)
    before = files(world)
    model.behaviour.url = 'http://127.0.0.1:9/v1'
    with pytest.raises(StageError, match='start the server'):
        run(world, model)
    assert files(world) == before
