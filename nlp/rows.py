"""Rows at the borders: one Analysis -> one row -> JSONL, CSV, XLSX or Parquet.

In: analyses, or rows already made. Out: files whose schema is declared here once (``SCHEMA``) and nowhere else.
Never reads a text and never decides anything; rows stream, so memory stays flat.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from nlp.codebook import load_codebook
from nlp.types import SCHEMA_VERSION, Basis, PostRole, Status, SubjectKind, Verdict

if TYPE_CHECKING:
    import pyarrow as pa
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from nlp.types import Analysis, Evidence, Extraction, Fact, Finding, Sanction, Subject

Row = dict[str, Any]
Kind = Literal["text", "integer", "number", "boolean", "value", "record", "list", "map of numbers", "map of texts"]


@dataclass(frozen=True)
class Column:
    """One key of the row: its Chinese name, what it holds, and whether it may be null.

    ``value`` is a text or a number; a ``record`` or a ``list`` (of records) has ``columns`` of its own.
    """

    name: str
    title: str
    kind: Kind = "text"
    null: bool = False
    columns: tuple[Column, ...] = ()
    among: tuple[str, ...] = ()
    note: str = ""


_START = Column("start", "起", "integer", note="原文字符位置，含")
_END = Column("end", "止", "integer", note="原文字符位置，不含")
_PLACE = (
    Column("start", "起", "integer", null=True, note="取自表格列而非正文时为 null"),
    Column("end", "止", "integer", null=True),
)
_FACT = (
    Column("id", "标识"),
    Column("name", "名称"),
    Column("text", "原文"),
    Column("value", "规范值", "value", null=True, note="日期、金额（元）、人数、法条；Parquet 中一律为文字"),
    *_PLACE,
)
_SANCTION = (
    Column("id", "标识"),
    Column("name", "处理名称"),
    Column("family", "类别"),
    Column("severity", "轻重", "number"),
    Column("status", "状态", among=get_args(Status), note="已作出 / 建议 / 已撤销"),
    _START,
    _END,
)
_SUBJECT = (
    Column("kind", "对象类别", among=get_args(SubjectKind), note="个人 / 组织 / 群体"),
    Column("name", "姓名或名称", null=True),
    Column("count", "人数", "integer", null=True),
    Column("post", "职务", null=True, note="原样，不含原、时任、现任"),
    Column("former", "原任", "boolean"),
    Column("organisation", "单位", null=True),
    Column("post_role", "职务角色", among=get_args(PostRole), note="正职 / 副职 / 班子成员 / 一般 / 未知"),
    Column("rank", "级别"),
    Column("leading_cadre", "领导干部", "boolean", null=True),
    Column("responsibility", "责任", null=True),
    Column("sanctions", "处理", "list", columns=_SANCTION),
    _START,
    _END,
    Column("other_measures", "其他措施", "list", columns=_SANCTION, note="不在规范处理名称之列的措施"),
    Column("responsibility_span", "责任原文位置", "record", null=True, columns=(_START, _END)),
)
_FINDING = (
    Column("issue", "问题标识", null=True, note="法规检查所得而不属于任何一类问题时为 null"),
    Column("name", "问题名称"),
    Column("verdict", "判断", among=get_args(Verdict), note="是 / 存疑"),
    Column("probability", "概率", "number"),
    Column("basis", "依据", among=get_args(Basis), note="原文明示 / 事实推断 / 法规规则 / 统计"),
    Column("by", "方法", note="`rules` 为规则，`law` 为法规检查，`corpus` 为跨案比较，其余为模型名"),
    Column("reason", "理由"),
    Column("evidence", "证据", "list", columns=(_START, _END, Column("text", "原文"))),
    Column("variant", "细类", null=True),
    Column("rule", "检查规则", null=True, note="法规检查的规则标识"),
    Column("article", "条文", null=True, note="法规名称与条款"),
    Column("unknown", "尚不清楚", null=True, note="判断所需而文中未载明的事实"),
)

_PROPORTION = (
    Column("people", "受到处理的人", "integer", note="已作出处理的个人与群体"),
    Column("pairs", "可比的对", "integer", note="职务与处理都比得出高低轻重的两人"),
    Column("blame_shift", "责任下移指数", "number", null=True, note="−1 到 1，见 docs/proportion.md"),
    Column("chief_deputy_gap", "正副差指数", "number", null=True, note="−1 到 1"),
    Column(
        "inversions",
        "倒挂",
        "list",
        columns=(Column("lower", "职务较低而处理较重者"), Column("higher", "职务较高而处理较轻者")),
    ),
)
_INFLUENCE = (
    Column("name", "何人"),
    Column("measure", "措施"),
    Column("months", "月数", "integer"),
    Column("ends", "期满日", null=True, note="这一天起不再受影响；决定日期未载明时为 null"),
    Column("doubt", "存疑", null=True, note="月数或者期满日何以不确定"),
)

SCHEMA: tuple[Column, ...] = (
    Column("schema", "格式版本", "integer"),
    Column("notice_id", "通报编号"),
    Column("case_id", "案件编号"),
    Column("source", "来源", null=True, note="页面所载来源"),
    Column("title", "标题", null=True),
    Column("published", "发布日期", null=True),
    _START,
    _END,
    Column("text", "案件原文", note="输入文本的 [start, end)，一字不改"),
    Column(
        "issuer",
        "问责主体",
        "record",
        null=True,
        columns=(Column("name", "名称"), *_PLACE),
    ),
    Column("subjects", "问责对象", "list", columns=_SUBJECT),
    Column("trigger", "线索来源", "record", null=True, columns=_FACT),
    Column("grounds", "事由", "list", columns=_FACT),
    Column("consequences", "后果", "list", columns=_FACT),
    Column("dates", "日期", "list", columns=_FACT),
    Column("legal_basis", "法规依据", "list", columns=_FACT),
    Column("procedure", "程序", "list", columns=_FACT, note="未载明不等于未做"),
    Column("effect", "效果", "list", columns=_FACT, note="未载明不等于未做"),
    Column("scores", "各问题概率", "map of numbers"),
    Column("findings", "复核要点", "list", columns=_FINDING),
    Column("cautions", "读取提示", "list", columns=(Column("code", "代码"), Column("message", "说明"))),
    Column("priority", "复核优先级", "number"),
    Column("made_by", "由何得出", "map of texts", note="代码、编码手册、模型的指纹"),
    Column("mentioned", "文中提及者", "list", columns=_SUBJECT, note="文中点名但未见处理的人，不是问责对象"),
    Column("clean_text", "清洗后正文", null=True, note="与 text 相同时为 null"),
    Column("file", "文件", null=True),
    Column("row", "行号", "integer", null=True, note="表格中的第几行，从 1 起"),
    Column("url", "网址", null=True),
    Column("proportion", "轻重相称", "record", null=True, columns=_PROPORTION, note="受到处理的不足两人时为 null"),
    Column("influence", "影响期", "list", columns=_INFLUENCE, note="每人一条，按几项措施中最长的计"),
)

_SHOWN = {
    "decided": "",
    "proposed": "建议",
    "revoked": "已撤销",
    "person": "个人",
    "organisation": "组织",
    "group": "群体",
    "chief": "正职",
    "deputy": "副职",
    "member": "班子成员",
    "staff": "一般",
    "unknown": "未知",
    "yes": "是",
    "unsure": "存疑",
    "stated": "原文明示",
    "inferred": "事实推断",
    "rule of law": "法规规则",
    "statistical": "统计",
}


def shown(word: str) -> str:
    """The Chinese of a closed word of the row schema (verdict, basis, status, kind, post role)."""
    return _SHOWN[word]


_METHODS = {"rules": "规则", "law": "法规检查", "corpus": "跨案比较"}


def method(by: str) -> str:
    """How a finding was come by: the rules in Chinese, a model by its name."""
    return _METHODS.get(by, by)


# ------------------------------------------------------------ analysis -> row


def _fact(fact: Fact) -> Row:
    return {k: getattr(fact, k) for k in ("id", "name", "text", "value", "start", "end")}


def _evidence(evidence: Evidence) -> Row:
    return {"start": evidence.start, "end": evidence.end, "text": evidence.text}


def _sanction(sanction: Sanction) -> Row:
    return {column.name: getattr(sanction, column.name) for column in _SANCTION}


def _subject(subject: Subject) -> Row:
    record: Row = {column.name: getattr(subject, column.name) for column in _SUBJECT}
    span = subject.responsibility_span
    record["responsibility_span"] = {"start": span.start, "end": span.end} if span else None
    for key in ("sanctions", "other_measures"):
        record[key] = [_sanction(sanction) for sanction in getattr(subject, key)]
    return record


def _finding(finding: Finding) -> Row:
    record: Row = {column.name: getattr(finding, column.name) for column in _FINDING}
    record["evidence"] = [_evidence(evidence) for evidence in finding.evidence]
    return record


def _proportion(read: Extraction) -> Row | None:
    """The figures of a case in which two at least were dealt with."""
    from nlp.law.proportion import proportions, title

    found = proportions(read)
    if len(found.people) < 2:
        return None
    return {
        "people": len(found.people),
        "pairs": len(found.pairs) - len(found.not_compared),
        "blame_shift": _rounded(found.blame_shift),
        "chief_deputy_gap": _rounded(found.chief_deputy_gap),
        "inversions": [{"lower": title(pair.first), "higher": title(pair.second)} for pair in found.inversions],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _influence(read: Extraction) -> list[Row]:
    from nlp.law import influences

    return [
        {
            "name": _who(_subject(one.subject)),
            "measure": one.governing.measure.name,
            "months": one.governing.months,
            "ends": one.end.isoformat() if one.end else None,
            "doubt": one.governing.doubt,
        }
        for one in influences(read)
    ]


def row(analysis: Analysis) -> Row:
    """The row of one case, keys in the order of ``SCHEMA``; offsets count characters of the input text."""
    case, read = analysis.case, analysis.extraction
    clean, notice, place = case.clean, case.clean.notice, case.source_span
    text = case.source(place)
    issuer = read.issuer
    return {
        "schema": SCHEMA_VERSION,
        "notice_id": notice.id,
        "case_id": case.id,
        "source": clean.publisher,
        "title": clean.title,
        "published": clean.published,
        "start": place.start,
        "end": place.end,
        "text": text,
        "issuer": {"name": issuer.text, "start": issuer.start, "end": issuer.end} if issuer else None,
        "subjects": [_subject(subject) for subject in read.subjects],
        "trigger": _fact(read.trigger) if read.trigger else None,
        "grounds": [_fact(fact) for fact in read.grounds],
        "consequences": [_fact(fact) for fact in read.consequences],
        "dates": [_fact(fact) for fact in read.dates],
        "legal_basis": [_fact(fact) for fact in read.legal_basis],
        "procedure": [_fact(fact) for fact in read.procedure],
        "effect": [_fact(fact) for fact in read.effect],
        "scores": dict(analysis.scores),
        "findings": [_finding(finding) for finding in analysis.findings],
        "cautions": [{"code": caution.code, "message": caution.message} for caution in analysis.cautions],
        "priority": analysis.priority,
        "made_by": dict(analysis.made_by),
        "mentioned": [_subject(subject) for subject in read.mentioned],
        "clean_text": None if case.text == text else case.text,
        "file": notice.file,
        "row": notice.row,
        "url": notice.url,
        "proportion": _proportion(read),
        "influence": _influence(read),
    }


# ------------------------------------------------------------ the schema itself

_TYPES: dict[Kind, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "value": (str, int, float),
    "record": (dict,),
    "list": (list,),
}


def _is(kind: Kind, value: object) -> bool:
    if kind == "map of texts":
        return isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values())
    if kind == "map of numbers":
        return isinstance(value, Mapping) and all(_is("number", v) for v in value.values())
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def problem(column: Column, value: object) -> str | None:
    """What is wrong with a value of this column, in Chinese; what records and lists hold is not looked at."""
    if value is None:
        return None if column.null else "不得为 null"
    if not _is(column.kind, value):
        return f"应为 {column.kind}，却是 {type(value).__name__}"
    return f"{value!r} 不在 {column.among} 之中" if column.among and value not in column.among else None


def violations(record: Mapping[str, Any], columns: Sequence[Column] = SCHEMA, path: str = "") -> Iterator[str]:
    """Where a row departs from the schema, each as '键路径：问题'; nothing when it conforms."""
    names = [column.name for column in columns]
    if list(record) != names:
        yield f"{path or '行'}：键应依次为 {names}，却是 {list(record)}"
        return
    for column in columns:
        value, here = record[column.name], f"{path}{column.name}"
        if wrong := problem(column, value):
            yield f"{here}：{wrong}"
        elif column.kind == "record" and value is not None:
            yield from violations(value, column.columns, f"{here}.")
        elif column.kind == "list":
            for n, item in enumerate(value):
                yield from violations(item, column.columns, f"{here}[{n}].")


_JSON_TYPES = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "value": ["string", "number"],
}


def _json_type(column: Column) -> Row:
    kind: Row
    if column.kind in _JSON_TYPES:
        kind = {"type": _JSON_TYPES[column.kind]}
    elif column.kind == "list":
        kind = {"type": "array", "items": json_schema(column.columns)}
    elif column.kind == "record":
        kind = json_schema(column.columns)
    else:
        value = "number" if column.kind == "map of numbers" else "string"
        kind = {"type": "object", "additionalProperties": {"type": value}}
    if column.among:
        kind["enum"] = [*column.among, None] if column.null else list(column.among)
    if column.null:
        types = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
        kind["type"] = [*types, "null"]
    return {"title": column.title, **kind}


def json_schema(columns: Sequence[Column] = SCHEMA) -> Row:
    """The row schema as JSON Schema (draft 2020-12)."""
    return {
        "type": "object",
        "properties": {column.name: _json_type(column) for column in columns},
        "required": [column.name for column in columns],
        "additionalProperties": False,
    }


def markdown(columns: Sequence[Column] = SCHEMA, path: str = "") -> Iterator[str]:
    """The schema as lines of a Markdown table, nested keys written ``subjects[].name``."""
    if not path:
        yield "| 键 key | 中文名 | 类型 type | 可为 null | 说明 |"
        yield "|---|---|---|---|---|"
    for column in columns:
        inner = f"{path}{column.name}" + ("[]" if column.kind == "list" else "")
        note = "；".join(filter(None, [" \\| ".join(f"`{word}`" for word in column.among), column.note]))
        yield f"| `{inner}` | {column.title} | {column.kind} | {'是' if column.null else ''} | {note} |"
        yield from markdown(column.columns, f"{inner}.") if column.columns else ()


# ------------------------------------------------------------ JSONL


def json_line(record: Mapping[str, Any]) -> str:
    """One line of JSON without its newline; a half surrogate, which UTF-8 cannot hold, is written as \\udXXX."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return json.dumps(record, allow_nan=False) if _SURROGATE.search(line) else line


