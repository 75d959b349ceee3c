"""The corpus of ranks, and of ranks of which one was lost, against that of one process."""

import os
import shutil
from types import SimpleNamespace

import pytest
from helpers import make_tiny_voc
from rank_runs import MARKS, files_of, run_ranks, run_slurm
from tiny_runs import build_tiny_runner, write_tiny_config

from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.schemas import SHARD_SIZE, ids_by_shard, shard_path

pytestmark = MARKS
# four shards; the first of two ranks has shards 0 and 2
IDS = [f'img_{n:04d}' for n in range(3 * SHARD_SIZE + 3)]
SHARDS = ids_by_shard(IDS, 4)
UNREADABLE = IDS[5]
MORE = """
custom_imports = dict(imports=['qaclims_mm.plugin', 'asked_ranks'])
model = dict(
    type='VQACorpusBuilder', vqa=dict(type='AskedVQA'), groups=('fine', 'scene')
)
test_dataloader.update(batch_size=64, sampler=dict(type='ShardSampler', shard_size=512))
test_dataloader['dataset']['pipeline'] = [dict(type='LoadRGBImage'), dict(type='PackWeakInputs')]
test_evaluator = [dict(type='CorpusWriter')]
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('qape')
    labels = {image_id: ('dog', 'cat')[: n % 3] for n, image_id in enumerate(IDS)}
    make_tiny_voc(folder / 'voc', (8, 12), labels)
    (folder / f'voc/JPEGImages/{UNREADABLE}.jpg').unlink()
    write_tiny_config(folder / 'qape.py', folder / 'voc', MORE)
    return folder


def asked_of(folder):
    """Return {rank: what its model was asked about}."""
    return {int(p.stem): p.read_text().split() for p in folder.glob('*.txt')}


def run_alone(folder, name):
    """Run the stage in this process; returns what its model was asked about."""
    asked = folder / f'{name}_asked_alone'
    asked.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ASKED', str(asked))
        build_tiny_runner(folder / 'qape.py', folder / name, 'test').test()
    return asked_of(asked)[0]


@pytest.fixture(scope='module')
def alone(folder):
    """What one process makes, and its fingerprint of every image."""
    asked = run_alone(folder, 'alone')
    ids = (i for shard in SHARDS for i in shard if i != UNREADABLE)
    prints = dict(zip(ids, asked, strict=True))
    assert len(set(asked)) == len(IDS) - 1
    return SimpleNamespace(corpus=folder / 'alone/corpus', prints=prints)


@pytest.fixture(scope='module')
def broken(folder):
    """A corpus whose second rank was killed in its first shard; the first had done both of its."""
    corpus, asked = folder / 'broken/corpus', folder / 'broken_asked'
    asked.mkdir()
    code, output = run_ranks(
        'dist_test.sh', folder / 'qape.py', 'none', 2, '--work-dir', folder / 'broken',
        ASKED=asked, LOST=1, AFTER=os.pathsep.join(str(shard_path(corpus, s)) for s in (0, 2)),
    )  # fmt: skip
    # the run ends, though the first rank waits for the second
    assert code == 1, output
    assert 'Signal 9 (SIGKILL)' in output
    first = sum(len(set(SHARDS[s]) - {UNREADABLE}) for s in (0, 2))
    assert [len(images) for _, images in sorted(asked_of(asked).items())] == [first, 64]
    assert sorted(p.name[5:10] for p in corpus.glob('*.parquet')) == ['00000', '00002']
    assert not (corpus / 'manifest.json').exists()
    return folder / 'broken'


def images_in(shards, alone):
    """Return the fingerprints of the shards' readable images, in order."""
    return [alone.prints[i] for s in shards for i in SHARDS[s] if i in alone.prints]


def test_ranks_of_slurm_share_shards_and_leave_the_corpus_of_one_process(folder, alone):
    asked = folder / 'asked'
    asked.mkdir()
    code, output, flags = run_slurm(
        folder / 'bin', 'slurm_test.sh', 'short', 'qape', folder / 'qape.py', 'none',
        '--work-dir', folder / 'two', ASKED=asked, GPUS=2, GPUS_PER_NODE=2, CPUS_PER_TASK=1,
        SRUN_ARGS='--gres=none --time=5',
    )  # fmt: skip
    assert code == 3, output
    assert f'1 record could not be used:\n  {UNREADABLE}: image ' in output
    assert flags == [
        *('--partition=short', '--job-name=qape', '--ntasks=2', '--ntasks-per-node=2'),
        *('--gres=gpu:2', '--cpus-per-task=1', '--kill-on-bad-exit=1', '--gres=none', '--time=5'),
    ]
    assert asked_of(asked) == {0: images_in((0, 2), alone), 1: images_in((1, 3), alone)}
    assert files_of(folder / 'two/corpus') == files_of(alone.corpus)
    assert len(VQACorpus(alone.corpus)) == len([i for n, i in enumerate(IDS) if n % 3]) - 1


def test_one_process_does_what_a_lost_rank_has_left(folder, alone, broken):
    shutil.copytree(broken, folder / 'mended')
    asked = run_alone(folder, 'mended')
    assert asked == images_in((1, 3), alone)
    assert files_of(folder / 'mended/corpus') == files_of(alone.corpus)


def test_three_ranks_share_what_a_lost_rank_has_left(folder, alone, broken):
    shutil.copytree(broken, folder / 'shared')
    asked = folder / 'shared_asked'
    asked.mkdir()
    code, output = run_ranks(
        'dist_test.sh', folder / 'qape.py', 'none', 3, '--work-dir', folder / 'shared', ASKED=asked
    )
    # the unreadable image of the finished shard is still told of
    assert code == 3, output
    assert f'1 record could not be used:\n  {UNREADABLE}: image ' in output
    # the first tries the unreadable image again, which leaves its model nothing to answer
    assert asked_of(asked) == {1: images_in((1,), alone), 2: images_in((3,), alone)}
    assert files_of(folder / 'shared/corpus') == files_of(alone.corpus)
