import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY_LABELS, FakeVQA, make_tiny_voc
from mmengine.config import Config
from PIL import Image

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.engine.runner import StageRunner, exit_status
from qaclims_mm.engine.shards import parse_shard
from qaclims_mm.engine.switches import limit_to_shard
from qaclims_mm.errors import EXIT_BAD_RECORDS, FormatError, StageError
from qaclims_mm.evaluation.corpus_writer import CorpusWriter
from qaclims_mm.miniworld.generate import generate
from qaclims_mm.schemas import Manifest
from qaclims_mm.vlms.registry import VQA_MODELS

ROOT = Path(__file__).resolve().parents[2]
SHARD = 4
# eleven images, not listed in the order of their ids; the last one has no label
LABELS = {
    **{f'img_{i}': ('dog',) for i in range(9, 3, -1)},
    **TINY_LABELS,
    'img_a': (),
}
IDS = sorted(LABELS)


@pytest.fixture(autouse=True)
def _small_shards_and_fake_vqa(monkeypatch):
    for module in ('corpus.store', 'evaluation.corpus_writer'):
        monkeypatch.setattr(f'qaclims_mm.{module}.SHARD_SIZE', SHARD)
    # logged and written by every runner, and slow
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))
    VQA_MODELS.register_module(module=FakeVQA)
    monkeypatch.setattr(FakeVQA, 'images_left', None)
    monkeypatch.setattr(FakeVQA, 'seen', [])
    yield
    VQA_MODELS._module_dict.pop('FakeVQA')


@pytest.fixture
def world(tmp_path):
    make_tiny_voc(tmp_path / 'voc', labels=LABELS)
    return tmp_path / 'voc'


def make_runner(world, out_dir, shard=None, **model):
    config = Config(
        dict(
            default_scope='mmseg',
            work_dir=str(world.parent / 'work'),
            model=dict(type='VQACorpusBuilder', vqa=dict(type='FakeVQA')) | model,
            test_dataloader=dict(
                batch_size=3,
                num_workers=0,
                sampler=dict(type='ShardSampler', shard_size=SHARD),
                batch_sampler=dict(type='ShardBatchSampler'),
                collate_fn=dict(type='list_collate'),
                dataset=dict(
                    type='VOC12WeakDataset',
                    data_root=str(world),
                    ann_file='train.txt',
                    pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')],
                    test_mode=True,
                    serialize_data=False,
                ),
            ),
            test_cfg=dict(type='TestLoop'),
            test_evaluator=[dict(type='CorpusWriter', out_dir=str(out_dir))],
            custom_hooks=[dict(type='FailedRecordsHook'), dict(type='ResumeTestHook')],
            log_level='ERROR',
        )
    )
    if shard is not None:
        limit_to_shard(config, parse_shard(shard))
    return StageRunner.from_cfg(config)


def run(world, out_dir, images=None, **model):
    """Run the stage, killed after some images; return the runner and how many were asked."""
    FakeVQA.images_left, FakeVQA.seen = images, []
    runner = make_runner(world, out_dir, **model)
    if images is None:
        runner.test()
    else:
        with pytest.raises(KeyboardInterrupt):
            runner.test()
    return runner, len(FakeVQA.seen)


def files(folder):
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def shards(folder):
    return sorted(p.name for p in Path(folder).glob('*.parquet'))


def pixels(world, image_id):
    return np.asarray(Image.open(world / f'JPEGImages/{image_id}.jpg').convert('RGB'))