def plain(value: Any, digits: int | None = None) -> Any:
    """The same with null for NaN, which JSON has no word for; numbers rounded to ``digits`` where that is given."""
    if isinstance(value, Mapping):
        return {key: plain(one, digits) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one, digits) for one in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value if digits is None else round(value, digits)
    return value


def write_jsonl(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json_line(record) + "\n" for record in rows)


# ------------------------------------------------------------ flat cells

_SURROGATE = re.compile("[\ud800-\udfff]")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width ones count in some Excels
Cell = str | int | float | None


def _clean_cell(value: Cell) -> Cell:
    """A cell without the characters that XML cannot hold."""
    return _ILLEGAL.sub("\ufffd", value) if isinstance(value, str) else value


def _sanction_text(sanction: Row) -> str:
    status = shown(sanction["status"])
    return f"{sanction['name']}（{status}）" if status else str(sanction["name"])


def measures(subject: Row) -> list[Row]:
    """Everything done to a subject: canonical sanctions, then other measures."""
    return [*subject["sanctions"], *subject["other_measures"]]


def _who(subject: Row) -> str:
    if subject["name"]:
        return str(subject["name"])
    if subject["count"]:
        return f"{subject['organisation'] or ''}{subject['count']}{'人' if subject['kind'] == 'group' else '个组织'}"
    return str(subject["post"] or subject["organisation"] or "未具名")


