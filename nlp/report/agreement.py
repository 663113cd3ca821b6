"""The agreement of two annotators as a Chinese Markdown page.

In: an ``Agreement``. Out: text. Never computes a figure.
"""

from __future__ import annotations

from collections.abc import Iterator

from nlp.agreement import Agreement
from nlp.codebook import load_codebook
from nlp.evaluate import ASPECTS
from nlp.report.evaluation import differences_table, interval, number


def _labels(agreement: Agreement) -> Iterator[str]:
    names = {issue.id: issue.name for issue in load_codebook().issues}
    yield "| 标签 | 名称 | 甲判是 | 乙判是 | 同判是 | Cohen κ（95% 区间） | Krippendorff α（95% 区间） |"
    yield "|---|---|---|---|---|---|---|"
    for one in agreement.labels:
        counts = f"{one.first} | {one.second} | {one.both}"
        yield f"| `{one.label}` | {names[one.label]} | {counts} | {interval(one.kappa)} | {interval(one.alpha)} |"
    yield f"| 合并 | | | | | {interval(agreement.pooled_kappa)} | {interval(agreement.pooled_alpha)} |"


def _spans(agreement: Agreement) -> Iterator[str]:
    found = agreement.evidence
    if found is None:
        yield "两份文件都没有正文，未比较证据位置。"
    else:
        yield (
            f"两人同判“是”的标签中，证据按字符重合的 F1 为 {interval(found.f1)}，"
            f"证据有重合的占 {number(agreement.evidence_touching)}。"
        )


def _fields(agreement: Agreement) -> Iterator[str]:
    if not agreement.fields:
        yield "没有两人都标注了字段的案件。"
        return
    yield f"两人都标注了字段的案件 {agreement.field_cases} 起，以甲为准。"
    yield ""
    yield "| 项目 | 一致 | 仅乙有 | 仅甲有 | F1（95% 区间） |"
    yield "|---|---|---|---|---|"
    for aspect, found in agreement.fields.items():
        counts = f"{found.right} | {found.extra} | {found.missed}"
        yield f"| {ASPECTS[aspect][0]} | {counts} | {interval(found.f1)} |"


def markdown(agreement: Agreement, first: str = "甲", second: str = "乙") -> str:
    """The whole page; ``first`` and ``second`` name the files of the two annotators, called 甲 and 乙."""
    lines = [
        "# 标注一致性",
        "",
        f"甲：{first}；乙：{second}。共同标注的案件 {agreement.cases} 起"
        f"（仅甲 {len(agreement.only_first)} 起，仅乙 {len(agreement.only_second)} 起）。"
        "判断取否、存疑、是三值，没有列出的标签按判“否”计；"
        "区间由对案件的自助抽样（1000 次）得出；“—”为两人都没有用过，无从计算。",
        "",
        *_labels(agreement),
        "",
        f"各标签 α 的平均值：{number(agreement.mean_alpha)}。",
        "",
        *_spans(agreement),
        "",
        "## 字段",
        "",
        *_fields(agreement),
        "",
        f"## 不一致之处（{len(agreement.differences)} 处）",
        "",
        *(differences_table(agreement.differences, "甲", "乙") if agreement.differences else ()),
    ]
    return "\n".join(lines).rstrip() + "\n"
