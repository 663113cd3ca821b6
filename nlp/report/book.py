"""A ``Summary`` and its rows -> an Excel workbook whose figures lead to their cases.

In: a Summary, and the same rows again in the same order. Out: an .xlsx file. Never runs what a notice says as a formula
(``nlp.rows`` writes every cell).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from nlp.report.html import Head
from nlp.report.summary import TABLES, Line, Summary
from nlp.rows import Flat, Row, Sheet, add_sheets, shown

# Excel allows 65,530 links in a sheet.
_LINKS = 60_000
_ABOUT, _COUNTS, _LOOK, _INDEX = "总览", "计数", "值得再看", "索引"

LIMITS = (
    "一条复核要点是再读一遍决定的理由，不是结论，既不针对被处理的人，也不针对作出决定的人。",
    "公开的通报是摘要，也是选择的结果；多少、比例、趋势先反映收集了什么，不得据此给人、地方、单位排名。",
    "通报没有写到的是未载明；未载明不等于没有做。",
    "没有要点，是没有发现，不是认可。姓名、职务、级别、处理由程序读出，也会出错，请对照原文。",
    "转载没有折叠：同一份通报从几处收来，就数几次。",
)


def _case_cell(line: Line) -> str:
    return f"'案件'!A{line.place + 2}"


def _about(summary: Summary, head: Head) -> Iterator[Row]:
    yield {"name": head.title, "value": head.made}
    yield {"name": "来自", "value": "、".join(head.files)}
    yield {"name": "通报", "value": summary.notices}
    for count in summary["total"]:
        yield {"name": count.name, "value": count.number, "count": count}
    if head.bad_rows:
        yield {"name": "没有计入的行", "value": head.bad_rows}
    if summary.repeated:
        yield {"name": "重复的行", "value": summary.repeated}
    if head.masked:
        yield {"name": "姓名", "value": "程序读出的姓名已隐去；程序没有读出的可能还在"}
    for limit in LIMITS:
        yield {"name": "请注意", "value": limit}
    for mark, told in head.measured.items():
        dev, micro = told["dev"], told["dev"]["micro"]
        claims, true = micro["right"] + micro["extra"], micro["right"] + micro["missed"]
        said = (
            f"{mark} 在开发集 {dev['cases']} 起虚构案例上：判“是”的 {claims} 条中 {micro['extra']} 条不属实，"
            f"应当看出的 {true} 条中漏了 {micro['missed']} 条；阈值也在其上选定，偏乐观"
        )
        yield {"name": "判断有多准", "value": said}
    for key, mark, times in summary.made_by:
        yield {"name": f"由何得出：{key}", "value": f"{mark}（{times} 起）"}


def write_book(summary: Summary, rows: Iterable[Row], path: Path, head: Head | None = None) -> None:
    """总览, 计数, 值得再看, 索引, then the sheets of ``wenze score``; ``rows`` are those counted, in their order.

    A figure leads to its block of the 索引, a line of it to the case; the file appears whole or not at all.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    blocks = _blocks(summary)

    def block(record: Row) -> str | None:
        count = record.get("count")
        return f"'{_INDEX}'!A{blocks[count.key]}" if count else None

    def case(record: Row) -> str | None:
        return _case_cell(record["line"]) if record.get("n", 0) <= _LINKS else None

    about = [
        Flat("项目", 24, lambda r: r["name"]),
        Flat("内容", 90, lambda r: r["value"], link=block),
    ]
    counts = [
        Flat("类别", 16, lambda r: TABLES[r["table"]]),
        Flat("名称", 40, lambda r: r["count"].name),
        Flat("数", 10, lambda r: r["count"].number, link=block),
        Flat("案件数", 10, lambda r: len(r["count"].cases), link=block),
    ]
    line = [
        Flat("案", 7, lambda r: r["line"].number, link=case),
        Flat("案件编号", 18, lambda r: r["line"].case_id, link=case),
        Flat("标题", 34, lambda r: r["line"].title),
        Flat("复核优先级", 11, lambda r: r["line"].priority),
    ]
    look = [
        *line,
        Flat("档", 7, lambda r: r["line"].band),
        Flat("复核要点", 34, lambda r: "、".join(f"{name}（{shown(v)}）" for name, v in r["line"].found)),
        Flat("对象与处理", 60, lambda r: r["line"].people),
        Flat("问责主体", 20, lambda r: r["line"].issuer),
        Flat("时间", 10, lambda r: r["line"].period),
    ]
    index = [
        Flat("类别", 16, lambda r: TABLES[r["table"]]),
        Flat("名称", 34, lambda r: r["count"].name),
        line[0],
        Flat("案件编号", 18, lambda r: r["line"].case_id, wrapped=False),
        Flat("标题", 34, lambda r: r["line"].title, wrapped=False),
    ]
    _fill(Sheet(book, _ABOUT, about), _about(summary, head or Head()))
    _fill(Sheet(book, _COUNTS, counts), ({"table": table, "count": count} for table, count in summary.counts()))
    _fill(Sheet(book, _LOOK, look), ({"line": one, "n": 2 * one.number} for one in summary.lines if one.found))
    _fill(Sheet(book, _INDEX, index), _index(summary))
    add_sheets(book, rows)
    unnamed = path.with_name(f"{path.name}.writing")
    book.save(unnamed)
    unnamed.replace(path)


def _blocks(summary: Summary) -> dict[str, int]:
    """The row of the 索引 where each count's cases begin."""
    rows, row = dict[str, int](), 2
    for _, count in summary.counts():
        rows[count.key] = row
        row += len(count.cases)
    return rows


def _index(summary: Summary) -> Iterator[Row]:
    n = 0
    for table, count in summary.counts():
        for number in count.cases:
            n += 1
            yield {"table": table, "count": count, "line": summary.lines[number - 1], "n": n}


def _fill(sheet: Sheet, records: Iterable[Row]) -> None:
    for record in records:
        sheet.append(record)
    sheet.close()