def _post(subject: Row) -> str:
    return f"原/时任{subject['post']}" if subject["former"] and subject["post"] else subject["post"] or ""


def subject_text(subject: Row) -> str:
    """A subject as a reader would write it: 张某（镇长，乡科级正职，主要领导责任）：党内警告、免职."""
    post = "" if not subject["name"] and not subject["count"] else _post(subject)
    rank = "" if subject["rank"] == "未知" else subject["rank"]
    about = "，".join(filter(None, [post, rank, subject["responsibility"]]))
    sanctions = "、".join(map(_sanction_text, measures(subject)))
    return f"{_who(subject)}{f'（{about}）' if about else ''}：{sanctions or '处理未载明'}"


def _plain_value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"


def _fact_text(fact: Row) -> str:
    name, text = fact["name"], fact["text"]
    value = _plain_value(fact["value"]) if fact["value"] is not None else text
    said = text if value in text else f"{text}（{value}）"
    return said if name in text else f"{name}：{said}"


def _facts(key: str) -> Callable[[Row], Cell]:
    return lambda record: "；".join(_fact_text(fact) for fact in record[key])


def _issues(verdict: Verdict) -> Callable[[Row], Cell]:
    return lambda record: "、".join(f["name"] for f in record["findings"] if f["verdict"] == verdict)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


