"""Processes that read texts for the service, so that the one that listens never hangs, swells or dies of a text.

In: jobs as plain JSON values. Out: answers as plain JSON values, or ``WorkerLostError``. Values cross as JSON, never as
pickles: a worker that a document took over cannot make its parent run anything.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any, Literal

import psutil

from nlp.serve.limits import Limits, RefusalError, ServeError

Job = dict[str, Any]
Life = Callable[[Connection, str], None]
Loss = Literal["timeout", "memory", "died", "gone"]
_LOOK_SECONDS = 0.1  # between looks at a busy worker's memory
_START_SECONDS = 180.0
_RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)


class WorkerLostError(Exception):
    """A worker gave no answer and was killed: it took too long, too much memory, died, or was dead when asked."""

    def __init__(self, why: Loss) -> None:
        super().__init__(why)
        self.why: Loss = why


def live(pipe: Connection, model: str) -> None:
    """A worker's life: load, say so, answer jobs until the parent hangs up."""
    from nlp.classify import ModelNotAvailable
    from nlp.engines.pool import start_worker
    from nlp.serve.jobs import answer, ready

    start_worker()
    try:
        pipe.send_bytes(json.dumps({"ready": ready(model)}).encode())
    except ModelNotAvailable as error:
        pipe.send_bytes(json.dumps({"failed": str(error)}).encode())
        return
    while True:
        try:
            job = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(json.dumps(answer(job, model)).encode())


