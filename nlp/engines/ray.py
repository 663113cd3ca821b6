"""On a Ray cluster: the one that ``RAY_ADDRESS`` names, else one of this machine that ends with the run.

The chunks are read here and go out as Ray tasks, a few a worker; Ray does a task again when its worker or node is
lost. Workers need wenze, its model and, for rows in partitions, the output folder at the same places. Where workers can
read the input themselves, ``ray_data`` takes this one's place.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any

from nlp.engines import Chunk, CrashError, Done, EngineError, Task, rescued

_HELD = 3  # chunks a worker, so that none waits for its next
_AGAIN = 2  # times a task is done again whose worker was lost
_CALM = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "1"}


def run(chunks: Iterator[Chunk], task: Task[Any, Any, Done], workers: int | None = None) -> Iterator[Done]:
    """What the task makes of each chunk, in order. ``workers`` None: one a core of the cluster. Raises EngineError."""
    with connected(workers) as ray:
        yield from _run(ray, chunks, task, workers or max(1, int(ray.cluster_resources().get("CPU", 1))))


@contextmanager
def connected(workers: int | None) -> Iterator[Any]:
    """Ray, as long as the cluster is needed: the one in use, else one that is left again. Raises EngineError."""
    for key, value in _CALM.items():
        os.environ.setdefault(key, value)
    ray: Any = import_module("ray")
    own = not ray.is_initialized()
    if own:
        _connect(ray, workers)
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


def _connect(ray: Any, workers: int | None) -> None:
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address := os.environ.get("RAY_ADDRESS"):
        how["address"] = address
    else:
        how.update(num_cpus=workers, include_dashboard=False)
    try:
        ray.init(**how)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(f"连不上 Ray 集群：{error}。请检查 RAY_ADDRESS，或去掉它改用本机") from error


def _run(ray: Any, chunks: Iterator[Chunk], task: Task[Any, Any, Done], workers: int) -> Iterator[Done]:
    far = ray.remote(num_cpus=1, max_retries=_AGAIN)(_far)
    shared = ray.put(task)
    waiting: deque[Chunk] = deque()
    answers: deque[Any] = deque()
    try:
        while True:
            for number, chunk in islice(chunks, workers * _HELD - len(waiting)):
                waiting.append((number, chunk))
                answers.append(far.remote(shared, number, chunk))
            if not waiting:
                return
            number, chunk = waiting[0]
            try:
                done = _got(ray, answers[0])
            except CrashError:
                done = task.deliver(number, list(rescued(chunk, _Careful(ray, task), task.lost)))
            answers.popleft()
            waiting.popleft()
            yield done
    finally:
        for answer in answers:
            ray.cancel(answer, force=True)


def _far(task: Task[Any, Any, Done], number: int, chunk: list[Any]) -> Done:
    return task(number, chunk)


def _worked(task: Task[Any, Any, Any], chunk: list[Any]) -> list[Any]:
    return task.work(chunk)


def _got(ray: Any, answer: Any) -> Any:
    """What a task answered. Raises CrashError when its worker was lost, and what it raised itself as it raised it."""
    gone = (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.OutOfMemoryError,
        ray.exceptions.ObjectLostError,
    )
    try:
        return ray.get(answer)
    except gone as error:
        raise CrashError from error
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from error


class _Careful:
    """Works on items as a Ray task of their own, which may die of them."""

    def __init__(self, ray: Any, task: Task[Any, Any, Any]) -> None:
        self._ray = ray
        self._task = ray.put(task)
        self._far = ray.remote(num_cpus=1, max_retries=1)(_worked)

    def __call__(self, chunk: list[Any]) -> list[Any]:
        found: list[Any] = _got(self._ray, self._far.remote(self._task, chunk))
        return found