@dataclass(frozen=True)
class Flat:
    """One column of a flat table: header, width in characters, how its cell is drawn out of a record.

    A long text that is not wrapped stays on one line, so that the rows of a sheet can be scanned. ``link`` gives the
    cell of the workbook that the cell leads to ("'案件'!A7"), or None.
    """

    title: str
    width: int
    cell: Callable[[Row], Cell]
    wrapped: bool = True
    link: Callable[[Row], str | None] | None = None


def _key(title: str, width: int, key: str, *, wrapped: bool = True) -> Flat:
    return Flat(title, width, lambda record: record[key], wrapped)


_CAUTIONS = "读取提示"
CASE_TABLE: tuple[Flat, ...] = (
    _key("案件编号", 18, "case_id"),
    _key("标题", 28, "title"),
    _key("复核优先级", 11, "priority"),
    Flat("问题", 20, _issues("yes")),
    Flat("存疑", 20, _issues("unsure")),
    Flat("理由", 44, lambda r: _lines(f"{f['name']}：{f['reason']}" for f in r["findings"])),
    Flat("人员与处理", 48, lambda r: _lines(subject_text(s) for s in r["subjects"])),
    Flat("问责主体", 18, lambda r: r["issuer"]["name"] if r["issuer"] else None),
    _key("发布日期", 12, "published"),
    _key("来源", 16, "source"),
    Flat("线索来源", 16, lambda r: _fact_text(r["trigger"]) if r["trigger"] else None),
    Flat("事由", 24, _facts("grounds")),
    Flat("后果", 24, _facts("consequences")),
    Flat("日期", 22, _facts("dates")),
    Flat("法规依据", 24, _facts("legal_basis")),
    Flat("程序", 18, _facts("procedure")),
    Flat("效果", 18, _facts("effect")),
    Flat("正文", 80, lambda r: r["clean_text"] or r["text"], wrapped=False),
    Flat(_CAUTIONS, 30, lambda r: _lines(c["message"] for c in r["cautions"])),
    _key("通报编号", 18, "notice_id"),
    _key("文件", 28, "file", wrapped=False),
    _key("行号", 8, "row"),
    _key("网址", 28, "url", wrapped=False),
    Flat("由何得出", 40, lambda r: "；".join(f"{k} {v}" for k, v in r["made_by"].items()), wrapped=False),
    _key("起", 8, "start"),
    _key("止", 8, "end"),
    _key("格式版本", 9, "schema"),
)


