"""Models side by side as a Chinese Markdown page and a figure; never computes a figure of quality.

In: a ``Quality``. Out: text, and an image by matplotlib where it is asked for (label ids and English words alone, so
that it needs no Chinese font).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nlp.codebook import load_codebook
from nlp.evaluate import Paired, Prf
from nlp.quality import Cost, Fare, Quality, Share
from nlp.report.evaluation import interval, number
from nlp.report.marked import plain

_COLOURS = ("#0b5394", "#e69138", "#6aa84f", "#a64d79", "#666666", "#45818e")
_OPTIMISTIC = (
    "训练模型从 train 学得，又在 dev 上选轮次、校准、选阈值，合成模型的权重也在 dev 上学得（这里未作交叉验证），"
    "所以除 test 以外的成绩都偏乐观，合成模型与其成员之差、ECE 尤甚；p 值不计这种偏差。"
)
_SEEDS = {"micro_f1": "微平均 F1", "macro_f1": "宏平均 F1", "mean_area": "平均 PR-AUC", "alarmed": "误报率"}


def markdown(found: Quality, *, command: str, split: str, figure: str = "") -> str:
    """The page; ``figure`` is where the image lies, seen from the page."""
    lines = [
        "# 模型质量比较",
        "",
        "```sh",
        command,
        "```",
        "",
        f"划分：{split or '全部'}；案件 {found.cases} 起，其中没有问题的 {found.sound} 起。"
        f"编码手册指纹 `{found.codebook}`，程序 `{found.code}`。",
        "",
        *(f"* {plain(one.name)}：{'、'.join(f'`{mark}`' for mark in one.marks)}" for one in found.models),
        "",
        "每个模型都与规则并用，与 wenze score 相同；同样的案件，只有“是”算作判断，金标准存疑的不计。"
        "括号内是对案件自助抽样的 95% 区间。有几个种子的模型，表中是第一个。",
        "",
        *([_OPTIMISTIC, ""] if split != "test" else []),
        *([f"![模型质量]({figure})", ""] if figure else []),
        "## 判断、证据与校准",
        "",
        *_table("指标", found, _JUDGED),
        "",
        "误报率：没有问题的案件中判出“是”的；提及率：判出“是”或“存疑”的。"
        "证据只看判对的“是”：逐分句 F1 是模型所指分句与金标准证据所在分句之比；触及是模型所指与金标准证据有重合的。"
        "标签与证据合计：标签判对且证据触及才算对，否则既算多出也算漏掉。ECE 分十等份。",
        "",
    ]
    if any(one.cost for one in found.models):
        timed = max(one.cost.timed for one in found.models if one.cost)
        lines += [
            "## 开销",
            "",
            *_table("指标", found, _COSTS),
            "",
            f"速度与内存在新开的进程里测得，走完整条流程（清洗、切分、抽取、规则、模型），每次一起，共 {timed} 起案件；"
            "首案用时含装入模型与词典。大小不计模型卡与成绩单，合成模型含其成员。",
            "",
        ]
    if any(one.seeds for one in found.models):
        lines += ["## 种子之间", "", *_seeds(found), ""]
    if found.pairs:
        lines += [
            "## 两两比较",
            "",
            *_pairs(found),
            "",
            "差的区间与 p 值（双侧）出自对案件的配对自助抽样，两个模型用同样的样本；p 值未作多重比较校正。",
            "",
        ]
    return "\n".join([*lines, "## 各标签", "", *_labels(found)]) + "\n"


def _prf(one: Prf) -> str:
    return f"{number(one.precision, 3)} / {number(one.recall, 3)}"


def _share(one: Share) -> str:
    if math.isnan(one.share.value):
        return "—"
    return f"{one.share.value:.1%}（{one.share.low:.1%}–{one.share.high:.1%}），{one.count}/{one.of}"


_JUDGED: dict[str, Callable[[Fare], str]] = {
    "宏平均 F1": lambda one: interval(one.macro_f1, 3),
    "微平均 F1": lambda one: interval(one.micro.f1, 3),
    "微平均准确率 / 召回率": lambda one: _prf(one.micro),
    "平均 PR-AUC": lambda one: interval(one.mean_area, 3),
    "误报率": lambda one: _share(one.alarmed),
    "提及率": lambda one: _share(one.mentioned),
    "证据逐分句 F1": lambda one: interval(one.evidence.f1, 3),
    "证据逐分句准确率 / 召回率": lambda one: _prf(one.evidence),
    "证据触及金标准": lambda one: _share(one.touching),
    "标签与证据合计 F1": lambda one: interval(one.joint.f1, 3),
    "ECE，全部判断": lambda one: number(one.calibration, 3),
    "ECE，各标签平均": lambda one: number(one.label_calibration, 3),
}


def _cost(tell: Callable[[Cost], str]) -> Callable[[Fare], str]:
    return lambda one: tell(one.cost) if one.cost else "—"


_COSTS: dict[str, Callable[[Fare], str]] = {
    "大小（MB）": _cost(lambda one: f"{one.size / 1e6:.1f}" if one.size else "—"),
    "每秒案件": _cost(lambda one: f"{one.cases_a_second:.1f}"),
    "首案用时（秒）": _cost(lambda one: f"{one.first_seconds:.1f}"),
    "内存峰值（MB）": _cost(lambda one: "—" if one.memory is None else f"{one.memory / 1e6:.0f}"),
    "训练用时（秒）": _cost(lambda one: "—" if one.trained_seconds is None else f"{one.trained_seconds:.0f}"),
}


def _head(*names: str) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"


def _table(what: str, found: Quality, rows: dict[str, Callable[[Fare], str]]) -> Iterator[str]:
    yield from _head(what, *(plain(one.name) for one in found.models))
    for name, tell in rows.items():
        yield f"| {name} | {' | '.join(tell(one) for one in found.models)} |"


def _seeds(found: Quality) -> Iterator[str]:
    yield from _head("模型（均值 ± 标准差）", "种子数", *_SEEDS.values())
    for one in found.models:
        if one.seeds:
            spreads = (one.seeds[key] for key in _SEEDS)
            cells = [f"{number(spread.mean, 3)} ± {number(spread.deviation, 3)}" for spread in spreads]
            yield f"| {plain(one.name)} | {len(one.folders)} | {' | '.join(cells)} |"


def _pairs(found: Quality) -> Iterator[str]:
    def cells(one: Paired) -> str:
        return f"{interval(one.difference, 3)} | {number(one.p, 3)}"

    yield from _head("乙减甲", "宏平均 F1", "p", "微平均 F1", "p", "平均 PR-AUC", "p")
    for pair in found.pairs:
        told = " | ".join(cells(one) for one in (pair.macro, pair.micro, pair.area))
        yield f"| {plain(pair.second)} 减 {plain(pair.first)} | {told} |"


def _labels(found: Quality) -> Iterator[str]:
    names = [plain(one.name) for one in found.models]
    yield from _head("标签", "正例", *(f"{name} PR-AUC" for name in names), *(f"{name} F1" for name in names))
    for issue in load_codebook().issues:
        areas = [number(one.areas[issue.id], 3) for one in found.models]
        scores = [number(one.labels[issue.id].f1.value, 3) for one in found.models]
        yield f"| `{issue.id}` {issue.name} | {found.positives[issue.id]} | {' | '.join([*areas, *scores])} |"


# ------------------------------------------------------------ figure


def figure(found: Quality, path: Path) -> None:
    """Figures with intervals, reliability, and PR-AUC by label; by the ending of ``path``. Needs matplotlib."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(14, 5), layout="constrained")
    marks, curves, labels = drawn.subplots(1, 3, width_ratios=(3, 3, 4))
    _draw_figures(marks, found)
    _draw_reliability(curves, found)
    _draw_labels(labels, found)
    for axes in (marks, curves, labels):
        axes.spines[["top", "right"]].set_visible(False)
    drawn.savefig(path, dpi=120)


