"""The big job: files -> rows in one output file, resumable at any moment.

In: paths, folders, globs, URIs or ``-``. Out: OUT, OUT.run.json and, where something went wrong, OUT.errors.jsonl.
Never prints. Every line of OUT.part is one finished notice, so a run killed at any point goes on where it stopped
and neither loses nor repeats a row. Rows stream; memory stays flat. Where the work is done is an engine's matter; rows
in a folder of Parquet files are ``nlp.partitions``'.
"""

from __future__ import annotations

import json
import os
import pickle
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, TextIO

from nlp import engines
from nlp.classify import RULES
from nlp.mask import mask_all
from nlp.pipeline import analyze_notice, fingerprints
from nlp.read import ReadError, Table, input_files, is_uri, opened, read_notices, remote_files
from nlp.rows import WRITERS, Row, json_line, measures, row
from nlp.types import SCHEMA_VERSION, Notice

STDIN = "-"
LOCAL, POOL, RAY = "local", "pool", "ray"
_CHUNK_ITEMS = 32
_CHUNK_CHARACTERS = 200_000
_SYNC_SECONDS = 1.0
_UNREAD_BYTES = 1 << 20  # of what could not be read, held in memory; more of it waits on disk

Progress = Callable[[int, "int | None"], None]
Record = dict[str, Any]


class BatchError(Exception):
    """The job cannot start or go on; the message says why and what to do, in Chinese."""


Item = Notice | ReadError


@dataclass
class Tally:
    """What a run counted; ``findings`` by issue id, else by rule, and verdict."""

    notices: int = 0
    cases: int = 0
    no_case: int = 0
    subjects: int = 0
    sanctions: int = 0
    errors: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    cautions: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        """Count one finished notice."""
        kinds = [note["kind"] for note in record["notes"]]
        self.errors += kinds.count("error")
        self.no_case += kinds.count("no_case")
        self.notices += "error" not in kinds
        for case in record["rows"]:
            self.cases += 1
            self.subjects += len(case["subjects"])
            self.sanctions += sum(len(measures(subject)) for subject in case["subjects"])
            self.findings.update(f"{one['issue'] or one['rule']}.{one['verdict']}" for one in case["findings"])
            self.cautions.update(caution["code"] for caution in case["cautions"])


@dataclass(frozen=True)
class Summary:
    """How a run ended: the counts and the files it wrote.

    ``out`` and ``run_file`` are None when no notice at all could be read, ``errors_file`` when nothing went wrong.
    They are URIs where ``out`` was given as one.
    """

    tally: Tally
    seconds: float
    out: Path | str | None
    run_file: Path | str | None
    errors_file: Path | str | None

    @property
    def exit_code(self) -> int:
        return 1 if self.tally.errors or self.out is None else 0

    def first_errors(self, count: int) -> list[Record]:
        """The first of the errors, as they stand in the file of errors."""
        if self.errors_file is None:
            return []
        with opened(self.errors_file) as file:
            notes = map(json.loads, file)
            return list(islice((note for note in notes if note["kind"] == "error"), count))


# ------------------------------------------------------------ input


@dataclass(frozen=True)
class Source:
    """An input file as it was: name, size in bytes, SHA-256; ``rows`` where they can be counted while hashing.

    A file behind a URI is not read twice: when it was ``modified`` stands for its hash.
    """

    name: str
    size: int
    sha256: str
    rows: int | None
    modified: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        mark = {"modified": self.modified} if is_uri(self.name) else {"sha256": self.sha256}
        return {"name": self.name, "size": self.size, **mark}


_HEADER_LINES = {".jsonl": 0, ".csv": 1}
_ONE_NOTICE = {".txt", ".md", ".html", ".htm", ".docx", ".pdf"}


def fingerprint_file(path: Path) -> Source:
    """Hash a file; a table with a row a line is counted on the way (quoted line breaks make it an estimate)."""
    import hashlib

    digest, size, lines = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
            lines += block.count(b"\n")
    suffix = path.suffix.lower()
    rows = 1 if suffix in _ONE_NOTICE else lines - _HEADER_LINES[suffix] if suffix in _HEADER_LINES else None
    return Source(str(path), size, digest.hexdigest(), rows)


