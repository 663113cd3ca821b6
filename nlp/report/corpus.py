"""A ``Corpus`` as tables: Markdown, JSON, CSV, XLSX; each line with the ids of the cases it counts.

In: a ``Corpus``. Out: tables, text, files. Never computes a figure.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.codebook import load_codebook
from nlp.corpus import Corpus
from nlp.corpus.case import Case
from nlp.corpus.comparables import LEAST, MOST, RUNGS, SURE, Deviation
from nlp.corpus.counts import LEAST_CATEGORY, LEAST_GROUP, SIGNIFICANT, Cell
from nlp.corpus.findings import ladder_line, received, shared_terms
from nlp.corpus.intervals import Interval
from nlp.report.marked import plain
from nlp.rows import Cell as Value
from nlp.rows import Flat, Sheet, csv_cell

SIDES = {"heavier": "重于可比者", "lighter": "轻于可比者", None: ""}
_CASES = "案件编号"
_SHOWN = 40  # lines of a table in Markdown


@dataclass(frozen=True)
class Table:
    """One table: its lines are ``values`` in the order of ``columns``, and the cases they count."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    lines: tuple[tuple[tuple[Value, ...], tuple[Case, ...]], ...]


def _figures(one: Interval) -> tuple[Value, ...]:
    return tuple(None if math.isnan(value) else round(value, 4) for value in (one.value, one.low, one.high))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.4g}")


_SHARE = ("占比", "下限", "上限")


def _about(corpus: Corpus) -> Table:
    lines: list[tuple[tuple[Value, ...], tuple[Case, ...]]] = [
        (("读到的行", corpus.rows, None), ()),
        (("并入他案的转载", len(corpus.folded), round(len(corpus.folded) / corpus.rows, 4)), ()),
        (("参加统计的案件", len(corpus.cases), None), corpus.cases),
    ]
    for name, count in corpus.told.items():
        lines.append(((f"其中知道{name}的", count, round(count / len(corpus.cases), 4)), ()))
    lines += [((f"由何得出：{made}", count, None), ()) for made, count in corpus.made_by.items()]
    return Table("about", "概况", "", ("项目", "数", "占比"), tuple(lines))


def _folds(corpus: Corpus) -> Table:
    note = "同一案件的不同写法只计一次，留下处理最全、日期最早的一份。“含有”是较短一份的字词片段见于另一份的比例。"
    lines = tuple(
        ((one.case.id, one.into.id, one.held, one.jaccard, one.case.title, one.into.title), (one.case, one.into))
        for one in corpus.folded
    )
    return Table("reposts", "并入他案的转载", note, ("转载", "并入", "含有", "Jaccard", "转载标题", "并入标题"), lines)


def _overall(corpus: Corpus) -> Table:
    lines = tuple(
        ((aspect, cell.category, len(cell.cases), cell.of, *_figures(cell.share), cell.people), cell.cases)
        for aspect, cells in corpus.overall.items()
        for cell in cells
    )
    note = "以案件为单位：有此类别的案件占知道这一方面的案件之比，Wilson 95% 区间。一案可有几类，故各类相加不等于全部。"
    return Table("overall", "总体", note, ("方面", "类别", "案件", "共", *_SHARE, "人次"), lines)


def _imbalance(corpus: Corpus) -> Table:
    tested = sum(not math.isnan(cell.q) for cell in corpus.imbalance)
    note = (
        f"每组与其余各组相比，Fisher 精确检验；{tested} 项检验一并用 Benjamini–Hochberg 法校正，"
        f"q < {SIGNIFICANT} 记作“是”，其中约 {SIGNIFICANT:.0%} 可能是偶然。"
        f"不足 {LEAST_GROUP} 起的组合为一组，不足 {LEAST_CATEGORY} 起的类别不检验。"
    )
    columns = ("分组", "组", "方面", "类别", "案件", "组内案件", *_SHARE, "其余各组占比", "p", "q", "有别")
    lines = tuple((_cell_values(cell), cell.cases) for cell in corpus.imbalance)
    return Table("imbalance", "组间差异", note, columns, lines)


def _cell_values(cell: Cell) -> tuple[Value, ...]:
    where = (cell.grouping, cell.group, cell.aspect, cell.category, len(cell.cases), cell.of)
    tests = (_number(cell.rest), _number(cell.p), _number(cell.q), "是" if cell.differs else "")
    return (*where, *_figures(cell.share), *tests)


def _ratios(corpus: Corpus) -> Table:
    note = "前者人数与后者人数之比，区间由对案件自助抽样 1000 次得出；级别、职务未载明者不计。党组织以个计。"
    lines = tuple(
        ((one.name, one.grouping, one.group, one.first, one.second, *map(_finite, _figures(one.value))), one.cases)
        for one in corpus.ratios
    )
    return Table("ratios", "比例", note, ("比例", "分组", "组", "前者", "后者", "比值", "下限", "上限"), lines)


