"""The worst mistakes as a Chinese Markdown page, made for reading; never ranks.

In: ``Mistake`` values in their order. Out: text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nlp.codebook import load_codebook
from nlp.mistakes import Mistake
from nlp.report.marked import LEGEND, plain, quotation, said
from nlp.rows import method, shown

_VERDICTS = {"yes": "是", "unsure": "存疑", "no": "否"}


def _mistake(number: int, one: Mistake) -> Iterator[str]:
    what = "误报" if one.gold == "no" else "漏判"
    yield f"## {number}. {what}：{load_codebook().issues[one.label].name}（`{one.label}`），案件 {plain(one.case)}"
    yield ""
    basis = f"，{shown(one.basis)}：“{plain(one.gold_evidence)}”" if one.basis else ""
    yield f"* 金标准：{_VERDICTS[one.gold]}{basis}"
    by = f"（{method(one.by)}）" if one.by else ""
    yield f"* wenze：{_VERDICTS[one.said]}{by}，概率 {one.probability:.3f}，阈值 {one.threshold:.3f}"
    yield f"* 依据：{said(one.evidence)}"
    yield ""
    yield from quotation(one.text, one.gold_evidence, one.evidence)
    yield ""


def markdown(found: Sequence[Mistake], *, cases: int, model: str, top: int) -> str:
    """The page of the first ``top`` mistakes."""
    extra = sum(one.gold == "no" for one in found)
    listed = found[:top]
    lines = [
        "# 错得最有把握的判断",
        "",
        f"模型 {plain(model)}，案件 {cases} 起：误报 {extra} 处，漏判 {len(found) - extra} 处，"
        f"按概率越过阈值多远（对数几率）列出最远的 {len(listed)} 处。金标准存疑的不计。",
        LEGEND,
        "",
        *(line for number, one in enumerate(listed, 1) for line in _mistake(number, one)),
    ]
    return "\n".join(lines).rstrip() + "\n"
