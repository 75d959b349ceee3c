import hashlib
import os
import runpy
import shutil
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

from qaclims_mm.checks.files import check_files, find_files
from qaclims_mm.corpus.known_answers import AnswerShards
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.engine.runner import StageRunner, exit_status
from qaclims_mm.engine.shards import parse_shard
from qaclims_mm.engine.switches import limit_to_shard
from qaclims_mm.errors import EXIT_BAD_RECORDS, ConfigError, FormatError, StageError
from qaclims_mm.evaluation.corpus_writer import CorpusWriter
from qaclims_mm.miniworld.generate import generate
from qaclims_mm.schemas import Manifest, read_records, shard_of, shard_path
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
# at most four images a shard on average make four shards
SHARDS = [[i for i in IDS if shard_of(i, 4) == shard] for shard in range(4)]


@pytest.fixture(autouse=True)
def _small_shards_and_fake_vqa(monkeypatch):
    monkeypatch.setattr('qaclims_mm.schemas.corpus.SHARD_SIZE', SHARD)
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


READ, PACK = dict(type='LoadRGBImage'), dict(type='PackWeakInputs')


def make_runner(world, out_dir, loading=READ, shard=None, saving=None, **model):
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
                    pipeline=[loading, PACK],
                    test_mode=True,
                    serialize_data=False,
                ),
            ),
            test_cfg=dict(type='TestLoop'),
            test_evaluator=[dict(type='CorpusWriter', out_dir=str(out_dir), save_every=saving)],
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
        *(f'part-{i:05d}.parquet' for i in range(4)),
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
        images=10, answers=len(rows), empty=sum(not r['text'] for r in rows), shards=4
    )
    assert manifest.counts['answers'] == 16 * sum(len(names) for names in LABELS.values())
    corpus.check_questions(runner.model.question_hash)
    for shard, ids in enumerate(SHARDS):
        shards, images = read_records(shard_path(tmp_path / 'corpus', shard))
        assert shards == 4
        assert sorted(images) == ids
        for image_id, record in images.items():
            names = sorted(n.replace('diningtable', 'dining table') for n in LABELS[image_id])
            image = (world / f'JPEGImages/{image_id}.jpg').read_bytes()
            assert record == dict(sha256=hashlib.sha256(image).hexdigest(), classes=names)


@pytest.mark.parametrize(
    ('kills', 'bad'),
    [((0,), ()), ((3,), ()), ((2, 5), ('img_1', 'img_a')), ((5, 5), ())],
)
def test_killed_run_goes_on(world, tmp_path, kills, bad):
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
    readable = [[i for i in ids if i not in bad] for ids in SHARDS]
    finished, left = 0, 0
    for images in kills:
        # what a shard lacks when a run ends is asked about again
        left = images
        while left >= len(readable[finished]):
            left -= len(readable[finished])
            finished += 1
    assert len(done) == finished
    assert not (tmp_path / 'killed/manifest.json').exists()
    assert not list((tmp_path / 'killed').glob('.*'))
    with pytest.raises(FormatError, match=r'manifest\.json is missing: .* has not finished'):
        VQACorpus(tmp_path / 'killed')
    unbroken = files(tmp_path / 'unbroken')
    for name in done:
        assert (tmp_path / 'killed' / name).read_bytes() == unbroken[name]
    _, asked = run(world, tmp_path / 'killed')
    assert asked == sum(map(len, readable[finished:]))
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
    assert asked == len(SHARDS[1])
    assert files(tmp_path / 'corpus') == before


@pytest.mark.parametrize('bad', [['img_2', 'img_9'], SHARDS[0], IDS])
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
    assert len(shards(tmp_path / 'corpus')) == 4
    again, asked = run(world, tmp_path / 'corpus')
    assert asked == 0
    assert exit_status(again) == EXIT_BAD_RECORDS


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
    refused('config', loading=READ | dict(max_side=20))


