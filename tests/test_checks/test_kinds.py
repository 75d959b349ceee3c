import re
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_work_dir import IMAGE_IDS, check, corpus_rows

from qaclims_mm.checks.kinds import KINDS
from qaclims_mm.schemas import (
    CORPUS_SCHEMA,
    Manifest,
    ShardRecords,
    ids_by_shard,
    read_json,
    read_records,
    write_json,
    write_parquet,
    write_run_config,
)
from qaclims_mm.schemas.corpus import records_as_metadata


def test_names_of_kinds_are_distinct():
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_config_of_a_run(work):
    write_run_config(work / 'qa_clims', 'train', 'c.py', dict(model=1))
    write_run_config(work / 'qa_clims', 'test', 'c.py', dict(model=1))
    (work / 'qa_clims/my_config.json').write_text('[]')
    report = check(work)
    assert report.problems == []
    assert report.files['run config'] == 2
    (work / 'qa_clims/test_config.json').write_text('[' * 100_000)
    [problem] = check(work).problems
    assert 'qa_clims/test_config.json is nested too deeply' in problem


def test_stage_that_counts_no_images(work):
    Manifest('segment', 'c', counts=dict(iterations=5)).write(work / 'segment')
    assert check(work).problems == []


def cut(name, keep=20):
    def damage(root):
        path = root / name
        path.write_bytes(path.read_bytes()[:keep])

    return damage


def remove(name):
    return lambda root: (root / name).unlink()


def edit(name, **changes):
    def damage(root):
        write_json(root / name, read_json(root / name) | changes)

    return damage


PARTS = ids_by_shard(IMAGE_IDS, 2)
LAST = [i for i in PARTS[1] if i != IMAGE_IDS[-1]]


def shard(order=sorted, shards=2, images=None, **changes):
    """Write the second shard with other rows or metadata."""

    def damage(root):
        path = root / 'corpus/part-00001.parquet'
        found = read_records(path)._replace(shards=shards)
        found.images.update(images or {})
        rows = [corpus_rows(i)[0] | changes for i in order(LAST)]
        columns = {k: [r[k] for r in rows] for k in CORPUS_SCHEMA.names}
        write_parquet(path, columns, CORPUS_SCHEMA, records_as_metadata(found))

    return damage


def other_failed_image(root):
    edit('corpus/manifest.json', failed=[[IMAGE_IDS[-1], 'another reason']])(root)
    shutil.rmtree(root / 'text_bank')


def arrays(**changes):
    def damage(root):
        path = root / 'qa_clims/cams/img_000.npz'
        with np.load(path) as file:
            content = dict(file)
        with path.open('wb') as file:
            np.savez(file, **content | changes)

    return damage


def bank(metadata=None, embeddings=None):
    def damage(root):
        old = dict(schema='1', clip='f', weights_sha256='w', prompt='p', corpus_hash='other')
        save_file(
            dict(embeddings=np.eye(3, 4, dtype=np.float16) if embeddings is None else embeddings),
            root / 'text_bank/texts.safetensors',
            metadata=old if metadata is None else metadata,
        )

    return damage


def index(**changes):
    def damage(root):
        from qaclims_mm.schemas import TEXT_INDEX_SCHEMA, read_parquet

        path = root / 'text_bank/index.parquet'
        columns = read_parquet(path, TEXT_INDEX_SCHEMA).to_pydict()
        write_parquet(path, columns | changes, TEXT_INDEX_SCHEMA)

    return damage


