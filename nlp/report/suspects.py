"""Likely label errors as a Chinese Markdown page, made for judging again; never ranks.

In: ``Suspects``. Out: text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nlp.codebook import load_codebook
from nlp.report.marked import plain, quotation
from nlp.rows import shown
from nlp.suspects import Suspect, Suspects

_VERDICTS = {"yes": "是", "no": "否"}


def _counts(found: Suspects) -> Iterator[str]:
    counts = Counter((one.label, one.given) for one in found.found)
    yield "| 标签 | 标“是”而可疑 | 标“否”而可疑 |"
    yield "|---|---|---|"
    for issue in load_codebook().issues:
        yield f"| `{issue.id}` {issue.name} | {counts[issue.id, 'yes']} | {counts[issue.id, 'no']} |"


def _suspect(number: int, one: Suspect) -> Iterator[str]:
    name = load_codebook().issues[one.label].name
    yield f"## {number}. {name}（`{one.label}`），案件 {plain(one.case)}"
    yield ""
    basis = f"，{shown(one.basis)}：“{plain(one.gold_evidence)}”" if one.basis else ""
    yield f"* 原标：{_VERDICTS[one.given]}{basis}"
    yield f"* 折外概率 {one.probability:.3f}，标签质量分 {one.quality:.3f}"
    yield ""
    yield from quotation(one.text, one.gold_evidence, ())
    yield ""


def markdown(found: Suspects, *, top: int) -> str:
    """The page: counts by label, and the first ``top`` suspects with their texts."""
    listed = found.found[:top]
    lines = [
        "# 疑似误标",
        "",
        f"案件 {found.cases} 起，判断 {found.judged} 处（存疑的不计）；cleanlab 认为可能误标的 {len(found.found)} 处，"
        f"按标签质量分由低到高列出 {len(listed)} 处。概率由没有见过该撰写批次的 TF-IDF 模型给出；"
        "模型也会错，请先读正文、依编码手册自己判断，再看原标。正文中 ⟦ ⟧ 之内是原标的证据。",
        "",
        *_counts(found),
        "",
        *(line for number, one in enumerate(listed, 1) for line in _suspect(number, one)),
    ]
    return "\n".join(lines).rstrip() + "\n"