def sources_of(inputs: Sequence[str], out: Path | None) -> list[Source]:
    """The fingerprints of the files that the inputs name."""
    far = [Source(one.name, one.size, "", None, one.modified) for one in remote_files(inputs)]
    return [*map(_source, input_files(inputs, out)), *far]


def _source(path: Path) -> Source:
    """The fingerprint of a file; one that cannot be opened has none, and the reader will tell why."""
    try:
        return fingerprint_file(path)
    except OSError:
        return Source(str(path), 0, "", None)


def total_of(sources: Sequence[Source], inputs: Sequence[str]) -> int | None:
    """How many notices the inputs hold, where that is known before they are read."""
    counts = [source.rows for source in sources]
    return None if STDIN in inputs or None in counts else sum(count or 0 for count in counts)


def items(inputs: Sequence[str], columns: Mapping[str, str], out: Path | None = None) -> Iterator[Item]:
    """Notices in input order, with what could not be read at its place among them. BatchError for an unknown column."""
    unread = Unread()
    try:
        notices = read_notices(inputs, columns=columns, on_error=unread.append, out=out)
    except ValueError as error:
        raise BatchError(str(error)) from error
    return _interleaved(notices, unread)


def items_of(table: Table, columns: Mapping[str, str], first: int = 0) -> Iterator[Item]:
    """The items of one Parquet file after the ``first`` ones; ids as they stand, though others have them too.

    Each row is an item, and so is what keeps the rest of the file from being read.
    """
    unread = Unread()
    return _interleaved(table.notices(columns, unread.append, first), unread)


class Unread:
    """What could not be read since the last notice, in order; a little of it in memory, the rest in a file of its own.

    Between two notices of a broken table there may be millions of bad rows.
    """

    def __init__(self) -> None:
        self._count = 0
        self._file = SpooledTemporaryFile(_UNREAD_BYTES)  # noqa: SIM115

    def append(self, error: ReadError) -> None:
        pickle.dump(error, self._file)
        self._count += 1

    def drain(self) -> Iterator[ReadError]:
        """All of it, once."""
        if not self._count:
            return
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)
        self._file.seek(0)
        self._file.truncate()
        self._count = 0


def _interleaved(notices: Iterator[Notice], unread: Unread) -> Iterator[Item]:
    for notice in notices:
        yield from unread.drain()
        yield notice
    yield from unread.drain()


# ------------------------------------------------------------ one notice -> one record


def _note(kind: str, item: Item, reason: str, cure: str) -> Record:
    return {
        "kind": kind,
        "file": item.file,
        "row": item.row,
        "sheet": None if isinstance(item, Notice) else item.sheet,
        "sheet_row": None if isinstance(item, Notice) else item.sheet_row,
        "notice_id": item.id if isinstance(item, Notice) else None,
        "reason": reason,
        "cure": cure,
    }


def _failed(notice: Notice, reason: str) -> Record:
    cure = "其余通报不受影响；请把这条通报连同此信息报告给 wenze 的维护者"
    return {"rows": [], "notes": [_note("error", notice, reason, cure)]}


def record(item: Item, model: str = RULES, *, masked: bool = False) -> Record:
    """The rows and notes of one notice, its rows without names where they are to be ``masked``.

    A defect of ours met on one notice becomes its note: the rest must be done.
    """
    if isinstance(item, ReadError):
        return {"rows": [], "notes": [_note("error", item, item.reason, item.cure)]}
    try:
        reading = analyze_notice(item, model=model)
        rows = [row(analysis) for analysis in reading.analyses]
        rows = list(mask_all(rows)) if masked else rows
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name} 第 {place.lineno} 行"
        return _failed(item, f"内部错误 {type(error).__name__}：{error}（{where}）")
    if rows:
        return {"rows": rows, "notes": []}
    reason = "；".join(caution.message for caution in reading.cautions) or "未见问责案件"
    cure = "如确含问责决定，请检查正文是否完整"
    return {"rows": [], "notes": [_note("no_case", item, reason, cure)]}


