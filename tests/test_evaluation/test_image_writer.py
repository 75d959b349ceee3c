import threading

import pytest

from qaclims_mm.evaluation.image_writer import ImageWriter
from qaclims_mm.schemas import Manifest


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
