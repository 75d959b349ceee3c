"""A small OpenAI-compatible server, of fixed latency and with the faults that servers have.

``python -m benchmarks.chat_server --latency 0.5`` prints its address, serves until its input ends,
and prints for how many seconds it answered requests, the first one left out, and how many.
"""

import argparse
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = 'stub-vl'
# what a server does instead of answering: a status and a body, or an action by name
Fault = tuple[int, str] | tuple[int, str, dict[str, str]] | str


def say(question: str) -> str:
    """Return the answer to a question: it depends on nothing else."""
    if 'color' in question:
        return 'Red.'
    return f'The answer is a thing {sum(question.encode()) % 97}.'


@dataclass
class Behaviour:
    """What a server does; tests change it while it runs.

    Attributes:
        latency: Seconds that each answer takes.
        key: Key that it asks for.
        models: Names that it lists.
        reply: Maps the text of a prompt to the words of the answer.
        fault: Maps number and body of a request to what goes wrong, or ``None``.
        logprobs: Whether replies have log-probabilities.
        asked: Bodies of all requests to chat.
        times: When each request began and when its answer was sent, in seconds.
        peak: Largest number of requests that were open at the same time.
    """

    latency: float = 0.0
    key: str | None = None
    models: tuple[str, ...] = (MODEL,)
    reply: Callable[[str], Any] = say
    fault: Callable[[int, dict], Fault | None] = lambda number, body: None
    logprobs: bool = True
    asked: list[dict] = field(default_factory=list)
    times: list[tuple[float, float]] = field(default_factory=list)
    peak: int = 0
    open: int = 0
    lock: Any = field(default_factory=threading.Lock)


def text_of(body: dict) -> str:
    """Return the text of a prompt."""
    return body['messages'][0]['content'][1]['text']


def completion(body: dict, behaviour: Behaviour) -> dict[str, Any]:
    """Return the JSON of an answer."""
    said = behaviour.reply(text_of(body))
    choice = said if isinstance(said, dict) else dict(message=dict(content=said))
    choice = dict(index=0, finish_reason='stop') | choice
    choice['message'] = dict(role='assistant', **choice['message'])
    if behaviour.logprobs and body.get('logprobs'):
        tokens = [{'token': 'a', 'logprob': value} for value in (-0.5, -0.25)]
        choice['logprobs'] = dict(content=tokens)
    usage = dict(prompt_tokens=100, completion_tokens=5, total_tokens=105)
    return dict(
        id='x', object='chat.completion', created=0, model=MODEL, choices=[choice], usage=usage
    )


class Handler(BaseHTTPRequestHandler):
    """Handles a connection; subclasses set ``behaviour``."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    behaviour: Behaviour

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def _send(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _is_refused(self) -> bool:
        key, sent = self.behaviour.key, self.headers.get('Authorization', '')
        if key is not None and sent != f'Bearer {key}':
            # some servers repeat the key
            self._send(401, json.dumps(dict(error=dict(message=f'Incorrect API key: {sent}'))))
            return True
        return False

    def do_GET(self) -> None:
        """List the models."""
        if not self._is_refused():
            models = [dict(id=name, object='model') for name in self.behaviour.models]
            self._send(200, json.dumps(dict(object='list', data=models)))

    def do_POST(self) -> None:
        """Answer a chat."""
        own = self.behaviour
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        begin = time.perf_counter()
        with own.lock:
            number = len(own.asked)
            own.asked.append(body)
            own.open += 1
            own.peak = max(own.peak, own.open)
        try:
            self._answer(number, body)
        finally:
            with own.lock:
                own.open -= 1
                own.times.append((begin, time.perf_counter()))

    def _answer(self, number: int, body: dict) -> None:
        own = self.behaviour
        if self._is_refused():
            return
        if body['model'] not in own.models:
            text = f'The model `{body["model"]}` does not exist.'
            self._send(404, json.dumps(dict(error=dict(message=text))))
            return
        time.sleep(own.latency)
        fault = own.fault(number, body)
        if fault is None:
            self._send(200, json.dumps(completion(body, own)))
        elif fault == 'cut':
            # the connection ends within the reply
            self.send_response(200)
            self.send_header('Content-Length', '1000')
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.close_connection = True
        elif fault == 'reset':
            self.close_connection = True
        elif isinstance(fault, tuple):
            self._send(*fault)


class Server(ThreadingHTTPServer):
    """Takes many connections in the same moment, and none waits for its end."""

    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Be silent about clients that went away."""


@contextlib.contextmanager
def serving(behaviour: Behaviour, port: int = 0) -> Iterator[str]:
    """Serve in threads of this process, and give the address."""
    handler = type('BoundHandler', (Handler,), dict(behaviour=behaviour))
    with Server(('127.0.0.1', port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}/v1'
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Serve until the standard input ends, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--latency', type=float, default=0.5, help='seconds of an answer')
    parser.add_argument('--port', type=int, default=0)
    args = parser.parse_args()

    def reply(text: str) -> str:
        number = text.count('\n')
        answers = {str(n): f'thing {n}' for n in range(1, number + 1)}
        return json.dumps(answers) if 'JSON' in text else say(text)

    own = Behaviour(latency=args.latency, reply=reply)
    with serving(own, args.port) as url:
        sys.stdout.write(f'{url}\n')
        sys.stdout.flush()
        sys.stdin.read()
    begun, ended = zip(*own.times[1:], strict=True) if own.times[1:] else ((0.0,), (0.0,))
    sys.stdout.write(f'{max(ended) - min(begun)} {len(own.times) - 1}\n')


if __name__ == '__main__':
    main()