def _yes_no(value: bool | None) -> str:
    return "" if value is None else "是" if value else "否"


def _of(part: str, key: str) -> Callable[[Row], Cell]:
    return lambda record: (record[part] or {}).get(key)


_MEASURE_TABLE: tuple[Flat, ...] = (
    Flat("案件编号", 18, _of("case", "case_id")),
    Flat("标题", 28, _of("case", "title")),
    Flat("对象类别", 10, lambda r: shown(r["subject"]["kind"])),
    Flat("姓名或名称", 20, _of("subject", "name")),
    Flat("人数", 7, _of("subject", "count")),
    Flat("职务", 34, _of("subject", "post")),
    Flat("原任", 7, lambda r: _yes_no(r["subject"]["former"])),
    Flat("单位", 26, _of("subject", "organisation")),
    Flat("职务角色", 10, lambda r: shown(r["subject"]["post_role"])),
    Flat("级别", 12, _of("subject", "rank")),
    Flat("领导干部", 10, lambda r: _yes_no(r["subject"]["leading_cadre"])),
    Flat("责任", 16, _of("subject", "responsibility")),
    Flat("处理", 18, _of("sanction", "name")),
    Flat("处理类别", 12, _of("sanction", "family")),
    Flat("轻重", 7, _of("sanction", "severity")),
    Flat("状态", 9, lambda r: (shown(r["sanction"]["status"]) or "已作出") if r["sanction"] else None),
)


