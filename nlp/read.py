"""Files, folders, globs, URIs and standard input -> notices, one by one.

In: paths, and URIs that pyarrow opens (``s3://bucket/2023/*.parquet``, ``gs://``, ``hdfs://``, ``file://``). Out: an
iterator of ``Notice``; tables are streamed row by row, so memory does not grow with the input (but for some 100 bytes
per id, to tell doubles). It decodes and unpacks, it never cleans: ``Notice.text`` is what the file says.
"""

from __future__ import annotations

import csv
import datetime
import errno
import glob
import io
import json
import logging
import re
import struct
import sys
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import unquote
from xml.parsers import expat

from nlp.codebook import load_codebook
from nlp.numerals import chinese
from nlp.types import Caution, Notice

if TYPE_CHECKING:
    import pypdf
    from pyarrow.fs import FileInfo, FileSystem
    from pyarrow.parquet import ParquetFile

NOTICE_LIMIT = 5_000_000  # characters of one notice; a longer one is refused, never cut
_TEXT_BYTES = 4 * NOTICE_LIMIT + 4  # no text of that many characters takes more bytes
_LINE_BYTES = 32 * 1024 * 1024  # of one line of a table
_JSON_BYTES = 256 * 1024 * 1024  # of a .json file, which has to be read whole
_PACKED_BYTES = 1024 * 1024 * 1024  # of all that a .zip, .docx or .xlsx unpacks to
_PACKED_FILES = 20_000
_OFFICE_BYTES = 512 * 1024 * 1024  # of what a .docx or .xlsx unpacks to, pictures among it
_WORD_XML_BYTES = 96 * 1024 * 1024  # of that, the XML of a .docx; parsing takes some eight times as much
_SHEETS_XML_BYTES = 384 * 1024 * 1024  # the XML of an .xlsx; most of it is streamed
_OFFICE_PARTS = 5_000
_PACKED_RATIO = 200  # unpacked to packed size; text seldom passes 30
_RATIO_FROM = 10 * 1024 * 1024  # smaller members may be packed as tightly as they like
_HEAD = 65_536
_OPENING = 2_048  # of a part of an Office file, where its first element nearly always stands
_COLUMNS_MOST = 1_024  # of a sheet; Excel has 16,384, and a file of nothing but wide rows would never end
_WIDE_ROWS = 10_000  # rows wider than that, though empty out there
_PDF_PAGES = 3_000
_PDF_SECONDS = 120.0  # of one PDF

# What the libraries raise on a damaged file, by trial with thousands of damaged ones.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, SyntaxError),
    *(LookupError, ValueError, TypeError, AttributeError, RuntimeError),
)

RUN_FILES = ("_run.json", "_run.part.json")  # what makes a folder one of rows in partitions

_COLUMN_HINT = "请加上 --column text=通报内容（换成实际的列名）"
_SCHEME = re.compile(r"[a-z][a-z0-9+.]+://", re.IGNORECASE)
_PARTITION = re.compile(r"([^=/\\]+)=([^/\\]*)[/\\]")  # a folder of partitioned Parquet: year=2023
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_HEADER_WITHIN = 10  # rows of a table, titles above the header among them
_TELL_ONCE_FROM = 5  # rows without the text column at the head of a file, told as one error of the file

_OS_REASONS = {
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EACCES: "没有权限，或文件正被占用",
    errno.EPERM: "没有权限",
    errno.EISDIR: "这是一个文件夹",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.EEXIST: "已经存在",
    errno.EBUSY: "文件正被占用",
    errno.ENOSPC: "磁盘已满",
    errno.EROFS: "磁盘只能读",
    errno.EIO: "磁盘读写出错",
    errno.EMFILE: "打开的文件太多",
    errno.ENAMETOOLONG: "文件名太长",
}


def os_reason(error: OSError) -> str:
    """Why the system refused, in Chinese where we know the words."""
    return _OS_REASONS.get(error.errno or 0) or error.strerror or str(error)


class ReadError(Exception):
    """An input, or one row of it, cannot be read; says where, why and what to do, in Chinese.

    ``row`` counts as ``Notice.row`` does; ``sheet_row`` as a spreadsheet does, all rows above it among them, and
    ``sheet`` names the sheet.
    """

    def __init__(self, file: str, row: int | None, reason: str, cure: str) -> None:
        super().__init__(file, row, reason, cure)
        self.file = file
        self.row = row
        self.reason = reason
        self.cure = cure
        self.sheet: str | None = None
        self.sheet_row: int | None = None

    @property
    def place(self) -> str:
        """Which row, as a person would look for it; empty when the error is about the whole file."""
        return place(self.row, self.sheet, self.sheet_row)

    def __str__(self) -> str:
        file = "标准输入" if self.file == "-" else self.file
        return f"{file}{self.place}：{self.reason}。{self.cure}。"


def place(row: int | None, sheet: str | None, sheet_row: int | None) -> str:
    """The place of a row in words, to stand behind the name of its file."""
    if row is None:
        return ""
    if sheet_row is None:
        return f" 第{row}行"
    return f" {f'工作表“{sheet}”' if sheet else '表格'}第{sheet_row}行（数据第{row}条）"


class _NoTextColumnError(ReadError):
    """No column of a table, or of a row, holds the text."""


Fail = Callable[[ReadError], None]
Columns = Mapping[str, str]


@dataclass(frozen=True)
class _Source:
    """One file, wherever it lies: ``file`` names it to the user, ``id`` the notice when the whole file is one."""

    file: str
    id: str
    suffix: str
    size: int
    open: Callable[[], BinaryIO]

    def error(self, reason: str, cure: str, row: int | None = None) -> ReadError:
        return ReadError(self.file, row, reason, cure)


def read_notices(
    inputs: Iterable[str | Path] | str | Path,
    *,
    columns: Columns | None = None,
    on_error: Fail | None = None,
    out: Path | None = None,
) -> Iterator[Notice]:
    """Every notice of the inputs, lazily: files, folders (with all below, sorted), globs, and "-" for standard input.

    ``columns`` names the columns of tables where they are not named as usual, e.g. ``{"text": "通报内容"}``.
    Rows count from 1 without the header (in .jsonl: lines). An id met before gets "~2", "~3" … and a caution.
    A file given twice is read once. What folders and globs hold of our own results, ``out`` among them, is passed over:
    ``result_files`` names it. What cannot be read raises ReadError, or goes to ``on_error`` while the rest is read on.
    """
    known = {entry.id for entry in load_codebook()["pages"] if entry.get("kind") == "columns"}
    if unknown := set(columns or ()) - known:
        wrong = "、".join(sorted(unknown))
        raise ValueError(f"--column 左边应写 {'、'.join(sorted(known))} 之一，不能写 {wrong}，例如 --column text=正文")
    paths = [inputs] if isinstance(inputs, (str, Path)) else inputs
    return _notices(_sources(paths, on_error or _raise, out), dict(columns or {}), on_error or _raise)


@dataclass(frozen=True)
class Table:
    """A Parquet file that any process can read, from any of its rows on."""

    _source: _Source

    def notices(self, columns: Columns, fail: Fail, first: int = 0) -> Iterator[Notice]:
        """The notices after the ``first`` rows, their ids as they stand; what cannot be read goes to ``fail``."""
        return _told(self._source, _read_parquet(self._source, columns, fail, first), fail)

    @property
    def file(self) -> str:
        return self._source.file

    def is_there(self) -> bool:
        """Whether the file is found from where this process runs."""
        try:
            self._source.open().close()
        except FileNotFoundError:
            return False
        except OSError:
            pass  # it is, and reading it will tell what is wrong
        return True