def test_shards_of_a_run_have_whole_parts_of_the_corpus(world, tmp_path):
    """Four parts of the corpus are shared by three shards, of which one is killed."""
    (world / 'JPEGImages/img_1.jpg').unlink()
    run(world, tmp_path / 'whole')
    asked = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeVQA, 'images_left', None)
        run(world, tmp_path / 'parts', images=1, shard='2/3')
        assert not shards(tmp_path / 'parts')
    for number in (3, 1, 2):
        _, asked[number] = run(world, tmp_path / 'parts', shard=f'{number}/3')
    # one is unreadable
    assert sum(asked.values()) == len(IDS) - 1
    assert not (tmp_path / 'parts/manifest.json').exists()
    runner, asked = run(world, tmp_path / 'parts')
    assert asked == 0
    assert exit_status(runner) == EXIT_BAD_RECORDS
    assert files(tmp_path / 'parts') == files(tmp_path / 'whole')


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

    alone, first, second = (
        begun_writer(tmp_path / folder, fingerprint) for folder in ('alone', 'ranks', 'ranks')
    )
    samples = {i: sample(i) for i in IDS}
    bad = SHARDS[2][0]
    samples[bad] = sample(bad, failed='unreadable', answers=[])
    alone.process(None, list(samples.values()))
    *most, last = (samples[i] for i in SHARDS[2])
    second.process(None, most)
    assert shards(tmp_path / 'ranks') == []
    second.process(None, [last])
    assert shards(tmp_path / 'ranks') == ['part-00002.parquet']
    for shard in (3, 0, 1):
        first.process(None, [samples[i] for i in SHARDS[shard]])
    assert alone.evaluate(11) == first.evaluate(11)
    assert files(tmp_path / 'ranks') == files(tmp_path / 'alone')
    assert Manifest.read(tmp_path / 'ranks').failed == [[bad, 'unreadable']]
    # the next run tries the image again that failed
    assert begun_writer(tmp_path / 'ranks', fingerprint).done_ids(IDS) == {*IDS} - {bad}


def begun_writer(folder, fingerprint):
    writer = CorpusWriter(str(folder))
    writer.begin(fingerprint, IDS)
    writer.begin_records(
        [dict(image_id=i, img_path='missing.jpg', label_names=('dog',)) for i in IDS], False
    )
    return writer


def test_done_ids_are_those_of_whole_shards(tmp_path):
    writer = begun_writer(tmp_path, {})
    assert writer.done_ids(IDS) == set()
    first, second, *others = SHARDS[0]
    writer.process(None, [sample(i) for i in (*SHARDS[1], first)])
    writer = begun_writer(tmp_path, {})
    assert writer.done_ids(IDS) == set(SHARDS[1])
    writer.process(None, [sample(i) for i in (second, *others, *SHARDS[1])])
    assert shards(tmp_path) == ['part-00001.parquet']
    writer.process(None, [sample(first)])
    assert begun_writer(tmp_path, {}).done_ids(IDS) == {*SHARDS[0], *SHARDS[1]}


def test_a_writer_needs_the_hook(tmp_path):
    writer = CorpusWriter(str(tmp_path))
    with pytest.raises(ConfigError, match=r'not been told about the images; add .*ResumeTestHook'):
        writer.process(None, [sample('a')])


def test_groups_are_the_shards(tmp_path):
    groups = CorpusWriter(str(tmp_path)).groups(IDS)
    assert dict(zip(IDS, groups, strict=True)) == {
        i: g for g, ids in enumerate(SHARDS) for i in ids
    }


# ----------------------------------------------------------------------- data sets that change


def change_nothing(world):
    return 0


def draw(world, image_id):
    image = Image.open(world / 'JPEGImages/img_0.jpg').rotate(180)
    image.save(world / f'JPEGImages/{image_id}.jpg')


def add_an_image(world):
    draw(world, 'img_00')
    shutil.copy(world / 'Annotations/img_0.xml', world / 'Annotations/img_00.xml')
    list_images(world, [*IDS, 'img_00'])
    return 1


def replace_an_image(world):
    draw(world, 'img_1')
    return 1


def touch_an_image(world):
    path = world / 'JPEGImages/img_1.jpg'
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return 0


def swap_two_images(world):
    first, second = (world / f'JPEGImages/img_{n}.jpg' for n in (5, 6))
    first.rename(world / 'x')
    second.rename(first)
    (world / 'x').rename(second)
    return 0


def rename_an_image(world):
    (world / 'JPEGImages/img_1.jpg').rename(world / 'JPEGImages/other.jpg')
    (world / 'Annotations/img_1.xml').rename(world / 'Annotations/other.xml')
    list_images(world, [*IDS, 'other'], {'img_1'})
    return 0


def relabel_an_image(world):
    shutil.copy(world / 'Annotations/img_0.xml', world / 'Annotations/img_1.xml')
    return 1


def remove_images(world):
    list_images(world, IDS, {'img_1', 'img_7'})
    return 0


def break_an_image(world):
    (world / 'JPEGImages/img_2.jpg').write_bytes(b'')
    return 0


def repair_an_image(world):
    draw(world, 'img_9')
    return 1