def _variant_name(record: Row) -> Cell:
    finding = record["finding"]
    variant: str | None = finding["variant"]
    if variant is None or finding["issue"] is None:
        return variant
    names: Mapping[str, str] = load_codebook().issues[finding["issue"]].get("variant_names", {})
    return names.get(variant, variant)


def _reasons(finding: Row) -> Iterator[str]:
    yield finding["reason"]
    if finding["unknown"]:
        yield f"尚不清楚：{finding['unknown']}"


_FINDING_TABLE: tuple[Flat, ...] = (
    Flat("案件编号", 18, _of("case", "case_id")),
    Flat("标题", 22, _of("case", "title")),
    Flat("问题", 20, _of("finding", "name")),
    Flat("判断", 8, lambda r: shown(r["finding"]["verdict"])),
    Flat("概率", 8, _of("finding", "probability")),
    Flat("依据", 12, lambda r: shown(r["finding"]["basis"])),
    Flat("理由", 44, lambda r: _lines(_reasons(r["finding"]))),
    Flat("条文", 24, _of("finding", "article")),
    Flat("证据", 60, lambda r: _lines(f"「{e['text'].strip()}」" for e in r["finding"]["evidence"])),
    Flat("细类", 18, _variant_name),
    Flat("方法", 10, lambda r: method(r["finding"]["by"])),
    Flat("问题标识", 24, lambda r: r["finding"]["issue"] or r["finding"]["rule"]),
)


def _measures(record: Row) -> Iterator[Row]:
    for subject in record["subjects"]:
        for sanction in (*measures(subject),) or (None,):
            yield {"case": record, "subject": subject, "sanction": sanction}


def _findings(record: Row) -> Iterator[Row]:
    return ({"case": record, "finding": finding} for finding in record["findings"])


# ------------------------------------------------------------ CSV


