"""Gold cases and gold notices: JSONL in, typed values out.

In: files of ``data/gold`` (or others of that form; their schema is declared here). Out: ``GoldCase``, ``GoldNotice``,
``Annotation``. Never judges and never mends: a line that breaks the schema is told with file, line and key, and the
lines around it are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from nlp.codebook import Entry, load_codebook
from nlp.rows import Column, problem
from nlp.types import Basis, Extraction, Fact, IssueId, PostRole, Sanction, Span, Status, Subject, SubjectKind, Verdict

Row = dict[str, Any]
Split = Literal["train", "dev", "test", "synthetic"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

_START, _END = Column("start", "起", "integer"), Column("end", "止", "integer")
_SUBJECT = (
    Column("kind", "对象类别", among=get_args(SubjectKind)),
    Column("name", "姓名或名称", null=True),
    Column("count", "人数", "integer", null=True),
    Column("post", "职务", null=True),
    Column("former", "原任", "boolean"),
    Column("post_role", "职务角色", among=get_args(PostRole)),
    Column("rank", "级别"),
    Column("leading_cadre", "领导干部", "boolean", null=True),
    Column("responsibility", "责任", null=True),
    Column(
        "sanctions",
        "处理",
        "list",
        columns=(Column("name", "处理名称"), Column("status", "状态", among=get_args(Status)), _START, _END),
    ),
    _START,
    _END,
    Column("responsibility_span", "责任原文位置", "record", null=True, columns=(_START, _END)),
)
_FIELDS = (
    Column("issuer", "问责主体", "record", null=True, columns=(Column("name", "名称"), _START, _END)),
    Column("date", "日期", "record", null=True, columns=(Column("text", "原文"), _START, _END)),
    Column("subjects", "问责对象", "list", columns=_SUBJECT),
)
_JUDGED = (
    Column("verdict", "判断", among=get_args(Verdict)),
    Column("basis", "依据", among=("stated", "inferred")),
    Column("evidence", "证据"),
)
_CASE = (
    Column("id", "编号"),
    Column("split", "划分", among=get_args(Split)),
    Column("author_pass", "撰写批次"),
    Column("style", "文体"),
    Column("field_of_work", "工作领域"),
    Column("text", "正文"),
    Column("labels", "标签", "record"),
    Column("near_miss_of", "近似而非", "list"),
    Column("fields", "字段", "record", null=True),
    Column("note", "说明"),
)
_NOTICE = (
    Column("id", "编号"),
    Column("split", "划分", among=get_args(Split)),
    Column("author_pass", "撰写批次"),
    Column("style", "文体"),
    Column("text", "正文"),
    Column("issuer", "问责主体", null=True),
    Column("title", "标题", null=True),
    Column(
        "cases",
        "案件",
        "list",
        columns=(
            _START,
            _END,
            Column(
                "subjects",
                "问责对象",
                "list",
                columns=(
                    Column("name", "姓名或名称", null=True),
                    Column("post", "职务", null=True),
                    Column("sanctions", "处理", "list"),
                ),
            ),
        ),
    ),
)


class GoldError(ValueError):
    """A line of a gold file breaks the schema; says file, line, key, what is wrong and what to do, in Chinese.

    ``line`` counts from 1; 0 when the whole file or folder is meant.
    """

    def __init__(self, file: str, line: int, key: str, reason: str, cure: str) -> None:
        super().__init__(file, line, key, reason, cure)
        self.file, self.line, self.key, self.reason, self.cure = file, line, key, reason, cure

    def __str__(self) -> str:
        place = f" 第{self.line}行" if self.line else ""
        return f"{self.file}{place}{f' {self.key}' if self.key else ''}：{self.reason}。{self.cure}。"


Fail = Callable[[GoldError], None]

# What an unknown name of a codebook table is called, and what the cure calls the known ones.
_TABLES = {"sanctions": ("处理名称", "名称"), "ranks": ("级别", "级别"), "responsibilities": ("责任", "责任")}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One label judged ``yes`` or ``unsure``; ``evidence`` is verbatim from the text."""

    verdict: Verdict
    basis: Basis
    evidence: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator said of one case; a label not listed, or listed as ``no``, was judged ``no``.

    ``text`` and ``fields`` are None where the file holds none.
    """

    id: str
    labels: Mapping[IssueId, Judgement]
    fields: Extraction | None = None
    text: str | None = None

    def verdict(self, label: IssueId) -> Literal["yes", "unsure", "no"]:
        """The verdict on a label of the codebook; one not listed was judged ``no``."""
        judged = self.labels.get(label)
        return judged.verdict if judged else "no"


@dataclass(frozen=True, slots=True)
class GoldCase:
    """One judged case. ``fields`` holds issuer, decision date (``dates``) and subjects; offsets count ``text``."""

    id: str
    split: Split
    author_pass: str
    style: str
    field_of_work: str
    text: str
    labels: Mapping[IssueId, Judgement]
    near_miss_of: tuple[IssueId, ...]
    fields: Extraction | None
    note: str

    @property
    def annotation(self) -> Annotation:
        """The case as its first annotator judged it."""
        return Annotation(self.id, self.labels, self.fields, self.text)


@dataclass(frozen=True, slots=True)
class NoticeCase:
    """One case of a notice: its range of ``GoldNotice.text``, and (name or post, canonical sanctions) a subject."""

    start: int
    end: int
    subjects: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class GoldNotice:
    """A whole notice with the boundaries of its cases; none for a text that decides nothing."""

    id: str
    split: Split
    author_pass: str
    style: str
    text: str
    issuer: str | None
    title: str | None
    cases: tuple[NoticeCase, ...]


# ------------------------------------------------------------ reading


def load_gold(path: str | Path, split: Split | None = None, *, on_error: Fail | None = None) -> list[GoldCase]:
    """The cases of a file, or of a folder's ``train/dev/test.jsonl``; of one split where ``split`` is given.

    Raises GoldError at the first line that breaks the schema, or hands each to ``on_error`` and reads on.
    """
    return [case for case in _read(_files(path, split), _case, on_error or _raise) if split in (None, case.split)]


def load_gold_notices(
    path: str | Path, split: Split | None = None, *, on_error: Fail | None = None
) -> list[GoldNotice]:
    """The whole notices of a file, or of the folder's ``notices/*.jsonl``; errors as ``load_gold``."""
    path = Path(path)
    files = sorted((path / "notices").glob(f"{split or '*'}.jsonl")) if path.is_dir() else [path]
    return [notice for notice in _read(files, _notice, on_error or _raise) if split in (None, notice.split)]