def _records_of(chunk: list[Item], model: str = RULES, masked: bool = False) -> list[Record]:
    return [record(item, model, masked=masked) for item in chunk]


def length(item: Item) -> int:
    """The characters of an item."""
    return len(item.text) if isinstance(item, Notice) else 0


def chunked(
    items: Iterable[Any], most: int, most_characters: int, length: Callable[[Any], int] = length
) -> Iterator[list[Any]]:
    """The items in lists that are full at ``most`` items, or at ``most_characters``, whichever comes first."""
    chunk: list[Any] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += length(item)
        if len(chunk) >= most or characters >= most_characters:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


# ------------------------------------------------------------ records, wherever they are made


Work = Callable[[list[Item]], list[Record]]


def work_of(model: str, *, masked: bool = False) -> Work:
    """What makes records of items; workers can import it."""
    return partial(_records_of, model=model, masked=masked)


def lost(item: Item) -> Record:
    """The record of an item that kills whoever works on it."""
    reason = "工作进程在这条通报上异常退出（可能是内存不足）"
    return _failed(item, reason) if isinstance(item, Notice) else record(item)


def _as_they_are(_: int, records: list[Record]) -> list[Record]:
    return records


def records(
    items: Iterable[Item], *, workers: int | None = 1, engine: str = "", work: Work = _records_of
) -> Iterator[Record]:
    """A record for each item, in order. ``work`` turns a chunk into its records; workers must be able to import it.

    ``engine`` as in ``score``. In this process a chunk is one item, so that each is told as soon as it is done.
    """
    chosen = engine or chosen_engine(workers)
    chunks = chunked(items, 1 if chosen == LOCAL else _CHUNK_ITEMS, _CHUNK_CHARACTERS)
    return chain.from_iterable(
        engines.engine(chosen)(enumerate(chunks), engines.Task(work, lost, _as_they_are), workers)
    )


def chosen_engine(workers: int | None) -> str:
    """The engine where none is named: a pool where there is more than one worker."""
    return LOCAL if workers in (None, 1) else POOL


# ------------------------------------------------------------ OUT.part


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.name}.{ending}")


@contextmanager
def alone(path: Path, out: str) -> Iterator[None]:
    """Holds the lock file ``path`` as long as ``out`` is worked on; the system frees it however the run ends.

    Raises BatchError while another run holds it.
    """
    file = _locked(path, out)
    try:
        yield
    finally:
        if os.name == "nt":  # an open file cannot be removed there
            file.close()
        path.unlink(missing_ok=True)
        file.close()


def _locked(path: Path, out: str) -> BinaryIO:
    while True:
        file = path.open("ab")
        try:
            _lock(file)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:  # whoever held it took it away in between
            pass
        except OSError as error:
            file.close()
            raise BatchError(f"另一个 wenze 正在写 {out}。请等它做完，或换一个输出") from error
        file.close()


def _lock(file: BinaryIO) -> None:
    """Take a file for this process alone. Raises OSError where another has it."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Part:
    """OUT.part: a head that says what the run is, then a line for each finished notice.

    A last line without its newline was torn by a crash and is cut off.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        self.done = 0
        self._file: BinaryIO = path.open("xb") if not path.exists() else self._reopened(run)
        self._synced = time.monotonic()
        if not self._file.tell():
            self.append(run)
            self.done = 0
            os.fsync(self._file.fileno())

    def _reopened(self, run: Mapping[str, Any]) -> BinaryIO:
        file = self.path.open("r+b")
        end = 0
        for n, line in enumerate(file):
            if not line.endswith(b"\n"):
                break
            if n == 0:
                same_run(self._parsed(0, line), run)
            end += len(line)
            self.done = n
        file.seek(end)
        file.truncate()
        return file

    def append(self, line: Mapping[str, Any]) -> None:
        self._file.write(json_line(line).encode() + b"\n")
        self._file.flush()
        self.done += 1
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def __iter__(self) -> Iterator[Record]:
        with self.path.open("rb") as file:
            yield from (self._parsed(n, line) for n, line in islice(enumerate(file), 1, None))

    def _parsed(self, n: int, line: bytes) -> Record:
        try:
            parsed: Record = json.loads(line)
        except ValueError as error:
            raise BatchError(f"{self.path} 第 {n + 1} 行已损坏，不能接着做。请改用 --force 重新开始") from error
        return parsed