class Worker:
    """One process and the pipe to it; every method blocks."""

    def __init__(self, model: str, memory: int, life: Life) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, far = spawn.Pipe()
        self._memory = memory
        self._process = spawn.Process(target=life, args=(far, model), daemon=True, name="wenze-worker")
        self._process.start()
        far.close()
        self._watched = psutil.Process(self._process.pid)

    def wait_until_ready(self) -> dict[str, Any]:
        """What the worker loaded. Raises ServeError for a model that is not there, WorkerLostError."""
        told = self._answer(_START_SECONDS)
        if "failed" in told:
            self.kill()
            raise ServeError(told["failed"])
        found: dict[str, Any] = told["ready"]
        return found

    def ask(self, job: Job, seconds: float) -> dict[str, Any]:
        """The answer to a job. Raises WorkerLostError, after which there is no worker any more."""
        try:
            self._pipe.send_bytes(json.dumps(job).encode())
        except OSError:
            raise self._lost("gone") from None
        return self._answer(seconds)

    @property
    def memory(self) -> int:
        """Bytes in memory; 0 when the process is gone."""
        try:
            return int(self._watched.memory_info().rss)
        except psutil.Error:
            return 0

    @property
    def overgrown(self) -> bool:
        return self.memory > self._memory

    def _answer(self, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        try:
            while not self._pipe.poll(max(0.0, min(_LOOK_SECONDS, until - time.monotonic()))):
                if time.monotonic() >= until:
                    raise self._lost("timeout")
                if self.overgrown:
                    raise self._lost("memory")
            found: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._lost("died") from None
        return found

    def _lost(self, why: Loss) -> WorkerLostError:
        self.kill()
        return WorkerLostError(why)

    def kill(self) -> None:
        self._process.kill()
        self._process.join(5)
        self._pipe.close()


class Crew:
    """A fixed number of workers; those that are lost, or have grown too large, are replaced in the background."""

    def __init__(
        self, count: int, model: str, limits: Limits, *, on_loss: Callable[[Loss], None], life: Life = live
    ) -> None:
        self.count = count
        self.loaded: dict[str, Any] = {}
        self._model = model
        self._limits = limits
        self._on_loss = on_loss
        self._life = life
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._all: set[Worker] = set()
        self._threads = ThreadPoolExecutor(2 * count, thread_name_prefix="wenze-worker")
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._here = 0  # requests that hold a loan
        self.waiting = 0

    @property
    def alive(self) -> int:
        """Workers that have loaded what they need, busy or not."""
        return len(self._all)

    @property
    def idle(self) -> int:
        return self._idle.qsize()

    async def start(self) -> None:
        """Every worker, loaded; nothing when they are already. Raises ServeError."""
        if self._all:
            return
        try:
            await asyncio.gather(*(self._add() for _ in range(self.count)))
        except WorkerLostError as error:
            told = {"timeout": "超时", "memory": "内存超限"}.get(error.why, "异常退出")
            raise ServeError(f"工作进程没能启动（{told}）。请检查内存，或减少 --workers") from error

    async def _add(self) -> None:
        loop = asyncio.get_running_loop()
        worker = await loop.run_in_executor(self._threads, Worker, self._model, self._limits.memory, self._life)
        self.loaded = await loop.run_in_executor(self._threads, worker.wait_until_ready)
        if self._closed:
            worker.kill()
            return
        self._all.add(worker)
        self._idle.put_nowait(worker)

    async def _add_again(self) -> None:
        for pause in (*_RETRY_SECONDS, *([_RETRY_SECONDS[-1]] * 1000)):
            try:
                return await self._add()
            except (WorkerLostError, ServeError, OSError):
                await asyncio.sleep(pause)

    def replace(self, worker: Worker) -> None:
        """Let a worker go and start another in its stead."""
        self._all.discard(worker)
        if not self._closed:
            task = asyncio.get_running_loop().create_task(self._add_again())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def lose(self, worker: Worker, why: Loss) -> None:
        self._on_loss(why)
        self.replace(worker)

    @asynccontextmanager
    async def loan(self, until: float) -> AsyncIterator[Loan]:
        """A hold on workers for one request, which takes one when it first asks: who still sends holds none.

        ``until`` (monotonic) ends the waiting. Raises RefusalError when too many requests are here already.
        """
        if self._here >= self.count + self._limits.waiting:
            raise RefusalError(503, "busy", "服务正忙，排队的请求已满", "请稍后再试，或减少同时发出的请求", 5)
        loan = Loan(self, until)
        self._here += 1
        try:
            yield loan
        finally:
            self._here -= 1
            loan.give_back()

    async def take(self, until: float) -> Worker:
        self.waiting += 1
        try:
            return await asyncio.wait_for(self._idle.get(), max(0.0, until - time.monotonic()))
        except asyncio.TimeoutError:  # another class than TimeoutError before Python 3.11
            raise RefusalError(503, "no_worker", "等候时间内没有空闲的工作进程", "请稍后再试", 10) from None
        finally:
            self.waiting -= 1

    def give_back(self, worker: Worker) -> None:
        if worker.overgrown:
            worker.kill()
            self.lose(worker, "memory")
        else:
            self._idle.put_nowait(worker)

    async def ask(self, worker: Worker, job: Job, seconds: float) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, worker.ask, job, seconds)

    async def close(self) -> None:
        """End every worker."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for worker in self._all:
            worker.kill()
        self._all.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)


class Loan:
    """A request's hold on one worker at a time; when that is lost, the next question takes another."""

    def __init__(self, crew: Crew, until: float) -> None:
        self._crew = crew
        self._until = until
        self._worker: Worker | None = None

    async def take(self) -> Worker:
        if self._worker is None:
            self._worker = await self._crew.take(self._until)
        return self._worker

    def give_back(self) -> None:
        if self._worker is not None:
            self._crew.give_back(self._worker)
            self._worker = None

    async def ask(self, job: Job, seconds: float) -> dict[str, Any]:
        """The answer to a job, in ``seconds`` and before the request's end. Raises WorkerLostError, RefusalError."""
        while True:
            try:
                return await self._ask(await self.take(), job, seconds)
            except WorkerLostError as error:
                if error.why != "gone":
                    raise

    async def _ask(self, worker: Worker, job: Job, seconds: float) -> dict[str, Any]:
        left = self._until - time.monotonic()
        if left <= 0:
            raise overtime()
        try:
            return await self._crew.ask(worker, job, min(seconds, left))
        except WorkerLostError as error:
            self._worker = None
            self._crew.lose(worker, error.why)
            if error.why == "timeout" and left < seconds:
                raise overtime() from error
            raise
        except asyncio.CancelledError:  # its thread goes on asking: the worker cannot be lent again
            self._worker = None
            worker.kill()
            self._crew.replace(worker)
            raise


def overtime() -> RefusalError:
    cure = "请减少每次的条数后重试；仍超时，请把过长的正文拆开"
    return RefusalError(504, "timeout", "这次请求没能在限定时间内做完，没有返回任何一行", cure, 10)
