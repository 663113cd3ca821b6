"""In processes of this machine; at most a few chunks a worker are held at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from nlp.engines import Chunk, CrashError, Done, Task, rescued

_HELD = 3  # chunks a worker, so that none waits for its next


def run(chunks: Iterator[Chunk], task: Task[Any, Any, Done], workers: int | None = None) -> Iterator[Done]:
    """What the task makes of each chunk, in order. ``workers`` None: one a core that this process may use."""
    count = workers or _cores()
    while True:
        waiting: deque[Chunk] = deque()
        futures: deque[Future[Done]] = deque()
        pool, over = _pool(count), False
        try:
            while True:
                for number, chunk in islice(chunks, count * _HELD - len(waiting)):
                    waiting.append((number, chunk))
                    futures.append(pool.submit(task, number, chunk))
                if not waiting:
                    over = True
                    return
                done = futures[0].result()
                futures.popleft()
                waiting.popleft()
                yield done
        except BrokenProcessPool:
            pass  # a worker died and the pool with it; what was waiting is done again below
        finally:
            pool.shutdown(wait=over, cancel_futures=True)
        with Careful(task.work) as careful:
            for number, chunk in waiting:
                yield task.deliver(number, list(rescued(chunk, careful, task.lost)))


class Careful:
    """One process at a time that works on items and may die of them; for ``rescued``."""

    def __init__(self, work: Callable[[list[Any]], list[Any]]) -> None:
        self._work = work
        self._pool = _pool(1)

    def __call__(self, chunk: list[Any]) -> list[Any]:
        try:
            return self._pool.submit(self._work, chunk).result()
        except BrokenProcessPool as error:
            self._pool.shutdown()
            self._pool = _pool(1)
            raise CrashError from error

    def __enter__(self) -> Careful:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=start_worker)


def start_worker() -> None:
    """Workers leave Ctrl-C to the parent, and end when it does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
