import shutil

import numpy as np
import pytest
from tiny_work_dir import check

from qaclims_mm.schemas import read_json, write_json, write_mask
from qaclims_mm.schemas.project import write_classes

SHARD = 'corpus/part-00001.parquet'


@pytest.mark.parametrize('folder', ['corpus', 'text_bank', 'qa_clims/cams', 'cam'])
def test_unfinished_stage(work, folder):
    (work / folder / 'manifest.json').unlink()
    [problem] = check(work).problems
    assert problem == (
        f'{work}/{folder}/manifest.json is missing: the stage that fills {work}/{folder} has not '
        'finished; run it.'
    )


def test_shards_of_a_killed_run_belong_to_the_corpus(work):
    (work / 'corpus/next-00004').mkdir()
    shutil.copy(work / SHARD, work / 'corpus/next-00004')
    assert check(work).problems == []
    (work / 'corpus/manifest.json').unlink()
    [problem] = check(work).problems
    assert problem.startswith(f'{work}/corpus/manifest.json is missing: the stage that fills ')


def test_classes_that_the_stage_does_not_have(work):
    write_classes(work / 'qa_clims', ['cat', 'dog', 'cow', 'sheep'])
    assert check(work).problems == []
    write_mask(work / 'qa_clims/pseudo_masks/img_000.png', np.array([[0, 255, 4, 9]] * 9))
    write_classes(work / 'qa_clims', ['cat', 'dog', 'cow'])
    problems = [p for p in check(work).problems if 'has class' in p]
    wrong = ['cams/img_000.npz', 'cams/sub dir/img.b.npz', 'ir_labels/img_000.png']
    wrong += ['ir_labels/sub dir/img.b.png', 'pseudo_masks/img_000.png']
    table = f'but {work}/qa_clims/classes.csv has 3, numbered from 0; delete it and run its stage'
    assert problems == [
        f'{work}/qa_clims/{name} has class {8 if "pseudo" in name else 3}, {table} again.'
        for name in wrong
    ]


def test_maps_and_masks_of_other_sizes(work):
    # as a pipeline leaves it that reads images smaller than their files
    write_mask(work / 'qa_clims/ir_labels/sub dir/img.b.png', np.zeros((91, 131)))
    assert not check(work).problems
    write_mask(work / 'qa_clims/ir_labels/sub dir/img.b.png', np.zeros((9, 14)))
    [problem] = check(work).problems
    assert problem == (
        f'{work}/qa_clims/ir_labels/sub dir/img.b.png is for an image of 9x14, but '
        f'{work}/qa_clims/cams/sub dir/img.b.npz of 9x13; run both stages on the same images.'
    )


def other_corpus(root):
    path = root / 'corpus/manifest.json'
    manifest = read_json(path)
    write_json(path, manifest | dict(extra=manifest['extra'] | dict(questions='q1')))


def test_text_bank_of_an_older_corpus(work):
    other_corpus(work)
    [problem] = check(work).problems
    assert problem == (
        f'{work}/text_bank/manifest.json was made from another corpus than {work}/corpus; '
        'run its stage again.'
    )


def test_an_input_that_lies_elsewhere_is_not_judged(work):
    shutil.rmtree(work / 'corpus')
    assert check(work).problems == []
