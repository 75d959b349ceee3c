"""Send requests to an endpoint: pace them, repeat them after temporary errors, and count them."""

import os
import threading
from typing import Any, NoReturn

from qaclims_mm.errors import ConfigError, FormatError, QAClimsError, RecordError, StageError
from qaclims_mm.schemas.names import shown_text
from qaclims_mm.vlms.endpoint.faults import (
    RESUME,
    Fault,
    Kind,
    ending,
    judge,
    refuses_images,
    words_of,
)
from qaclims_mm.vlms.endpoint.pacing import Pace, delay_of
from qaclims_mm.vlms.endpoint.pictures import Picture
from qaclims_mm.vlms.endpoint.replies import Reply, read_reply
from qaclims_mm.vlms.endpoint.settings import ServerSettings
from qaclims_mm.vlms.endpoint.usage import Usage

# sent as the key to servers without a key, because the client requires one
NO_KEY = 'none'


class Endpoint:
    """A model behind an OpenAI-compatible endpoint; several threads may ask.

    Args:
        model: Name of the model on the server.
        settings: Address, limits and prices of the server.
    """

    def __init__(self, model: str, settings: ServerSettings) -> None:
        self.model, self.settings = model, settings
        self.usage = Usage()
        self._pace = Pace(settings.requests_per_minute)
        self._stop = threading.Event()
        self._giving_up = threading.Lock()
        # what has ended all requests
        self._cause: QAClimsError | None = None
        # options that the server does not know
        self._dropped: set[str] = set()
        # what the server has answered at first: picture, text, tokens and form
        self._first: tuple[Picture, str, int, dict[str, Any] | None] | None = None
        self._key = ''
        self._client: Any = None

    def open(self) -> None:
        """Read the key, make the client and check that the server answers.

        Raises:
            ImportError: If the package openai is not installed.
            ConfigError: If the variable that the settings name has no key, or the server refuses
                the key.
            StageError: If no server answers.
        """
        try:
            from openai import OpenAI
        except ImportError as error:
            raise ImportError(
                "ServedVQA needs openai; run: pip install 'qaclims_mm[served]'"
            ) from error
        self._key = self._read_key()
        self._client = OpenAI(
            api_key=self._key or NO_KEY,
            base_url=self.settings.base_url,
            timeout=self.settings.timeout,
            # these are counted and paced here
            max_retries=0,
        )
        self.models()

    def _read_key(self) -> str:
        variable = self.settings.api_key_env
        if variable is None:
            return ''
        key = os.environ.get(variable, '').strip()
        if not key:
            raise ConfigError(
                f'the environment variable {variable}, which server.api_key_env names, is not set; '
                f'set it to your key for {self.settings.base_url}: export {variable}=...'
            )
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(f'{variable} has characters that no key has; copy the key again.')
        if key in self.model or key in self.settings.base_url:
            raise ConfigError(f'the config contains the key of {variable}; remove it.')
        return key

    def close(self) -> None:
        """Cancel the waiting requests and close the connections."""
        self._stop.set()
        if self._client is not None:
            self._client.close()

    def models(self) -> list[str]:
        """Return the names of the models; an empty list if the server does not list them.

        Raises:
            ConfigError: If the key is refused.
            StageError: If no server answers.
        """
        try:
            response = self._client.models.with_raw_response.list()
            found = response.http_response.json()['data']
            return [str(model['id']) for model in found]
        except Exception as error:
            fault = self._fault_of(error, frozenset())
        if fault.is_about_key or (fault.status is None and fault.kind is Kind.AGAIN):
            self._end(fault)
        # not all servers list their models
        return []

    def ask(
        self,
        picture: Picture,
        text: str,
        max_tokens: int,
        response_format: dict[str, Any] | None = None,
    ) -> Reply:
        """Ask about an image.

        Args:
            picture: The image.
            text: Prompt.
            max_tokens: Highest number of tokens of the reply.
            response_format: Format of the reply; left out for a server that does not support it.

        Raises:
            RecordError: If the server refuses this request alone, or fails with it alone.
            ConfigError: If the server does not have the model, or refuses the key.
            StageError: If the server does not answer, or its reply is not that of an endpoint.
        """
        attempt = 0
        while True:
            self._pace.wait(self._stop)
            if self._stop.is_set():
                raise self._cause or StageError(f'the requests were ended. {RESUME}')
            options = self._options(max_tokens, response_format)
            try:
                reply = self._request(picture, text, options)
            except Exception as error:
                # the error itself is dropped: the headers of its request hold the key
                fault = self._fault_of(error, frozenset(options))
                retry_after = _retry_after(error)
            else:
                self.usage.add(reply)
                return reply
            if fault.kind is Kind.WITHOUT:
                self._dropped.add(fault.option)
            else:
                self._recover(fault, attempt, retry_after)
                attempt += 1

    def _recover(self, fault: Fault, attempt: int, retry_after: str | None) -> None:
        """Wait until the next attempt, or raise an error if there is none."""
        if fault.kind is Kind.RECORD:
            raise RecordError(f'the server refuses the image ({fault.text}).')
        self.usage.add_retry()
        if fault.kind is Kind.END or attempt >= self.settings.retries:
            self._give_up(fault)
        delay = delay_of(attempt, retry_after)
        if retry_after or fault.status == 429:
            # the limit applies to all requests
            self._pace.pause(delay)
        self._stop.wait(delay)

    def _give_up(self, fault: Fault) -> NoReturn:
        """Raise that the server fails with this image, or end all requests."""
        # of threads that give up together, one asks
        with self._giving_up:
            may_be_alone = fault.kind is Kind.AGAIN and fault.status != 429
            if may_be_alone and self._still_answers():
                raise RecordError(f'the server fails with this image ({fault.text}).')
            self._end(fault)

    def _still_answers(self) -> bool:
        """Tell whether the server answers what it has answered at first."""
        if self._first is None or self._stop.is_set():
            return False
        picture, text, max_tokens, form = self._first
        try:
            self.usage.add(self._request(picture, text, self._options(max_tokens, form)))
        except Exception as error:
            # raises what is no fault of the server
            self._fault_of(error, frozenset())
            return False
        return True

    def check_vision(
        self,
        picture: Picture,
        text: str,
        max_tokens: int,
        response_format: dict[str, Any] | None = None,
    ) -> Reply:
        """Ask about a first image, to find errors that would refuse every image.

        Args:
            picture: See ``ask``.
            text: See ``ask``.
            max_tokens: See ``ask``.
            response_format: See ``ask``.

        Raises:
            ConfigError: If the server takes no images, or the model or the key is refused.
            StageError: See ``ask``.
        """
        try:
            reply = self.ask(picture, text, max_tokens, response_format)
        except RecordError as error:
            said = str(error)
        else:
            self._first = picture, text, max_tokens, response_format
            return reply
        if refuses_images(said.partition('(')[2]):
            raise ConfigError(
                f'{self.model!r} takes no images; serve a model with vision, such as '
                f'Qwen/Qwen2.5-VL-7B-Instruct: {said}'
            )
        raise ConfigError(f'{said} It was a red square, so the server would refuse all images.')

    def _options(self, max_tokens: int, form: dict[str, Any] | None) -> dict[str, Any]:
        wanted: dict[str, Any] = dict(temperature=0.0, logprobs=True, max_tokens=max_tokens)
        if form is not None:
            wanted['response_format'] = form
        kept = {name: value for name, value in wanted.items() if name not in self._dropped}
        if 'max_tokens' in self._dropped:
            # its newer name
            kept['max_completion_tokens'] = max_tokens
        return kept

    def _request(self, picture: Picture, text: str, options: dict[str, Any]) -> Reply:
        content = [
            dict(type='image_url', image_url=dict(url=picture.url())),
            dict(type='text', text=text),
        ]
        response = self._client.chat.completions.with_raw_response.create(
            model=self.model, messages=[dict(role='user', content=content)], **options
        )
        return read_reply(response.http_response.text)

    def _fault_of(self, error: Exception, sent: frozenset[str]) -> Fault:
        """Return the meaning of an error, without the key.

        Raises:
            Exception: The error itself, if it does not come from a request.
        """
        from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

        if isinstance(error, APIStatusError):
            fault = judge(error.status_code, self._without_key(error.response.text), sent)
        elif isinstance(error, APITimeoutError):
            fault = Fault(Kind.AGAIN, f'no reply within {self.settings.timeout:g} s')
        elif isinstance(error, APIConnectionError):
            said = words_of(self._without_key(str(error.__cause__ or error)))
            fault = Fault(Kind.AGAIN, f'no connection: {said}')
        elif isinstance(error, (FormatError, APIError)):
            fault = Fault(Kind.AGAIN, words_of(self._without_key(str(error))), status=200)
        elif isinstance(error, (ValueError, TypeError, KeyError)):
            fault = Fault(Kind.END, 'it does not answer as an OpenAI-compatible endpoint does')
        else:
            raise error
        return fault._replace(text=shown_text(fault.text))

    def _without_key(self, text: str) -> str:
        """Return a text without the key, which some servers repeat; call this before cutting."""
        return text.replace(self._key, '***') if self._key else text

    def _end(self, fault: Fault) -> NoReturn:
        """End all requests with an error that tells the user what to do."""
        if self._cause is None:
            models = self.models() if fault.status == 404 else []
            self._cause = ending(fault, self.settings, self.model, models)
        self._stop.set()
        raise self._cause


def _retry_after(error: Any) -> str | None:
    response = getattr(error, 'response', None)
    return None if response is None else response.headers.get('retry-after')
