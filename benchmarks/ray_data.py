"""The Ray engine of wenze (tasks that get chunks) against Ray Data (workers that read), on a local cluster of two.

    python benchmarks/ray_data.py --notices 3000

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
from collections.abc import Iterator
from itertools import islice
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
    rows: Iterator[dict[str, Any]] = iter(notices(10**9, 0))
    texts = [row["text"] for row in islice(rows, count)]
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


def by_wenze(source: Path, out: Path) -> None:
    told = ["score", str(source), "-o", f"{out}/", "--engine", "ray", "--workers", str(_WORKERS)]
    run([sys.executable, "-m", "nlp", *told], check=True, capture_output=True)


def rows_in(folder: Path) -> int:
    return int(ds.dataset([str(path) for path in folder.glob("*.parquet")]).count_rows()) if folder.exists() else 0


def handed_out(source: Path) -> float:
    """Notices a second that one process reads for the others."""
    start, count = time.perf_counter(), 0
    for _ in items([str(source)], {}, None):
        count += 1
    return count / (time.perf_counter() - start)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--notices", type=int, default=3000)
    told.add_argument("--ray-data", nargs=3, help=argparse.SUPPRESS)
    given = told.parse_args()
    if given.ray_data:
        source, out, deadly = given.ray_data
        by_ray_data(Path(source), Path(out), deadly=deadly == "True")
        return
    print("| | notices | wall seconds | rows |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for deadly in (False, True):
            source = Path(folder) / f"in-{deadly}"
            source.mkdir()
            write(source, given.notices, deadly=deadly)
            name = "one of them kills its worker" if deadly else "sound"
            out = Path(folder) / f"out-{deadly}"
            out.mkdir()
            if not deadly:
                start = time.perf_counter()
                by_wenze(source, out / "wenze")
                wall = time.perf_counter() - start
                print(f"| wenze, --engine ray | {given.notices}, {name} | {wall:.1f} | {rows_in(out / 'wenze')} |")
            start = time.perf_counter()
            apart = [sys.executable, __file__, "--ray-data", str(source), str(out / "data"), str(deadly)]
            run(apart, check=False, capture_output=True)
            wall = time.perf_counter() - start
            print(f"| Ray Data | {given.notices}, {name} | {wall:.1f} | {rows_in(out / 'data')} |")
        rate = handed_out(Path(folder) / "in-False")
    print(f"\nOne process reads {rate:.0f} notices a second for the others.")


if __name__ == "__main__":
    main()
