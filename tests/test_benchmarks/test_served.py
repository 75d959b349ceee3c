import math

import pytest

from benchmarks import served
from benchmarks.served import Work, measure

pytest.importorskip('openai')


@pytest.mark.parametrize(('structured', 'requests'), [(False, 24 * 16), (True, 24)])
def test_work(structured, requests):
    work = Work(images=16, slots=10, latency=0.25, structured=structured)
    assert work.requests == requests
    assert work.ideal == math.ceil(requests / 10) * 0.25


@pytest.mark.parametrize('loop', ['AheadTestLoop', 'TestLoop'])
@pytest.mark.parametrize('structured', [False, True])
def test_the_server_sees_all_requests(structured, loop):
    """How long it takes is no matter of a test; it cannot be less than the ideal."""
    work = Work(images=3, slots=8, latency=0.05, structured=structured, loop=loop)
    found = measure(work)
    assert work.ideal <= found.served + 0.01
    assert found.served < found.seconds


def test_what_is_printed(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['served', '--images', '32', '--structured', '--latency', '2'])
    monkeypatch.setattr(served, 'measure', lambda work: served.Measured(5.0, 4.0))
    served.main()
    said = ' '.join(capsys.readouterr().out.split())
    assert said == (
        '48 requests, 32 slots of 2 s, AheadTestLoop: ideal 4.0 s, served in 4.0 s (100%), '
        'stage 5.0 s (80%)'
    )
