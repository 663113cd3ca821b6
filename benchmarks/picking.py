"""Does picking help: learning curves of the TF-IDF model on train, cases picked by ``wenze pick`` against random ones.

    python benchmarks/picking.py                 # writes docs/picking.md and docs/picking.png (needs matplotlib)

In: data/gold, models/tfidf/metrics.json. Every curve begins with all cases of four author passes; 200 cases are added a
round, from those left. Mean PR-AUC over labels on dev, which is never picked from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify.odds import sigmoid
from nlp.gold import load_gold
from nlp.pick import choose, distances, vectors
from nlp.suspects import settings_of
from nlp.train import thresholds
from nlp.train.calibration import platt
from nlp.train.figures import mean_average_precision, sound_of
from nlp.train.tfidf import Corpus, Fitted, Settings, corpus, fit, out_of_fold

ROOT = Path(__file__).parent.parent
GOLD, MODEL, PAGE, FIGURE = (
    ROOT / part for part in ("data/gold", "models/tfidf", "docs/picking.md", "docs/picking.png")
)
PASSES, BATCH, SEEDS = 4, 200, 3
NAMES = {"picked": "挑选", "random": "随机"}

Array = NDArray[Any]
Choice = Callable[[Fitted, Array, Array, np.random.Generator], Array]


def picked(known: Corpus, settings: Settings, sound: Array, unit: Any) -> Choice:
    """The rows that ``wenze pick`` would choose, of a model trained on what is labelled."""

    def batch(model: Fitted, labelled: Array, left: Array, rng: np.random.Generator) -> Array:
        del rng  # the choice leaves nothing to chance
        own = known.at(labelled)
        margins = out_of_fold(own, settings)
        slope, offset = platt(margins, own.verdicts)
        values = _probabilities(slope, offset, margins)
        _, yes = thresholds.choose(values, own.verdicts, sound[labelled], np.zeros(len(labelled), dtype=bool))
        scores = _probabilities(slope, offset, model.margins(known.counts[left]))
        return np.array([left[row] for row, _ in choose(distances(scores, yes), unit[left], BATCH)])

    return batch


def random(model: Fitted, labelled: Array, left: Array, rng: np.random.Generator) -> Array:
    """Any of the rows that are left."""
    del model, labelled
    return rng.choice(left, min(BATCH, len(left)), replace=False)


def _probabilities(slope: Array, offset: Array, margins: Array) -> Array:
    return sigmoid(slope * margins + offset)


def curve(
    known: Corpus, split: tuple[Array, Array], settings: Settings, by: Choice, *, seed: int
) -> list[tuple[int, float]]:
    """How many cases are labelled, and the mean PR-AUC on dev, round by round; ``split``: rows of train and of dev."""
    train, dev = split
    rng = np.random.default_rng(seed)
    first = rng.permutation(np.unique(known.groups[train]))[:PASSES]
    labelled = train[np.isin(known.groups[train], first)]
    points = []
    while True:
        model = fit(known.at(labelled), settings)
        points.append((len(labelled), mean_average_precision(known.verdicts[dev], model.margins(known.counts[dev]))))
        print(f"seed {seed}: {points[-1][0]} cases, {points[-1][1]:.3f}", flush=True)
        left = np.setdiff1d(train, labelled)
        if len(left) < BATCH:
            return points
        labelled = np.concatenate([labelled, by(model, labelled, left, rng)])


def page(curves: dict[str, list[list[tuple[int, float]]]], whole: tuple[int, float]) -> str:
    """The table and what it says, in Chinese Markdown."""
    lines = [
        "# 挑选案件标注，是否胜过随机",
        "",
        "TF-IDF 模型（参数取自 models/tfidf/metrics.json，不再搜索）在 train 上的学习曲线："
        f"从随机的 {PASSES} 个撰写批次的全部案件起，每轮加 {BATCH} 起，"
        f"或由 `wenze pick` 的办法挑选（没有把握且互不相似），或随机抽取；{SEEDS} 个种子。"
        f"数字是 dev 上各标签 PR-AUC 的平均值，{SEEDS} 个种子的平均（括号内为标准差）。",
        "",
        "| 加入轮数 | 标注的案件（平均） | 挑选 | 随机 | 差 |",
        "|---|---|---|---|---|",
    ]
    gains = []
    for n in range(min(len(one) for found in curves.values() for one in found)):
        sizes = mean(one[n][0] for one in curves["random"])
        values = {name: [one[n][1] for one in found] for name, found in curves.items()}
        cells = [f"{mean(values[name]):.3f}（{stdev(values[name]):.3f}）" for name in NAMES]
        pairs = [a - b for a, b in zip(values["picked"], values["random"], strict=True)]
        gains += pairs if n else []
        lines.append(f"| {n} | {sizes:.0f} | {' | '.join(cells)} | {mean(pairs):+.3f} |")
    won = sum(gain > 0 for gain in gains)
    lines += [
        f"| 全部 | {whole[0]} | {whole[1]:.3f} | {whole[1]:.3f} | |",
        "",
        f"起点之后的 {len(gains)} 对中，挑选高于随机的 {won} 对，平均相差 {mean(gains):+.3f}。"
        "同一种子的各轮并不独立；标注得越多，两者手里的案件越相同，差别自然消失。",
        "",
        "![学习曲线](picking.png)",
        "",
        "```sh",
        "python benchmarks/picking.py",
        "```",
        "",
    ]
    return "\n".join(lines)


def figure(curves: dict[str, list[list[tuple[int, float]]]], path: Path) -> None:
    """Every curve, and the mean of each way."""
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, found), colour in zip(curves.items(), ("#0b5394", "#e69138"), strict=True):
        for one in found:
            axes.plot(*zip(*one, strict=True), color=colour, alpha=0.3, linewidth=1)
        rounds = range(min(map(len, found)))
        sizes, values = ([mean(one[n][part] for one in found) for n in rounds] for part in (0, 1))
        axes.plot(sizes, values, color=colour, linewidth=2, marker="o", markersize=3, label=name)
    axes.set_xlabel("labelled cases of train")
    axes.set_ylabel("mean PR-AUC over labels, dev")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    drawn.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    settings = settings_of(MODEL)
    cases = [*load_gold(GOLD, "train"), *load_gold(GOLD, "dev")]
    known = corpus(cases)
    train, dev = (np.array([n for n, case in enumerate(cases) if case.split == split]) for split in ("train", "dev"))
    unit = vectors([case.text for case in cases])
    ways: dict[str, Choice] = {"picked": picked(known, settings, sound_of(cases), unit), "random": random}
    curves = {
        name: [curve(known, (train, dev), settings, way, seed=seed) for seed in range(SEEDS)]
        for name, way in ways.items()
    }
    margins = fit(known.at(train), settings).margins(known.counts[dev])
    whole = (len(train), mean_average_precision(known.verdicts[dev], margins))
    PAGE.write_text(page(curves, whole), encoding="utf-8")
    figure(curves, FIGURE)


if __name__ == "__main__":
    main()
