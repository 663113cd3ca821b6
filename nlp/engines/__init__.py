"""Where the work is done: in this process, in a pool of processes, or on a Ray cluster.

In: numbered chunks of items, and a ``Task``. Out: what the task makes of each chunk, in the order of the chunks. An
engine knows nothing of notices. A worker that dies loses nothing: its chunk is done again, then halved until the item
that kills workers stands alone and is given up. ``ray_data`` stands beside the engines: it hands out no items but tells
workers where to find them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Generic, TypeVar, cast

__all__ = ["ENGINES", "CrashError", "EngineError", "Task", "engine", "rescued"]

ENGINES: dict[str, str] = {
    "local": "nlp.engines.local:run",
    "pool": "nlp.engines.pool:run",
    "ray": "nlp.engines.ray:run",
}

_EXTRAS = {"ray": "ray"}  # the package of an engine, and the extra that brings it

Item = TypeVar("Item")
Result = TypeVar("Result")
Done = TypeVar("Done")
Chunk = tuple[int, list[Any]]


class EngineError(Exception):
    """The engine asked for cannot be used; the message (Chinese) says why and what to do."""


class CrashError(Exception):
    """The process that did the work is gone."""


@dataclass(frozen=True)
class Task(Generic[Item, Result, Done]):
    """What is done with a chunk; each part must be importable by workers.

    ``work`` gives a result for each item, ``lost`` the result of an item that kills whoever works on it, ``deliver``
    what becomes of the results of the chunk of a number. ``deliver`` runs where the work was done and may run again
    for the same chunk, so it must leave the same behind each time.
    """

    work: Callable[[list[Item]], list[Result]]
    lost: Callable[[Item], Result]
    deliver: Callable[[int, list[Result]], Done]

    def __call__(self, number: int, chunk: list[Item]) -> Done:
        return self.deliver(number, self.work(chunk))


Run = Callable[[Iterator[Chunk], Task[Any, Any, Done], "int | None"], Iterator[Done]]


def engine(name: str) -> Run[Any]:
    """The engine of a name: ``run(chunks, task, workers)``; ``workers`` None is as many as there is room for.

    Raises EngineError.
    """
    if name not in ENGINES:
        raise EngineError(f"没有名为 {name!r} 的引擎；现在可用：{'、'.join(ENGINES)}")
    if name in _EXTRAS and find_spec(_EXTRAS[name]) is None:
        raise EngineError(f"引擎 {name} 还没有安装。请先运行 pip install 'wenze[{_EXTRAS[name]}]'")
    module, _, attribute = ENGINES[name].partition(":")
    return cast("Run[Any]", getattr(import_module(module), attribute))


def rescued(
    chunk: list[Item], attempt: Callable[[list[Item]], list[Result]], lost: Callable[[Item], Result]
) -> Iterator[Result]:
    """The results of a chunk whose worker died: once more as a whole, then by halves, down to the item to blame.

    ``attempt`` works on items in a process that may die, and raises CrashError when it does.
    """
    try:
        yield from attempt(chunk)
    except CrashError:
        if len(chunk) == 1:
            yield lost(chunk[0])
            return
        middle = len(chunk) // 2
        for half in (chunk[:middle], chunk[middle:]):
            yield from rescued(half, attempt, lost)