def load_gold_fields(path: str | Path, split: Split | None = None, *, on_error: Fail | None = None) -> list[GoldCase]:
    """The cases of the folder's ``fields/*.jsonl``, annotated for their fields alone: nobody judged their labels.

    Errors as ``load_gold``.
    """
    files = sorted((Path(path) / "fields").glob(f"{split or '*'}.jsonl"))
    return [case for case in _read(files, _case, on_error or _raise) if split in (None, case.split)]


def load_annotations(
    path: str | Path, *, texts: Mapping[str, str] | None = None, on_error: Fail | None = None
) -> dict[str, Annotation]:
    """What one annotator said, by case: a gold file, or one with ``id`` and ``labels``, maybe ``fields`` and ``text``.

    Verbatim strings are checked against ``text``, or the case's entry in ``texts`` where the line has none. Errors as
    ``load_gold``.
    """

    def build(row: Row) -> Annotation:
        return _annotation(row, (texts or {}).get(str(row.get("id"))))

    return {one.id: one for one in _read(_files(path), build, on_error or _raise)}


def _raise(error: GoldError) -> None:
    raise error


def _files(path: str | Path, split: Split | None = None) -> list[Path]:
    """The files to open: of a folder only those of the split that is asked for."""
    path = Path(path)
    if not path.is_dir():
        return [path]
    names = [f"{name}.jsonl" for name in SPLITS if split in (None, name)]
    if files := [path / name for name in names if (path / name).exists()]:
        return files
    raise GoldError(
        str(path), 0, "", f"文件夹里没有 {'、'.join(names)}", "请给出 data/gold 那样的文件夹，或一个 JSONL 文件"
    )


class _BreachError(Exception):
    """One thing wrong in a line, before it is known which line: key, reason, cure."""


