"""A run of the speed benchmark as a Chinese Markdown page and a figure; never computes a figure of speed.

In: a ``Speed``. Out: text, and an image by matplotlib where it is asked for (in English, so that it needs no font).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nlp.report.evaluation import number
from nlp.report.marked import plain
from nlp.speed import Speed, Timed

_NAMES = {
    "read": "读 HTML 文件",
    "clean": "清洗",
    "split": "切分案件",
    "segment": "分词",
    "extract": "抽取",
    "rules": "规则",
    "tfidf": "TF-IDF",
    "bert": "BERT（int8）",
    "ensemble": "合成模型",
    "rows": "写成行",
    "clean_to_rules": "清洗到规则",
    "whole_rules": "全程，规则",
    "whole_bert": "全程，BERT",
    "whole_ensemble": "全程，合成模型",
    "regression": "jieba + TfidfVectorizer + LogisticRegression",
    "pipeline_1": "transformers.pipeline，fp32，每批 1",
    "pipeline_16": "transformers.pipeline，fp32，每批 16",
    "pipeline": "transformers.pipeline",
    "uie": "UIE-nano 抽取",
    "one_worker": "一个进程",
    "two_workers": "两个进程",
}


def name_of(key: str) -> str:
    """The Chinese name of a stage or peer; of several, joined by +, all."""
    return " + ".join(_NAMES.get(part, part) for part in key.split("+"))


def markdown(found: Speed, *, command: str, figure: str = "") -> str:
    """The page; ``figure`` is where the image lies, seen from the page."""
    told = "；".join(f"{key} {value}" for key, value in found.machine.items())
    lines = [
        "# 速度",
        "",
        "```sh",
        command,
        "```",
        "",
        f"机器：{plain(told)}。",
        "",
        "文本是合成的通报（同一种子总是同样的文本）。每一行在新开的进程里测得，预热之后计时，不含装入模型与词典。"
        "MB 一律按案件正文的 UTF-8 字节计；每秒指处理器时间的一秒（含子进程），机器有旁人在用时它才可比，墙钟时间在旁。"
        "核数是处理器时间与墙钟时间之比。对手也用同样的案件，都限一个线程。",
        "",
        "## 各阶段与全程",
        "",
        *_timed(found.stages),
        "",
        "## 对手",
        "",
        *_timed(found.peers),
        "",
        *(f"* 未测 {name_of(key)}：{plain(why)}" for key, why in found.skipped.items()),
        *([""] if found.skipped else []),
        "## 倍数",
        "",
        *_ratios(found),
        "",
        "## 开销与规模",
        "",
        "从表格到 JSONL 的整个 `wenze score`（规则，一个进程，预热之后）；“两个进程”一行的墙钟含启动进程与装入词典。",
        "",
        *_growth(found),
        "",
        f"开销 ∝ 案件数的 {number(found.exponent, 3)} 次方（对数最小二乘；1 为线性）。{_flat(found.growth)}",
        "",
        *([f"![开销与规模]({figure})", ""] if figure else []),
    ]
    return "\n".join(lines)


def _head(*names: str) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"


def _memory(one: Timed) -> str:
    return "—" if one.memory is None else f"{one.memory / 1e6:.0f}"


def _timed(timed: Sequence[Timed]) -> Iterator[str]:
    yield from _head("", "MB/秒", "案件/秒", "案件", "处理器秒", "墙钟秒", "核数", "内存峰值（MB）")
    for one in timed:
        figures = (number(one.megabytes), number(one.rate, 1), str(one.cases), number(one.cpu), number(one.wall))
        yield f"| {name_of(one.name)} | {' | '.join(figures)} | {number(one.cores, 1)} | {_memory(one)} |"


def _ratios(found: Speed) -> Iterator[str]:
    yield from _head("", "对比", "倍数（处理器）", "倍数（墙钟）", "目标")
    for one in found.ratios:
        cells = (name_of(one.name), name_of(one.against), number(one.cpu), number(one.wall), f"≥ {one.target:g}")
        yield f"| {' | '.join(cells)} |"


def _growth(found: Speed) -> Iterator[str]:
    yield from _head("案件", "正文 MB", "处理器秒", "墙钟秒", "每千案处理器秒", "内存峰值（MB）")
    for one in found.growth:
        a_thousand = one.cpu / one.cases * 1000
        figures = (f"{one.size / 1e6:.1f}", number(one.cpu, 1), number(one.wall, 1), number(a_thousand))
        yield f"| {one.cases} | {' | '.join(figures)} | {_memory(one)} |"


def _flat(growth: Sequence[Timed]) -> str:
    known = [(one.cases, one.memory) for one in growth if one.memory]
    if len(known) < 2:
        return ""
    (few, before), (many, after) = known[0], known[-1]
    return f"案件多到 {many / few:.0f} 倍，内存峰值是原来的 {after / before:.2f} 倍。"


# ------------------------------------------------------------ figure


def figure(found: Speed, path: Path) -> None:
    """Cost and memory against size, by the ending of ``path``. Needs matplotlib."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10, 4), layout="constrained")
    cost, memory = drawn.subplots(1, 2)
    cases = [one.cases for one in found.growth]
    _draw(cost, cases, [one.cpu for one in found.growth], f"CPU seconds (exponent {found.exponent:.3f})")
    cost.set_xscale("log")
    cost.set_yscale("log")
    held = [math.nan if one.memory is None else one.memory / 1e6 for one in found.growth]
    _draw(memory, cases, held, "peak memory, MB")
    memory.set_xscale("log")
    memory.set_ylim(0, 1.3 * max((one for one in held if not math.isnan(one)), default=1.0))
    drawn.savefig(path, dpi=120)


def _draw(axes: Any, cases: Sequence[int], values: Sequence[float], title: str) -> None:
    axes.plot(cases, values, "o-", color="#0b5394")
    axes.set_xlabel("cases")
    axes.set_title(title)
    axes.grid(color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)
