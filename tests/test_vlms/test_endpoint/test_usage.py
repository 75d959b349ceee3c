import threading

import pytest

from qaclims_mm.vlms.endpoint.replies import Reply
from qaclims_mm.vlms.endpoint.settings import ServerSettings
from qaclims_mm.vlms.endpoint.usage import Usage

URL = 'http://localhost/v1'
REPLY = Reply('a', input_tokens=1000, output_tokens=10)


@pytest.mark.parametrize(
    ('replies', 'prices', 'line'),
    [
        ([], {}, 'requests: 0 (failed attempts: 0)'),
        (
            [REPLY] * 2,
            {},
            'requests: 2 (failed attempts: 0); tokens: 2,000 of prompts, 20 of replies',
        ),
        (
            [REPLY] * 2000,
            dict(price_input=0.5, price_output=2),
            'requests: 2,000 (failed attempts: 0); tokens: 2,000,000 of prompts, 20,000 of '
            'replies; cost 1.0400 at the prices of the config',
        ),
        (
            [REPLY],
            dict(price_output=2),
            'requests: 1 (failed attempts: 0); tokens: 1,000 of prompts, 10 of replies; '
            'cost 0.0000 at the prices of the config',
        ),
        (
            [Reply('a')],
            {},
            'requests: 1 (failed attempts: 0); replies without token counts: 1',
        ),
    ],
)
def test_summary(replies, prices, line):
    usage = Usage()
    for reply in replies:
        usage.add(reply)
    assert usage.summary(ServerSettings(URL, **prices)) == line


def test_threads_lose_no_count():
    usage = Usage()

    def work():
        for _ in range(2000):
            usage.add(REPLY)
            usage.add_retry()
            usage.note('x')

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (usage.requests, usage.retries, usage.notes['x']) == (16_000, 16_000, 16_000)
    assert (usage.input_tokens, usage.output_tokens) == (16_000_000, 160_000)
