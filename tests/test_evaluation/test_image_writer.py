import pytest

from qaclims_mm.evaluation.image_writer import ImageWriter


class TextWriter(ImageWriter):
    default_prefix, suffix = 'texts', '.txt'

    def write(self, path, sample):
        path.parent.mkdir(exist_ok=True)
        path.write_text(sample['text'])


def test_a_writer_is_a_suffix_a_stage_and_a_way_to_write(tmp_path):
    writer = TextWriter(str(tmp_path))
    writer.process(None, [dict(image_id='x/a.b', text='hello'), dict(image_id='c', failed='no')])
    assert (tmp_path / 'x/a.b.txt').read_text() == 'hello'
    assert writer.done_ids(['x/a.b', 'c']) == {'x/a.b'}
    assert writer.evaluate(2) == {'texts/images': 1.0, 'texts/failed': 1.0}


def test_a_writer_without_a_way_to_write(tmp_path):
    with pytest.raises(TypeError, match='write'):
        type('Half', (ImageWriter,), dict(default_prefix='half', suffix='.x'))(str(tmp_path))
