"""Clients and models of the small server of benchmarks/chat_server.py."""

import json

import numpy as np

from benchmarks.chat_server import MODEL, say
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.vlms.endpoint.client import Endpoint
from qaclims_mm.vlms.endpoint.pictures import Picture
from qaclims_mm.vlms.endpoint.settings import ServerSettings
from qaclims_mm.vlms.vqa.served import ServedVQA
from qaclims_mm.vlms.vqa.vqa_text import parse_answer

IMAGE = np.full((20, 30, 3), 90, np.uint8)
SECRET = 'sk-proj-Q7distinctive1234567890abcdef'
QUESTIONS = [q.fill('dog') for q in get_questions()]


def opened(server, model=MODEL, **options):
    """Return a client that is connected."""
    endpoint = Endpoint(model, ServerSettings(server.url, **options))
    endpoint.open()
    return endpoint


def ask(endpoint, **options):
    """Ask one question about ``IMAGE``."""
    return endpoint.ask(Picture(IMAGE), 'What is it?', 16, **options)


def failing(times, fault):
    """Return a fault of the first requests."""
    return lambda number, body: fault if number < times else None


def made(server, structured=False, **options):
    """Return a model that is loaded; the requests until then are forgotten."""
    names = ('concurrency', 'retries', 'timeout', 'api_key_env', 'price_input')
    settings = {name: options.pop(name) for name in names if name in options}
    settings['base_url'] = server.url
    model = ServedVQA(MODEL, settings, structured=structured, **options)
    model.load()
    server.asked.clear()
    return model


def questions_in(prompt):
    """Return the questions of a prompt, single or several."""
    if 'JSON' not in prompt:
        return [prompt.split('\n')[0]]
    return [line.partition('. ')[2] for line in prompt.split('\n')[1:]]


def say_all(prompt):
    """Answer as ``say``; a prompt of several by JSON."""
    answers = [say(q) for q in questions_in(prompt)]
    if 'JSON' not in prompt:
        return answers[0]
    return json.dumps({str(n): a for n, a in enumerate(answers, 1)})


def wanted(questions):
    """Return the texts of the answers to questions."""
    return [parse_answer(say(q), q) for q in questions]
