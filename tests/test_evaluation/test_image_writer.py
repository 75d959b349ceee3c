import threading

import pytest

from qaclims_mm.evaluation.image_writer import ImageWriter
from qaclims_mm.schemas import Manifest
from qaclims_mm.schemas.project import (
    ProjectTables,
    read_project_classes,
    write_project_tables,
)


def write_text(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


class TextWriter(ImageWriter):
    default_prefix, suffix = 'texts', '.txt'

    def write(self, path, sample):
        self.queue.put(write_text, path, sample['text'])


def test_a_writer_is_a_suffix_a_stage_and_a_way_to_write(tmp_path):
    writer = TextWriter(str(tmp_path))
    writer.process(None, [dict(image_id='x/a.b', text='hello'), dict(image_id='c', failed='no')])
    assert writer.evaluate(2) == {'texts/images': 1.0, 'texts/failed': 1.0}
    assert (tmp_path / 'x/a.b.txt').read_text() == 'hello'
    assert writer.done_ids(['x/a.b', 'c']) == {'x/a.b'}


def test_a_writer_without_a_way_to_write(tmp_path):
    with pytest.raises(TypeError, match='write'):
        type('Half', (ImageWriter,), dict(default_prefix='half', suffix='.x'))(str(tmp_path))


def test_all_is_written_before_the_manifest(tmp_path, monkeypatch):
    writer, go_on = TextWriter(str(tmp_path)), threading.Event()
    writer.queue.put(go_on.wait, 30)
    writer.process(None, [dict(image_id='a', text='hello')])
    found, write = [], Manifest.write
    monkeypatch.setattr(
        Manifest, 'write', lambda *args: found.extend(writer.done_ids(['a'])) or write(*args)
    )
    threading.Timer(0.05, go_on.set).start()
    writer.evaluate(1)
    assert found == ['a']


def test_no_manifest_if_a_file_could_not_be_written(tmp_path):
    (tmp_path / 'a.txt').mkdir()
    writer = TextWriter(str(tmp_path))
    # the last one fails: else it could come out of the writing of the next already
    writer.process(None, [dict(image_id=i, text='hello') for i in ('b', 'a')])
    with pytest.raises(IsADirectoryError, match=r'a\.txt'):
        writer.evaluate(2)
    assert (tmp_path / 'b.txt').read_text() == 'hello'
    assert not list(tmp_path.glob('*.json'))


def test_the_work_dir_says_what_the_values_mean(tmp_path):
    writer = TextWriter()
    writer.dataset_meta = dict(classes=('background', 'cat', 'a, "b"'))
    writer.use_work_dir(str(tmp_path))
    writer.begin({}, ['a'])
    assert read_project_classes(tmp_path) == ('cat', 'a, "b"')
    # killed before the first file and begun again, it is the same
    before = (tmp_path / 'classes.csv').read_bytes()
    writer.begin({}, ['a'])
    assert (tmp_path / 'classes.csv').read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ['classes.csv']


def test_nothing_is_written_beside_a_folder_that_was_given(tmp_path):
    writer = TextWriter(str(tmp_path / 'texts'))
    writer.dataset_meta = dict(classes=('background', 'cat'))
    writer.use_work_dir(str(tmp_path / 'work'))
    writer.begin({}, ['a'])
    assert not [*tmp_path.rglob('classes.csv')]


def test_the_table_of_a_project_stays(tmp_path):
    write_project_tables(tmp_path, ProjectTables(tmp_path, ['dog']))
    writer = TextWriter()
    writer.dataset_meta = dict(classes=('background', 'cat'))
    writer.use_work_dir(str(tmp_path))
    writer.begin({}, ['a'])
    assert read_project_classes(tmp_path) == ('dog',)


def remarks_of(folder):
    return Manifest.read(folder).extra.get('remarks', [])


def begun(folder, ids='abc'):
    writer = TextWriter(str(folder))
    writer.begin(dict(config='x'), list(ids))
    return writer


def sample(image_id, remark=''):
    return dict(image_id=image_id, text=image_id) | (dict(remark=remark) if remark else {})


@pytest.mark.parametrize('is_killed', [False, True])
def test_a_resumed_run_has_all_remarks(tmp_path, is_killed):
    first = begun(tmp_path / 'resumed')
    first.process(None, [sample('a', 'cat not found'), sample('b')])
    if is_killed:
        # the last image had its remark, but not its file
        first.process(None, [sample('c', 'cat not found')])
        first.flush()
        (tmp_path / 'resumed/c.txt').unlink()
    else:
        first.flush()
    second = begun(tmp_path / 'resumed')
    assert second.done_ids('abc') == {'a', 'b'}
    second.process(None, [sample('c', 'dog not found')])
    second.evaluate(3)
    assert second.remarks == dict(a='cat not found', c='dog not found')
    whole = begun(tmp_path / 'whole')
    whole.process(None, [sample('a', 'cat not found'), sample('b'), sample('c', 'dog not found')])
    whole.evaluate(3)
    assert remarks_of(tmp_path / 'whole') == [['a', 'cat not found'], ['c', 'dog not found']]
    found = [{p.name for p in (tmp_path / n).iterdir()} for n in ('resumed', 'whole')]
    assert found == [{'a.txt', 'b.txt', 'c.txt', 'manifest.json'}] * 2
    manifests = [(tmp_path / n / 'manifest.json').read_bytes() for n in ('resumed', 'whole')]
    assert manifests[0] == manifests[1]


def test_a_finished_run_keeps_its_remarks_unless_an_image_is_made_again(tmp_path):
    writer = begun(tmp_path)
    writer.process(None, [sample('a', 'cat not found'), sample('b', 'dog not found')])
    writer.evaluate(2)
    before = (tmp_path / 'manifest.json').read_bytes()
    begun(tmp_path).evaluate(2)
    assert (tmp_path / 'manifest.json').read_bytes() == before
    (tmp_path / 'b.txt').unlink()
    writer = begun(tmp_path)
    writer.process(None, [sample('b')])
    writer.evaluate(2)
    assert remarks_of(tmp_path) == [['a', 'cat not found']]


def test_parts_of_a_run_leave_their_remarks_to_the_run_that_finishes(tmp_path):
    for image_id in 'abc':
        part = begun(tmp_path)
        part.process(None, [sample(image_id, f'{image_id} not found')])
        part.flush()
    begun(tmp_path).evaluate(3)
    assert remarks_of(tmp_path) == [[i, f'{i} not found'] for i in 'abc']