def csv_cell(value: Cell) -> Cell:
    """A text that a spreadsheet would run as a formula gets a leading apostrophe."""
    value = _clean_cell(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """One line a case, Chinese headers, UTF-8 with a byte order mark so that Excel reads it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(column.title for column in CASE_TABLE)
        for record in rows:
            writer.writerow(csv_cell(column.cell(record)) for column in CASE_TABLE)


# ------------------------------------------------------------ XLSX

_CELL_LIMIT = 32_767
_ROW_LIMIT = 1_048_576
_LINE_POINTS = 15.0
_HIGHEST_POINTS = 200.0
_CASE_PRINTED = 1 + [column.title for column in CASE_TABLE].index("发布日期")  # all 27 would be too small to read
_A4 = 9  # as Excel numbers paper


def _fit(text: str) -> str:
    """A text that fits an Excel cell; what is cut off is told at its end."""
    if len(text.encode("utf-16-le")) // 2 <= _CELL_LIMIT:
        return text
    mark = f"……【全文 {len(text)} 字，超出单元格上限，此处截断；全文见 JSONL 输出】"
    room = _CELL_LIMIT - len(mark)
    return text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore") + mark


def _height(cells: Iterable[tuple[Cell, Flat]]) -> float:
    """Points that a row needs to show its wrapped cells, a screenful at most; programs do not all find that out."""
    lines = (_shown_lines(cell, column.width) for cell, column in cells if isinstance(cell, str) and column.wrapped)
    return min(_LINE_POINTS * max(lines, default=1), _HIGHEST_POINTS)


def _shown_lines(text: str, width: int) -> int:
    """The lines a text takes in a column; a Chinese character is as wide as two digits."""
    widths = (sum(2 if character > "\u2e7f" else 1 for character in line) for line in text.split("\n"))
    return sum(max(1, math.ceil(wide / (width - 1))) for wide in widths)


class Sheet:
    """A growing table in a workbook; past Excel's last row it goes on in a further sheet, 案件(2)."""

    def __init__(self, book: Any, name: str, columns: Sequence[Flat], *, printed: int | None = None) -> None:
        """``printed``: how many of the columns go on paper; None for all."""
        self._book, self._name, self._columns = book, name, columns
        self._printed = printed or len(columns)
        self._looks: dict[tuple[bool, ...], Any] = {}
        self._count = 0
        self._open()

    def _open(self) -> None:
        from openpyxl.utils import get_column_letter

        self._count += 1
        name = self._name if self._count == 1 else f"{self._name}({self._count})"
        sheet: WriteOnlyWorksheet = self._book.create_sheet(name)
        sheet.freeze_panes = "B2"
        self._lay_out_pages(sheet)
        for n, column in enumerate(self._columns, start=1):
            sheet.column_dimensions[get_column_letter(n)].width = column.width
        self._sheet = sheet
        self._rows = 1
        sheet.append([self._header(column.title) for column in self._columns])

    def _lay_out_pages(self, sheet: WriteOnlyWorksheet) -> None:
        """On paper: A4 across, the columns on one page's width, the header on every page."""
        from openpyxl.worksheet.properties import PageSetupProperties

        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = _A4
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
        sheet.print_title_rows = "1:1"

    def _header(self, title: str) -> Any:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Alignment, Font, PatternFill

        cell = WriteOnlyCell(self._sheet, title)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="305496")
        cell.alignment = Alignment(vertical="center", wrap_text=True)
        return cell

    def _cell(self, value: Cell, column: int, place: str | None = None) -> Any:
        """A cell of the row that comes next; ``place`` is what it leads to in the workbook."""
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.worksheet.hyperlink import Hyperlink

        cell = WriteOnlyCell(self._sheet, value)
        if isinstance(value, str):
            cell.data_type = "s"
        if place:
            cell.row, cell.column = self._rows, column + 1
            cell.hyperlink = Hyperlink(ref="", location=place)
        quoted = isinstance(value, str) and value.startswith(_FORMULA)
        self._dress(cell, self._columns[column].wrapped, quoted, bool(place))
        return cell

    def _dress(self, cell: Any, *look: bool) -> None:
        """Style a cell (wrapped, quoted, a link). openpyxl would look each style up anew, most of its work."""
        from openpyxl.styles import Alignment, Font

        if look not in self._looks:
            wrapped, quoted, leads = look
            cell.alignment = Alignment(vertical="top", wrap_text=wrapped)
            cell.quotePrefix = quoted
            if leads:
                cell.font = Font(color="1F4E79", underline="single")
            self._looks[look] = cell._style
        cell._style = self._looks[look]

    def append(self, record: Row) -> None:
        if self._rows == _ROW_LIMIT:
            self.close()
            self._open()
        whole = {column.title: _clean_cell(column.cell(record)) for column in self._columns}
        cells = {title: _fit(value) if isinstance(value, str) else value for title, value in whole.items()}
        cut = [title for title in whole if cells[title] != whole[title]]
        if cut and _CAUTIONS in cells:
            told = f"{'、'.join(cut)}超出 Excel 单元格上限，表中已截断并注明"
            cells[_CAUTIONS] = _fit(_lines(filter(None, [told, str(whole[_CAUTIONS])])))
        self._rows += 1
        self._sheet.row_dimensions[self._rows].height = _height(zip(cells.values(), self._columns, strict=True))
        links = [column.link(record) if column.link else None for column in self._columns]
        row = [self._cell(value, n, place) for n, (value, place) in enumerate(zip(cells.values(), links, strict=True))]
        self._sheet.append(row)
        del self._sheet.row_dimensions[self._rows]  # written; kept, it would grow with the rows

    def close(self) -> None:
        from openpyxl.utils import get_column_letter

        self._sheet.auto_filter.ref = f"A1:{get_column_letter(len(self._columns))}{self._rows}"
        self._sheet.print_area = f"A1:{get_column_letter(self._printed)}{self._rows}"


