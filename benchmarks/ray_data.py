"""The Ray engine of wenze (tasks that get chunks) against Ray Data (workers that read), on a local cluster of two.

    python benchmarks/ray_data.py --notices 1000

Out, in Markdown: seconds of wall from start to the last row written, rows, and what becomes of a notice that kills
whoever works on it (how wenze gives it up alone: tests/test_engines.py). Ray Data runs the same ``nlp.batch.record`` in
``map_batches`` and writes the same Parquet schema; with the killing notice it is told to try twice and to go on without
a block, since by default it tries for ever. The last line is how fast the one reading process of wenze hands notices
out, which bounds a cluster.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from nlp.batch import items, record
from nlp.rows import write_parquet
from nlp.synthesis import notices
from nlp.types import Notice

_FILES, _BLOCK, _WORKERS = 4, 250, 2
_DEADLY = "deadly"


def write(folder: Path, count: int, *, deadly: bool = False) -> None:
    """So many synthetic notices in four files; one of them named as the one that kills."""
    texts = [row["text"] for row in notices(count)]
    for n in range(_FILES):
        part = range(n, count, _FILES)
        ids = [_DEADLY if deadly and i == _FILES * 3 else str(i) for i in part]
        pq.write_table(pa.table({"id": ids, "text": [texts[i] for i in part]}), folder / f"{n}.parquet")


def scored(table: pa.Table) -> pa.Table:
    """The rows of a block of notices."""
    rows: list[dict[str, Any]] = []
    for row in table.to_pylist():
        if row["id"] == _DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        rows += record(Notice(row["id"], row["text"]))["rows"]
    with TemporaryDirectory() as folder:
        write_parquet(rows, Path(folder) / "part")
        return pq.read_table(Path(folder) / "part")


def by_ray_data(source: Path, out: Path, *, deadly: bool) -> None:
    """What a user of Ray Data would write."""
    import ray
    import ray.data

    ray.init(num_cpus=_WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    told: dict[str, Any] = {"max_retries": 2} if deadly else {}
    context.max_errored_blocks = -1 if deadly else 0
    read = ray.data.read_parquet(str(source), override_num_blocks=3 * _FILES)
    read.map_batches(scored, batch_format="pyarrow", batch_size=_BLOCK, **told).write_parquet(str(out))


def apart(source: Path, out: Path, *, deadly: bool) -> None:
    """``by_ray_data`` in a process of its own, which may fail."""
    told = ["--ray-data", str(source), str(out), str(deadly)]
    run([sys.executable, __file__, *told], check=False, capture_output=True)


def by_wenze(source: Path, out: Path) -> None:
    told = ["score", str(source), "-o", f"{out}/", "--engine", "ray", "--workers", str(_WORKERS)]
    run([sys.executable, "-m", "nlp", *told], check=True, capture_output=True)


def line(name: str, notices_told: str, out: Path, work: Callable[[], None]) -> str:
    """What a run took, as a row of the table."""
    start = time.perf_counter()
    work()
    return f"| {name} | {notices_told} | {time.perf_counter() - start:.1f} | {rows_in(out)} |"


def rows_in(folder: Path) -> int:
    return int(ds.dataset([str(path) for path in folder.glob("*.parquet")]).count_rows()) if folder.exists() else 0


def handed_out(source: Path) -> float:
    """Notices a second that one process reads for the others."""
    start = time.perf_counter()
    count = sum(1 for _ in items([str(source)], {}))
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=1000)
    parser.add_argument("--ray-data", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ray_data:
        source, out, deadly = given.ray_data
        by_ray_data(Path(source), Path(out), deadly=deadly == "True")
        return
    print("| | notices | wall seconds | rows |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        sound, killing, out = (Path(folder) / name for name in ("sound", "killing", "out"))
        for source in (sound, killing, out):
            source.mkdir()
        write(sound, given.notices)
        write(killing, given.notices, deadly=True)
        told = f"{given.notices}, sound"
        print(line("wenze, --engine ray", told, out / "wenze", lambda: by_wenze(sound, out / "wenze")))
        print(line("Ray Data", told, out / "data", lambda: apart(sound, out / "data", deadly=False)))
        told = f"{given.notices}, one of them kills its worker"
        print(line("Ray Data", told, out / "killed", lambda: apart(killing, out / "killed", deadly=True)))
        rate = handed_out(sound)
    print(f"\nOne process reads {rate:.0f} notices a second for the others.")


if __name__ == "__main__":
    main()