def tables(inputs: Iterable[str | Path]) -> list[Table]:
    """The files that ``read_notices`` would read, in its order, where all are Parquet files; else none."""
    errors: list[ReadError] = []
    sources = list(_sources(inputs, errors.append, None))
    whole = not errors and all(source.suffix == ".parquet" for source in sources)
    return [Table(source) for source in sources] if whole else []


def input_files(inputs: Iterable[str | Path], out: Path | None = None) -> Iterator[Path]:
    """The files ``read_notices`` would open, in its order; standard input and what cannot be opened are passed over."""
    local = [item for item in inputs if not is_uri(item)]
    return (Path(source.file) for source in _sources(local, lambda _: None, out) if source.suffix != "-")


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URI; ``modified`` as the system told it, an ISO time."""

    name: str
    size: int
    modified: str | None


def remote_files(inputs: Iterable[str | Path]) -> list[RemoteFile]:
    """The files that ``read_notices`` would open behind the URIs among the inputs, in its order."""
    found: list[RemoteFile] = []
    for item in filter(is_uri, inputs):
        try:
            for source, info in _remote(str(item)):
                found.append(RemoteFile(source.file, source.size, info.mtime.isoformat() if info.mtime else None))
        except ReadError:
            continue
    return found


def opened(file: str | Path) -> BinaryIO:
    """A file, or what lies behind a URI, as a stream of bytes. Raises OSError."""
    if not is_uri(file):
        return Path(file).open("rb")
    from pyarrow import fs

    return _remote_stream(*fs.FileSystem.from_uri(str(file)))


def is_uri(item: str | Path) -> bool:
    """Whether an input, or an output, is named by a URI."""
    return bool(_SCHEME.match(str(item)))


def result_files(inputs: Iterable[str | Path], out: Path | None = None) -> list[Path]:
    """The files in folders and globs that ``read_notices`` passes over because a run of ours wrote them."""
    found: set[Path] = set()
    for item in map(str, inputs):
        if item != "-" and (Path(item).is_dir() or not Path(item).exists()):
            found |= {path for path, _ in _candidates(item) if _is_result(path, out)}
    return sorted(found)


def endings() -> frozenset[str]:
    """The endings of the files we can read, or know well enough to say how they could be read."""
    return frozenset({*_READERS, *_UNREADABLE} - {"-"})


def _raise(error: ReadError) -> None:
    raise error


def _notices(sources: Iterable[_Source], columns: Columns, fail: Fail) -> Iterator[Notice]:
    rename = Renamer()
    for source in sources:
        yield from map(rename, _told(source, _READERS[source.suffix](source, columns, fail), fail))


def _told(source: _Source, read: Iterator[Notice], fail: Fail) -> Iterator[Notice]:
    """What is read of a source; what ends the reading too early goes to ``fail``."""
    try:
        yield from read
    except ReadError as error:
        fail(error)
    except OSError as error:
        fail(source.error(f"读取失败（{os_reason(error)}）", "请确认文件存在、未被占用且有读取权限"))


class Renamer:
    """Gives a notice whose id was met before a new one."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._times: Counter[str] = Counter()

    def __call__(self, notice: Notice) -> Notice:
        new = self.name(notice.id)
        return notice if new == notice.id else renamed(notice, new)

    def name(self, old: str) -> str:
        """What a notice of that id is called."""
        new = old
        while hash(new) in self._met:
            self._times[old] += 1
            new = f"{old}~{self._times[old] + 1}"
        self._met.add(hash(new))
        return new


def renamed(notice: Notice, new: str) -> Notice:
    """A notice whose id was met before, under its new one."""
    caution = Caution("duplicate_id", f"编号“{notice.id}”重复，本篇改记为“{new}”")
    return replace(notice, id=new, cautions=(*notice.cautions, caution))


# --- which files ---------------------------------------------------------------------------------------------------

_UNREADABLE = {
    ".doc": "请在 Word 或 WPS 中另存为 .docx",
    ".wps": "请在 WPS 中另存为 .docx",
    ".rtf": "请在 Word 或 WPS 中另存为 .docx",
    ".xls": "请在 Excel 或 WPS 中另存为 .xlsx",
    ".et": "请在 WPS 中另存为 .xlsx",
    ".ofd": "请转换为 PDF 后再读",
    ".rar": "请解压后读入文件夹，或改压为 .zip",
    ".7z": "请解压后读入文件夹，或改压为 .zip",
}


def _sources(inputs: Iterable[str | Path], fail: Fail, out: Path | None) -> Iterator[_Source]:
    found: dict[Path, tuple[Path, Path | None]] = {}  # by the real path: as it was given, and the folder it is in
    far: dict[str, _Source] = {}
    stdin = False
    for item in inputs:
        if str(item) == "-":
            stdin = True
            continue
        try:
            if is_uri(item):
                far.update((source.file, source) for source, _ in _remote(str(item)))
                continue
            for path, folder in _paths(str(item), out):
                found.setdefault(path.resolve(), (path, folder))
        except ReadError as error:
            fail(error)
    if stdin:
        yield _Source("-", "stdin", "-", 0, lambda: sys.stdin.buffer)
    names = Counter(path.name for path, _ in found.values())
    for path, folder in found.values():
        suffix = path.suffix.lower()
        if suffix not in _READERS:
            cure = _UNREADABLE.get(suffix) or _readable()
            fail(ReadError(str(path), None, f"不认识这种文件（{suffix or '没有扩展名'}）", cure))
            continue
        inside = path.relative_to(folder).as_posix() if folder else path.as_posix()
        name = path.name if names[path.name] == 1 else inside
        try:
            size = path.stat().st_size
        except OSError as error:
            fail(ReadError(str(path), None, f"打不开（{os_reason(error)}）", "请确认文件存在且有读取权限"))
            continue
        yield _Source(str(path), name, suffix, size, partial(opened, path.absolute()))
    yield from far.values()


def _remote(item: str) -> list[tuple[_Source, FileInfo]]:
    """The documents that a URI names: a file, all below a folder, or what matches its ``*`` and ``**``, sorted.

    What follows ``?`` is the file system's own (``s3://bucket/x?region=…&endpoint_override=…``). Raises ReadError.
    """
    from pyarrow import ArrowException, fs

    uri, mark, query = item.partition("?")
    fixed = uri.split("*")[0].rpartition("/")[0] if "*" in uri else uri.rstrip("/")
    try:
        system, root = fs.FileSystem.from_uri(fixed + mark + query)
        told = system.get_file_info(root)
        inside = [told] if told.is_file else system.get_file_info(fs.FileSelector(root, recursive=True))
    except (ArrowException, OSError, ValueError) as error:
        cure = "请检查地址、网络与访问权限"
        raise ReadError(item, None, f"打不开（{str(error).splitlines()[0]}）", cure) from error
    wanted = re.compile(_glob(uri[len(fixed) :]) if "*" in uri else r"(?:/.*)?", re.DOTALL)
    files = [one for one in inside if one.is_file and wanted.fullmatch(one.path.removeprefix(root))]
    names = {one.path for one in files}
    kept = [one for one in files if one is told or _is_remote_document(one.path.removeprefix(root), one.path, names)]
    if not kept:
        raise ReadError(item, None, "没有可读的文件", _readable())
    scheme = _SCHEME.match(uri)
    return [(_remote_source(system, one, root, scheme[0] if scheme else ""), one) for one in _by_path(kept)]