COMMAND = 'give the same qaclims run or qaclims ablate command again'
REMAKE = f'{COMMAND}, which makes the stage again'
SHARD, CAMS = 'corpus/part-00001.parquet', 'qa_clims/cams/img_000.npz'
AGAIN = 'delete it and run the qape stage again'
EXPORT = 'delete it and run the CAM export again'
ENCODE = 'run qaclims encode-texts again'
METRICS = 'qa_clims/metrics.json'
NO_ROWS = {name: [] for name in CORPUS_SCHEMA.names}
# (damage, kind that is bad, what its line says after the folder)
DAMAGES = {
    'shard cut': (cut(SHARD), 'corpus shard', f'{SHARD} is not a readable Parquet file .* again'),
    'shard order': (
        shard(lambda ids: sorted(ids, reverse=True)),
        'corpus shard',
        f'{SHARD} has images that are not in the order of their ids; {AGAIN}',
    ),
    'shard gap': (
        shard(text=None),
        'corpus shard',
        f'{SHARD} has {len(LAST)} empty cells in its column text; delete it and run its stage '
        'again',
    ),
    'shard score': (
        shard(score=np.nan),
        'corpus shard',
        f'{SHARD} has scores that are not finite; {AGAIN}',
    ),
    'shard kind': (
        shard(kind='bg'),
        'corpus shard',
        f"{SHARD} has a question 'fine_1' of kind 'bg'; {AGAIN}",
    ),
    'shard question': (
        shard(question_id='colour_1'),
        'corpus shard',
        f"{SHARD} has a question 'colour_1' of kind 'fg'; {AGAIN}",
    ),
    'shard class': (
        shard(class_name='cat'),
        'corpus shard',
        f'{SHARD} has answers about other images or classes than its metadata .*; {AGAIN}',
    ),
    'shard without an image': (
        shard(lambda ids: sorted(ids)[1:]),
        'corpus shard',
        f"{SHARD} has answers about other images .* \\(see '{LAST[0]}'\\); {AGAIN}",
    ),
    'shard metadata': (
        lambda root: write_parquet(root / SHARD, NO_ROWS, CORPUS_SCHEMA),
        'corpus shard',
        f'{SHARD} does not list its images in its metadata .*; {AGAIN}',
    ),
    'shard of another place': (
        shard(images={PARTS[0][0]: dict(sha256='0', classes=[])}),
        'corpus shard',
        f"{SHARD} has image '{PARTS[0][0]}', which belongs into part-00000.parquet of 2 shards; "
        f'{AGAIN}',
    ),
    'shard of another number': (
        lambda root: write_parquet(
            root / SHARD, NO_ROWS, CORPUS_SCHEMA, records_as_metadata(ShardRecords(4, {}))
        ),
        'manifest',
        'corpus/manifest.json counts shards as 2, but part-00001.parquet is one of 4; run its '
        'stage again',
    ),
    'shard of other images': (
        shard(images={LAST[0]: dict(sha256='1', classes=['dog'])}),
        'manifest',
        r'corpus/manifest.json was made of other shards \(shards_sha256\); run its stage again',
    ),
    'failed images': (
        other_failed_image,
        'manifest',
        'corpus/manifest.json lists other failed images than its shards; run its stage again',
    ),
    'shard gone': (
        remove(SHARD),
        'manifest',
        r'corpus/manifest.json counts shards as 2, but the number is 1 \(see '
        r'part-00001.parquet\); run its stage again',
    ),
    'answers': (
        shard(text=''),
        'manifest',
        f'corpus/manifest.json counts empty as 0, but the number is {len(LAST)}; run its '
        'stage again',
    ),
    'bank cut': (
        cut('text_bank/texts.safetensors', 30),
        'text bank',
        f'texts.safetensors is broken .* {ENCODE}',
    ),
    'bank half': (
        remove('text_bank/index.parquet'),
        'text bank',
        'text_bank/index.parquet is missing; make the text bank with qaclims encode-texts',
    ),
    'bank metadata': (
        bank(metadata=dict(schema='1', clip='f', prompt='p')),
        'text bank',
        f'text_bank has no corpus_hash, weights_sha256 in its metadata; {ENCODE}',
    ),
    'bank norms': (
        bank(embeddings=2 * np.eye(3, 4, dtype=np.float16)),
        'text bank',
        f'text_bank has embeddings that are not float16 of norm 1; {ENCODE}',
    ),
    'bank type': (
        bank(embeddings=np.eye(3, 4, dtype=np.float32)),
        'text bank',
        f'text_bank has embeddings that are not float16 of norm 1; {ENCODE}',
    ),
    'bank corpus': (
        bank(),
        'manifest',
        'text_bank/manifest.json names another corpus than texts.safetensors; run its stage again',
    ),
    'bank texts': (
        lambda root: write_json(root / 'text_bank/texts.json', ['dog', 'dog', 'no dog']),
        'text bank',
        f'text_bank has texts that stand twice; {ENCODE}',
    ),
    'index order': (
        index(image_id=['img_001', 'img_000']),
        'text bank',
        f'text_bank has pairs that stand twice or are not in order; {ENCODE}',
    ),
    'index twice': (
        index(image_id=['img_001', 'img_001']),
        'text bank',
        f'text_bank has pairs that stand twice or are not in order; {ENCODE}',
    ),
    'index rows': (
        index(no=[2, 3]),
        'text bank',
        f'text_bank has rows in its column no that are not among the 3 texts; {ENCODE}',
    ),
    'index lists': (
        index(bg=[[], [-1]]),
        'text bank',
        f'text_bank has rows in its column bg that are not among the 3 texts; {ENCODE}',
    ),
    'cams cut': (cut(CAMS, 100), 'activation maps', f'{CAMS} is not a CAM file .* {EXPORT}'),
    'cams types': (
        arrays(high_res=np.zeros((1, 9, 13))),
        'activation maps',
        rf'{CAMS} has an array high_res of another type \(float64\); {EXPORT}',
    ),
    'cams shapes': (
        arrays(size=np.array([9, 12])),
        'activation maps',
        f'{CAMS} has maps of disagreeing shapes; {EXPORT}',
    ),
    'cams size': (
        arrays(size=np.array([9])),
        'activation maps',
        f'{CAMS} has maps of disagreeing shapes; {EXPORT}',
    ),
    'cams keys': (
        arrays(keys=np.array([-1])),
        'activation maps',
        rf'{CAMS} has classes \[-1\], which are negative or stand twice; {EXPORT}',
    ),
    'cams range': (
        arrays(strided=np.full((1, 3, 4), np.nan, dtype=np.float16)),
        'activation maps',
        rf'{CAMS} has strided maps outside \[0, 1\]; {EXPORT}',
    ),
    'cams gone': (
        remove(CAMS),
        'manifest',
        'qa_clims/cams/manifest.json counts images as 2, but the number is 1; run its stage again',
    ),
    'cams failed': (
        edit('qa_clims/cams/manifest.json', failed=[['img_000', 'bad']]),
        'manifest',
        'qa_clims/cams/manifest.json lists img_000 as failed, but its file is there; '
        'run its stage again',
    ),
    'mask cut': (
        cut('qa_clims/pseudo_masks/img_000.png', 60),
        'mask',
        'qa_clims/pseudo_masks/img_000.png is not a readable mask .* make it again',
    ),
    'manifest broken': (
        cut('qa_clims/ir_labels/manifest.json', 5),
        'manifest',
        'ir_labels/manifest.json is not valid JSON .* run its stage again',
    ),
    'manifest fields': (
        edit('qa_clims/ir_labels/manifest.json', counts=[2], failed=['a']),
        'manifest',
        r'ir_labels/manifest.json is no manifest \(counts, failed not as written\); '
        'run its stage again',
    ),
    'claim': (
        edit('qa_clims/cams/run.json', config='c3'),
        'claim',
        'cams/run.json and manifest.json beside it are of different configs; delete .*/cams',
    ),
    'claim shape': (
        lambda root: write_json(root / 'corpus/run.json', ['x']),
        'claim',
        'corpus/run.json is not {what: hash}; delete .*/corpus and run its stage again',
    ),
    'stage list gone': (
        remove('report/outputs.json'),
        'manifest',
        'report/outputs.json is missing; run its stage again',
    ),
    'stage list': (
        edit('report/outputs.json', status='0'),
        'stage',
        r'report/outputs.json is not as it was written \(status\); run its stage again',
    ),
    'stage file': (
        remove('cam/epoch_1.pth'),
        'stage',
        f'cam: stage cam is damaged: epoch_1.pth is missing; {REMAKE}',
    ),
    'stage manifest': (
        edit('cam/manifest.json', config_hash='p1'),
        'stage',
        'cam/manifest.json of stage cam does not follow from run.json and outputs.json beside it; '
        f'{COMMAND}, which corrects it',
    ),
    'stage manifest broken': (
        cut('cam/manifest.json', 5),
        'manifest',
        'cam/manifest.json is not valid JSON .* run its stage again',
    ),
    'stage claim': (
        lambda root: write_json(root / 'cam/run.json', ['x']),
        'claim',
        'cam/run.json is not {what: hash}; delete .*/cam and run its stage again',
    ),
    'metrics shape': (
        lambda root: write_json(root / METRICS, dict(qa_clims=[1])),
        'metrics',
        f'{METRICS} is not {{stage: {{metric: number}}}}; delete it and run the test again',
    ),
    'metrics percent': (
        lambda root: write_json(root / METRICS, dict(cam={'cam/mIoU': 101})),
        'metrics',
        f'{METRICS} has 101 as cam/mIoU of cam; look at that run and test again',
    ),
    'metrics nan': (
        lambda root: write_json(root / METRICS, dict(cam={'cam/x': float('nan')})),
        'metrics',
        f'{METRICS} has nan as cam/x of cam; look at that run and test again',
    ),
    'left over': (
        lambda root: (root / 'qa_clims/cams/.img_002.npz.77.tmp').write_bytes(b''),
        'left over',
        r'cams/.img_002.npz.77.tmp is left over from a killed run; delete it, unless a run is '
        'writing it now',
    ),
}


@pytest.mark.parametrize(('damage', 'kind', 'line'), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_one_line(work, damage, kind, line):
    damage(work)
    report = check(work)
    [problem] = report.problems
    assert re.fullmatch(rf'{re.escape(str(work))}/.*{line}\.', f'{problem}'), problem
    assert +report.bad == {kind: 1}


def test_several_problems_are_all_told(work):
    cut('corpus/run.json', 2)(work)
    cut('corpus/part-00001.parquet', 2)(work)
    cut(CAMS)(work)
    report = check(work)
    assert len(report.problems) == 3
    assert +report.bad == {'corpus shard': 1, 'claim': 1, 'activation maps': 1}
