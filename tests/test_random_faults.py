"""Whatever happens to a file, a process or a disk: the right bytes or one message.

200 faults of each sort in CI; ``HYPOTHESIS_PROFILE=thorough`` tries 2,000.
"""

import multiprocessing
import os
import subprocess
import time

import fault_work
import numpy as np
import pytest
import strategies  # noqa: F401 - loads the profile
import torch
from damaged_files import damages, make_kinds
from hypothesis import given
from hypothesis import strategies as st
from test_bit_rot import files_of, make_run

from qaclims_mm.checks.files import check_files, find_files
from qaclims_mm.errors import QAClimsError

# characters and lines of a message, at most
LONGEST, MOST_LINES = 4000, 20


@pytest.fixture(scope='module')
def kinds(tmp_path_factory):
    return make_kinds(tmp_path_factory.mktemp('kinds'))


NAMES = (
    'a.safetensors', 'claim', 'classes.csv', 'coco.json', 'costs', 'curve', 'cvat.xml',
    'embeddings',
    'image .bmp', 'image .gif', 'image .jpg', 'image .png', 'image .tif', 'image .webp', 'index',
    'instances', 'labelme/p0.json', 'labels.csv', 'lines.jsonl', 'manifest', 'maps',
    'maps in pieces', 'mask', 'metrics', 'new.pth', 'npy', 'old.pth', 'outputs', 'own labels',
    'project.json', 'run config', 'runs', 'shard', 'texts', 'voc/p0.xml', 'wide.csv',
)  # fmt: skip


def is_equal(a, b):
    """Tell whether two values that a reader returned are equal."""
    if isinstance(a, (np.ndarray, torch.Tensor)):
        return type(a) is type(b) and a.shape == b.shape and bool((a == b).all())
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(is_equal, a, b))
    return a == b


def check_message(error):
    """Check that an error is one of ours, and that its message can be read."""
    assert isinstance(error, QAClimsError) or (isinstance(error, OSError) and error.filename)
    text = str(error)
    assert text
    assert len(text) < LONGEST
    assert text.count('\n') < MOST_LINES
    assert 'Traceback' not in text
    assert 'weights_only' not in text


def test_the_names_are_those_of_the_kinds(kinds):
    assert sorted(kinds) == sorted(NAMES)
    for name, kind in kinds.items():
        assert kind.read() is not None, name


@pytest.mark.timeout(600)
@given(name=st.sampled_from(NAMES), damage=damages())
def test_a_damaged_file_is_read_as_it_was_or_refused_in_a_message(kinds, name, damage):
    kind = kinds[name]
    content = kind.path.read_bytes()
    right = kind.read() if kind.is_whole else None
    try:
        kind.path.write_bytes(damage(content))
        found = kind.read()
        assert not kind.is_whole or is_equal(found, right)
    except (QAClimsError, OSError) as error:
        check_message(error)
    finally:
        kind.path.write_bytes(content)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp('run')
    make_run(root)
    return root, files_of(root)


@pytest.mark.timeout(900)
@given(data=st.data(), damage=damages())
def test_check_files_names_every_damaged_file_of_a_run(run, data, damage):
    root, paths = run
    path = data.draw(st.sampled_from(paths))
    content = path.read_bytes()
    changed = damage(content)
    try:
        path.write_bytes(changed)
        problems = check_files(find_files(root)).problems
        assert bool(problems) == (changed != content)
        assert all('\n' not in p and len(p) < LONGEST for p in problems)
    finally:
        path.write_bytes(content)


# ------------------------------------------------------------------------ processes and full disks

# a process of its own would import for seconds what this one has imported
CONTEXT = multiprocessing.get_context('fork')


def tree(folder):
    """Return {file: its bytes}, without the temporary files of a killed process."""
    return {
        p.relative_to(folder): p.read_bytes()
        for p in folder.rglob('*')
        if p.is_file() and not p.name.endswith('.tmp') and '.tmp/' not in p.as_posix()
    }


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """What an unbroken run writes."""
    folder = tmp_path_factory.mktemp('whole')
    fault_work.write_all(folder)
    found = tree(folder)
    assert len(found) == 12
    return found


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    return tmp_path_factory.mktemp('place')


COUNT = iter(range(10**9))


def start(place, **options):
    """Start the work in a new folder; returns the process, the folder, and its standard error."""
    folder = place / f'w{next(COUNT)}'
    errors = folder.with_suffix('.err')
    process = CONTEXT.Process(target=fault_work.run, args=(folder, errors), kwargs=options)
    process.start()
    return process, folder, errors


def check_parts(folder, whole):
    """Check that each file that is there is whole and right."""
    found = tree(folder)
    assert set(found) <= set(whole)
    for name, content in found.items():
        assert content == whole[name], name


@pytest.mark.timeout(900)
@given(seconds=st.floats(0, 0.05))
def test_a_killed_process_leaves_whole_files_and_the_next_one_ends_the_work(place, whole, seconds):
    process, folder, _ = start(place)
    time.sleep(seconds)
    process.kill()
    process.join()
    folder.mkdir(exist_ok=True)
    check_parts(folder, whole)
    fault_work.write_all(folder)
    assert tree(folder) == whole


def check_ending(process, errors, whole, folder):
    """Check that work without room ended in one line, or was done."""
    process.join(60)
    assert process.exitcode is not None
    said = errors.read_text(encoding='utf-8') if errors.exists() else ''
    if process.exitcode == 0:
        assert tree(folder) == whole
        return
    assert 'Traceback' not in said
    [line] = said.splitlines()
    assert line.startswith(f'error: {folder}')
    assert 'make room or choose another folder, and run it again.' in line
    check_parts(folder, whole)
    assert not [p for p in folder.rglob('*.tmp') if p.is_file()]


@pytest.mark.timeout(900)
@given(most=st.integers(0, 16_000))
def test_files_that_may_not_grow_end_in_one_line(place, whole, most):
    process, folder, errors = start(place, most=most)
    process.join(60)
    # the file of the message may not grow either
    check_ending(process, errors, whole, folder) if most > 400 else check_parts(folder, whole)


@pytest.fixture(scope='module')
def small_disk(tmp_path_factory):
    """A disk of a quarter of a megabyte, for those who may mount one."""
    folder = tmp_path_factory.mktemp('disk')
    words = ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip('this user may not mount a small disk')
    yield folder
    subprocess.run(['umount', str(folder)], check=True)


@pytest.mark.timeout(900)
@given(kilobytes=st.integers(0, 250))
def test_a_disk_that_fills_ends_in_one_line(place, small_disk, whole, kilobytes):
    filler, folder = small_disk / 'filler', small_disk / 'work'
    filler.write_bytes(bytes(1024 * kilobytes))
    errors = place / f'e{next(COUNT)}'
    process = CONTEXT.Process(target=fault_work.run, args=(folder, errors))
    process.start()
    try:
        check_ending(process, errors, whole, folder)
    finally:
        filler.unlink()
        subprocess.run(['rm', '-rf', str(folder)], check=True)
    assert os.listdir(small_disk) == []
