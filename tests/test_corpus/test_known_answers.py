import os
import shutil
from types import SimpleNamespace

import pytest

from qaclims_mm.corpus.known_answers import AnswerShards, plan_shards
from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import ImageRecord, Manifest, read_shard, shard_path
from qaclims_mm.schemas.corpus import next_folder, shard_files

IDS = [f'img_{n:02d}' for n in range(12)]
BAD = IDS[5]


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr('qaclims_mm.schemas.corpus.SHARD_SIZE', 4)


def images_of(ids, **changes):
    records = {i: ImageRecord(f'{i}.jpg', f'hash of {i}', ('cat',)) for i in ids}
    return records | {i: ImageRecord(*values) for i, values in changes.items()}


def answer(image_id, image):
    if not image.classes:
        return []
    row = dict(image_id=image_id, class_name=image.classes[0], kind='fg', question_id='fine_1')
    answer = f'{image.sha256} {image.classes}'
    return [row | dict(question='?', answer=answer, text=answer, score=-1 / 3)]


class KilledError(Exception):
    """As if the process had ended."""


def run(folder, images, killed_after=None, bad=(BAD,), reason='broken', is_part=False):
    """Make a corpus, perhaps killed after so many changes of files; return who was asked."""
    asked, calls = [], SimpleNamespace(left=killed_after)

    def step(function):
        def limited(*args, **kwargs):
            if calls.left == 0:
                raise KilledError
            if calls.left is not None:
                calls.left -= 1
            return function(*args, **kwargs)

        return limited

    with pytest.MonkeyPatch.context() as patch:
        if killed_after is not None:
            # shutil.rmtree and pathlib call these too
            for name in ('replace', 'unlink', 'rmdir'):
                patch.setattr(os, name, step(getattr(os, name)))
        shards = AnswerShards(plan_shards(folder, images), images)
        shards.begin(is_part)
        for shard, ids in shards.to_ask(is_part).items():
            asked += sorted(ids)
            rows = {i: [] if i in bad else answer(i, images[i]) for i in ids}
            shards.write(shard, rows, {i: reason for i in ids if i in bad})
        if is_part:
            return sorted(asked)
        shards.finish()
    Manifest('qape', '').write(folder)
    return sorted(asked)


def files(folder):
    """Return all files but the temporary ones that a killed process leaves."""
    found = (p for p in folder.rglob('*') if p.is_file() and p.suffix != '.tmp')
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def scratch(tmp_path, images, **options):
    folder = tmp_path / 'scratch'
    shutil.rmtree(folder, ignore_errors=True)
    run(folder, images, **options)
    return files(folder)


HISTORIES = {
    'same': (IDS, {}, 0),
    'two more': ([*IDS, 'new_0', 'new_1'], {}, 2),
    'two fewer': (IDS[2:], {}, 0),
    'replaced': (IDS, {IDS[1]: (f'{IDS[1]}.jpg', 'another', ('cat',))}, 1),
    'other label': (IDS, {IDS[1]: (f'{IDS[1]}.jpg', f'hash of {IDS[1]}', ('dog',))}, 1),
    'no label': (IDS, {IDS[1]: (f'{IDS[1]}.jpg', f'hash of {IDS[1]}', ())}, 1),
    'other alias': (
        IDS, {IDS[1]: (f'{IDS[1]}.jpg', f'hash of {IDS[1]}', ('cat',), {'cat': ['puss']})}, 1
    ),
    'renamed': ([*IDS[1:], 'new'], {'new': ('new.jpg', f'hash of {IDS[0]}', ('cat',))}, 0),
    'copied': ([*IDS, 'new'], {'new': ('new.jpg', f'hash of {IDS[0]}', ('cat',))}, 0),
    'copied and other label': (
        [*IDS, 'new'], {'new': ('new.jpg', f'hash of {IDS[0]}', ('dog',))}, 1
    ),
    'copied and many': (
        [*IDS, 'new', *(f'new_{n}' for n in range(9))],
        {'new': ('new.jpg', f'hash of {IDS[0]}', ('cat',))},
        9,
    ),
    'failed one copied': ([*IDS, 'new'], {'new': ('new.jpg', f'hash of {BAD}', ('cat',))}, 1),
    'missing': ([*IDS, 'new'], {'new': ('new.jpg', '', ('cat',))}, 1),
    'exchanged': (
        IDS,
        {
            IDS[0]: ('x', f'hash of {IDS[1]}', ('cat',)),
            IDS[1]: ('x', f'hash of {IDS[0]}', ('cat',)),
        },
        0,
    ),
    'moved': (IDS, {IDS[1]: (f'elsewhere/{IDS[1]}.jpg', f'hash of {IDS[1]}', ('cat',))}, 0),
    # the reason names the file
    'failed one moved': (IDS, {BAD: (f'elsewhere/{BAD}.jpg', f'hash of {BAD}', ('cat',))}, 1),
    'failed one changed': (IDS, {BAD: (f'{BAD}.jpg', 'another', ('cat',))}, 1),
    'twice as many': ([*IDS, *(f'new_{n}' for n in range(9))], {}, 9),
    'half as many': (IDS[::2], {}, 0),
    'one': ([IDS[3]], {}, 0),
    'others': ([f'new_{n}' for n in range(40)], {}, 40),
}  # fmt: skip


