"""How much one request, one text and one worker may take, and how a refusal is told."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024


class ServeError(Exception):
    """The service cannot start; the message says why and what to do, in Chinese."""


@dataclass(frozen=True)
class Limits:
    """Bounds of the service. Seconds are of wall clock, ``memory`` is the resident set of one worker in bytes."""

    items: int = 200
    characters: int = 200_000  # of one text
    all_characters: int = 10_000_000  # of all texts of a request; an upload may unpack to far more than was sent
    body: int = 16 * MB
    files: int = 20
    id_characters: int = 200
    item_seconds: float = 20.0
    seconds: float = 120.0
    waiting: int = 16  # requests that may wait for a worker
    memory: int = 2048 * MB


class RefusalError(Exception):
    """A request that is not done: status, a code for machines, reason and cure in Chinese.

    ``retry_after``: seconds after which the same request may do.
    """

    def __init__(self, status: int, code: str, reason: str, cure: str, retry_after: int | None = None) -> None:
        super().__init__(status, code, reason, cure)
        self.status = status
        self.code = code
        self.reason = reason
        self.cure = cure
        self.retry_after = retry_after
