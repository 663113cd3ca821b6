"""Two models side by side as a Chinese Markdown page; never computes a figure.

In: a ``Comparison``. Out: text.
"""

from __future__ import annotations

from collections.abc import Iterator

from nlp.codebook import load_codebook
from nlp.compare import Change, Comparison, Side
from nlp.evaluate import Paired
from nlp.report.evaluation import interval, number
from nlp.report.marked import LEGEND, plain, quotation, said

_VERDICTS = {"yes": "是", "unsure": "存疑", "no": "否"}


def _sides(found: Comparison) -> Iterator[str]:
    def row(name: str, one: str, other: str, paired: Paired | None = None) -> str:
        told = f"{interval(paired.difference, 3)} | {number(paired.p, 3)}" if paired else " | "
        return f"| {name} | {one} | {other} | {told} |"

    def counts(side: Side) -> str:
        return f"{side.micro.right} / {side.micro.extra} / {side.micro.missed}"

    one, other = found.first, found.second
    yield "| 指标（95% 区间） | 甲 | 乙 | 乙减甲 | p |"
    yield "|---|---|---|---|---|"
    yield row("微平均 F1", interval(one.micro.f1, 3), interval(other.micro.f1, 3), found.micro)
    yield row("宏平均 F1", interval(one.macro_f1, 3), interval(other.macro_f1, 3), found.macro)
    yield row("对 / 多出 / 漏掉", counts(one), counts(other))
    yield row("没有问题而判出“是”的案件", str(one.alarmed), str(other.alarmed))


def _labels(found: Comparison) -> Iterator[str]:
    yield "| 标签 | 甲 F1 | 乙 F1 | 乙得 | 乙失 |"
    yield "|---|---|---|---|---|"
    for issue in load_codebook().issues:
        figures = [number(side.labels[issue.id].f1.value, 3) for side in (found.first, found.second)]
        gained, lost = found.labels_changed.get(issue.id, (0, 0))
        yield f"| `{issue.id}` {issue.name} | {' | '.join(figures)} | {gained} | {lost} |"


def _change(change: Change) -> Iterator[str]:
    name = load_codebook().issues[change.label].name
    yield f"### {plain(change.case)} {name}"
    yield ""
    gold = f"：“{plain(change.gold_evidence)}”" if change.gold_evidence else ""
    yield f"* 金标准：{_VERDICTS[change.gold]}{gold}"
    yield f"* 甲：{_VERDICTS[change.first]}，依据{said(change.first_evidence)}"
    yield f"* 乙：{_VERDICTS[change.second]}，依据{said(change.second_evidence)}"
    yield ""
    yield from quotation(change.text, change.gold_evidence, (*change.first_evidence, *change.second_evidence))
    yield ""


def markdown(found: Comparison, *, errors: int) -> str:
    """The page; with ``errors`` up to so many losses and as many gains of the second model, with their texts."""
    gains = [change for change in found.changes if change.gain]
    losses = [change for change in found.changes if not change.gain]
    lines = [
        "# 两个模型的比较",
        "",
        f"甲：{plain(found.first.name)}；乙：{plain(found.second.name)}。案件 {found.cases} 起，"
        f"其中没有问题的 {found.sound} 起。只把“是”算作判断，金标准存疑的不计。",
        "",
        *_sides(found),
        "",
        "差的区间与 p 值（双侧）出自对案件的配对自助抽样，两个模型用同样的样本。",
        "",
        f"按案件与标签逐一比较：乙判对而甲判错 {len(gains)} 处（得），甲判对而乙判错 {len(losses)} 处（失）；"
        f"McNemar 精确检验 p = {number(found.mcnemar_p, 3)}（把每一处当作独立的）。",
        "",
        *_labels(found),
        "",
    ]
    if errors and found.changes:
        lines += [LEGEND, ""]
    for title, changes in (("失", losses), ("得", gains)):
        if errors and changes:
            listed = changes[:errors]
            lines += [f"## 乙之所{title}（共 {len(changes)} 处，列出 {len(listed)} 处）", ""]
            lines += [line for change in listed for line in _change(change)]
    return "\n".join(lines).rstrip() + "\n"