@pytest.mark.parametrize(('ids', 'changes', 'asked'), HISTORIES.values(), ids=HISTORIES)
def test_a_changed_data_set_ends_as_if_made_from_scratch(tmp_path, ids, changes, asked):
    before, after = images_of(IDS), images_of(ids, **changes)
    assert len(run(tmp_path / 'corpus', before)) == 12
    is_tried_again = after.get(BAD) == before[BAD]
    assert len(run(tmp_path / 'corpus', after)) == asked + is_tried_again
    assert files(tmp_path / 'corpus') == scratch(tmp_path, after)
    for _, path in shard_files(tmp_path / 'corpus'):
        read_shard(path)
    # and back
    again = run(tmp_path / 'corpus', before)
    assert set(again) <= set(IDS)
    assert files(tmp_path / 'corpus') == scratch(tmp_path, before)


RENAMED = {f'r_{i}': (f'r_{i}.jpg', f'hash of {i}', ('cat',)) for i in IDS if i != BAD}


@pytest.mark.parametrize(
    ('ids', 'changes'),
    [
        ([*IDS, *(f'new_{n}' for n in range(9))], {}),
        (IDS[::2], {}),
        (IDS[1:], {}),
        ([BAD, *RENAMED], RENAMED),
        ([BAD, *RENAMED, *(f'new_{n}' for n in range(9))], RENAMED),
    ],
)
def test_a_kill_at_any_step_loses_no_known_answer(tmp_path, ids, changes):
    after = images_of(ids, **changes)
    known = {*IDS, *changes} - {BAD}
    run(tmp_path / 'begun', images_of(IDS))
    unbroken, steps = scratch(tmp_path, after), 0
    while True:
        folder = tmp_path / f'killed_{steps}'
        shutil.copytree(tmp_path / 'begun', folder)
        try:
            run(folder, after, steps)
        except KilledError:
            assert not (folder / 'manifest.json').exists() or steps == 0
        else:
            break
        # images of the first data set that the second has too are never asked about again
        assert set(run(folder, after)).isdisjoint(known)
        assert files(folder) == unbroken
        # nor where the data set changes once more after the kill
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / 'begun', folder)
        with pytest.raises(KilledError):
            run(folder, after, steps)
        third = images_of([*ids, *(f'third_{n}' for n in range(30))], **changes)
        assert set(run(folder, third)).isdisjoint(known & set(ids))
        assert files(folder) == scratch(tmp_path, third)
        steps += 1
    assert steps > 4


def test_new_shards_stand_aside_while_old_ones_are_needed(tmp_path):
    run(tmp_path, images_of(IDS))
    more = images_of([*IDS, *(f'new_{n}' for n in range(9))])
    plan = plan_shards(tmp_path, more)
    assert (plan.shards, plan.target, plan.whole) == (8, next_folder(tmp_path, 8), {})
    assert plan.known.keys() == set(IDS)
    one_more = plan_shards(tmp_path, images_of([*IDS, 'new']))
    assert (one_more.shards, one_more.target, len(one_more.whole)) == (4, tmp_path, 3)
    same = plan_shards(tmp_path, images_of(IDS))
    assert not same.changes
    assert same.whole == {n: shard_path(tmp_path, n) for n in range(4)}


def test_an_image_in_the_wrong_shard_is_not_known(tmp_path):
    images = images_of(IDS)
    run(tmp_path, images)
    before = files(tmp_path)
    first, second = shard_path(tmp_path, 0), shard_path(tmp_path, 1)
    second.write_bytes(first.read_bytes())
    plan = plan_shards(tmp_path, images)
    assert plan.whole.keys() == {0, 2, 3}
    unknown = len(images) - len(plan.known)
    assert len(run(tmp_path, images)) == unknown + len(plan.failed) > len(plan.failed)
    assert files(tmp_path) == before


