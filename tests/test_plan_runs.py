"""``qaclims run`` and ``qaclims ablate`` as people start them, over stages that take a moment."""

import os
import re
import resource
import shutil
import signal
import time

import psutil
import pytest
from tiny_plans import NEEDS, ROOT, graph_of, run, start, states_of, world, write_plan

from qaclims_mm.miniworld import generate
from qaclims_mm.schemas.numbers.runs import read_runs

# draws for a while
SLOW = world('slow', pictures=20000)


def wait_for(path, process, patience=120):
    """Wait until a file is there."""
    deadline = time.monotonic() + patience
    while not path.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    assert path.exists()


def end(process):
    """Wait for a process; returns what it has said. None of its group may be left."""
    said, _ = process.communicate(timeout=60)
    deadline = time.monotonic() + 10
    while members_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members_of(process.pid) == []
    return said


def members_of(group):
    found = []
    for member in psutil.process_iter(['status']):
        try:
            if os.getpgid(member.pid) == group and member.info['status'] != psutil.STATUS_ZOMBIE:
                found.append(member.pid)
        except (ProcessLookupError, psutil.Error):
            continue
    return found


def test_a_plan_runs_and_is_mended(tmp_path):
    path, work = write_plan(tmp_path), tmp_path / 'work'
    said = run(path, '--jobs', 2, '--', '--retries', 1)
    assert '4/4 d  done in ' in said
    assert set(read_runs(work)) == set(NEEDS)
    files = {p: p.read_bytes() for p in work.rglob('world/**/*') if p.is_file()}
    assert len(files) > 4 * 10
    shutil.rmtree(work / 'b')
    next((work / 'c').rglob('*.png')).unlink()
    (work / 'a/manifest.json').write_text('{')
    said = run(path, '--jobs', 2)
    for line in ('b .* to do', r'c .*damaged: world/\S+ is missing', r'a .*damaged: manifest\.j'):
        assert re.search(line, said), said
    assert 'd  as it was' in said
    assert {p: p.read_bytes() for p in files} == files
    assert set(states_of(graph_of(path)).values()) == {'done'}
    # nothing is left, and Snakemake's own words are not shown
    assert 'd  ' not in run(path).partition('costs:')[2]


def test_a_failure_ends_what_needs_it_alone(tmp_path):
    bad = world('b', 'a') | dict(args=['--num-train', 'x'])
    path = write_plan(tmp_path, [world('a'), bad, world('c', 'a'), world('d', 'bc')])
    said = run(path, '--keep-going', status=1)
    assert "argument --num-train: invalid int value: 'x'" in said
    assert f'b failed; its whole log is {tmp_path}/work/logs/b.log' in said
    assert 'Traceback' not in said
    assert states_of(graph_of(path)) == dict(a='done', b='begun', c='done', d='to do')


def test_a_killed_stage_is_said_to_be(tmp_path):
    """The system kills what takes too much memory, and the stage cannot say so itself."""
    process = start(write_plan(tmp_path, [SLOW]))
    wait_for(tmp_path / 'work/slow/run.json', process)
    [stage] = [
        p
        for p in psutil.process_iter(['cmdline', 'pid'])
        if 'qaclims_mm.cli._job' in (p.info['cmdline'] or []) and os.getpgid(p.pid) == process.pid
    ]
    stage.kill()
    said = end(process)
    assert process.returncode == 1, said
    assert 'killed (SIGKILL), most often because the memory is exhausted' in said
    assert 'slow failed; its whole log is' in said


def test_seeds_and_their_links(tmp_path):
    stages = [world('a'), world('b', 'a')]
    said = run(write_plan(tmp_path, stages), '--seeds', 1, 2, '--jobs', 2)
    assert 'seed2/b  as of the first seed' in said
    one, other = (tmp_path / f'work/seed{s}/b/world/world.json' for s in (1, 2))
    assert one.samefile(other)


@pytest.mark.parametrize(
    ('signals', 'status'),
    [
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGTERM, signal.SIGTERM, signal.SIGINT], 143),
    ],
    ids=lambda s: '-'.join(x.name for x in s) if isinstance(s, list) else '',
)
def test_signals_leave_no_process(tmp_path, signals, status):
    path = write_plan(tmp_path, [SLOW])
    process = start(path)
    wait_for(tmp_path / 'work/slow/run.json', process)
    time.sleep(1)
    for number in signals:
        os.kill(process.pid, number)
        time.sleep(0.2)
    said = end(process)
    assert process.returncode == status, said
    assert 'the same command goes on' in said
    assert states_of(graph_of(path)) == dict(slow='begun')
    # the lock is free
    run(write_plan(tmp_path, [dict(SLOW, args=world('slow')['args'])]))


