"""Can the writer be told by style: test's or dev's passes from train's, the pass within train, labelled from sound.

    python benchmarks/style.py data/gold -o docs/style.md

In: gold cases of all splits. Out, in Markdown, figures alone; no word of any text is printed. Style is read by
character n-grams (TF-IDF, logistic regression); a writing pass is never on both sides of a split. The chance that a
case of an unseen test pass looks more like test than a case of an unseen train pass is an AUC for each two passes;
their mean is reported, with an interval over passes, beside what as many passes of train drawn at random give when set
against the rest of train. Labelled cases are told from sound ones within passes that the model has not seen.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nlp import load_codebook
from nlp.evaluate import Figure
from nlp.gold import GoldCase, load_gold

Array = NDArray[Any]
FOLDS, RESAMPLES, DRAWS, FEATURES, USUAL = 5, 1000, 20, 50_000, 150
_MARKS = "，。；：、？“《（—…"
_SENTENCE = re.compile("[。！？；\n]")


# ------------------------------------------------------------ what is read of a text


def grams(texts: Sequence[str]) -> Any:
    """Character 1- to 3-grams as TF-IDF, n texts x features; seen without splits, labels and passes."""
    reader = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=3, max_features=FEATURES, sublinear_tf=True)
    return reader.fit_transform(texts).tocsr()


def distorted(texts: Sequence[str]) -> list[str]:
    """The texts with all but the ``USUAL`` commonest characters and marks masked (Stamatatos 2017)."""
    usual = {character for character, _ in Counter("".join(texts)).most_common(USUAL)}
    return ["".join(one if one in usual else "□" for one in text) for text in texts]


TRAITS: dict[str, Any] = {
    "字数": len,
    "段数": lambda text: text.count("\n") + 1,
    "平均句长": lambda text: len(text) / max(1, len(_SENTENCE.findall(text))),
    "数字占比": lambda text: sum(one.isdigit() for one in text) / len(text),
    **{f"每百字的 {mark}": lambda text, mark=mark: 100 * text.count(mark) / len(text) for mark in _MARKS},
}


def traits(texts: Sequence[str]) -> Array:
    """The surface traits, n texts x traits."""
    return np.array([[trait(text) for trait in TRAITS.values()] for text in texts], dtype=np.float64)


def openings(texts: Sequence[str]) -> Array:
    """Which of the usual first two characters a text begins with, n x openings."""
    first = [text[:2] for text in texts]
    return np.asarray(
        CountVectorizer(analyzer=lambda one: [one], min_df=10, max_features=200).fit_transform(first).todense()
    )


def rarity(cases: Sequence[GoldCase]) -> Array:
    """The mean place of the surnames in the list of surnames, n x 1; NaN where gold names nobody."""
    known = str(load_codebook()["surnames"]["single"]["names"])
    place = {surname: n for n, surname in reversed(list(enumerate(known)))}
    found = [
        [place.get(s.name[0], len(known)) for s in case.fields.subjects if s.kind == "person" and s.name]
        if case.fields
        else []
        for case in cases
    ]
    return np.array([[mean(one) if one else np.nan] for one in found])


# ------------------------------------------------------------ one split against another


def _reader() -> SGDClassifier:
    return SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=30, tol=1e-3, class_weight="balanced", random_state=0)


@dataclass(frozen=True)
class Apart:
    """The AUC of each pass of the one side against each of the other, as matrix; its mean with an interval."""

    table: Array

    @property
    def figure(self) -> Figure:
        rng = np.random.default_rng(0)
        rows, columns = self.table.shape
        drawn = [
            np.nanmean(self.table[np.ix_(rng.integers(rows, size=rows), rng.integers(columns, size=columns))])
            for _ in range(RESAMPLES)
        ]
        return Figure(float(np.nanmean(self.table)), *map(float, np.quantile(drawn, [0.025, 0.975])))


def apart(read: Any, passes: Array, other: Array, model: Any, *, rounds: int = FOLDS, seed: int = 0) -> Apart:
    """Tell the cases of ``other`` from the rest, each two passes by a model that saw neither of them."""
    theirs = np.unique(passes[other])
    ours = np.random.default_rng(seed).permutation(np.unique(passes[~other]))
    parts = np.array_split(ours, len(theirs))
    table = np.full((len(theirs), len(ours)), np.nan)
    column = {name: n for n, name in enumerate(ours)}
    for turn in range(min(rounds, len(theirs))):
        for row, name in enumerate(theirs):
            part = parts[(row + turn) % len(parts)]
            seen = ~np.isin(passes, [name, *part])
            fitted = clone(model).fit(read[seen], other[seen])
            theirs_said = fitted.decision_function(read[passes == name])
            for one in part:
                ours_said = fitted.decision_function(read[passes == one])
                table[row, column[one]] = _auc(theirs_said, ours_said)
    return Apart(table)


def _auc(high: Array, low: Array) -> float:
    if not (len(high) and len(low)):
        return float("nan")
    truth = np.concatenate([np.ones(len(high)), np.zeros(len(low))])
    return float(roc_auc_score(truth, np.concatenate([high, low])))


def by_chance(read: Any, passes: Array, size: int, model: Any) -> list[float]:
    """The AUC of ``size`` passes drawn at random against the rest, ``DRAWS`` times."""
    rng = np.random.default_rng(1)
    names = np.unique(passes)
    found = []
    for draw in range(DRAWS):
        other = np.isin(passes, rng.choice(names, size, replace=False))
        found.append(float(np.nanmean(apart(read, passes, other, model, rounds=1, seed=draw).table)))
    return found


# ------------------------------------------------------------ the pass, and sound against labelled


def which_pass(read: Any, passes: Array) -> tuple[float, float, float]:
    """How often the pass of an unseen case is told, the share of the commonest pass, and one over the passes."""
    right = np.zeros(len(passes), dtype=bool)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for seen, unseen in folds.split(np.zeros(len(passes)), passes):
        right[unseen] = _reader().fit(read[seen], passes[seen]).predict(read[unseen]) == passes[unseen]
    _, counts = np.unique(passes, return_counts=True)
    return float(right.mean()), float(counts.max() / len(passes)), 1 / len(counts)


def labelled_told(read: Any, labelled: Array, passes: Array, train: Array, model: Any) -> tuple[Figure, Figure]:
    """The AUC of labelled against sound within each pass, by models that saw nothing of it; mean and interval.

    The first of the passes of train, the second of the others, by a model of all of train.
    """
    said = np.zeros(len(labelled))
    known = np.flatnonzero(train)
    folds = [(known[seen], known[unseen]) for seen, unseen in GroupKFold(FOLDS).split(known, groups=passes[known])]
    for seen, unseen in (*folds, (known, np.flatnonzero(~train))):
        said[unseen] = clone(model).fit(read[seen], labelled[seen]).predict_proba(read[unseen])[:, 1]
    inside, outside = (_within(said[own], labelled[own], passes[own]) for own in (train, ~train))
    return inside, outside


def _within(said: Array, labelled: Array, passes: Array) -> Figure:
    within = []
    for name in np.unique(passes):
        high, low = (said[(passes == name) & (labelled == one)] for one in (True, False))
        if len(high) and len(low):
            within.append(_auc(high, low))
    drawn = np.random.default_rng(0).choice(within, (RESAMPLES, len(within))).mean(axis=1)
    return Figure(float(np.mean(within)), *map(float, np.quantile(drawn, [0.025, 0.975])))


# ------------------------------------------------------------ the page


def splits_section(cases: Sequence[GoldCase], read: Any, masked: Any, seen: Array) -> list[str]:
    """Test and dev against train, by n-grams, by those of masked texts, and by traits."""
    split, passes = (np.array([getattr(case, key) for case in cases]) for key in ("split", "author_pass"))
    plain = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    lines = [
        "| 对比 | 撰写批次 | 读什么 | AUC（95 % 区间） | 随机抽同样多的 train 批次：平均（范围） | 其中不低于它的 |",
        "|---|---|---|---|---|---|",
    ]
    train, singly = split == "train", list[str]()
    sound = np.array([not case.labels for case in cases])
    for name in ("test", "dev"):
        either = train | (split == name)
        size = len(np.unique(passes[split == name]))
        for what, table, model, own in (
            ("字的 n 元组", read, _reader(), sound | True),
            ("同上，只有无标签的案件", read, _reader(), sound),
            (f"同上，只留最常用的 {USUAL} 字", masked, _reader(), sound | True),
            ("表面特征", seen, plain, sound | True),
        ):
            both, ours = either & own, train & own
            told = apart(table[both], passes[both], split[both] == name, model)
            found = told.figure
            chance = by_chance(table[ours], passes[ours], size, model)
            singly.append(f"* {name}，{what}：{'，'.join(f'{one:.2f}' for one in np.nanmean(told.table, axis=1))}")
            above = sum(one >= found.value for one in chance)
            lines.append(
                f"| train / {name} | {len(np.unique(passes[train]))} / {size} | {what} | {_with_interval(found)} | "
                f"{mean(chance):.3f}（{min(chance):.3f}–{max(chance):.3f}） | {above} / {len(chance)} |"
            )
    return [*lines, "", "test（dev）的各个批次分开看：", "", *singly]


def traits_by_split(cases: Sequence[GoldCase], seen: Array) -> list[str]:
    """The median over passes of the mean of each trait, by split."""
    lines = ["| 特征（各批次均值的中位数；括号内为最低、最高的批次） | train | dev | test |", "|---|---|---|---|"]
    keys = [(case.split, case.author_pass) for case in cases]
    for n, name in enumerate(TRAITS):
        cells = []
        for split in ("train", "dev", "test"):
            own = {key for key in keys if key[0] == split}
            means = [float(seen[[at for at, one in enumerate(keys) if one == key], n].mean()) for key in own]
            digits = 0 if median(means) >= 20 else 3 if "占比" in name else 2
            cells.append(f"{median(means):.{digits}f}（{min(means):.{digits}f}–{max(means):.{digits}f}）")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def labelled_section(cases: Sequence[GoldCase], read: Any, seen: Array) -> list[str]:
    """Labelled against sound cases of train and dev, trait by trait and together."""
    claimed = np.array([any(one.verdict == "yes" for one in case.labels.values()) for case in cases])
    sure = np.array([bool(found) or not case.labels for found, case in zip(claimed, cases, strict=True)])
    passes = np.array([case.author_pass for case in cases])
    train = np.array([case.split == "train" for case in cases])
    plain = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    trees = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=15, random_state=0)
    first, rare = openings([case.text for case in cases]), rarity(cases)
    named = sure & ~np.isnan(rare[:, 0])
    rows = [
        *((name, seen[:, [n]], plain, sure) for n, name in enumerate(TRAITS)),
        ("开头两字", first, plain, sure),
        ("姓氏的罕见程度（有标注者）", rare, plain, named),
        ("**以上除姓氏外，线性**", np.hstack([seen, first]), plain, sure),
        ("**以上除姓氏外，提升树**", np.hstack([seen, first]), trees, sure),
        ("对照：字的 n 元组（读内容）", read, _reader(), sure),
    ]
    lines = ["| 读什么 | 案件（train，dev） | train，AUC（95 % 区间） | dev |", "|---|---|---|---|"]
    for name, table, model, given in rows:
        found = labelled_told(table[given], claimed[given], passes[given], train[given], model)
        count = f"{(given & train).sum()}，{(given & ~train).sum()}"
        lines.append(f"| {name} | {count} | {' | '.join(map(_with_interval, found))} |")
    return lines


def _with_interval(figure: Figure) -> str:
    return f"{figure.value:.3f}（{figure.low:.3f}–{figure.high:.3f}）"


def page(cases: Sequence[GoldCase], command: str) -> str:
    """The whole page, in Chinese Markdown."""
    texts = [case.text for case in cases]
    read, masked, seen = grams(texts), grams(distorted(texts)), traits(texts)
    train = np.array([case.split == "train" for case in cases])
    passes = np.array([case.author_pass for case in cases])[train]
    told, commonest, even = which_pass(read[train], passes)
    shown = np.array([case.split != "test" for case in cases])
    known = [case for case in cases if case.split != "test"]
    return "\n".join(
        [
            "# 能不能凭文风认出作者",
            "",
            "分类器若学到的是作者而不是问题，测试就不可信。0.5 是猜；只有数字，没有任何正文。",
            "",
            "## train 与 test、dev",
            "",
            "未见过的两个批次各取一案，模型认为前者更像 test（dev）的机会，各对批次平均；区间按批次重抽样。"
            f"右边是对照：从 train 随机抽同样多的批次当作“另一方”，{DRAWS} 次。"
            "n 元组读得到题材；只留最常用字，剩下的才多半是文风。",
            "",
            *splits_section(cases, read, masked, seen),
            "",
            *traits_by_split(cases, seen),
            "",
            "## train 之内认批次",
            "",
            f"凭字的 n 元组认出未见案件属于 {len(np.unique(passes))} 个批次的哪一个，正确 {100 * told:.1f} %"
            f"（{FOLDS} 折交叉验证；全猜最大的批次 {100 * commonest:.1f} %，均匀地猜 {100 * even:.1f} %）。",
            "",
            "## 表面特征认不认得出有问题的案件",
            "",
            "有“成立”标签的案件与没有任何标签的，AUC 在每个未见批次之内计算再平均："
            "train 按批次留出，dev 由整个 train 来认。",
            "",
            *labelled_section(known, read[shown], seen[shown]),
            "",
            "```sh",
            command,
            "```",
            "",
        ]
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    told = page(
        load_gold(given.gold),
        f"python benchmarks/style.py {given.gold}{f' -o {given.output}' if given.output else ''}",
    )
    if given.output:
        given.output.write_text(told, encoding="utf-8")
    else:
        print(told)


if __name__ == "__main__":
    main()