def test_unbroken_run(world, tmp_path):
    runner, asked = run(world, tmp_path / 'corpus')
    assert asked == 11
    assert exit_status(runner) == 0
    assert sorted(files(tmp_path / 'corpus')) == [
        'manifest.json',
        *(f'part-{i:05d}.parquet' for i in range(3)),
        'run.json',
    ]
    corpus = VQACorpus(tmp_path / 'corpus')
    assert corpus.image_ids == [i for i in IDS if LABELS[i]]
    for image_id, rows in corpus:
        names = sorted(n.replace('diningtable', 'dining table') for n in LABELS[image_id])
        asked = [(n, q) for n in names for q in get_questions()]
        assert [(r['class_name'], r['question_id']) for r in rows] == [(n, q.id) for n, q in asked]
        for row, (name, question) in zip(rows, asked, strict=True):
            answer = FakeVQA().about(pixels(world, image_id), question.fill(name))
            assert row['question'] == question.fill(name)
            assert row['answer'] == answer.text
            assert row['score'] == pytest.approx(answer.score, abs=1e-4)
    rows = [r for _, image in corpus for r in image]
    manifest = corpus.manifest
    assert manifest.stage == 'qape'
    assert manifest.failed == []
    assert manifest.counts == dict(
        images=10, answers=len(rows), empty=sum(not r['text'] for r in rows), shards=3
    )
    assert manifest.counts['answers'] == 16 * sum(len(names) for names in LABELS.values())
    corpus.check_questions(runner.model.question_hash)


@pytest.mark.parametrize(
    ('kills', 'finished', 'bad'),
    [
        ((0,), 0, ()),
        ((3,), 0, ()),
        ((2, 5), 1, ('img_1', 'img_a')),
        ((5, 5), 2, ()),
    ],
)
def test_killed_run_goes_on(world, tmp_path, kills, finished, bad):
    """Each of ``kills`` is the number of images that run has asked about when it ends."""
    for image_id in bad:
        (world / f'JPEGImages/{image_id}.jpg').write_bytes(b'')
    _, total = run(world, tmp_path / 'unbroken')
    assert total == 11 - len(bad)
    for images in kills:
        run(world, tmp_path / 'killed', images)
    # whole shards or none, no manifest, nothing half
    done = shards(tmp_path / 'killed')
    assert done == shards(tmp_path / 'unbroken')[: len(done)]
    assert len(done) == finished
    assert not (tmp_path / 'killed/manifest.json').exists()
    assert not list((tmp_path / 'killed').glob('.*'))
    with pytest.raises(FormatError, match=r'manifest\.json is missing: .* has not finished'):
        VQACorpus(tmp_path / 'killed')
    unbroken = files(tmp_path / 'unbroken')
    for name in done:
        assert (tmp_path / 'killed' / name).read_bytes() == unbroken[name]
    _, asked = run(world, tmp_path / 'killed')
    assert asked == sum(i not in bad for i in IDS[SHARD * finished :])
    assert files(tmp_path / 'killed') == unbroken


def test_finished_run_is_not_done_again(world, tmp_path):
    run(world, tmp_path / 'corpus')
    before = files(tmp_path / 'corpus')
    _, asked = run(world, tmp_path / 'corpus')
    assert asked == 0
    assert files(tmp_path / 'corpus') == before


def test_lost_shard_is_made_again(world, tmp_path):
    run(world, tmp_path / 'corpus')
    before = files(tmp_path / 'corpus')
    (tmp_path / 'corpus/part-00001.parquet').unlink()
    _, asked = run(world, tmp_path / 'corpus')
    assert asked == SHARD
    assert files(tmp_path / 'corpus') == before


@pytest.mark.parametrize('bad', [['img_2', 'img_9'], IDS[:4], IDS])
def test_unreadable_images_are_listed(world, tmp_path, bad):
    for image_id in bad:
        (world / f'JPEGImages/{image_id}.jpg').write_bytes(b'no image')
    runner, asked = run(world, tmp_path / 'corpus')
    assert asked == 11 - len(bad)
    assert exit_status(runner) == EXIT_BAD_RECORDS
    corpus = VQACorpus(tmp_path / 'corpus')
    assert corpus.image_ids == [i for i in IDS if LABELS[i] and i not in bad]
    assert [image_id for image_id, _ in corpus.manifest.failed] == bad
    for image_id, reason in corpus.manifest.failed:
        assert f'{image_id}.jpg cannot be read' in reason
    assert corpus.manifest.counts['images'] == len(corpus)
    assert len(shards(tmp_path / 'corpus')) == 3
    again, asked = run(world, tmp_path / 'corpus')
    assert asked == 0
    assert exit_status(again) == EXIT_BAD_RECORDS