def test_keys_pressed_at_a_terminal(tmp_path):
    """Ctrl-C reaches all processes of the group at once, here twice."""
    path = write_plan(tmp_path, [SLOW])
    process = start(path)
    wait_for(tmp_path / 'work/slow/run.json', process)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    said = end(process)
    assert process.returncode == 130, said
    assert 'Traceback' not in said


def test_two_runs_of_one_work_dir(tmp_path):
    path = write_plan(tmp_path, [SLOW])
    process = start(path)
    wait_for(tmp_path / 'work/slow/run.json', process)
    said = run(path, status=1)
    assert f'{tmp_path}/work is in use by process {process.pid} on ' in said
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run(write_plan(tmp_path, [dict(SLOW, args=world('slow')['args'])]))


def test_a_run_whose_face_is_killed_alone(tmp_path):
    """What it has started ends with it, and starts no further stage."""
    path = write_plan(tmp_path, [SLOW, world('next') | dict(needs=['slow'])])
    process = start(path)
    wait_for(tmp_path / 'work/slow/run.json', process)
    process.kill()
    end(process)
    assert states_of(graph_of(path)) == dict(slow='begun', next='to do')


def test_a_full_disk(tmp_path):
    """A file can be no larger than a limit, which is told as a full disk is."""
    path = write_plan(tmp_path, [world('a', pictures=400)])
    limit = resource.RLIMIT_FSIZE, (2**15, 2**15)
    process = start(path, preexec_fn=lambda: resource.setrlimit(*limit))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert 'File too large; make room or choose another folder' in said
    assert 'Traceback' not in said


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--to', 'x'], 'there is no stage x; the plan has a, b, c, d'),
        (['--from', 'b'], 'stage b needs stage a, which is not done'),
        (['--force', 'x'], 'there is no stage x to force'),
        (['--shards', 'a=x'], '--shards takes STAGE=N'),
        (['--shards', 'a=2'], 'a has no images to share; --shards takes'),
        (['--jobs', '0'], '--jobs must be at least 1'),
        (['--seeds', '-1'], 'seeds must be at least 0'),
        (['--', '--executor', 'none'], "'none'"),
    ],
)
def test_bad_words(tmp_path, words, message):
    status = 2 if words[0] in ('--jobs', '--seeds') else 1
    said = run(write_plan(tmp_path), *words, status=status)
    assert message in said
    assert 'Traceback' not in said


def test_images_that_come_change_and_go(tmp_path):
    """Only what is new is asked about, by the same command; then all is as if made at once."""
    generate(tmp_path / 'world', num_train=6, num_val=2, seed=0, size=48)
    config = tmp_path / 'qape.py'
    config.write_text(
        f"_base_ = '{ROOT}/configs/miniworld/qape_blip-mini_fg6-bg10_miniworld-112x112.py'\n"
        f"test_dataloader = dict(num_workers=0, dataset=dict(data_root='{tmp_path}/world'))\n"
    )
    qape = dict(name='qape', command='test', config=str(config), checkpoint='none')
    path = write_plan(tmp_path, [qape])
    run(path)
    images = tmp_path / 'world/JPEGImages'
    ids = (tmp_path / 'world/ImageSets/Segmentation/train.txt').read_text().split()
    # another picture of the same name, one picture less
    shutil.copy(images / f'{ids[0]}.jpg', images / f'{ids[1]}.jpg')
    (tmp_path / 'world/ImageSets/Segmentation/train.txt').write_text('\n'.join(ids[:-1]) + '\n')
    said = run(path)
    assert re.search('qape .* stale: made from other images or labels', said)
    log = (tmp_path / 'work/logs/qape.log').read_text()
    assert f'done already and left out: {len(ids) - 2} of {len(ids) - 1} images' in log
    # a shard that was cut is asked about again
    [shard] = (tmp_path / 'work/qape/corpus').glob('*.parquet')
    shard.write_bytes(shard.read_bytes()[:-9])
    assert re.search(rf'qape .* damaged: corpus/{shard.name} is not as it was written', run(path))
    run(path, '--work-dir', tmp_path / 'anew')
    one, other = (
        {p.name: p.read_bytes() for p in (tmp_path / name / 'qape/corpus').glob('*.parquet')}
        for name in ('work', 'anew')
    )
    assert one == other
    assert re.search('qape .* done', run(path))


def test_a_dry_run_refuses_what_a_run_does(tmp_path):
    path = write_plan(tmp_path, [world('a')])
    run(path)
    assert 'was filled by seed 0, not by seed 3' in run(path, '--dry-run', '--seed', 3, status=1)
    write_plan(tmp_path, [dict(world('a'), command='make-miniword')])
    assert 'did you mean make-miniworld?' in run(path, '--dry-run', status=1)
