"""Count requests and tokens, and compute their cost."""

import threading
from collections import Counter

from qaclims_mm.vlms.endpoint.replies import Reply
from qaclims_mm.vlms.endpoint.settings import ServerSettings


class Usage:
    """Counts of one process, filled by several threads.

    Attributes:
        requests: Number of answered requests.
        retries: Number of failed attempts.
        input_tokens: Number of tokens in prompts.
        output_tokens: Number of tokens in replies.
        without_tokens: Number of replies without token counts.
        notes: {name of another event: its count}.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = self.retries = self.input_tokens = self.output_tokens = 0
        self.without_tokens = 0
        self.notes: Counter[str] = Counter()

    def add(self, reply: Reply) -> None:
        """Count a reply."""
        with self._lock:
            self.requests += 1
            self.input_tokens += reply.input_tokens or 0
            self.output_tokens += reply.output_tokens or 0
            self.without_tokens += reply.input_tokens is None

    def add_retry(self) -> None:
        """Count an attempt that failed."""
        with self._lock:
            self.retries += 1

    def note(self, what: str) -> None:
        """Count another event."""
        with self._lock:
            self.notes[what] += 1

    def summary(self, settings: ServerSettings) -> str:
        """Return one line about requests, tokens and cost."""
        parts = [f'requests: {self.requests:,} (failed attempts: {self.retries:,})']
        if self.requests > self.without_tokens:
            parts.append(
                f'tokens: {self.input_tokens:,} of prompts, {self.output_tokens:,} of replies'
            )
        if self.without_tokens:
            parts.append(f'replies without token counts: {self.without_tokens:,}')
        if settings.price_input is not None or settings.price_output is not None:
            cost = self.input_tokens * (settings.price_input or 0)
            cost += self.output_tokens * (settings.price_output or 0)
            parts.append(f'cost {cost / 1e6:,.4f} at the prices of the config')
        return '; '.join(parts)