def _named(found: Quality) -> list[tuple[str, str, Fare]]:
    """Each model with a name that every font has, and its colour."""
    return [
        (one.name if one.name.isascii() else f"model {n + 1}", _COLOURS[n % len(_COLOURS)], one)
        for n, one in enumerate(found.models)
    ]


def _draw_figures(axes: Any, found: Quality) -> None:
    kinds = ("macro F1", "micro F1", "mean PR-AUC", "evidence F1", "label + evidence F1")
    for n, (_, colour, one) in enumerate(_named(found)):
        told = (one.macro_f1, one.micro.f1, one.mean_area, one.evidence.f1, one.joint.f1)
        rows = [row + 0.7 * (n + 0.5) / len(found.models) - 0.35 for row in range(len(kinds))]
        axes.hlines(rows, [x.low for x in told], [x.high for x in told], color=colour)
        axes.plot([x.value for x in told], rows, "o", color=colour, markersize=4)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_title("95% intervals over cases")


def _draw_reliability(axes: Any, found: Quality) -> None:
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    for name, colour, one in _named(found):
        told, true = [x.told for x in one.bins], [x.true for x in one.bins]
        axes.plot(told, true, "o-", color=colour, markersize=4, label=f"{name}, ECE {one.calibration:.3f}")
    axes.set_xlabel("probability told")
    axes.set_ylabel("share judged yes")
    axes.legend(frameon=False, fontsize="small")
    axes.set_title("reliability")


def _draw_labels(axes: Any, found: Quality) -> None:
    labels = load_codebook().labels
    for _, colour, one in _named(found):
        axes.plot([one.areas[label] for label in labels], range(len(labels)), "o", color=colour, markersize=4)
    axes.set_yticks(range(len(labels)), labels, fontsize="small")
    axes.invert_yaxis()
    axes.grid(axis="y", color="#eeeeee")
    axes.set_xlim(0, 1)
    axes.set_title("PR-AUC by label")