T = TypeVar("T", GoldCase, GoldNotice, Annotation)


def _read(files: Iterable[Path], build: Callable[[Row], T], fail: Fail) -> Iterator[T]:
    met: dict[str, str] = {}
    for path in files:
        with path.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                if not raw.strip():
                    continue
                try:
                    built = build(_row(raw))
                    if built.id in met:
                        raise _BreachError("id", f"编号“{built.id}”与{met[built.id]}重复", "请改成没有用过的编号")
                except _BreachError as breach:
                    fail(GoldError(str(path), number, *breach.args))
                    continue
                met[built.id] = f"{path} 第{number}行"
                yield built


def _row(raw: bytes) -> Row:
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _BreachError("", "不是 UTF-8 编码", "请把文件另存为 UTF-8") from None
    except json.JSONDecodeError as error:
        raise _BreachError("", f"不是一行完整的 JSON（第 {error.colno} 个字符处）", "请检查引号、逗号和换行") from None
    except RecursionError:
        raise _BreachError("", "括号嵌套太深", "请检查这一行是否完好") from None
    if not isinstance(row, dict):
        raise _BreachError("", "这一行不是 JSON 对象", "请写成 {…}，一行一个")
    return row


def _conform(row: object, columns: tuple[Column, ...], path: str = "") -> None:
    """Raise _BreachError at the first departure from the columns; keys may stand in any order."""
    if not isinstance(row, Mapping):
        raise _BreachError(
            path.rstrip("."), f"应为 {{…}}，却是 {type(row).__name__}", "请按 data/gold/README.md 的格式改正"
        )
    names = [column.name for column in columns]
    if missing := [name for name in names if name not in row]:
        raise _BreachError(f"{path}{missing[0]}", "缺少这个键", "请补上；没有内容时按格式写 null、[] 或 {}")
    if unknown := [name for name in row if name not in names]:
        raise _BreachError(f"{path}{unknown[0]}", "不认识这个键", f"这里可用的键是 {'、'.join(names)}")
    for column in columns:
        value, key = row[column.name], f"{path}{column.name}"
        if wrong := problem(column, value):
            raise _BreachError(key, wrong, "请按 data/gold/README.md 的格式改正")
        if column.kind == "record" and column.columns and value is not None:
            _conform(value, column.columns, f"{key}.")
        for n, item in enumerate(value if column.kind == "list" and column.columns else ()):
            _conform(item, column.columns, f"{key}[{n}].")


def _known(label: str, key: str) -> str:
    if label not in load_codebook().labels:
        raise _BreachError(key, f"编码手册里没有标签 {label}", "标签见 wenze labels")
    return label


def _labels(row: Row, text: str | None) -> dict[IssueId, Judgement]:
    labels: dict[IssueId, Judgement] = {}
    for label, judged in row["labels"].items():
        key = f"labels.{label}"
        _known(label, key)
        if isinstance(judged, dict) and judged.get("verdict") == "no":
            continue
        _conform(judged, _JUDGED, f"{key}.")
        if not judged["evidence"] or (text is not None and judged["evidence"] not in text):
            raise _BreachError(f"{key}.evidence", f"证据“{judged['evidence'][:30]}”不在正文里", "请从正文原样摘取")
        labels[label] = Judgement(**judged)
    return labels


def _slice(text: str | None, place: Mapping[str, Any], said: str | None, key: str, *, whole: bool = False) -> None:
    """The range is inside the text; where ``said`` is given, it is in the range, or is the ``whole`` of it."""
    if text is None:
        return
    start, end = place["start"], place["end"]
    if not 0 <= start < end <= len(text):
        raise _BreachError(key, f"位置 {start}–{end} 不在正文的 0–{len(text)} 之内", "位置按正文字符计，含起不含止")
    if said is not None and (said not in text[start:end] or (whole and len(said) != end - start)):
        reason = f"正文 {start}–{end} 处是“{text[start:end][:20]}”，应{'为' if whole else '含'}“{said[:20]}”"
        raise _BreachError(key, reason, "请改正位置或文字")


@cache
def _by_name(table: str) -> Mapping[str, Entry]:
    """The entries of a codebook table by name; the first of a name counts."""
    return {entry.name: entry for entry in reversed(list(load_codebook()[table]))}


