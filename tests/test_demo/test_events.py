import pytest

pytest.importorskip('gradio')
from qaclims_mm.demo.page import Page


@pytest.fixture(scope='module')
def config(explainer):
    return Page(explainer).build().config


def test_events_that_programs_may_call(config):
    public = {d['api_name'] for d in config['dependencies'] if d['api_visibility'] == 'public'}
    assert public == {'find', 'label', 'propose', 'read'}


def test_each_action_can_say_what_is_wrong(config):
    """The last two outputs are the places of messages, which each good result empties."""
    events = [d for d in config['dependencies'] if d['backend_fn']]
    assert len(events) > 10
    places = {tuple(d['outputs'][-2:]) for d in events}
    assert len(places) == 1
    types = {c['id']: c['type'] for c in config['components']}
    assert [types[number] for number in places.pop()] == ['html', 'html']


def test_a_new_image_cancels_what_may_come_late(config):
    by_name = {d['api_name']: d['id'] for d in config['dependencies']}
    late = {by_name['find'], by_name['propose']}
    cancelling = [d for d in config['dependencies'] if set(d['cancels']) >= late]
    triggers = {event for d in cancelling for _, event in d['targets']}
    assert triggers == {'upload', 'select'}