def test_a_corpus_without_all_shards_is_not_finished(tmp_path):
    images = images_of(IDS)
    with pytest.raises(StageError, match=r'lacks 4 of 4 shards \(first: 0\), since not all images'):
        AnswerShards(plan_shards(tmp_path, images), images).finish()


def test_broken_shard(tmp_path):
    images = images_of(IDS)
    run(tmp_path, images)
    shard_path(tmp_path, 2).write_bytes(b'PAR1')
    with pytest.raises(FormatError, match=r'part-00002\.parquet is not a readable Parquet file'):
        plan_shards(tmp_path, images)


# --------------------------------------------------------------------- images that failed before

TWO = (IDS[2], BAD)


def times(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


@pytest.mark.parametrize('reason', ['broken', 'refused otherwise'])
def test_what_fails_again_changes_no_file(tmp_path, reason):
    images = images_of(IDS)
    run(tmp_path, images, bad=TWO)
    before, when = files(tmp_path), times(tmp_path)
    (tmp_path / 'manifest.json').touch()
    for _ in range(2):
        assert run(tmp_path, images, bad=TWO, reason=reason) == sorted(TWO)
    assert files(tmp_path) == before
    del when['manifest.json']
    assert when.items() <= times(tmp_path).items()


@pytest.mark.parametrize('bad', [(), (BAD,), (IDS[2],)])
def test_what_succeeds_is_as_if_it_had_never_failed(tmp_path, bad):
    images = images_of(IDS)
    run(tmp_path / 'corpus', images, bad=TWO)
    assert run(tmp_path / 'corpus', images, bad=bad) == sorted(TWO)
    assert files(tmp_path / 'corpus') == scratch(tmp_path, images, bad=bad)
    assert run(tmp_path / 'corpus', images, bad=bad) == sorted(bad)


def test_a_run_that_ends_before_an_answer_leaves_a_finished_corpus(tmp_path):
    """As when nobody has started the server."""
    images = images_of(IDS)
    run(tmp_path, images)
    before = files(tmp_path)
    shards = AnswerShards(plan_shards(tmp_path, images), images)
    shards.begin()
    assert list(shards.to_ask().values()) == [{BAD}]
    assert files(tmp_path) == before


@pytest.mark.parametrize('ids', [IDS, IDS[1:], [*IDS, *(f'new_{n}' for n in range(9))]])
def test_a_kill_at_any_step_of_another_try_loses_no_answer(tmp_path, ids):
    after, steps = images_of(ids), 0
    run(tmp_path / 'begun', images_of(IDS), bad=TWO)
    unbroken = scratch(tmp_path, after, bad=())
    while True:
        folder = tmp_path / f'killed_{steps}'
        shutil.copytree(tmp_path / 'begun', folder)
        try:
            run(folder, after, steps, bad=())
        except KilledError:
            asked = run(folder, after, bad=())
            assert set(asked).isdisjoint({*IDS} - {*TWO})
            # a run that had all but the manifest to write asks nothing, the next one does
            run(folder, after, bad=())
            assert files(folder) == unbroken
        else:
            break
        steps += 1
    assert steps > 1


def test_answers_of_a_killed_try_are_found_beside_an_older_failure(tmp_path):
    """The corpus grows, so the new shards lie aside when the run is killed; then it shrinks."""
    run(tmp_path, images_of(IDS), bad=(BAD,))
    more = images_of([*IDS, *(f'new_{n}' for n in range(9))])
    shards = AnswerShards(plan_shards(tmp_path, more), more)
    for shard, ids in shards.to_ask().items():
        shards.write(shard, {i: answer(i, more[i]) for i in ids}, {})
    assert run(tmp_path, images_of(IDS), bad=()) == []
    assert files(tmp_path) == scratch(tmp_path / 'x', images_of(IDS), bad=())


def test_parts_of_a_run_try_again_and_the_run_that_finishes_does_not(tmp_path):
    images = images_of(IDS)
    run(tmp_path, images, bad=TWO)
    before = files(tmp_path)
    assert run(tmp_path, images, bad=TWO, is_part=True) == sorted(TWO)
    assert not (tmp_path / 'manifest.json').exists()
    # another part, begun while the first one runs or after it
    assert run(tmp_path, images, bad=TWO, is_part=True) == sorted(TWO)
    assert run(tmp_path, images, bad=TWO) == []
    assert files(tmp_path) == before
    assert run(tmp_path, images, bad=TWO) == sorted(TWO)