def _by_path(files: Iterable[FileInfo]) -> list[FileInfo]:
    return sorted(files, key=lambda one: str(one.path))


def _glob(pattern: str) -> str:
    """The pattern of a path as a regular expression: ``*`` within a folder, ``**/`` across folders."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    return "".join({"**/": "(?:.*/)?", "*": "[^/]*"}.get(part) or re.escape(part) for part in parts)


def _is_remote_document(inside: str, path: str, names: set[str]) -> bool:
    if any(part.startswith((".", "~$", "_")) for part in inside.split("/")) or f"{path}.run.json" in names:
        return False
    return PurePosixPath(path).suffix.lower() in _READERS and not path.endswith((".run.json", ".errors.jsonl"))


def _remote_source(system: FileSystem, info: FileInfo, root: str, scheme: str) -> _Source:
    inside = info.path.removeprefix(root).lstrip("/") or info.base_name
    path = str(info.path)
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _READERS:
        cure = _UNREADABLE.get(suffix) or _readable()
        raise ReadError(scheme + path, None, f"不认识这种文件（{suffix or '没有扩展名'}）", cure)
    return _Source(scheme + path, inside, suffix, info.size or 0, partial(_remote_stream, system, path))


def _remote_stream(system: FileSystem, path: str) -> BinaryIO:
    return io.BufferedReader(system.open_input_file(path), 1 << 20)


def _paths(item: str, out: Path | None) -> list[tuple[Path, Path | None]]:
    """The files that one input names, each with the folder it was found in. Raises ReadError when there are none."""
    path = Path(item)
    if path.exists() and not path.is_dir():
        return [(path, None)]
    inside = [(found, folder) for found, folder in _candidates(item) if not _is_result(found, out)]
    if path.is_dir() and not inside:
        raise ReadError(item, None, "文件夹里没有可读的文件", _readable())
    if not inside:
        raise ReadError(item, None, "没有这个文件或文件夹", "请检查路径；含有通配符时请检查有无匹配的文件")
    return inside


def _candidates(item: str) -> list[tuple[Path, Path | None]]:
    """The documents in a folder, or the files that a glob matches."""
    path = Path(item)
    if path.is_dir():
        return [(found, path) for found in sorted(path.rglob("*")) if _is_document(found, path)]
    return [(Path(match), None) for match in sorted(glob.glob(item, recursive=True)) if Path(match).is_file()]


def _is_result(path: Path, out: Path | None) -> bool:
    """Whether a run of ours wrote the file: an OUT, or what stands beside one."""
    if path.name.endswith((".run.json", ".errors.jsonl", ".part", ".lock")):
        return True
    if out and path.resolve() == out.resolve():
        return True
    if path.name.startswith(("part-", "_")) or path.parent.name.startswith("_"):
        return any((folder / mark).exists() for folder in list(path.parents)[:4] for mark in RUN_FILES)
    return path.with_name(f"{path.name}.run.json").exists()


def _readable() -> str:
    return f"能读的有 {' '.join(suffix for suffix in _READERS if suffix != '-')}"


def _is_document(path: Path, folder: Path) -> bool:
    """Files of a kind that holds texts; hidden files and the lock files of office programs are passed over."""
    if any(part.startswith((".", "~$", "__MACOSX")) for part in path.relative_to(folder).parts):
        return False
    return path.suffix.lower() in {*_READERS, *_UNREADABLE} and path.is_file()


# --- encodings -----------------------------------------------------------------------------------------------------

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DECLARED = re.compile(
    rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_-]{2,20})|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_-]{2,20})""",
    re.IGNORECASE,
)
_SIGNATURES = (
    (b"PK\x03\x04", "压缩包或 Office 文档"),
    (b"%PDF-", "PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "旧版 Office 文档"),
    (b"\x89PNG", "PNG 图片"),
    (b"\xff\xd8\xff", "JPEG 图片"),
    (b"GIF8", "GIF 图片"),
    (b"\x1f\x8b", "gzip 压缩文件"),
    (b"Rar!", "RAR 压缩包"),
    (b"7z\xbc\xaf", "7z 压缩包"),
    (b"\x7fELF", "程序"),
    (b"PAR1", "Parquet"),
)
_UTF8_RUN = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}){4,}")  # four Chinese characters: no chance in GB18030
_BEYOND = re.compile(r"[^\x00-\x7f]")
_ACCENT = re.compile(r"[\x80-\u1fff]")  # what two bytes of GB18030 may look like when read as UTF-8
_CODECS = {
    "utf-8": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
}
_GARBLED = "原文件编码混杂或已损坏"
_GARBLED_CURE = "请用文本编辑器打开核对，另存为 UTF-8 后重试"


class _UndecodableError(ValueError):
    """Bytes that are no text in any encoding we know."""


def _decode(data: bytes, source: _Source) -> tuple[str, tuple[Caution, ...]]:
    """A whole file as text: by its byte order mark, UTF-8, what it declares, else line by line; nothing is lost."""
    _refuse_binary(data, source)
    for mark, codec in _BOMS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(codec), ()
            except UnicodeDecodeError as error:
                if codec != "utf-8":
                    raise source.error(f"按 {codec} 解码失败（第{error.start}字节）", _GARBLED_CURE) from error
                data = data[len(mark) :]
    for codec in ("utf-8", *_declared(data)):
        try:
            return data.decode(codec), ()
        except UnicodeDecodeError:
            continue
    try:
        return _by_lines(data)
    except _UndecodableError as error:
        raise source.error(f"{_GARBLED}（{error}）", _GARBLED_CURE) from error


def _declared(data: bytes) -> tuple[str, ...]:
    """The encoding a page or XML declares, when no part of the text contradicts it."""
    found = _DECLARED.search(data[:4096])
    if found is None or _UTF8_RUN.search(data):
        return ()
    name = (found.group(1) or found.group(2)).decode("ascii").lower()
    return (_CODECS[name],) if name in _CODECS else ()


def _refuse_binary(data: bytes, source: _Source) -> None:
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            raise source.error(f"这不是文本，内容是{kind}", "请改正扩展名，或另存为文本")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    head = data[:_HEAD]
    if 100 * head.count(0) > len(head) or 100 * data.count(0) > len(data):
        cure = "请确认文件没有损坏；若是 UTF-16 文本，请另存为 UTF-8"
        raise source.error("这不是文本，像是二进制文件（空字符过多）", cure)


def _by_lines(data: bytes) -> tuple[str, tuple[Caution, ...]]:
    lines: list[str] = []
    decoder = _LineDecoder()
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            lines.append(decoder(raw))
        except _UndecodableError as error:
            if "utf-8" not in decoder.met and (traditional := _as_big5(data)) is not None:
                return traditional, ()
            raise _UndecodableError(f"第{number}行{error}") from error
    text = "\n".join(lines)
    if "utf-8" not in decoder.met and _doubtful(text) and (traditional := _as_big5(data)) is not None:
        return traditional, ()
    mixed = Caution("mixed_encodings", "原文件中混有 UTF-8 与 GB18030 两种编码，已逐行解码")
    return text, (mixed,) if len(decoder.met) > 1 else ()


