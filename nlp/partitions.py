"""The big job with rows in a folder of Parquet files, each written where its notices were analysed.

In: what ``batch.score`` takes. Out: OUT/part-000000.parquet … (OUT/year=2023/part-… where rows are parted), and beside
them OUT/_run.json and, where something went wrong, OUT/_errors.jsonl. OUT is a folder, or a URI that pyarrow writes to.
A part holds the rows of the notices of one number, so one that is written again is the same again: a run killed
anywhere goes on where it stopped and neither loses nor repeats a row. No row passes through the process that reads; and
where Parquet files are scored on a Ray cluster, no text either: the workers read them, and this process only plans.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from nlp import engines, stretches
from nlp.batch import (
    RAY,
    BatchError,
    Item,
    Progress,
    Record,
    Summary,
    Tally,
    Work,
    alone,
    check_resumable,
    chosen_engine,
    chunked,
    identity,
    items,
    lost,
    same_run,
    sources_of,
    total_of,
    work_of,
)
from nlp.classify import RULES
from nlp.engines import ray_data
from nlp.engines.pool import Careful
from nlp.engines.ray import connected
from nlp.read import RUN_FILES, Table, is_uri, tables
from nlp.rows import Row, json_line, write_parquet

_PART_ITEMS = 2_000
_PART_CHARACTERS = 4_000_000
_RUN, _BEGUN = RUN_FILES
_ERRORS, _LOCK, _DONE, _NOTES, _TRIES = "_errors.jsonl", "_lock", "_done", "_notes", "_tries"
_TRIES_MOST = 5  # a worker that dies so often at one place dies of no notice
_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"


def _published(length: int) -> Callable[[Row], str]:
    def told(row: Row) -> str:
        day = row["published"] or ""
        return day[:length] if day[:4].isdigit() and len(day) >= length else _UNKNOWN

    return told


def _verdict(row: Row) -> str:
    found = {finding["verdict"] for finding in row["findings"]}
    return next((verdict for verdict in ("yes", "unsure") if verdict in found), "none")


PARTITIONS: dict[str, Callable[[Row], str]] = {"year": _published(4), "month": _published(7), "verdict": _verdict}


@dataclass(frozen=True)
class Folder:
    """OUT, wherever it lies; files in it appear whole or not at all."""

    place: str

    def _system(self) -> tuple[Any, str]:
        from pyarrow import fs

        if is_uri(self.place):
            system, root = fs.FileSystem.from_uri(self.path(""))
            return system, root.rstrip("/")
        return fs.LocalFileSystem(), Path(self.place).resolve().as_posix()

    def path(self, name: str) -> Path | str:
        """A file of the folder by its own name; what follows ? in a URI is the file system's."""
        if not is_uri(self.place):
            return Path(self.place) / name
        base, mark, query = self.place.partition("?")
        return f"{base.rstrip('/')}/{name}".rstrip("/") + mark + query

    def names(self, under: str = "") -> list[str]:
        """The files below, as seen from the folder, sorted."""
        from pyarrow import fs

        system, root = self._system()
        below = fs.FileSelector(f"{root}/{under}".rstrip("/"), allow_not_found=True, recursive=True)
        return sorted(info.path.removeprefix(f"{root}/") for info in system.get_file_info(below) if info.is_file)

    def read(self, name: str) -> str | None:
        """The text of a file; None where there is none."""
        system, root = self._system()
        try:
            with system.open_input_stream(f"{root}/{name}", compression=None) as stream:
                return bytes(stream.read()).decode("utf-8")
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str) -> None:
        with TemporaryDirectory() as folder:
            (Path(folder) / "text").write_text(text, encoding="utf-8", newline="\n")
            self.put(Path(folder) / "text", name)

    def put(self, file: Path, name: str) -> None:
        """A file of this machine into the folder, in place of what had its name."""
        system, root = self._system()
        place = f"{root}/{name}"
        local = system.type_name == "local"
        if local:
            system.create_dir(place.rpartition("/")[0], recursive=True)
        with file.open("rb") as source, system.open_output_stream(f"{place}.writing" if local else place) as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        if local:
            system.move(f"{place}.writing", place)

    def remove(self, *names: str) -> None:
        system, root = self._system()
        for name in names:
            system.delete_file(f"{root}/{name}")

    def remove_folder(self, name: str) -> None:
        from pyarrow import fs

        system, root = self._system()
        if system.get_file_info(f"{root}/{name}").type == fs.FileType.Directory:
            system.delete_dir(f"{root}/{name}")


# ------------------------------------------------------------ one part, where it was made


