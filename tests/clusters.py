"""A real Ray cluster of two workers on this machine, and the processes below this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@contextmanager
def two_workers() -> Iterator[Any]:
    """Ray with two workers, to which the package and the tests are importable; skips where there is no Ray."""
    ray = pytest.importorskip("ray", reason="引擎 ray 需要 pip install 'wenze[ray]'")
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    told = {"env_vars": {"PYTHONPATH": path}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR", runtime_env=told)
    yield ray
    ray.shutdown()


def descendants(parent: int) -> set[int]:
    """The processes below one, by /proc."""
    stats = [path.read_text(encoding="utf-8", errors="replace") for path in Path("/proc").glob("[0-9]*/stat")]
    above = {int(stat.split(" ", 1)[0]): int(stat.rpartition(")")[2].split()[1]) for stat in stats}
    found, last = {parent}, 0
    while len(found) > last:
        last = len(found)
        found |= {one for one, up in above.items() if up in found}
    return found - {parent}


def at_work(sign: bytes) -> list[int]:
    """The processes below this one that go by a name."""
    return [pid for pid in descendants(os.getpid()) if sign in Path(f"/proc/{pid}/cmdline").read_bytes()]