class _LineDecoder:
    """Decodes the lines of one file, each in UTF-8 or GB18030; ``met`` names those that were surely met.

    Raises _UndecodableError rather than guess. A line that both could be follows the lines before it.
    """

    def __init__(self) -> None:
        self.met: set[str] = set()
        self._last = "utf-8"

    def __call__(self, raw: bytes) -> str:
        if raw.isascii():
            return raw.decode("ascii")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return self._gb18030(raw)
        if not _ACCENT.search(text) or len(_ACCENT.findall(text)) < len(_BEYOND.findall(text)) / 2:
            self._sure("utf-8")
            return text
        return text if self._last == "utf-8" else self._gb18030(raw)

    def _gb18030(self, raw: bytes) -> str:
        if _UTF8_RUN.search(raw) or _is_damaged_utf8(raw):
            raise _UndecodableError("是损坏的 UTF-8，或同一行混有两种编码")
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as error:
            raise _UndecodableError(f"第{error.start + 1}字节既不是 UTF-8 也不是 GB18030") from error
        self._sure("gb18030")
        return text

    def _sure(self, codec: str) -> None:
        self.met.add(codec)
        self._last = codec


def _is_damaged_utf8(raw: bytes) -> bool:
    """Whether most bytes beyond ASCII form Chinese characters in UTF-8, as only damaged UTF-8 does.

    Two-byte characters (Latin, Greek, Cyrillic) do not count: pairs of GB18030 bytes often look like them.
    """
    beyond = sum(byte > 0x7F for byte in raw)
    valid = sum(len(c.encode("utf-8")) for c in raw.decode("utf-8", "ignore") if c >= "\u2e80")
    return 2 * valid > beyond


def _doubtful(text: str) -> bool:
    """Whether a text read as GB18030 hardly uses its common characters."""
    beyond = [c for c in text[:20_000] if c > "\x7f"]
    common = len("".join(beyond).encode("gb2312", "ignore")) // 2
    return len(beyond) >= 20 and 2 * common < len(beyond)


def _as_big5(data: bytes) -> str | None:
    """The text in Big5, when charset-normalizer finds that likely; the last resort."""
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_HEAD], cp_isolation=["big5", "big5hkscs", "gb18030"]).best()
    if best is None or not best.encoding.startswith("big5"):
        return None
    try:
        return data.decode("big5hkscs")
    except UnicodeDecodeError:
        return None


