"""A work dir with every kind of file between stages, as the stages leave it."""

import numpy as np

from qaclims_mm.checks.files import check_files, find_files
from qaclims_mm.corpus.store import write_shard
from qaclims_mm.schemas import (
    SHARD_SIZE,
    Manifest,
    claim_folder,
    file_of,
    hash_shards,
    ids_by_shard,
    manifest_hash,
    update_metrics,
    write_cams,
    write_claim,
    write_mask,
    write_text_bank,
)
from qaclims_mm.schemas.stage_folder import Origin, StageFolder
from qaclims_mm.schemas.text_bank import hash_text_bank

IMAGE_IDS = tuple(f'img_{n:03d}' for n in range(SHARD_SIZE + 3))
WITH_MAPS = ('img_000', 'sub dir/img.b')
SIZE = (9, 13)


def corpus_rows(image_id, class_name='dog', kind='fg', question_id='fine_1', text='puppy dog'):
    return [
        dict(
            image_id=image_id,
            class_name=class_name,
            kind=kind,
            question_id=question_id,
            question='What kind?',
            answer='puppy',
            text=text,
            score=-0.25,
        )
    ]


def make_corpus(folder):
    """Write two shards; the last image failed."""
    good = IMAGE_IDS[:-1]
    failed = {IMAGE_IDS[-1]: 'cannot be read'}
    records = {i: dict(sha256='0' * 64, classes=['dog']) for i in IMAGE_IDS}
    records[IMAGE_IDS[-1]] |= dict(failed='cannot be read', path='x.jpg')
    for shard, ids in enumerate(ids_by_shard(IMAGE_IDS, 2)):
        rows_of = {i: corpus_rows(i) if i in good else [] for i in ids}
        write_shard(folder, shard, rows_of, 2, records)
    claim_folder(folder, dict(config='c0', questions='q0'))
    counts = dict(images=len(good), answers=len(good), empty=0, shards=2)
    pairs = [list(f) for f in failed.items()]
    extra = dict(questions='q0', shards_sha256=hash_shards(folder, 2))
    Manifest('qape', 'c0', counts=counts, failed=pairs, extra=extra).write(folder)


def make_text_bank(folder, corpus):
    """Write a bank of three texts about two images."""
    index = dict(
        image_id=['img_000', 'img_001'],
        class_name=['dog', 'dog'],
        label=[0, 0],
        fg=[[1], []],
        bg=[[], [1]],
        no=[2, 2],
    )
    origin = manifest_hash(corpus)
    metadata = dict(clip='fake', weights_sha256='w0', prompt='{answer}', corpus_hash=origin)
    write_text_bank(folder, np.eye(3, 4), ['dog', 'puppy dog', 'no dog'], index, metadata)
    counts = dict(texts=3, pairs=2)
    extra = dict(files=hash_text_bank(folder))
    Manifest('text_bank', 'c1', dict(corpus=origin), counts, extra=extra).write(folder)


def make_maps(folder):
    """Write maps of two images and the masks made from them."""
    for image_id in WITH_MAPS:
        high, low = np.full((1, *SIZE), 0.5), np.full((1, 3, 4), 0.5)
        write_cams(file_of(folder / 'cams', image_id, '.npz'), np.array([3]), low, high)
        write_mask(file_of(folder / 'ir_labels', image_id, '.png'), np.full(SIZE, 4))
        write_mask(file_of(folder / 'pseudo_masks', image_id, '.png'), np.full(SIZE, 255))
    for stage in ('cams', 'ir_labels', 'pseudo_masks'):
        counts = dict(images=len(WITH_MAPS), failed=1)
        Manifest(stage, 'c2', counts=counts, failed=[['gone', 'bad']]).write(folder / stage)
    claim_folder(folder / 'cams', dict(config='c2', checkpoint='x'))


def end_stage(path, needs=(), made=(), failed=0):
    """Write what a run leaves of a stage beside its files: claim, list of files and manifest."""
    folder = StageFolder(path)
    inputs = {name: StageFolder(path.parent / name).manifest_hash() for name in needs}
    write_claim(path, Origin(path.name, f'c-{path.name}', seed=3).claim(inputs))
    folder.write_manifest(folder.finish(failed, made))


def make_stages(root):
    """Write three stages, one of which writes a page beside the folders of stages."""
    (root / 'cam').mkdir()
    (root / 'cam/epoch_1.pth').write_bytes(b'weights')
    end_stage(root / 'cam')
    update_metrics(root / 'cam_maps/metrics.json', 'cam_maps', {'cam/mIoU': 50.0})
    end_stage(root / 'cam_maps', ['cam'])
    (root / 'report.html').write_text('<html>')
    (root / 'report').mkdir()
    end_stage(root / 'report', ['cam_maps'], ['{work_dir}/report.html'])


def make_work_dir(root):
    """Write all of it."""
    make_corpus(root / 'corpus')
    make_text_bank(root / 'text_bank', root / 'corpus')
    make_maps(root / 'qa_clims')
    update_metrics(root / 'qa_clims/metrics.json', 'qa_clims', {'cam/mIoU': 52.6, 'cam/best': 0.3})
    (root / 'qa_clims/journal').mkdir()
    (root / 'qa_clims/journal/run.json').write_text('{"config": "c9"}')
    (root / 'qa_clims/epoch_1.pth').write_bytes(b'weights')
    make_stages(root)
    # logs, one of a stage that is called as a file, and what Snakemake remembers
    for name in ('logs/metrics.json', 'logs/cam.log', '.snakemake/metrics.json'):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text('[]')


def check(root):
    """Return what ``qaclims check-files`` finds in a folder."""
    return check_files(find_files(root))