def test_a_list_of_failures_without_its_shard_is_forgotten(world, tmp_path):
    run(world, tmp_path / 'unbroken')
    good = (world / 'JPEGImages/img_1.jpg').read_bytes()
    (world / 'JPEGImages/img_1.jpg').write_bytes(b'')
    run(world, tmp_path / 'corpus')
    # killed between the list and the shard; then the image is mended
    (tmp_path / 'corpus/part-00000.parquet').unlink()
    (world / 'JPEGImages/img_1.jpg').write_bytes(good)
    run(world, tmp_path / 'corpus')
    assert Manifest.read(tmp_path / 'corpus').failed == []
    assert files(tmp_path / 'corpus') == files(tmp_path / 'unbroken')


def test_two_corpora_are_never_mixed(world, tmp_path):
    run(world, tmp_path / 'corpus', 5)
    before = files(tmp_path / 'corpus')
    FakeVQA.images_left = None

    def refused(differ, **model):
        message = (
            rf'corpus holds files of another run \({differ} differ\); '
            r'delete the folder or choose another one\.$'
        )
        with pytest.raises(StageError, match=message):
            make_runner(world, tmp_path / 'corpus', **model).test()
        assert files(tmp_path / 'corpus') == before

    refused('config, questions', question_set='official')
    refused('config, questions', groups=('fine',))
    refused('config', append_label=False)
    refused('config', vqa=dict(type='FakeVQA', word='other'))
    (world / 'train.txt').write_text('\n'.join(IDS[1:]))
    refused('images')


def test_shards_of_a_run_have_whole_parts_of_the_corpus(world, tmp_path):
    """Eleven images are three parts of the corpus, one for each shard; one of them is killed."""
    (world / 'JPEGImages/img_1.jpg').unlink()
    run(world, tmp_path / 'whole')
    asked = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeVQA, 'images_left', None)
        run(world, tmp_path / 'parts', images=1, shard='2/3')
        assert not shards(tmp_path / 'parts')
    for number in (3, 1, 2):
        _, asked[number] = run(world, tmp_path / 'parts', shard=f'{number}/3')
    # one is unreadable, and the last part has three
    assert asked == {1: 3, 2: 4, 3: 3}
    assert not (tmp_path / 'parts/manifest.json').exists()
    runner, asked = run(world, tmp_path / 'parts')
    assert asked == 0
    assert exit_status(runner) == EXIT_BAD_RECORDS
    assert files(tmp_path / 'parts') == files(tmp_path / 'whole')


@pytest.mark.parametrize('number', [0, 1, 4, 5, 11])
def test_units_are_the_images_of_a_shard(tmp_path, number):
    ids = IDS[:number]
    units = CorpusWriter(str(tmp_path)).units(ids)
    assert [i for unit in units for i in unit] == ids
    assert all(len(unit) == SHARD for unit in units[:-1])


def sample(image_id, **changes):
    row = dict(
        image_id=image_id,
        class_name='dog',
        kind='fg',
        question_id='fine_1',
        question='What?',
        answer='Beagle',
        text='beagle dog',
        score=-0.5,
    )
    return dict(image_id=image_id, answers=[row]) | changes


def test_ranks_leave_the_same_files(tmp_path):
    fingerprint = dict(config='1', questions='2')

    def writer(folder):
        made = CorpusWriter(str(tmp_path / folder))
        made.begin(fingerprint, IDS)
        return made

    alone, first, second = writer('alone'), writer('ranks'), writer('ranks')
    samples = [sample(i) for i in IDS]
    samples[5] = sample(IDS[5], failed='unreadable', answers=[])
    alone.process(None, samples)
    second.process(None, samples[4:6])
    assert shards(tmp_path / 'ranks') == []
    second.process(None, samples[6:8])
    first.process(None, samples[8:])
    first.process(None, samples[:4])
    assert alone.evaluate(11) == first.evaluate(11)
    assert files(tmp_path / 'ranks') == files(tmp_path / 'alone')
    assert Manifest.read(tmp_path / 'ranks').failed == [[IDS[5], 'unreadable']]
    assert first.done_ids(IDS) == set(IDS)


