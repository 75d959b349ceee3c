import pytest
from tiny_runs import build_tiny_runner, write_tiny_config

EVALUATORS = """
test_evaluator = [
    dict(type='CAMWriter'{cams}),
    dict(type='CAMMetric'{curve}),
]
"""


@pytest.mark.parametrize('given', [False, True])
def test_evaluators_write_into_the_work_dir_unless_told_otherwise(tiny, tmp_path, given):
    other = tmp_path / 'other'
    cams = f', out_dir={str(other / "maps")!r}' if given else ''
    curve = f', out_file={str(other / "c.json")!r}, journal={str(other / "j")!r}' if given else ''
    more = EVALUATORS.format(cams=cams, curve=curve)
    path = write_tiny_config(tmp_path / 'c.py', tmp_path / 'voc', more)
    work = tmp_path / 'work'
    build_tiny_runner(path, work, 'test').test()
    names = ('maps', 'c.json', 'j') if given else ('cams', 'curve.json', 'journal')
    folder = other if given else work
    assert all((folder / name).exists() for name in names)
    assert (folder / names[0] / 'manifest.json').is_file()
    if given:
        assert not (work / 'cams').exists()


def test_a_training_without_evaluators(tiny, tmp_path):
    build_tiny_runner(tiny, tmp_path / 'work', 'train').train()
    assert not (tmp_path / 'work/cams').exists()
