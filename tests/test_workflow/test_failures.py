from qaclims_mm.workflow.failures import why_missing
from qaclims_mm.workflow.stage import Stage

STAGES = [Stage('a', 'x'), Stage('b', 'x', needs=('a',)), Stage('c', 'x')]


def write(path, text=''):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_last_words_of_what_failed_above_a_stage(tmp_path):
    assert why_missing(tmp_path, STAGES, 'b') == ''
    write(tmp_path / 'logs/a.log', 'begins\n\nerror: no weights\n')
    expected = f'stage a failed with: error: no weights (log: {tmp_path / "logs/a.log"})'
    assert why_missing(tmp_path, STAGES, 'b') == why_missing(tmp_path, STAGES, 'a') == expected
    assert why_missing(tmp_path, STAGES, 'c') == ''
    # it has ended since
    write(tmp_path / 'a/outputs.json')
    assert why_missing(tmp_path, STAGES, 'b') == ''


def test_a_log_without_a_word(tmp_path):
    write(tmp_path / 'logs/c.log')
    assert 'stage c failed with: no message' in why_missing(tmp_path, STAGES, 'c')