def test_done_ids_are_those_of_whole_shards(tmp_path):
    writer = CorpusWriter(str(tmp_path))
    writer.begin({}, IDS)
    assert writer.done_ids(IDS) == set()
    writer.process(None, [sample(i) for i in IDS[2:10]])
    assert writer.done_ids(IDS) == set(IDS[4:8])
    writer.process(None, [sample(i) for i in IDS[:2]])
    assert writer.done_ids(IDS) == set(IDS[:8])


# ------------------------------------------------------------------- the tool, killed by the system

SMALL_SHARDS = """
import sys
for module in list(sys.modules.values()):
    if module.__name__.startswith('qaclims_mm.') and hasattr(module, 'SHARD_SIZE'):
        module.SHARD_SIZE = 4
"""
CONFIG = """
custom_imports = dict(imports=['qaclims_mm.plugin', 'small_shards'], allow_failed_imports=False)
default_scope = 'mmseg'
model = dict(
    type='VQACorpusBuilder',
    vqa=dict(type='BlipVQA', model='miniworld://blip', image_size=None, num_beams=1),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='ShardSampler', shard_size=4),
    batch_sampler=dict(type='ShardBatchSampler'),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='MiniWorldDataset',
        data_root='{root}/world',
        ann_file='ImageSets/Segmentation/train.txt',
        pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')],
        test_mode=True,
    ),
)
test_cfg = dict(type='TestLoop')
test_evaluator = [dict(type='CorpusWriter', out_dir='{root}/{out}')]
custom_hooks = [dict(type='FailedRecordsHook'), dict(type='ResumeTestHook')]
"""


def run_tool(tmp_path, monkeypatch, out):
    """Run qaclims test in this process; its start takes as long as all the rest."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'small_shards', raising=False)
    monkeypatch.setattr('qaclims_mm.schemas.corpus.SHARD_SIZE', SHARD)
    arguments = ['test.py', f'{tmp_path}/{out}.py', 'none', '--work-dir', f'{tmp_path}/{out}_work']
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(SystemExit) as status:
        runpy.run_path(str(ROOT / 'tools/test.py'), run_name='__main__')
    assert status.value.code == 0


def test_killed_process(tmp_path, monkeypatch):
    generate(tmp_path / 'world', num_train=24, num_val=1)
    (tmp_path / 'small_shards.py').write_text(SMALL_SHARDS)
    for out in ('killed', 'unbroken'):
        (tmp_path / f'{out}.py').write_text(CONFIG.format(root=tmp_path, out=out))
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    command = [sys.executable, ROOT / 'tools/test.py', tmp_path / 'killed.py', 'none']
    process = subprocess.Popen(
        [*command, '--work-dir', tmp_path / 'killed_work'],
        env=os.environ | dict(PYTHONPATH=path, OMP_NUM_THREADS='1', HF_HUB_OFFLINE='1'),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while not (tmp_path / 'killed/part-00000.parquet').exists():
        assert process.poll() is None, process.stderr.read().decode()[-2000:]
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = shards(tmp_path / 'killed')
    assert 1 <= len(done) < 6
    assert not (tmp_path / 'killed/manifest.json').exists()
    times = {name: (tmp_path / 'killed' / name).stat().st_mtime_ns for name in done}

    run_tool(tmp_path, monkeypatch, 'killed')
    run_tool(tmp_path, monkeypatch, 'unbroken')
    # another out_dir is no other corpus: run.json, the manifest and all shards are the same
    killed = files(tmp_path / 'killed')
    # a process killed while it writes leaves its temporary file
    assert {k: v for k, v in killed.items() if not k.endswith('.tmp')} == files(
        tmp_path / 'unbroken'
    )
    assert times == {name: (tmp_path / 'killed' / name).stat().st_mtime_ns for name in done}
    assert len(VQACorpus(tmp_path / 'killed')) == 24