def deliver(folder: Folder, by: Sequence[str], number: int, records: list[Record]) -> int:
    """Write the rows of a part, its notes, and last that it is done. How many notices it holds."""
    rows: dict[str, list[Row]] = {} if by else {"": []}
    tally = Tally()
    for record in records:
        tally.add(record)
        for row in record["rows"]:
            rows.setdefault("".join(f"{key}={quote(PARTITIONS[key](row))}/" for key in by), []).append(row)
    with TemporaryDirectory() as place:
        for where, some in rows.items():
            write_parquet(some, Path(place) / "part")
            folder.put(Path(place) / "part", f"{where}part-{number:06d}.parquet")
    if notes := [json_line(note) + "\n" for record in records for note in record["notes"]]:
        folder.write(f"{_NOTES}/{number:06d}.jsonl", "".join(notes))
    folder.write(f"{_DONE}/{number:06d}.json", json.dumps(vars(tally)))
    return len(records)


# ------------------------------------------------------------ parts that workers read themselves


@dataclass(frozen=True)
class _Scorer:
    """What a worker does with a part, or before that with a file; each try leaves its mark in the folder."""

    folder: Folder
    by: tuple[str, ...]
    work: Work
    columns: Mapping[str, str]
    tries: int

    def survey(self, file: tuple[int, Table]) -> Iterator[tuple[int, list[stretches.Seen]]]:
        """What is seen in a file, with the place of the file in the input."""
        number, table = file
        if not table.is_there():
            cure = "请让集群的每台机器都能在同一路径读到输入，或改用 s3:// 等地址"
            raise BatchError(f"工作进程找不到输入 {table.file}。{cure}")
        self._tried(f"file-{number:06d}")
        return ((number, seen) for seen in stretches.survey(table, self.columns))

    def score(self, part: stretches.Part) -> Iterator[int]:
        """How many notices a part held, once it is written."""
        before = self._tried(f"{part.number:06d}")
        items = list(stretches.items_in(part, self.columns))
        records = self._carefully(items) if before else self.work(items)
        yield deliver(self.folder, self.by, part.number, records)

    def _carefully(self, items: list[Item]) -> list[Record]:
        """The records of items one of which may have killed the worker before this one."""
        with Careful(self.work) as careful:
            return list(engines.rescued(items, careful, lost))

    def _tried(self, name: str) -> int:
        """How often a thing was begun before this time. Raises BatchError when that is too often."""
        before = int(self.folder.read(f"{_TRIES}/{name}") or 0)
        if before == self.tries:
            reason = f"做同一部分（{name}）的工作进程死了 {before} 次，可能是内存不足"
            raise BatchError(f"{reason}。请减少 --workers 或换内存更大的机器，再用 --resume 接着做")
        self.folder.write(f"{_TRIES}/{name}", str(before + 1))
        return before


def _read_by_workers(
    found: Sequence[Table], scorer: _Scorer, finished: set[int], workers: int | None
) -> Iterator[tuple[int, int]]:
    """Score the files on a cluster: how many notices are done before it and after each part, and how many there are."""
    with connected(workers):
        seen = ray_data.run(enumerate(found), scorer.survey, workers)
        parts = list(stretches.cut(found, seen, _PART_ITEMS, _PART_CHARACTERS))
        total = sum(part.count for part in parts)
        done = sum(part.count for part in parts if part.number in finished)
        left = (part for part in parts if part.number not in finished)
        yield done, total
        for added in ray_data.run(left, scorer.score, workers):
            done += added
            yield done, total


def _handed_out(
    items: Iterator[Item], run: Callable[[Iterator[engines.Chunk]], Iterator[int]], finished: set[int]
) -> Iterator[int]:
    """Read here and score by an engine: how many notices are done after each part."""
    held = count = 0

    def left() -> Iterator[engines.Chunk]:
        nonlocal held
        for number, part in enumerate(chunked(items, _PART_ITEMS, _PART_CHARACTERS)):
            if number in finished:
                held += len(part)
            else:
                yield number, part

    for added in run(left()):
        count += added
        yield held + count


# ------------------------------------------------------------ the job


def _ready(folder: Folder, run: Mapping[str, Any], *, resume: bool, force: bool) -> None:
    """See that the folder is ours to write to, and note what run is begun. Raises BatchError."""
    begun, there = folder.read(_BEGUN), [name for name in folder.names() if name not in (_LOCK, _ERRORS)]
    if begun is not None and resume:
        same_run(json.loads(begun), run)
        return
    ours = begun is not None or _RUN in there
    if there and not ours:
        raise BatchError(f"输出文件夹 {folder.place} 里有别的文件（如 {there[0]}）。请换一个空的文件夹")
    if begun is not None and not force:
        raise BatchError(f"{folder.place} 里有上次中断的运行。加 --resume 接着做，或加 --force 重新开始")
    if ours and not force:
        raise BatchError(f"输出 {folder.place} 已经存在。换一个名字，或加 --force 覆盖它")
    marks = [name for name in there if name in RUN_FILES]
    folder.remove(*(name for name in there if name not in marks), *marks)
    folder.write(_BEGUN, json.dumps(run, ensure_ascii=False))


