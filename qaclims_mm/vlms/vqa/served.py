"""Models behind an OpenAI-compatible endpoint: vLLM, SGLang, Ollama, transformers, hosted ones."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from mmengine.logging import print_log

from qaclims_mm.errors import RecordError
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.secrets import check_no_secrets
from qaclims_mm.vlms.endpoint.client import Endpoint
from qaclims_mm.vlms.endpoint.pictures import Picture
from qaclims_mm.vlms.endpoint.replies import Reply
from qaclims_mm.vlms.endpoint.settings import read_settings
from qaclims_mm.vlms.endpoint.workers import Workers
from qaclims_mm.vlms.registry import VQA_MODELS
from qaclims_mm.vlms.vqa.base import Answer, check_lengths
from qaclims_mm.vlms.vqa.reply_language import is_foreign
from qaclims_mm.vlms.vqa.structured_reply import (
    TOKENS_OF_ENTRY,
    ask_together,
    parse_structured,
    response_format,
)
from qaclims_mm.vlms.vqa.vqa_text import check_prompt, parse_answer

# requests that wait for each slot, enough that no slot is idle while the next images are read
WAITING = 2
_RED = np.full((64, 64, 3), (220, 20, 20), dtype=np.uint8)
_COLOUR = 'What color is this image?'
_NOTES = dict(
    refused=('question', 'were refused by the model or a filter; the answer is empty'),
    foreign=('answer', 'were in another language and now empty; ask for English in the prompt'),
    cut=(
        'reply',
        'were cut at max_new_tokens before the answer began; models that think need more',
    ),
    again=('question', 'were asked again, because the structured reply could not be read'),
)

Asked = Callable[[], list[list[Answer] | RecordError]]


@VQA_MODELS.register_module()
class ServedVQA:
    """A vision-language model on a server, which gets many questions at the same time.

    Refusals and answers in another language become empty answers. An image that the server refuses
    gets no answers.

    Args:
        model: Name of the model on the server.
        server: Options of ``ServerSettings``. An existing corpus may be continued with other
            settings.
        prompt: Template with ``{question}``.
        max_new_tokens: Highest number of tokens of an answer. Models that think need several
            hundred.
        max_side: Longest side in pixels of the images that are sent; ``None`` keeps their size.
        structured: Whether one prompt asks several questions, with a reply in JSON.
        questions_per_call: Highest number of questions in such a prompt.

    Raises:
        ConfigError: If an option of the server is wrong, or an option of the model holds a key.
        ValueError: If a number is out of range, or the prompt lacks ``{question}``.
    """

    def __init__(
        self,
        model: str,
        server: Mapping[str, Any],
        prompt: str = '{question}\nAnswer the question in English using a single word or phrase.',
        max_new_tokens: int = 16,
        max_side: int | None = 1024,
        structured: bool = False,
        questions_per_call: int = 16,
    ) -> None:
        check_no_secrets(dict(model=model, prompt=prompt), 'vqa')
        numbers = dict(max_new_tokens=max_new_tokens, questions_per_call=questions_per_call)
        for name, value in (numbers | dict(max_side=max_side or 1)).items():
            if value < 1:
                raise ValueError(f'{name} must be at least 1, but got {value}.')
        self.model, self.prompt = model, check_prompt(prompt)
        self.settings = read_settings(server)
        self.max_new_tokens, self.max_side = max_new_tokens, max_side
        self.structured, self.questions_per_call = structured, questions_per_call
        self._endpoint: Endpoint | None = None
        self._workers: Workers | None = None
        self._open: set[Future] = set()

    def load(self, device: str = 'cpu') -> None:
        """Connect to the server, and check with a red image that the model has vision.

        Args:
            device: Not used, because the server has its own devices.

        Raises:
            ImportError: If the package openai is not installed.
            ConfigError: If the key is missing or refused, or the server does not have the model, or
                the model takes no images.
            StageError: If no server answers.
        """
        endpoint = Endpoint(self.model, self.settings)
        endpoint.open()
        form = response_format(1) if self.structured else None
        text = ask_together([_COLOUR]) if self.structured else self._fill(_COLOUR)
        reply = endpoint.check_vision(Picture(_RED), text, self._tokens_of(1), form)
        if 'red' not in reply.text.lower():
            print_log(
                f'{self.model} was asked for the color of a red image and said '
                f'{reply.text[:80]!r}; check that it has vision.',
                logger='current',
                level=logging.WARNING,
            )
        self._endpoint = endpoint
        self._workers = Workers(self.settings.concurrency)

    def close(self) -> None:
        """Cancel the waiting requests and close the connections."""
        if self._endpoint is not None and self._workers is not None:
            self._endpoint.close()
            self._workers.close()
            self._endpoint = self._workers = None

    @property
    def is_busy(self) -> bool:
        """Whether enough requests wait to keep all slots of the server busy."""
        return len(self._open) >= (1 + WAITING) * self.settings.concurrency

    def answer(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> list[list[Answer] | RecordError]:
        """Answer every question, in order.

        Args:
            images: RGB uint8, ``(H, W, 3)`` of any size.
            questions_per_image: As many lists as images; a list may be empty.

        Returns:
            The answers about each image, or the error if the server refused the image.

        Raises:
            ValueError: If the numbers differ.
            ConfigError: If the server refuses the key or the model.
            StageError: If the server stops answering.
        """
        return self.begin(images, questions_per_image)()

    def begin(
        self, images: Sequence[np.ndarray], questions_per_image: Sequence[Sequence[str]]
    ) -> Asked:
        """Start the requests, and return a function that waits for the answers.

        Args:
            images: See ``answer``.
            questions_per_image: See ``answer``.

        Raises:
            ValueError: If the numbers differ.
        """
        check_lengths(images, questions_per_image)
        if self._workers is None:
            self.load()
        size = self.questions_per_call if self.structured else 1
        started = []
        for image, questions in zip(images, questions_per_image, strict=True):
            picture = Picture(image, self.max_side)
            parts = [questions[k : k + size] for k in range(0, len(questions), size)]
            started.append([self._submit(picture, part) for part in parts])
        return lambda: [_collect(futures) for futures in started]

    def _submit(self, picture: Picture, questions: Sequence[str]) -> Future:
        if self._workers is None:
            raise RuntimeError('the connection is closed.')
        future = self._workers.submit(self._ask, picture, questions)
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def _ask(self, picture: Picture, questions: Sequence[str]) -> list[Answer | Future]:
        """Ask by one request; a refused image is not sent again."""
        if picture.refusal is not None:
            raise picture.refusal
        try:
            if len(questions) == 1:
                return [self._ask_singly(picture, questions[0])]
            return self._ask_together(picture, questions)
        except RecordError as error:
            picture.refusal = error
            raise

    def _ask_singly(self, picture: Picture, question: str) -> Answer:
        reply = self._endpoint_of().ask(picture, self._fill(question), self.max_new_tokens)
        return Answer(self._text_of(reply.text, question, reply), reply.score)

    def _ask_together(self, picture: Picture, questions: Sequence[str]) -> list[Answer | Future]:
        """Ask several questions by one prompt; ask those without a readable answer again."""
        number = len(questions)
        form, limit = response_format(number), self._tokens_of(number)
        reply = self._endpoint_of().ask(picture, ask_together(questions), limit, form)
        said = [''] * number if reply.refused else parse_structured(reply.text, number)
        answers: list[Answer | Future] = []
        for text, question in zip(said, questions, strict=True):
            if text is None:
                self._note('again')
                answers.append(self._submit(picture, [question]))
            else:
                answers.append(Answer(self._text_of(text, question, reply), 0.0))
        return answers

    def _endpoint_of(self) -> Endpoint:
        if self._endpoint is None:
            raise RuntimeError('the model is closed.')
        return self._endpoint

    def _fill(self, question: str) -> str:
        return self.prompt.format(question=question)

    def _tokens_of(self, number: int) -> int:
        """Return the token limit of a reply that answers several questions."""
        return (self.max_new_tokens + TOKENS_OF_ENTRY) * number

    def _note(self, what: str) -> None:
        self._endpoint_of().usage.note(what)

    def _text_of(self, text: str, question: str, reply: Reply) -> str:
        """Return the short answer in a text; '' if the text has no usable answer."""
        if reply.refused:
            self._note('refused')
            return ''
        answer = parse_answer(text, question)
        # the answer may be foreign within English words, or lose the words that show it
        if is_foreign(text, question) or is_foreign(answer, question):
            self._note('foreign')
            return ''
        if reply.cut and not answer:
            self._note('cut')
        return answer

    def summary(self) -> list[str]:
        """Return lines about requests, tokens, cost and replies without a usable answer."""
        if self._endpoint is None:
            return []
        usage = self._endpoint.usage
        lines = [f'{self.model}: {usage.summary(self.settings)}']
        return lines + [
            f'{counted(usage.notes[name], noun, said)}.'
            for name, (noun, said) in _NOTES.items()
            if usage.notes[name]
        ]


def _collect(futures: Sequence[Future]) -> list[Answer] | RecordError:
    """Wait for the answers about an image.

    Returns:
        The answers, or the error if the server refused the image.
    """
    try:
        answers = [answer for future in futures for answer in future.result()]
        # the second round of what was asked together
        return [a for x in answers for a in (x.result() if isinstance(x, Future) else [x])]
    except RecordError as error:
        return error