def _means(corpus: Corpus) -> Table:
    note = (
        "一案之内：级别不同、处理可比的各对中，低者（副职）处理较重的份额减去高者（正职）较重的份额，−1 到 1，"
        "大于 0 是下重上轻（见 docs/proportion.md）；平均数的区间由对案件自助抽样 1000 次得出。"
        "低者多半是直接行为人，大于 0 不等于处理不公。"
    )
    columns = ("数值", "分组", "组", "案件", "大于零", "平均", "下限", "上限")
    lines = tuple(
        ((one.name, one.grouping, one.group, len(one.cases), one.above, *_figures(one.value)), one.cases)
        for one in corpus.means
    )
    return Table("proportion", "一案之内的轻重", note, columns, lines)


def _finite(value: Value) -> Value:
    return "∞" if isinstance(value, float) and math.isinf(value) else value


def _trends(corpus: Corpus) -> Table:
    note = "各时期的占比，Wilson 95% 区间；p 为占比随时间没有升降（Cochran–Armitage），q 为全部趋势一并校正之后。"
    columns = ("时期", "方面", "类别", "时间", "案件", "共", *_SHARE, "p", "q")
    lines = tuple(
        (
            (
                *(one.by, one.aspect, one.category, cell.group, len(cell.cases), cell.of),
                *(*_figures(cell.share), _number(one.p), _number(one.q)),
            ),
            cell.cases,
        )
        for one in corpus.trends
        for cell in one.cells
    )
    return Table("trends", "趋势", note, columns, lines)


def _deviations(corpus: Corpus) -> Table:
    claimed = sum(one.side is not None for one in corpus.compared.deviations)
    note = (
        f"可比者：事由、后果、级别、责任相同，正文最相近（BM25）的至多 {MOST} 起，不足 {LEAST} 起不比较。"
        f"更轻（或更重）者的占比，精确 95% 区间的下限过 {SURE:.0%}，"
        f"且与居中者相差至少 {RUNGS} 级或一种形态，才列为偏离，一律只算存疑。"
        f"比较 {len(corpus.compared.deviations)} 人，列出 {claimed} 人；"
        f"即使毫无偏差，照此也至多可能列出约 {corpus.compared.by_chance:.0f} 人。"
    )
    columns = (
        "案件", "对象", "偏离", "可比案件数", "更轻占比", "更轻下限", "更轻上限", "更重占比", "更重下限", "更重上限",
        "偶然概率", "q", "可比条件", "各类处理", "可比者所受处理", "可比案件",
    )  # fmt: skip
    ordered = sorted(corpus.compared.deviations, key=lambda one: one.side is None)
    return Table("deviations", "与可比案件相比", note, columns, tuple(map(_deviation_line, ordered)))


def _deviation_line(one: Deviation) -> tuple[tuple[Value, ...], tuple[Case, ...]]:
    near = tuple(each.case for each in one.comparables)
    values = (
        one.case.id,
        one.person.told,
        SIDES[one.side],
        len(near),
        *_figures(one.lighter),
        *_figures(one.heavier),
        _number(one.chance),
        _number(one.q),
        shared_terms(one),
        "；".join(ladder_line(ladder) for ladder in one.ladders if ladder.rung and ladder.middle),
        received(one),
        "、".join(case.id for case in near),
    )
    return values, (one.case, *near)


def _abstained(corpus: Corpus) -> Table:
    lines = tuple(((why, count, len(cases)), cases) for why, (count, cases) in corpus.compared.abstained.items())
    return Table("abstained", "没有比较的", "宁可不比，也不凑数。", ("原因", "对象", "案件"), lines)


_TABLES: tuple[Callable[[Corpus], Table], ...] = (
    _about, _folds, _overall, _ratios, _means, _imbalance, _trends, _deviations, _abstained,
)  # fmt: skip


def tables(corpus: Corpus) -> list[Table]:
    """Every table, in the order of the page."""
    return [table(corpus) for table in _TABLES]


def limits() -> list[str]:
    """What can and cannot be concluded, in Chinese; knowledge of corpus.toml."""
    return list(load_codebook()["corpus"].settings["limits"])


# ------------------------------------------------------------ writers


_PERCENT = {"含有", "其余各组占比", *(f"{side}{what}" for side in ("", "更轻", "更重") for what in _SHARE)}

# tables whose bounds are those of a ratio or a mean
_NO_SHARES = {"ratios", "proportion"}