def _numbers(folder: Folder) -> set[int]:
    return {
        int(name.rpartition("/")[2].removesuffix(".json")) for name in folder.names(_DONE) if name.endswith(".json")
    }


def _tally(folder: Folder) -> Tally:
    """What all parts counted."""
    whole = Tally()
    for name in folder.names(_DONE):
        for key, count in json.loads(folder.read(name) or "{}").items():
            before = getattr(whole, key)
            setattr(whole, key, before + Counter(count) if isinstance(before, Counter) else before + count)
    return whole


def _write_errors(folder: Folder) -> Path | str | None:
    names = folder.names(_NOTES)
    if not names:
        if _ERRORS in folder.names():
            folder.remove(_ERRORS)
        return None
    with TemporaryDirectory() as place:
        gathered = Path(place) / "errors"
        with gathered.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(folder.read(name) or "" for name in names)
        folder.put(gathered, _ERRORS)
    return folder.path(_ERRORS)


def _finish(folder: Folder, run: Mapping[str, Any], seconds: float) -> Summary:
    tally, errors = _tally(folder), _write_errors(folder)
    if tally.notices:
        told = {**run, "seconds": round(seconds, 3), "counts": vars(tally)}
        folder.write(_RUN, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        folder.remove(*(name for name in folder.names() if name.startswith("part-")))
    for name in (_DONE, _NOTES, _TRIES):
        folder.remove_folder(name)
    folder.remove(_BEGUN)
    summary = Summary(tally, seconds, folder.place, folder.path(_RUN), errors)
    return summary if tally.notices else replace(summary, out=None, run_file=None)


def _finished(folder: Folder, run: Mapping[str, Any]) -> Summary | None:
    """The summary of a run that was already done with just these inputs, else None."""
    told = json.loads(folder.read(_RUN) or "{}")
    if not told or any(told.get(key) != value for key, value in run.items()):
        return None
    counts = told["counts"]
    tally = Tally(**{**counts, "findings": Counter(counts["findings"]), "cautions": Counter(counts["cautions"])})
    errors = folder.path(_ERRORS) if _ERRORS in folder.names() else None
    return Summary(tally, told["seconds"], folder.place, folder.path(_RUN), errors)


def score_partitions(
    inputs: Sequence[str],
    out: str,
    *,
    partition_by: Sequence[str] = (),
    model: str = RULES,
    engine: str = "",
    workers: int | None = None,
    resume: bool = False,
    force: bool = False,
    columns: Mapping[str, str] | None = None,
    masked: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Read ``inputs``, analyse every notice, write Parquet files into the folder ``out``.

    ``partition_by`` names what parts the rows into folders of their own: some of ``PARTITIONS``. The rest as in
    ``batch.score``. Raises BatchError, EngineError, ModelNotAvailable. Nothing keeps two runs off one URI but that the
    second is refused where the first has begun.
    """
    columns, by = columns or {}, tuple(partition_by)
    check_resumable(inputs, resume=resume)
    if unknown := [key for key in by if key not in PARTITIONS]:
        raise BatchError(f"不能按 {'、'.join(unknown)} 分区。请用 {'、'.join(PARTITIONS)} 之一")
    engine = engine or chosen_engine(workers)
    run_by = engines.engine(engine)
    folder, local = Folder(out), None if is_uri(out) else Path(out)
    there = folder if local is None else Folder(str(local.absolute()))  # as workers find it
    with ExitStack() as stack:
        if local is not None:
            _make(local)
            stack.enter_context(alone(local / _LOCK, out))
        started = time.monotonic()
        found = items(inputs, columns)
        sources = sources_of(inputs, None)
        run = {**identity("parquet", model, columns, sources, masked=masked), "partition_by": list(by)}
        if resume and (done := _finished(folder, run)):
            return done
        _ready(folder, run, resume=resume, force=force)
        finished, work = _numbers(folder), work_of(model, masked=masked)
        report = progress or (lambda _done, _total: None)
        total = total_of(sources, inputs)
        report(0, total)
        if engine == RAY and (files := tables(inputs)):
            folder.remove_folder(_TRIES)
            scorer = _Scorer(there, by, work, columns, _TRIES_MOST)
            for count, total in _read_by_workers(files, scorer, finished, workers):
                report(count, total)
        else:
            task = engines.Task(work, lost, partial(deliver, there, by))
            for count in _handed_out(found, lambda chunks: run_by(chunks, task, workers), finished):
                report(count, total)
        return _finish(folder, run, time.monotonic() - started)


def _make(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise BatchError(f"输出 {out} 是一个文件。要写成分区的 Parquet，请给出文件夹")
    if not out.parent.is_dir():
        raise BatchError(f"输出所在的文件夹不存在：{out.parent}。请先建立它")
    out.mkdir(exist_ok=True)