_WHAT = {
    "code": "程序版本",
    "codebook": "编码手册",
    "model": "模型",
    "schema": "行格式版本",
    "format": "输出格式",
    "columns": "列名设置",
    "masked": "隐去姓名",
    "input": "输入文件",
    "partition_by": "分区方式",
}


def same_run(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises BatchError when what was begun is not what is asked for now."""
    changed = [name for key, name in _WHAT.items() if before.get(key) != now.get(key)]
    if changed:
        raise BatchError(f"不能接着做：上次中断以来{'、'.join(changed)}变了，接上会前后不一。请改用 --force 重新开始")


# ------------------------------------------------------------ the job


def identity(
    format: str, model: str, columns: Mapping[str, str], sources: Sequence[Source], *, masked: bool = False
) -> dict[str, Any]:
    """What a run is; only a run that is the same may go on where another stopped."""
    return {
        **fingerprints(model),
        "schema": SCHEMA_VERSION,
        "format": format,
        "columns": dict(columns),
        "masked": masked,
        "input": [source.identity for source in sources],
    }


def _apart(out: Path, sources: Sequence[Source]) -> None:
    own = {path.resolve() for path in (out, _beside(out, "run.json"), _beside(out, "errors.jsonl"))}
    mixed = [source.name for source in sources if Path(source.name).resolve() in own]
    if mixed:
        raise BatchError(f"输入里有本命令自己的输出 {mixed[0]}。请把输出放到输入文件夹之外，或先移走它")


def _check_place(out: Path) -> None:
    if not out.parent.is_dir():
        raise BatchError(f"输出所在的文件夹不存在：{out.parent}。请先建立它")
    if out.is_dir():
        told = f"请给出文件名，例如 {out / 'rows.jsonl'}；要写成分区的 Parquet，请在末尾加 /"
        raise BatchError(f"输出 {out} 是一个文件夹。{told}")


def _ready(out: Path, part: Path, *, resume: bool, force: bool) -> None:
    if part.exists() and force and not resume:
        part.unlink()
    if part.exists() and not resume:
        raise BatchError(f"{part} 是上次中断留下的。加 --resume 接着做，或加 --force 重新开始")
    if out.exists() and not force and not part.exists():
        raise BatchError(f"输出 {out} 已经存在。换一个名字，或加 --force 覆盖它")


def _finished(out: Path, run: Mapping[str, Any]) -> Summary | None:
    """The summary of a run that was already done with just these inputs, else None."""
    run_file, errors_file = _beside(out, "run.json"), _beside(out, "errors.jsonl")
    if not (out.exists() and run_file.exists()):
        return None
    told = json.loads(run_file.read_text(encoding="utf-8"))
    if any(told.get(key) != run.get(key) for key in _WHAT):
        return None
    counts = told["counts"]
    tally = Tally(**{**counts, "findings": Counter(counts["findings"]), "cautions": Counter(counts["cautions"])})
    return Summary(tally, told["seconds"], out, run_file, errors_file if errors_file.exists() else None)


def _write_errors(notes: Iterator[Record], path: Path) -> Path | None:
    first = next(notes, None)
    if first is None:
        path.unlink(missing_ok=True)
        return None
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json_line(note) + "\n" for note in chain([first], notes))
    return path


def _rows(part: Part, tally: Tally) -> Iterator[Row]:
    for done in part:
        tally.add(done)
        yield from done["rows"]


def _nothing_read(part: Part) -> bool:
    return all(any(note["kind"] == "error" for note in done["notes"]) for done in part)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _deliver(part: Part, out: Path, run: Mapping[str, Any], seconds: float) -> Summary:
    """Turn OUT.part into OUT; OUT appears whole or not at all. Without a single notice there is no OUT."""
    tally = Tally()
    if _nothing_read(part):
        deque(_rows(part, tally), maxlen=0)
        errors = _write_errors((note for done in part for note in done["notes"]), _beside(out, "errors.jsonl"))
        part.path.unlink()
        return Summary(tally, seconds, None, None, errors)
    unnamed = _beside(out, "writing")
    WRITERS[run["format"]](_rows(part, tally), unnamed)
    errors = _write_errors((note for done in part for note in done["notes"]), _beside(out, "errors.jsonl"))
    run_file = _beside(out, "run.json")
    told = {**run, "seconds": round(seconds, 3), "counts": vars(tally)}
    run_file.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _sync(unnamed)
    os.replace(unnamed, out)
    part.path.unlink()
    return Summary(tally, seconds, out, run_file, errors)


def check_resumable(inputs: Sequence[str], *, resume: bool) -> None:
    """Raises BatchError where a run is to go on that reads standard input."""
    if resume and STDIN in inputs:
        raise BatchError("标准输入不能接着读。请把输入存成文件再用 --resume")


def score(
    inputs: Sequence[str],
    out: Path,
    *,
    format: str = "jsonl",
    model: str = RULES,
    engine: str = "",
    workers: int | None = None,
    resume: bool = False,
    force: bool = False,
    columns: Mapping[str, str] | None = None,
    masked: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Read ``inputs``, analyse every notice, write ``out``.

    ``model`` speaks beside the rules (as in ``pipeline``). ``engine`` is one of ``engines.ENGINES``, "" for a pool
    where there are several ``workers`` and this process where not. ``columns`` names the columns of tables
    (``{"text": "通报内容"}``); ``progress`` is told (notices done, notices in all or None) after each. A bad file, row
    or notice becomes a line of OUT.errors.jsonl and the rest is done. Results of earlier runs that lie in the folders
    of ``inputs`` are passed over.
    Raises BatchError when the job cannot start, cannot go on from an interrupted one, or another run writes ``out``;
    EngineError; ModelNotAvailable.
    """
    columns = columns or {}
    check_resumable(inputs, resume=resume)
    engines.engine(engine or chosen_engine(workers))
    _check_place(out)
    with alone(_beside(out, "lock"), str(out)):
        started = time.monotonic()
        path, found = _beside(out, "part"), items(inputs, columns, out)
        sources = sources_of(inputs, out)
        _apart(out, sources)
        run = identity(format, model, columns, sources, masked=masked)
        if resume and not path.exists() and (done := _finished(out, run)):
            return done
        _ready(out, path, resume=resume, force=force)
        part, total = Part(path, run), total_of(sources, inputs)
        try:
            report = progress or (lambda _done, _total: None)
            report(part.done, total)
            left = islice(found, part.done, None)
            for finished in records(left, workers=workers, engine=engine, work=work_of(model, masked=masked)):
                part.append(finished)
                report(part.done, total)
        finally:
            part.close()
        return _deliver(part, out, run, time.monotonic() - started)


def stream(
    inputs: Sequence[str],
    out: TextIO,
    *,
    model: str = RULES,
    engine: str = "",
    workers: int | None = None,
    columns: Mapping[str, str] | None = None,
    masked: bool = False,
    note: Callable[[Record], None],
) -> Tally:
    """Like ``score``, but rows go onto an open stream as JSONL, as each is done; ``note`` hears the rest."""
    tally = Tally()
    work = work_of(model, masked=masked)
    for done in records(items(inputs, columns or {}), workers=workers, engine=engine, work=work):
        tally.add(done)
        out.writelines(json_line(case) + "\n" for case in done["rows"])
        out.flush()
        for each in done["notes"]:
            note(each)
    return tally