def _byte_lines(source: _Source, stream: BinaryIO) -> Iterator[bytes | ReadError]:
    """Lines with their ends; a line beyond the limit is passed over in pieces and told as an error."""
    number = 0
    while line := stream.readline(_LINE_BYTES):
        number += 1
        if len(line) < _LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while (rest := stream.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        reason = f"这一行超过 {_LINE_BYTES // 1024 // 1024} MB"
        yield source.error(reason, "请检查是否缺少换行，或拆成多行", number)


def _text_lines(source: _Source, stream: BinaryIO) -> Iterator[str | ReadError]:
    """A table's lines as text with their ends, each decoded by itself unless the file is UTF-16."""
    head = stream.read(4)
    prefixed = io.BufferedReader(_Prefixed(head, stream), _HEAD)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield from _utf16_lines(source, prefixed)
        return
    decode = _LineDecoder()
    for number, line in enumerate(_byte_lines(source, prefixed), 1):
        if isinstance(line, ReadError):
            yield line
            continue
        if number == 1:
            _refuse_binary(line[:_HEAD], source)
        try:
            yield decode(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        except _UndecodableError as error:
            yield source.error(f"{_GARBLED}（{error}）", _GARBLED_CURE, number)


def _utf16_lines(source: _Source, stream: BinaryIO) -> Iterator[str | ReadError]:
    text = io.TextIOWrapper(stream, encoding="utf-16", newline="")
    number = 0
    try:
        while line := text.readline(_LINE_BYTES):
            number += 1
            yield line
    except UnicodeDecodeError as error:
        raise source.error("按 UTF-16 解码失败", _GARBLED_CURE, number + 1) from error


class _Prefixed(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] if self._head else self._stream.read(len(buffer))
        self._head = self._head[len(data) :] if self._head else b""
        buffer[: len(data)] = data
        return len(data)


# --- whole-file kinds ----------------------------------------------------------------------------------------------


def unfit(text: str, limit: int = NOTICE_LIMIT) -> tuple[str, str] | None:
    """Reason and cure when a text is no notice we can take: empty, longer than ``limit``, or no text at all."""
    if len(text) > limit:
        return f"正文有 {len(text)} 字，超过每篇 {limit} 字的上限", "请拆成多篇，或检查是否把整个文件当成了一篇"
    if not text or text.isspace():
        return "正文为空", "请补上正文，或删去这一项"
    if "\x00" in text and 100 * text.count("\x00") > len(text):
        return "这不是文本（空字符过多）", "请确认文件没有损坏"
    if _SURROGATE.search(text):
        return "正文含有不成对的代理字符（残缺的表情或生僻字）", "请从原文重新导出这一项"
    return None


def _checked(source: _Source, text: str, row: int | None = None) -> str:
    if wrong := unfit(text):
        raise source.error(*wrong, row)
    return text


_SURROGATE = re.compile("[\ud800-\udfff]")


def _whole(source: _Source, limit: int, stream: BinaryIO) -> bytes:
    data = stream.read(limit + 1)
    if len(data) > limit:
        size = f"{limit // 1024 // 1024} MB"
        reason = f"文件超过 {size}，一篇通报最多 {NOTICE_LIMIT} 字" if limit == _TEXT_BYTES else f"文件超过 {size}"
        raise source.error(reason, "请拆成多个文件；成批的通报请用 .jsonl 或 .csv，一行一篇")
    return data


def _read_text(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    with source.open() as stream:
        data = _whole(source, _TEXT_BYTES, stream)
    if not data:
        raise source.error("文件是空的", "请确认文件已完整保存")
    text, cautions = _decode(data, source)
    yield Notice(id=source.id, text=_checked(source, text), file=source.file, cautions=cautions)


def _read_docx(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    data = _office_file(source, _WORD_XML_BYTES)
    try:
        document = docx.Document(io.BytesIO(data))
        text = _docx_text(document)
        title = document.core_properties.title or ""
    except (PackageNotFoundError, *_DAMAGED) as error:
        raise source.error("Word 文档已损坏或不完整", "请用 Word 或 WPS 打开修复，另存为 .docx") from error
    sensible = 5 <= len(title) <= 100 and re.sub(r"\s", "", title) in re.sub(r"\s", "", text[:1000])
    yield Notice(id=source.id, text=_checked(source, text), title=title if sensible else None, file=source.file)


def _docx_text(document: Any) -> str:
    """Paragraphs and table cells in document order, a line each; insertions are taken, deletions are not."""
    from docx.oxml.ns import qn

    body = document.element.body
    other = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
    for element in [*body.iter(other, qn("w:moveFrom"))]:
        element.getparent().remove(element)
    number = _Numbering(document)
    lines: list[list[str]] = []
    numbers = 0
    marks = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
    for element in body.iter(qn("w:p"), qn("w:t"), *marks):
        if element.tag == qn("w:p"):
            lines.append([number(element)])
            numbers += len(lines[-1][0])
            if numbers > NOTICE_LIMIT:  # Word's own numbers may make a small file endless
                break
        elif lines and element.tag == qn("w:t"):
            lines[-1].append(element.text or "")
        elif lines and element.getparent().tag == qn("w:r"):
            lines[-1].append(marks[element.tag])
    return "\n".join("".join(line) for line in lines)


class _Numbering:
    """The numbers Word itself puts before paragraphs, 一、 or (2) and the like, as a reader of it sees them."""

    def __init__(self, document: Any) -> None:
        from docx.oxml.ns import qn

        self._qn = qn
        self._lists: dict[str, str] = {}  # list -> its abstract list
        self._levels: dict[tuple[str, int], tuple[int, str, str]] = {}  # (abstract list, level) -> start, kind, pattern
        self._styles: dict[str, tuple[str | None, int, str | None]] = {}  # style -> list, level, style it builds on
        self._places: dict[str | None, tuple[str | None, int]] = {}  # style -> what the search below found
        self._counts: dict[str, dict[int, int]] = {}
        parts = {rel.reltype.rpartition("/")[2]: rel for rel in document.part.rels.values() if not rel.is_external}
        if "numbering" in parts:
            self._read_lists(parts["numbering"].target_part.element)
            if "styles" in parts:
                self._read_styles(parts["styles"].target_part.element)

    def _value(self, element: Any, *path: str) -> str | None:
        for tag in path:
            element = element.find(self._qn(tag)) if element is not None else None
        return None if element is None else cast("str | None", element.get(self._qn("w:val")))

    def _read_lists(self, root: Any) -> None:
        for abstract in root.iter(self._qn("w:abstractNum")):
            name = abstract.get(self._qn("w:abstractNumId"))
            for level in abstract.iter(self._qn("w:lvl")):
                start, kind = self._value(level, "w:start") or "1", self._value(level, "w:numFmt") or "decimal"
                pattern = self._value(level, "w:lvlText") or ""
                self._levels[name, int(level.get(self._qn("w:ilvl")))] = (int(start), kind, pattern)
        for one in root.iter(self._qn("w:num")):
            self._lists[one.get(self._qn("w:numId"))] = self._value(one, "w:abstractNumId") or ""

    def _read_styles(self, root: Any) -> None:
        for style in root.iter(self._qn("w:style")):
            of = self._value(style, "w:pPr", "w:numPr", "w:numId")
            level = int(self._value(style, "w:pPr", "w:numPr", "w:ilvl") or 0)
            self._styles[style.get(self._qn("w:styleId"))] = (of, level, self._value(style, "w:basedOn"))

    def _place(self, paragraph: Any) -> tuple[str | None, int]:
        """The list and level of a paragraph, its own or those of its style."""
        of = self._value(paragraph, "w:pPr", "w:numPr", "w:numId")
        if of is not None:
            return of, int(self._value(paragraph, "w:pPr", "w:numPr", "w:ilvl") or 0)
        return self._place_of_style(self._value(paragraph, "w:pPr", "w:pStyle"))

    def _place_of_style(self, named: str | None) -> tuple[str | None, int]:
        if named in self._places:
            return self._places[named]
        style, seen = named, set[str]()
        place: tuple[str | None, int] = (None, 0)
        while style in self._styles and style not in seen and place[0] is None:
            seen.add(style)
            of, level, style = self._styles[style]
            place = (of, level) if of is not None else place
        self._places[named] = place
        return place

    def __call__(self, paragraph: Any) -> str:
        """What stands before a paragraph: its number as Word shows it, nothing for bullets."""
        of, level = self._place(paragraph) if self._lists else (None, 0)
        name = self._lists.get(of or "")
        if name is None or (name, level) not in self._levels:
            return ""
        counts = self._counts.setdefault(name, {})
        start, kind, pattern = self._levels[name, level]
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]
        if kind in ("bullet", "none"):
            return ""
        return re.sub(r"%(\d)", lambda m: self._shown(name, int(m.group(1)) - 1), pattern)

    def _shown(self, name: str, level: int) -> str:
        start, kind, _ = self._levels.get((name, level), (1, "decimal", ""))
        return _numeral(self._counts[name].get(level, start), kind)


def _numeral(number: int, kind: str) -> str:
    """A number in one of Word's formats; formats that notices do not use come out in digits."""
    if kind.startswith("decimalEnclosedCircle") and 1 <= number <= 20:
        return chr(0x2460 + number - 1)
    if kind in ("lowerLetter", "upperLetter") and 1 <= number <= 26:
        return chr((0x61 if kind == "lowerLetter" else 0x41) + number - 1)
    counting = ("chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCountingThousand")
    return chinese(number) if kind in counting and 1 <= number <= 999 else str(number)


def _read_pdf(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    import pypdf
    from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings about sloppy files are none of the user's
    with source.open() as stream:
        data = _whole(source, _JSON_BYTES, stream)
    if not data:
        raise source.error("文件是空的", "请确认文件已完整保存")
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise source.error("PDF 设有密码", "请去掉密码后另存，再读入")
        pages = list(_pdf_pages(source, reader))
    except LimitReachedError as error:
        raise source.error("PDF 里有异常庞大的内容，可能是压缩炸弹", _SUSPECT) from error
    except DependencyError as error:
        raise source.error("PDF 设有密码或加密", "请去掉密码后另存，再读入") from error
    except (PyPdfError, *_DAMAGED) as error:
        raise source.error("PDF 已损坏或不完整", "请用阅读器打开后重新导出 PDF") from error
    empty = [str(number) for number, page in enumerate(pages, 1) if not page.strip()]
    if len(empty) == len(pages):
        raise source.error("PDF 没有文字层（多半是扫描件）", "请先做文字识别（OCR），再读入")
    message = f"PDF 第{'、'.join(empty[:20])}页没有文字，可能是图片，未能读到"
    cautions = (Caution("page_without_text", message),) if empty else ()
    yield Notice(id=source.id, text=_checked(source, "\n".join(pages)), file=source.file, cautions=cautions)


def _pdf_pages(source: _Source, reader: pypdf.PdfReader) -> Iterator[str]:
    """The text of each page; neither more pages nor characters nor time than a notice can need."""
    started = time.monotonic()

    def in_time(*_: object) -> None:
        if time.monotonic() - started > _PDF_SECONDS:
            raise source.error(f"读这份 PDF 超过 {_PDF_SECONDS:g} 秒", _SUSPECT)

    count = len(reader.pages)
    if count > _PDF_PAGES:
        raise source.error(f"PDF 有 {count} 页，超过 {_PDF_PAGES} 页的上限", "请拆成几份 PDF")
    characters = 0
    for page in reader.pages:
        text = _paired(page.extract_text(visitor_operand_before=in_time)).strip("\n")
        characters += len(text)
        if characters > NOTICE_LIMIT:
            raise source.error(f"正文超过每篇 {NOTICE_LIMIT} 字的上限", "请拆成几份 PDF")
        yield text


_SUSPECT = "请核对文件来源；确认无害的，请用阅读器打开后重新导出，或拆成几份"


def _paired(text: str) -> str:
    """Surrogate pairs, as some PDF fonts give them, as the one character they stand for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _SURROGATE.search(text) else text


# --- packed files --------------------------------------------------------------------------------------------------

_KNOWN_PACKING = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def _open_zip(source: _Source, data: BinaryIO, cure: str, *, most: int, most_bytes: int) -> zipfile.ZipFile:
    """A zip file whose members, by number, size and ratio, are safe to unpack (zipfile reads no more than declared)."""
    try:
        packed = zipfile.ZipFile(data)
    except _DAMAGED as error:
        raise source.error("文件已损坏或不完整", cure) from error
    members = packed.infolist()
    if len(members) > most:
        raise source.error(f"里面有 {len(members)} 个文件，超过 {most} 个的上限", "请分成几个，或核对文件来源")
    if sum(m.file_size for m in members) > most_bytes:
        raise source.error(f"解压后超过 {most_bytes // 1024 // 1024} MB", "请分成几个，或解压后读入文件夹")
    for member in members:
        if member.compress_type not in _KNOWN_PACKING:  # others unpack without a bound on what they make of one block
            raise source.error(f"“{member.filename}”的压缩方式不支持", "请用普通方式（Deflate）重新打包为 .zip")
        if member.file_size > _RATIO_FROM and member.file_size > _PACKED_RATIO * max(1, member.compress_size):
            cure = "请核对文件来源；确认无害的请解压后读入"
            raise source.error(f"“{member.filename}”压缩比异常，可能是压缩炸弹", cure)
    return packed


def _office_file(source: _Source, most_xml: int) -> bytes:
    """The bytes of a .docx or .xlsx, checked: neither bomb nor encrypted, no XML that declares entities or is vast."""
    cure = "请用 Office 或 WPS 打开修复后另存"
    with source.open() as stream:
        data = _whole(source, _JSON_BYTES, stream)
    if not data:
        raise source.error("文件是空的", "请确认文件已完整保存")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise source.error("文件设有密码，或其实是旧版 Office 文档", "请去掉密码，或在 Office、WPS 中另存为新格式")
    xml = 0
    with _open_zip(source, io.BytesIO(data), cure, most=_OFFICE_PARTS, most_bytes=_OFFICE_BYTES) as packed:
        for member in packed.infolist():
            try:
                with packed.open(member) as part:
                    head = part.read(_HEAD)
            except _DAMAGED as error:
                raise source.error("文件已损坏或不完整", cure) from error
            if _is_xml(member, head):
                _refuse_entities(source, member, head)
                xml += member.file_size
    if xml > most_xml:
        reason = f"文件中的文字部分有 {xml // 1024 // 1024} MB，超过 {most_xml // 1024 // 1024} MB"
        raise source.error(reason, "请拆成几个文件")
    return data


_BEFORE_XML = b"\xef\xbb\xbf\xff\xfe\x00\t\r\n "  # byte order marks and blanks


def _is_xml(member: zipfile.ZipInfo, head: bytes) -> bool:
    """Whether a part is XML by its name or its beginning; the others are pictures, fonts and the like."""
    return member.filename.lower().endswith((".xml", ".rels", ".vml")) or head.lstrip(_BEFORE_XML).startswith(b"<")


def _refuse_entities(source: _Source, member: zipfile.ZipInfo, head: bytes) -> None:
    """Refuse a part that declares entities, however it is encoded and however far down it does."""
    seen: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: seen.append("doctype")
    parser.StartElementHandler = lambda *_: seen.append("element")
    try:
        parser.Parse(head[:_OPENING], False)
        if not seen:
            parser.Parse(head[_OPENING:], False)
    except expat.ExpatError as error:
        if not seen:
            raise source.error(f"“{member.filename}”已损坏（{error}）", "请用 Office 或 WPS 打开修复后另存") from error
    if seen[:1] != ["element"]:
        reason = f"“{member.filename}”声明了 XML 实体，或开头异常，不予读取"
        raise source.error(reason, "请核对文件来源；用 Office 另存可去除")


def _read_zip(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    bounds = {"most": _PACKED_FILES, "most_bytes": _PACKED_BYTES}
    with source.open() as stream, _open_zip(source, stream, "请重新打包为 .zip", **bounds) as packed:
        for member in sorted(packed.infolist(), key=_member_name):
            name = _member_name(member)
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                fail(source.error(f"“{name}”的路径越出压缩包，没有读", "请核对文件来源；确认无害的请重新打包为 .zip"))
                continue
            if name.endswith("/") or any(part.startswith((".", "~$", "__MACOSX")) for part in path.parts):
                continue
            suffix = path.suffix.lower()
            if suffix not in _READERS and suffix not in _UNREADABLE:
                continue
            inner = _Source(
                f"{source.file}/{name}", f"{source.id}/{name}", suffix, member.file_size, _opener(packed, member)
            )
            try:
                yield from _read_member(inner, member, columns, fail)
            except ReadError as error:
                fail(error)
            except _DAMAGED as error:
                fail(inner.error(f"压缩包里的这个文件已损坏（{error}）", "请重新打包为 .zip"))


def _read_member(inner: _Source, member: zipfile.ZipInfo, columns: Columns, fail: Fail) -> Iterator[Notice]:
    if member.flag_bits & 1:
        raise inner.error("压缩包设有密码", "请去掉密码后重新打包")
    if inner.suffix == ".zip":
        raise inner.error("压缩包里还有压缩包", "请先解压里面的压缩包")
    if inner.suffix not in _READERS:
        raise inner.error(f"不认识这种文件（{inner.suffix}）", _UNREADABLE[inner.suffix])
    return _READERS[inner.suffix](inner, columns, fail)


def _opener(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: cast(BinaryIO, packed.open(member))


def _member_name(member: zipfile.ZipInfo) -> str:
    """The member's name; names that Chinese systems packed in GBK are read as such."""
    name = member.filename
    if not (member.flag_bits & 0x800 or name.isascii()):
        with suppress(UnicodeEncodeError, UnicodeDecodeError):
            name = name.encode("cp437").decode("gb18030")
    return name.replace("\\", "/")  # as some programs on Windows write it


# --- tables --------------------------------------------------------------------------------------------------------


@cache
def _usual_columns() -> dict[str, tuple[str, ...]]:
    entries = (entry for entry in load_codebook()["pages"] if entry.get("kind") == "columns")
    return {entry.id: tuple(name.casefold() for name in entry["columns"]) for entry in entries}


def _names(header: Iterable[Any]) -> dict[str, str]:
    """The columns of a header as they are written, by the form in which they are compared; the first of equals."""
    return {str(name).strip().casefold(): str(name) for name in reversed([h for h in header if h is not None])}


def _wanted(role: str, columns: Columns) -> tuple[str, ...]:
    return (columns[role].strip().casefold(),) if role in columns else _usual_columns()[role]


def _has_text_column(header: Iterable[Any], columns: Columns) -> bool:
    return not _names(header).keys().isdisjoint(_wanted("text", columns))


def _plan(source: _Source, header: Iterable[Any], columns: Columns) -> dict[str, str]:
    """Which column holds what: the names given, else the usual ones. Raises when there is no text column."""
    names = _names(header)
    plan: dict[str, str] = {}
    for role in _usual_columns():
        found = next((names[name] for name in _wanted(role, columns) if name in names), None)
        if found is not None:
            plan[role] = found
        elif role in columns:
            kind = _NoTextColumnError if role == "text" else ReadError
            reason = f"没有“{columns[role]}”这一列，现有的列是 {_listed(names.values())}"
            raise kind(source.file, None, reason, "请核对列名")
    if "text" not in plan:
        reason = f"没有正文列，现有的列是 {_listed(names.values())}"
        raise _NoTextColumnError(source.file, None, reason, _COLUMN_HINT)
    return plan


def _listed(names: Iterable[str]) -> str:
    shown = [name[:30] for name in reversed([*names])]
    return "、".join(shown[:20]) + ("…" if len(shown) > 20 else "") if shown else "（无）"


def _value(value: Any) -> str | None:
    """A cell as text; None when it is empty."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, bytes):
        value = _LineDecoder()(value)
    return str(value)


_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?")  # days since the end of 1899: what Excel holds for a date
_SERIALS = range(20_000, 80_000)  # 1954 to 2119
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]0{1,2}:00(?::00)?)?")


def _date(value: str) -> str:
    """A date column's value as an ISO date, where it is one day however written; else as it is."""
    serial, day = _SERIAL.fullmatch(value), _DAY.fullmatch(value)
    if serial and int(serial[1]) in _SERIALS:
        return (datetime.date(1899, 12, 30) + datetime.timedelta(int(serial[1]))).isoformat()
    try:
        return datetime.date(*map(int, day.groups())).isoformat() if day else value
    except ValueError:  # no such day
        return value


def _row_notice(source: _Source, row: int, values: Mapping[str, Any], sheet: str = "") -> Notice:
    """A notice from a row's values by role. Raises ReadError for a row without text."""
    if isinstance(values.get("text"), (dict, list)):
        raise source.error("正文不是文字", "请把正文列改为一段文字", row)
    try:
        told = {role: _value(value) for role, value in values.items()}
    except _UndecodableError as error:
        raise source.error(f"{_GARBLED}（{error}）", _GARBLED_CURE, row) from error
    text = _checked(source, told.pop("text", None) or "", row)
    name = (told.pop("id", None) or "").strip() or f"{source.id}{sheet}#{row}"
    rest = {role: value.strip() or None for role, value in told.items() if value is not None}
    if day := rest.get("published"):
        rest["published"] = _date(day)
    return Notice(id=name, text=text, file=source.file, row=row, **rest)  # type: ignore[arg-type]


def _record_notice(source: _Source, row: int, record: Any, columns: Columns) -> Notice:
    if not isinstance(record, dict):
        raise source.error("这一行不是 JSON 对象", '每行应是 {"id": …, "text": …}', row)
    try:
        plan = _plan(source, record, columns)
    except ReadError as error:
        raise type(error)(source.file, row, error.reason, error.cure) from error
    return _row_notice(source, row, {role: record[name] for role, name in plan.items()})


def _json(source: _Source, text: str, row: int | None = None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"第{error.lineno}行第{error.colno}字" if row is None else f"第{error.colno}字"
        raise source.error(f"不是合法的 JSON（{where}）", "请检查引号、逗号和括号是否完整", row) from error
    except (RecursionError, ValueError) as error:
        raise source.error("JSON 嵌套过深或数字过长", "请检查这一项的内容", row) from error


class _OncePerFile:
    """Tells rows that lack the text column as one error of their file when all of its first rows do, else each."""

    def __init__(self, source: _Source, fail: Fail) -> None:
        self._source = source
        self._fail = fail
        self._lacking: list[ReadError] = []
        self._more = 0
        self._open = True  # no row was met but such as lack the column

    def __call__(self, error: ReadError) -> None:
        if not isinstance(error, _NoTextColumnError):
            self._fail(error)
        elif self._open and len(self._lacking) < _TELL_ONCE_FROM:
            self._lacking.append(error)
        elif len(self._lacking) == _TELL_ONCE_FROM:
            self._more += 1
        else:
            self._fail(error)

    def another(self) -> None:
        """A row with the column was met."""
        self._open = False
        if len(self._lacking) < _TELL_ONCE_FROM:
            self._tell_each()

    def close(self) -> None:
        if len(self._lacking) < _TELL_ONCE_FROM:
            self._tell_each()
            return
        first = self._lacking[0]
        reason = f"{first.reason}；这样的有 {len(self._lacking) + self._more} 行，都没有读"
        self._fail(self._source.error(reason, first.cure))

    def _tell_each(self) -> None:
        for error in self._lacking:
            self._fail(error)
        self._lacking.clear()


def _records(
    source: _Source, rows: Iterable[tuple[int, Callable[[], Any]]], columns: Columns, fail: Fail
) -> Iterator[Notice]:
    """A notice from each JSON object; ``rows`` gives a number and what parses the object of that row."""
    lacking = _OncePerFile(source, fail)
    for row, parse in rows:
        try:
            notice = _record_notice(source, row, parse(), columns)
        except ReadError as error:
            lacking(error)
            continue
        lacking.another()
        yield notice
    lacking.close()


def _read_jsonl(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    rows = 0

    def parsed(line: str | ReadError, row: int) -> Any:
        if isinstance(line, ReadError):
            raise line
        return _json(source, line, row)

    def numbered(lines: Iterable[str | ReadError]) -> Iterator[tuple[int, Callable[[], Any]]]:
        nonlocal rows
        for row, line in enumerate(lines, 1):
            if isinstance(line, ReadError) or line.strip():
                rows += 1
                yield row, partial(parsed, line, row)

    with source.open() as stream:
        yield from _records(source, numbered(_text_lines(source, stream)), columns, fail)
    if not rows:
        raise source.error("文件是空的", "请确认文件已完整保存")


def _read_json(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    with source.open() as stream:
        data = _whole(source, _JSON_BYTES, stream)
    if not data.strip():
        raise source.error("文件是空的", "请确认文件已完整保存")
    found = _json(source, _decode(data, source)[0])
    objects = found if isinstance(found, list) else [found]
    rows = ((row, partial(_same, record)) for row, record in enumerate(objects, 1))
    yield from _records(source, rows, columns, fail)


def _same(value: Any) -> Any:
    return value


def _read_csv(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    csv.field_size_limit(_LINE_BYTES)
    with source.open() as stream:
        lines = _CsvLines(_text_lines(source, stream), fail)
        above, delimiter, header = _csv_header(source, lines, columns)
        plan = _plan(source, header, columns)
        places = {role: header.index(name) for role, name in plan.items()}
        told = _at_sheet_rows(fail, above, None)
        for row, cells in _csv_rows(source, lines, delimiter, told):
            try:
                if len(cells) > len(header) and any(cells[len(header) :]):
                    reason = f"有 {len(cells)} 列，多于表头的 {len(header)} 列"
                    raise source.error(reason, "请给含分隔符的正文加上引号", row)
                values = {role: cells[place] for role, place in places.items() if place < len(cells)}
                yield _row_notice(source, row, values)
            except ReadError as error:
                told(error)


def _csv_header(source: _Source, lines: _CsvLines, columns: Columns) -> tuple[int, str, list[str]]:
    """The lines down to the header, the delimiter, the header; without a text column the line of the most cells."""
    best: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(islice(lines, _HEADER_WITHIN), 1):
        delimiter = max(",\t;", key=line.count)
        try:
            header = next(csv.reader([line], delimiter=delimiter))
        except csv.Error as error:
            raise source.error(f"CSV 表头有误（{error}）", "请检查引号和换行符，或另存为 .xlsx") from error
        if _has_text_column(header, columns):
            return number, delimiter, header
        if any(header) and (best is None or _filled(header) > _filled(best[2])):
            best = number, delimiter, header
    if best is None:
        raise source.error("文件是空的", "请确认文件已完整保存")
    return best


def _filled(cells: Iterable[Any]) -> int:
    return sum(cell is not None and cell != "" for cell in cells)


def _at_sheet_rows(fail: Fail, above: int, sheet: str | None) -> Fail:
    """``fail`` for the rows of a table below ``above`` rows of title and header, told as a spreadsheet counts them."""

    def told(error: ReadError) -> None:
        error.sheet = sheet
        error.sheet_row = None if error.row is None else above + error.row
        fail(error)

    return told


class _CsvLines:
    """Lines for the csv reader; a line that cannot be read is told, and stands as an empty one."""

    def __init__(self, lines: Iterator[str | ReadError], fail: Fail) -> None:
        self._lines = lines
        self._fail = fail
        self.broken = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if isinstance(line, str):
            return line
        self._fail(line)
        self.broken = True
        return "\n"


def _csv_rows(source: _Source, lines: _CsvLines, delimiter: str, fail: Fail) -> Iterator[tuple[int, list[str]]]:
    """The records with their numbers, from 1; a record with a broken line in it is left out."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    row = 0
    while True:
        row += 1
        lines.broken = False
        try:
            cells = next(reader, None)
        except csv.Error as error:
            fail(source.error(f"CSV 格式错误（{error}）", "请检查引号是否成对，或另存为 .xlsx", row))
            continue
        if cells is None:
            return
        if any(cells) and not lines.broken:
            yield row, cells


def _read_xlsx(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    data = _office_file(source, _SHEETS_XML_BYTES)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (InvalidFileException, *_DAMAGED) as error:
        raise source.error("Excel 文件已损坏或不完整", "请用 Excel 或 WPS 打开修复，另存为 .xlsx") from error
    unread: list[ReadError] = []
    read = 0
    for sheet in book.worksheets:
        try:
            yield from _sheet_rows(source, sheet, f"#{sheet.title}" if read else "", columns, fail)
            read += 1
        except _EmptySheetError:
            continue
        except _UnfitSheetError as error:
            unread.append(source.error(f"工作表“{sheet.title}”{error.reason}；这张表没有读", error.cure))
        except _DAMAGED as error:
            raise source.error(f"工作表“{sheet.title}”已损坏", "请用 Excel 或 WPS 打开修复，另存为 .xlsx") from error
    book.close()
    for missing in unread:
        fail(missing)
    if not read and not unread:
        raise source.error("表格是空的", "请确认文件已完整保存")


class _EmptySheetError(Exception):
    """A sheet without a cell: no error when another sheet has some."""


class _UnfitSheetError(ReadError):
    """A sheet without the columns we need."""


def _sheet_rows(source: _Source, sheet: Any, name: str, columns: Columns, fail: Fail) -> Iterator[Notice]:
    sheet.reset_dimensions()  # what a sheet claims to span may be a million rows of nothing
    rows = _bounded_rows(source, sheet)
    above, header = _sheet_header(rows, columns)
    try:
        plan = _plan(source, header, columns)
    except ReadError as error:
        raise _UnfitSheetError(source.file, None, error.reason, error.cure) from error
    titles = [None if cell is None else str(cell) for cell in header]
    places = {role: titles.index(title) for role, title in plan.items()}
    told = _at_sheet_rows(fail, above, sheet.title)
    for row, cells in enumerate(rows, 1):
        if all(cell is None for cell in cells):
            continue
        try:
            values = {role: cells[place] for role, place in places.items() if place < len(cells)}
            yield _row_notice(source, row, values, name)
        except ReadError as error:
            told(error)


def _bounded_rows(source: _Source, sheet: Any) -> Iterator[tuple[Any, ...]]:
    """The rows as wide as what stands in them; cells that are formatted far out but empty are left off."""
    wide = 0
    for cells in sheet.iter_rows(values_only=True):
        if len(cells) <= _COLUMNS_MOST:
            yield cells
            continue
        wide += 1
        beyond = cells[_COLUMNS_MOST:]
        if wide > _WIDE_ROWS or beyond.count(None) < len(beyond):
            reason = f"工作表“{sheet.title}”有 {len(cells)} 列，超过 {_COLUMNS_MOST} 列的上限"
            raise source.error(reason, "请删去多余的列，另存为 .xlsx")
        yield cells[:_COLUMNS_MOST]


def _sheet_header(rows: Iterator[tuple[Any, ...]], columns: Columns) -> tuple[int, tuple[Any, ...]]:
    """The rows down to the header, and the header; without a text column the row of the most cells."""
    best: tuple[int, tuple[Any, ...]] = (0, ())
    for number, cells in enumerate(islice(rows, _HEADER_WITHIN), 1):
        if _has_text_column(cells, columns):
            return number, cells
        if _filled(cells) > _filled(best[1]):
            best = number, cells
    if not best[1]:
        raise _EmptySheetError
    return best


def _read_parquet(source: _Source, columns: Columns, fail: Fail, first: int = 0) -> Iterator[Notice]:
    import pyarrow
    from pyarrow import parquet

    with source.open() as stream:
        try:
            table = parquet.ParquetFile(stream)
            own = table.schema_arrow.names
            beside = {name: value for name, value in _partition(source.file).items() if name not in own}
            plan = _plan(source, [*own, *beside], columns)
            for row, record in _parquet_rows(table, sorted({*plan.values()} - {*beside}), first):
                whole = {**beside, **record}
                try:
                    yield _row_notice(source, row, {role: whole[name] for role, name in plan.items()})
                except ReadError as error:
                    fail(error)
        except (pyarrow.ArrowException, OSError, *_DAMAGED) as error:
            raise source.error("Parquet 文件已损坏或不完整", "请重新导出") from error


def _parquet_rows(table: ParquetFile, columns: list[str], first: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows after the ``first`` ones with their numbers, from 1; row groups that end before are not read."""
    row = 0
    for group in range(table.num_row_groups):
        if row + (rows := table.metadata.row_group(group).num_rows) <= first:
            row += rows
            continue
        for batch in table.iter_batches(batch_size=64, row_groups=[group], columns=columns):
            passed = min(max(first - row, 0), len(batch))
            yield from enumerate(batch.slice(passed).to_pylist(), row + passed + 1)
            row += len(batch)


def _partition(file: str) -> dict[str, str | None]:
    """The columns that the folders of partitioned Parquet name: year=2023/part-0.parquet."""
    told = {key: unquote(value) for key, value in _PARTITION.findall(file)}
    return {key: None if value == _NO_PARTITION else value for key, value in told.items()}


_OPENS_JSON = re.compile(rb'\s*(?:\[\s*)?(?:\{\s*(?:"|\Z)|\Z)')  # of a first line: what no notice begins with


def _read_stdin(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    """Standard input: rows when it is JSON, a CSV table when columns are named, else one text."""
    stream = source.open()
    first = stream.readline(_LINE_BYTES)
    rest = _Source(source.file, source.id, "-", 0, lambda: io.BufferedReader(_Prefixed(first, stream), _HEAD))
    line = first.removeprefix(b"\xef\xbb\xbf")
    if _is_json(line, dict):
        yield from _read_jsonl(rest, columns, fail)
    elif line.strip() and _OPENS_JSON.match(line):
        with rest.open() as whole:
            data = _whole(source, _JSON_BYTES, whole)
        read = _read_json if _is_json(data, (list, dict)) or not line.lstrip().startswith(b"{") else _read_jsonl
        yield from read(replace(rest, open=lambda: io.BytesIO(data)), columns, fail)
    elif columns:
        yield from _read_table_of_stdin(rest, columns, fail)
    else:
        yield from _read_text(rest, columns, fail)


def _read_table_of_stdin(source: _Source, columns: Columns, fail: Fail) -> Iterator[Notice]:
    try:
        yield from _read_csv(source, columns, fail)
    except _NoTextColumnError as error:
        cure = "给了 --column，标准输入应是带表头的 CSV 或 JSONL；若是一篇通报，请去掉 --column"
        raise source.error(error.reason, cure) from error


def _is_json(data: bytes, kind: type | tuple[type, ...]) -> bool:
    try:
        return isinstance(json.loads(_LineDecoder()(data.removeprefix(b"\xef\xbb\xbf"))), kind)
    except (ValueError, RecursionError):
        return False


_READERS: dict[str, Callable[[_Source, Columns, Fail], Iterator[Notice]]] = {
    ".txt": _read_text,
    ".md": _read_text,
    ".html": _read_text,
    ".htm": _read_text,
    ".docx": _read_docx,
    ".pdf": _read_pdf,
    ".xlsx": _read_xlsx,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".parquet": _read_parquet,
    ".zip": _read_zip,
    "-": _read_stdin,
}
