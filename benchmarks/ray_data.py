"""The two ways of ``--engine ray``, on a local cluster of two workers: tasks that are handed notices, and Ray Data,
whose workers read the Parquet files themselves (what ``wenze score 'in/*.parquet' -o rows/ --engine ray`` does).

    python benchmarks/ray_data.py --notices 600

Out, in Markdown: seconds of wall of the whole process, start of Ray included, rows, and notices given up; then the same
with a notice among them that kills whoever works on it. Both ways cut parts of ``--part`` notices here, so that there
is work for two. The last line is how fast one process reads: for others, which bounds the tasks, and to tell ids and
lengths, which is what the survey of Ray Data costs.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from nlp import partitions
from nlp.batch import Item, Record, items, work_of
from nlp.classify import RULES
from nlp.read import ReadError, tables
from nlp.stretches import survey
from nlp.synthesis import notices

_FILES, _WORKERS = 4, 2
_DEADLY = "deadly"
_WAYS = {"tasks": "Ray tasks, one process reads", "data": "Ray Data, the workers read"}


def write(folder: Path, count: int, *, deadly: bool = False) -> None:
    """So many synthetic notices in four files; one of them named as the one that kills."""
    texts = [row["text"] for row in notices(count)]
    for n in range(_FILES):
        part = range(n, count, _FILES)
        ids = [_DEADLY if deadly and i == _FILES * 3 else str(i) for i in part]
        pq.write_table(pa.table({"id": ids, "text": [texts[i] for i in part]}), folder / f"{n}.parquet")


def scored(chunk: list[Item]) -> list[Record]:
    """The work of the rules, of which the deadly notice kills the worker."""
    if any(not isinstance(item, ReadError) and item.id == _DEADLY for item in chunk):
        os.kill(os.getpid(), signal.SIGKILL)
    return work_of(RULES)(chunk)


def score(way: str, source: str, out: str, part: int) -> None:
    """One run, in a process of its own: this file is a module there, so that workers can import it."""
    partitions._PART_ITEMS = part
    partitions.work_of = lambda model, masked: scored
    if way == "tasks":
        partitions.tables = lambda inputs: []
    partitions.score_partitions([source], out, engine="ray", workers=_WORKERS)


def line(way: str, told: str, source: Path, out: Path, part: int) -> str:
    """What a run took and left, as a row of the table."""
    here = Path(__file__)
    found = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here.parent.parent)])}
    command = f"import {here.stem}; {here.stem}.score({way!r}, {str(source)!r}, {str(out)!r}, {part})"
    start = time.perf_counter()
    run([sys.executable, "-c", command], check=True, capture_output=True, env=found)
    seconds = time.perf_counter() - start
    rows = ds.dataset([str(path) for path in out.glob("*.parquet")]).count_rows()
    errors = out / "_errors.jsonl"
    given_up = errors.read_text(encoding="utf-8").count('"kind": "error"') if errors.exists() else 0
    return f"| {_WAYS[way]} | {told} | {seconds:.1f} | {rows} | {given_up} |"


def handed_out(source: Path) -> float:
    """Notices a second that one process reads for the others."""
    start = time.perf_counter()
    count = sum(1 for _ in items([str(source)], {}))
    return count / (time.perf_counter() - start)


def surveyed(source: Path) -> float:
    """Notices a second whose ids and lengths one worker tells."""
    start = time.perf_counter()
    count = sum(len(seen) for table in tables([str(source)]) for seen in survey(table, {}))
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=600)
    parser.add_argument("--part", type=int, default=50)
    given = parser.parse_args()
    count: int = given.notices
    print("| | notices | wall seconds, start included | rows | given up |\n|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for deadly in (False, True):
            source = Path(folder) / f"in-{deadly}"
            source.mkdir()
            write(source, count, deadly=deadly)
            told = f"{count}, one of them kills its worker" if deadly else f"{count}, sound"
            for way in _WAYS:
                print(line(way, told, source, Path(folder) / f"{way}-{deadly}", given.part), flush=True)
        rates = handed_out(source), surveyed(source)
    print("\nOne process reads {:.0f} notices a second for the others; a worker surveys {:.0f}.".format(*rates))


if __name__ == "__main__":
    main()