def break_it_otherwise(world):
    (world / 'JPEGImages/img_9.jpg').unlink()
    return 0


def halve(world):
    list_images(world, IDS[:8:2])
    return 0


def double(world):
    # of another size: the pixels are drawn from one seed
    make_tiny_voc(world / 'more', (30, 40), {f'more_{n}': ('cat',) for n in range(10)})
    for n in range(10):
        for name in (f'JPEGImages/more_{n}.jpg', f'Annotations/more_{n}.xml'):
            shutil.copy(world / 'more' / name, world / name)
    list_images(world, [*IDS, *(f'more_{n}' for n in range(10))])
    return 10


def list_images(world, ids, removed=()):
    (world / 'train.txt').write_text('\n'.join(i for i in ids if i not in removed))


CHANGES = (
    change_nothing, add_an_image, replace_an_image, touch_an_image, swap_two_images,
    rename_an_image, relabel_an_image, remove_images, break_an_image, repair_an_image,
    break_it_otherwise, halve, double,
)  # fmt: skip


@pytest.mark.parametrize('change', CHANGES)
def test_only_what_has_changed_is_asked(world, tmp_path, change):
    (world / 'JPEGImages/img_9.jpg').write_bytes(b'broken from the start')
    _, asked = run(world, tmp_path / 'corpus')
    assert asked == 10
    wanted = change(world)
    _, asked = run(world, tmp_path / 'corpus')
    assert asked == wanted
    run(world, tmp_path / 'scratch')
    assert files(tmp_path / 'corpus') == files(tmp_path / 'scratch')
    assert not check_files(find_files(tmp_path / 'corpus')).problems
    _, asked = run(world, tmp_path / 'corpus')
    assert asked == 0


def test_another_answer_is_another_corpus(world, tmp_path):
    run(world, tmp_path / 'corpus')
    before = VQACorpus(tmp_path / 'corpus')
    first, counts = before.corpus_hash, before.manifest.counts
    replace_an_image(world)
    run(world, tmp_path / 'corpus')
    after = VQACorpus(tmp_path / 'corpus')
    # text banks name a corpus by this hash
    assert (after.corpus_hash != first, after.manifest.counts | dict(empty=0)) == (
        True,
        counts | dict(empty=0),
    )


@pytest.mark.parametrize('images', range(0, 10, 3))
def test_killed_run_over_a_changed_data_set_goes_on(world, tmp_path, images):
    run(world, tmp_path / 'corpus')
    known = {pixels(world, i).sum() for i in IDS}
    double(world)
    run(world, tmp_path / 'corpus', images)
    assert not (tmp_path / 'corpus/manifest.json').exists()
    assert known.isdisjoint(FakeVQA.seen)
    run(world, tmp_path / 'corpus')
    assert known.isdisjoint(FakeVQA.seen)
    run(world, tmp_path / 'scratch')
    assert files(tmp_path / 'corpus') == files(tmp_path / 'scratch')


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
    assert 1 <= len(done) < 8
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


@pytest.mark.parametrize('images', [0, 1, 3, 4, 6, 9])
def test_parts_of_shards_are_saved(world, tmp_path, images):
    (world / 'JPEGImages/img_1.jpg').write_bytes(b'')
    _, total = run(world, tmp_path / 'unbroken')
    _, asked = run(world, tmp_path / 'killed', images, saving=1)
    # a batch of three is lost with the image at which the run ends
    assert asked == images
    assert not (tmp_path / 'killed/manifest.json').exists()
    kept = sum(len(read_records(p).images) for p in (tmp_path / 'killed').glob('*.parquet'))
    assert images - 3 < kept <= images + 1
    _, again = run(world, tmp_path / 'killed', saving=1)
    assert again < total - images + 3
    assert files(tmp_path / 'killed') == files(tmp_path / 'unbroken')


def test_answers_are_saved_every_few_images(world, tmp_path, monkeypatch):
    monkeypatch.setattr('qaclims_mm.schemas.corpus.SHARD_SIZE', 512)
    sizes = []
    write = AnswerShards.write

    def noted(self, shard, rows, failed):
        sizes.append(len(rows))
        write(self, shard, rows, failed)

    monkeypatch.setattr(AnswerShards, 'write', noted)
    run(world, tmp_path / 'corpus', saving=4)
    assert sizes == [4, 8, 11]


@pytest.mark.parametrize('value', [0, -1])
def test_save_every_is_checked(value):
    with pytest.raises(ValueError, match=f'save_every must be at least 1, but got {value}'):
        CorpusWriter(save_every=value)
