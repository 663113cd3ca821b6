"""In this process, one chunk after the other; ``workers`` means nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nlp.engines import Chunk, Done, Task


def run(chunks: Iterator[Chunk], task: Task[Any, Any, Done], workers: int | None = None) -> Iterator[Done]:
    """What the task makes of each chunk; a crash ends the run, since it ends this very process."""
    del workers
    return (task(number, chunk) for number, chunk in chunks)
