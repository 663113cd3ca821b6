"""The service under load: requests a second, p50 and p99, and whether memory stays flat.

``python benchmarks/service.py --seconds 20 --together 4`` starts ``wenze serve`` on a free port, asks it with
synthetic notices for that long, and prints one Markdown table. Needs wenze[serve] and httpx.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil

from nlp.synthesis import notices


@contextmanager
def service(model: str, workers: int) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "nlp", "serve", "--port", "0", "--model", model, "--workers", str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", env={**os.environ, "WENZE_TOKEN": ""})
    assert process.stderr is not None
    address = next(found[1] for line in process.stderr if (found := re.search(r"已就绪：(http://\S+?)。", line)))
    threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
    try:
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def memory(process: psutil.Process) -> float:
    """MB of the server and its workers."""
    return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))) / 2**20


def spent(process: psutil.Process) -> tuple[float, float]:
    """CPU seconds of the server and of its workers: what does not depend on how busy the machine is."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    own, *others = [one.user + one.system for one in times]
    return own, sum(others)


def ask(address: str, bodies: list[bytes], until: float, took: list[float], statuses: list[int]) -> None:
    with httpx.Client(base_url=address, headers={"content-type": "application/json"}, timeout=120) as client:
        turn = 0
        while time.monotonic() < until:
            started = time.monotonic()
            statuses.append(client.post("/v1/score", content=bodies[turn % len(bodies)]).status_code)
            took.append(time.monotonic() - started)
            turn += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="rules")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--parts", type=int, default=4, help="memory is told after each part of the time")
    given = parser.parse_args()
    texts = [str(one["text"]) for one in notices(200, 7)]
    bodies = [
        json.dumps({"items": [{"id": str(n), "text": texts[(start + n) % len(texts)]} for n in range(given.items)]})
        for start in range(0, len(texts), given.items)
    ]
    took: list[float] = []
    statuses: list[int] = []
    with service(given.model, given.workers) as (address, process):
        grown = [memory(process)]
        before = spent(process)
        started = time.monotonic()
        for _ in range(given.parts):
            until = time.monotonic() + given.seconds / given.parts
            told = ([body.encode() for body in bodies], until, took, statuses)
            asking = [threading.Thread(target=ask, args=(address, *told)) for _ in range(given.together)]
            for one in asking:
                one.start()
            for one in asking:
                one.join()
            grown.append(memory(process))
        seconds = time.monotonic() - started
        server, workers = (1000 * (now - then) for now, then in zip(spent(process), before, strict=True))
    cuts = statistics.quantiles(took, n=100)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}, {platform.machine()}")
    titles = (
        "模型",
        "工作进程",
        "并发",
        "每次条数",
        "秒",
        "请求",
        "请求/秒",
        "条/秒",
        "p50 毫秒",
        "p99 毫秒",
        "非 200",
    )
    more = ("监听 CPU 毫秒/请求", "工作 CPU 毫秒/条", "内存 MB")
    print(f"| {' | '.join((*titles, *more))} |\n|{'---|' * len((*titles, *more))}")
    cells = [
        *(given.model, given.workers, given.together, given.items, f"{seconds:.0f}", len(took)),
        *(f"{len(took) / seconds:.1f}", f"{given.items * len(took) / seconds:.0f}"),
        *(f"{1000 * cuts[49]:.0f}", f"{1000 * cuts[98]:.0f}", sum(status != 200 for status in statuses)),
        *(f"{server / len(took):.1f}", f"{workers / len(took) / given.items:.0f}"),
        " → ".join(f"{each:.0f}" for each in grown),
    ]
    print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