def _named(table: str, name: str, key: str) -> Entry:
    what, names = _TABLES[table]
    if name not in _by_name(table):
        raise _BreachError(key, f"编码手册里没有{what}“{name}”", f"{names}见 nlp/codebook/{table}.toml")
    return _by_name(table)[name]


def _sanction(raw: Row, text: str | None, key: str) -> Sanction:
    _slice(text, raw, None, key)
    entry = _named("sanctions", raw["name"], f"{key}.name")
    return Sanction(
        entry.id, entry.name, entry["family"], float(entry["severity"]), raw["status"], raw["start"], raw["end"]
    )


def _subject(raw: Row, text: str | None, key: str) -> Subject:
    _slice(text, raw, raw["name"], key)
    _named("ranks", raw["rank"], f"{key}.rank")
    if raw["responsibility"] is not None:
        _named("responsibilities", raw["responsibility"], f"{key}.responsibility")
    sanctions = [_sanction(one, text, f"{key}.sanctions[{n}]") for n, one in enumerate(raw["sanctions"])]
    place = raw["responsibility_span"]
    if place is not None:
        _slice(text, place, None, f"{key}.responsibility_span")
    own = {"sanctions", "responsibility_span"}
    return Subject(
        **{name: value for name, value in raw.items() if name not in own},
        organisation=None,
        sanctions=tuple(sanctions),
        responsibility_span=Span(**place) if place else None,
    )


def _fields(raw: Row | None, text: str | None) -> Extraction | None:
    if raw is None:
        return None
    _conform(raw, _FIELDS, "fields.")
    issuer, date = raw["issuer"], raw["date"]
    if issuer:
        _slice(text, issuer, issuer["name"], "fields.issuer", whole=True)
    if date:
        _slice(text, date, date["text"], "fields.date", whole=True)
    return Extraction(
        issuer=Fact("issuer", issuer["name"], issuer["name"], issuer["start"], issuer["end"]) if issuer else None,
        subjects=tuple(_subject(one, text, f"fields.subjects[{n}]") for n, one in enumerate(raw["subjects"])),
        dates=(Fact("decision", "决定日期", date["text"], date["start"], date["end"]),) if date else (),
    )


def _case(row: Row) -> GoldCase:
    _conform(row, _CASE)
    near = tuple(_known(label, "near_miss_of") for label in row["near_miss_of"])
    judged = {"labels": _labels(row, row["text"]), "near_miss_of": near, "fields": _fields(row["fields"], row["text"])}
    return GoldCase(**{**row, **judged})


def case_of(row: Row, told_as: str = "") -> GoldCase:
    """One line that was not read from a file, as a case. Raises GoldError, which calls the line ``told_as``."""
    try:
        return _case(row)
    except _BreachError as breach:
        raise GoldError(told_as, 0, *breach.args) from None


def _annotation(row: Row, text: str | None = None) -> Annotation:
    text = row.get("text", text)
    for key, kind in (("id", str), ("labels", dict), *((("text", str),) if text is not None else ())):
        if not isinstance(text if key == "text" else row.get(key), kind):
            raise _BreachError(key, "缺少这个键，或它的值不对", "标注行至少要有 id（文字）和 labels（记录）")
    return Annotation(row["id"], _labels(row, text), _fields(row.get("fields"), text), text)


def _notice(row: Row) -> GoldNotice:
    _conform(row, _NOTICE)
    text, at, cases = row["text"], 0, []
    for key in ("issuer", "title"):
        if row[key] is not None and row[key] not in text:
            raise _BreachError(key, f"“{row[key][:30]}”不在正文里", "请从正文原样摘取")
    for n, case in enumerate(row["cases"]):
        _slice(text, case, None, f"cases[{n}]")
        if case["start"] < at:
            raise _BreachError(f"cases[{n}].start", "与前一案件重叠或次序颠倒", "案件应按先后排列，互不重叠")
        at = case["end"]
        subjects = tuple((s["name"] or s["post"] or "", tuple(s["sanctions"])) for s in case["subjects"])
        cases.append(NoticeCase(case["start"], case["end"], subjects))
    return GoldNotice(**{**row, "cases": tuple(cases)})
