"""Figures of an evaluation or an agreement as Chinese Markdown; never computes one.

In: an ``Evaluation`` and its figures. Out: text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from nlp.codebook import load_codebook
from nlp.evaluate import ASPECTS, Difference, Evaluation, Figure, Prf

_VERDICTS = {"yes": "是", "unsure": "存疑", "no": "否"}
_BOUNDARIES = {"case": "案件（起止都对）", "boundary": "起止位置"}
_HEAD = "| 准确率 | 召回率 | F1（95% 区间） |"


def number(value: float, digits: int = 2) -> str:
    """A figure, or a dash where it is not defined."""
    return "—" if math.isnan(value) else f"{value:.{digits}f}"


def interval(figure: Figure, digits: int = 2) -> str:
    """A figure with its interval."""
    if math.isnan(figure.value):
        return "—"
    return f"{number(figure.value, digits)}（{number(figure.low, digits)}–{number(figure.high, digits)}）"


def differences_table(differences: Iterable[Difference], first: str, second: str) -> Iterator[str]:
    """Every difference, a line each; verdicts in Chinese, with the evidence where there is any."""
    names = {issue.id: issue.name for issue in load_codebook().issues}
    yield f"| 案件 | 项目 | {first} | {second} |"
    yield "|---|---|---|---|"
    for one in differences:
        said = (_said(one.first, one.first_says), _said(one.second, one.second_says))
        cells = (one.case, names.get(one.what, one.what), *said)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def _said(said: str, says: str) -> str:
    word = _VERDICTS.get(said, said)
    return f"{word}：“{says}”" if says else word


def _rows(names: Mapping[str, str], found: Mapping[str, Prf]) -> Iterator[str]:
    for key, one in found.items():
        counts = f"{one.right} | {one.extra} | {one.missed}"
        figures = f"{number(one.precision, 3)} | {number(one.recall, 3)} | {interval(one.f1, 3)}"
        yield f"| {names.get(key, key)} | {counts} | {figures} |"


def _table(what: str, names: Mapping[str, str], found: Mapping[str, Prf]) -> Iterator[str]:
    yield f"| {what} | 对 | 多出 | 漏掉 {_HEAD}"
    yield "|---|---|---|---|---|---|---|"
    yield from _rows(names, found)


def markdown(found: Evaluation, *, fields: bool, errors: int) -> str:
    """The page: labels, or with ``fields`` the fields and boundaries; then the first ``errors`` differences."""
    aspects = {key: name for key, (name, _) in ASPECTS.items()}
    wanted = set(aspects.values())
    differences = [one for one in found.differences if (one.what in wanted) == fields]
    lines = ["# 与金标准比较", ""]
    if fields:
        lines += [f"标注了字段的案件 {found.annotated} 起。", "", *_table("项目", aspects, found.fields), ""]
        if found.notices:
            lines += [f"整篇通报 {found.notices} 篇。", "", *_table("切分", _BOUNDARIES, found.boundaries), ""]
    else:
        names = {issue.id: f"`{issue.id}` {issue.name}" for issue in load_codebook().issues}
        lines += [
            f"案件 {found.cases} 起；宏平均 F1 {number(found.macro_f1, 3)}（不计两边都没有的标签）；"
            f"没有问题的案件 {found.sound} 起，其中 {found.alarmed} 起被判出“是”。金标准存疑的不计。",
            "",
            *_table("标签", {**names, "all": "合计"}, found.labels),
            "",
        ]
    if errors and differences:
        shown = differences[:errors]
        lines += [f"## 不同之处（共 {len(differences)} 处，列出 {len(shown)} 处）", ""]
        lines += differences_table(shown, "金标准", "wenze")
    return "\n".join(lines).rstrip() + "\n"