def write_xlsx(rows: Iterable[Row], path: Path) -> None:
    """Three sheets: 案件, 人员与处理 (a line for each measure against each subject), 复核要点."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    add_sheets(book, rows)
    book.save(path)


def add_sheets(book: Any, rows: Iterable[Row]) -> None:
    """Add the three sheets of ``write_xlsx`` to a write-only workbook; case n stands in row n + 1 of 案件."""
    cases = Sheet(book, "案件", CASE_TABLE, printed=_CASE_PRINTED)
    dealt = Sheet(book, "人员与处理", _MEASURE_TABLE)
    findings = Sheet(book, "复核要点", _FINDING_TABLE)
    for record in rows:
        cases.append(record)
        for measure in _measures(record):
            dealt.append(measure)
        for finding in _findings(record):
            findings.append(finding)
    for sheet in (cases, dealt, findings):
        sheet.close()


# ------------------------------------------------------------ Parquet

_ROW_GROUP = 1_000


def _arrow_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    if column.kind in ("record", "list"):
        record = pa.struct([_arrow_field(inner) for inner in column.columns])
        return record if column.kind == "record" else pa.list_(record)
    plain = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "value": pa.string(),
        "map of numbers": pa.map_(pa.string(), pa.float64()),
        "map of texts": pa.map_(pa.string(), pa.string()),
    }
    return plain[column.kind]


def _arrow_field(column: Column) -> pa.Field:
    import pyarrow as pa

    return pa.field(column.name, _arrow_type(column), nullable=column.null, metadata={"title": column.title})


def arrow_schema() -> pa.Schema:
    """The row schema as an Arrow schema; ``value`` of a fact is text here, since a column has one type."""
    import pyarrow as pa

    return pa.schema([_arrow_field(column) for column in SCHEMA], metadata={"wenze": str(SCHEMA_VERSION)})


def _arrow_value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "record":
        return {inner.name: _arrow_value(inner, value[inner.name]) for inner in column.columns}
    if column.kind == "list":
        return [{inner.name: _arrow_value(inner, item[inner.name]) for inner in column.columns} for item in value]
    if column.kind in ("map of numbers", "map of texts"):
        return list(value.items())
    if column.kind == "value":
        value = _plain_value(value)
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def write_parquet(rows: Iterable[Row], path: Path) -> None:
    """One nested row a case, in row groups of a thousand."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema()
    records = ({column.name: _arrow_value(column, record[column.name]) for column in SCHEMA} for record in rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(records, _ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


WRITERS: dict[str, Callable[[Iterable[Row], Path], None]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "xlsx": write_xlsx,
    "parquet": write_parquet,
}
