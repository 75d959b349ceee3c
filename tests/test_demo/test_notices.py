import pytest

gr = pytest.importorskip('gradio')
import torch  # noqa: E402

from qaclims_mm.demo.notices import OUT_OF_MEMORY, listed, notice, told  # noqa: E402 - an extra
from qaclims_mm.errors import RecordError  # noqa: E402


def test_messages_are_escaped_and_cut():
    shown = listed([f'<b>{k}' for k in range(15)])
    assert shown['value'].startswith('<div role="status"><ul><li>&lt;b&gt;0</li>')
    assert shown['value'].endswith('<li>and 3 more</li></ul></div>')
    assert shown['visible']
    assert not listed([])['visible']


def test_a_notice_is_escaped_and_an_error_is_announced():
    shown = notice('<b> & more', is_error=True)
    assert shown['value'] == '<p class="notice error" role="alert">&lt;b&gt; &amp; more</p>'
    assert notice('done')['value'] == '<p class="notice" role="status">Done</p>'
    assert (notice()['value'], notice()['visible']) == ('', False)


def fails_with(error):
    def fails():
        raise error

    return told(fails, 2, place=1, places=2)()


@pytest.mark.parametrize('error', [RecordError('no file.'), ValueError('no file.')])
def test_a_mistake_is_told_at_its_place(error, caplog):
    first, second, other, message = fails_with(error)
    # what was shown stays
    assert first == second == gr.skip()
    assert other['value'] == ''
    assert message['value'] == '<p class="notice error" role="alert">No file.</p>'
    assert caplog.text == ''


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (KeyError('secret'), 'The server failed (KeyError); its log has the details.'),
        (MemoryError(), OUT_OF_MEMORY),
        (torch.OutOfMemoryError('secret'), OUT_OF_MEMORY),
    ],
)
def test_a_failure_is_one_sentence_and_logged(error, text, caplog):
    message = fails_with(error)[-1]['value']
    assert text in message
    assert 'secret' not in message
    assert 'Traceback' in caplog.text


def test_a_good_result_empties_all_places():
    assert [v['value'] for v in told(lambda: (1, 2), 2, 0, 2)()[2:]] == ['', '']
    made, *said = told(lambda: ['cat'], 1, 0, 2)()
    assert (made, [v['visible'] for v in said]) == (['cat'], [False, False])


def test_a_remark_on_a_good_result():
    made, _, remark = told(lambda: (7, 'two are left out.'), 1, 1, 2)()
    assert made == 7
    assert remark['value'] == '<p class="notice" role="status">Two are left out.</p>'