def told(table: Table, column: str, value: Value) -> str:
    """A value as a reader would write it: shares in percent, the figures of ratios to two places."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.1%}" if column in _PERCENT and table.key not in _NO_SHARES else f"{value:.3g}"
    return str(value)


def _markdown_table(table: Table) -> Iterator[str]:
    yield f"## {table.title}"
    yield ""
    if table.note:
        yield table.note
        yield ""
    if not table.lines:
        yield "没有。"
        yield ""
        return
    yield f"| {' | '.join(table.columns)} |"
    yield "|---" * len(table.columns) + "|"
    for values, _ in table.lines[:_SHOWN]:
        yield f"| {' | '.join(plain(told(table, *pair)) for pair in zip(table.columns, values, strict=True))} |"
    yield ""
    if len(table.lines) > _SHOWN:
        yield f"共 {len(table.lines)} 行，这里列出 {_SHOWN} 行；其余见 JSON、CSV 或 XLSX。"
        yield ""


def markdown(corpus: Corpus) -> str:
    """All tables, the first lines of each, after what they cannot tell."""
    lines = ["# 跨案比较", "", "## 能说明什么，不能说明什么", "", *(f"* {line}" for line in limits()), ""]
    for table in tables(corpus):
        lines += _markdown_table(table)
    return "\n".join(lines).rstrip() + "\n"


def record(corpus: Corpus) -> dict[str, Any]:
    """Everything as JSON values; each line of a table has the ids of its cases."""
    return {
        "limits": limits(),
        "tables": {
            table.key: {
                "title": table.title,
                "note": table.note,
                "lines": [
                    {**dict(zip(table.columns, values, strict=True)), "cases": [case.id for case in cases]}
                    for values, cases in table.lines
                ],
            }
            for table in tables(corpus)
        },
    }


def write_json(corpus: Corpus, path: Path) -> None:
    text = json.dumps(record(corpus), ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text.encode("utf-8", "replace").decode() + "\n", encoding="utf-8")


def write_markdown(corpus: Corpus, path: Path) -> None:
    path.write_text(markdown(corpus), encoding="utf-8", errors="replace")


def write_xlsx(corpus: Corpus, path: Path) -> None:
    """One sheet a table, and a first one with what the figures cannot tell."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    about = Sheet(book, "说明", [Flat("能说明什么，不能说明什么", 120, lambda line: line["told"])])
    for line in limits():
        about.append({"told": line})
    about.close()
    for table in tables(corpus):
        columns = [_flat(n, title, table) for n, title in enumerate(table.columns)]
        columns.append(Flat(_CASES, 40, lambda line: "、".join(line["cases"]), wrapped=False))
        sheet = Sheet(book, table.title, columns)
        for values, cases in table.lines:
            sheet.append({"values": values, "cases": [case.id for case in cases]})
        sheet.close()
    book.save(path)


def _flat(n: int, title: str, table: Table) -> Flat:
    longest = max((len(str(values[n])) for values, _ in table.lines[:200] if values[n] is not None), default=4)
    return Flat(title, min(60, max(8, 2 * min(longest, 24))), lambda line: line["values"][n])


def write_csv(corpus: Corpus, folder: Path) -> None:
    """One file a table: UTF-8 with a byte order mark so that Excel reads it."""
    for table in tables(corpus):
        with (folder / f"{table.key}.csv").open("w", encoding="utf-8-sig", newline="", errors="replace") as file:
            writer = csv.writer(file)
            writer.writerow((*table.columns, _CASES))
            for values, cases in table.lines:
                writer.writerow(map(csv_cell, (*values, "、".join(case.id for case in cases))))


def write_page(corpus: Corpus, path: Path) -> None:
    from nlp.report.corpus_page import page

    path.write_text(page(corpus), encoding="utf-8", errors="replace")


WRITERS: dict[str, Callable[[Corpus, Path], None]] = {
    ".html": write_page,
    ".json": write_json,
    ".md": write_markdown,
    ".xlsx": write_xlsx,
}


def write(corpus: Corpus, out: Path) -> list[Path]:
    """Write one file by its ending, or everything into the folder ``out``; the files written."""
    if out.suffix.lower() in WRITERS:
        WRITERS[out.suffix.lower()](corpus, out)
        return [out]
    out.mkdir(parents=True, exist_ok=True)
    for ending, writer in WRITERS.items():
        writer(corpus, out / f"corpus{ending}")
    write_csv(corpus, out)
    return sorted(out.iterdir())


def endings() -> Sequence[str]:
    return tuple(WRITERS)


def folds_told(corpus: Corpus, most: int) -> Iterable[str]:
    """The first folds, a line each."""
    return (f"{one.case.id} 并入 {one.into.id}（含有 {one.held:.0%}）" for one in corpus.folded[:most])
