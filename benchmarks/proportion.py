"""What the proportion of measures tells of the gold: each finding alone, beside the rules, beside a model.

    python benchmarks/proportion.py data/gold --model ensemble -o docs/proportion.md

In: gold cases of train and dev. Out, in Markdown: precision and recall of each check of scale.toml, what it adds beside
the rules (train and dev) and beside a model (dev only, which no model was fitted on), how often the figures abstain and
why pairs do not compare, and how little the figures alone would tell. A gold label that is unsure counts for neither.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlp import analyze, load_codebook
from nlp.classify import load_model
from nlp.classify.decide import decide
from nlp.gold import GoldCase, load_gold
from nlp.law.proportion import LEAST_RANKED, Proportions, is_inverted, lower_first, proportion_findings, proportions
from nlp.types import Analysis, Finding, IssueId, Notice


@dataclass(frozen=True)
class Read:
    """A gold case, what the rules and the checks say of it, and its proportions, one each a case that was split off."""

    gold: GoldCase
    analyses: tuple[Analysis, ...]
    proportions: tuple[Proportions, ...]
    checks: tuple[Finding, ...]

    def is_yes(self, label: IssueId) -> bool | None:
        """The gold's verdict; None where it is unsure."""
        judged = self.gold.labels.get(label)
        return False if judged is None else None if judged.verdict == "unsure" else True

    def claims(self, label: IssueId, *, law: bool) -> bool:
        """Whether ``yes`` is said of the label, by the rules alone or with the checks beside them."""
        found = (f for one in self.analyses for f in one.findings if law or f.by != "law")
        return any(f.issue == label and f.verdict == "yes" for f in found)


def read(case: GoldCase) -> Read:
    """Run the whole path on a gold case, and every check as if the rules had said nothing."""
    analyses = tuple(analyze(Notice(id=case.id, text=case.text)))
    checks = [finding for one in analyses for finding in proportion_findings(one.case, one.extraction)]
    return Read(case, analyses, tuple(proportions(one.extraction) for one in analyses), tuple(checks))


def with_model(one: Read, named: str, *, law: bool) -> frozenset[IssueId]:
    """The labels claimed as ``yes`` with a model beside the rules, with the checks or without."""
    model = load_model(named)
    yes = set()
    for analysis in one.analyses:
        scores, disputed = model.scores(analysis.case.text), model.disputed(analysis.case.text)
        ruled = [finding for finding in analysis.findings if law or finding.by != "law"]
        found = decide(scores, ruled, thresholds=model.thresholds, by=named, disputed=disputed)
        yes |= {finding.issue for finding in found if finding.issue and finding.verdict == "yes"}
    return frozenset(yes)


# ------------------------------------------------------------ tables


def _share(right: int, wrong: int) -> str:
    return f"{right}/{right + wrong}" + (f"（{right / (right + wrong):.2f}）" if right + wrong else "")


def _counts(reads: Iterable[Read], label: IssueId, fires: Callable[[Read], bool]) -> tuple[int, int]:
    """Right and wrong firings."""
    told = Counter(one.is_yes(label) for one in reads if fires(one))
    return told[True], told[False]


def _fires(name: str) -> Callable[[Read], bool]:
    return lambda one: any(finding.rule == name for finding in one.checks)


def checks_table(reads: Sequence[Read]) -> list[str]:
    """Each check alone, and the cases in which it says what the rules do not."""
    lines = [
        "| 检查 | 标签 | 判断 | train 准确 | dev 准确 | 合计准确 | 合计召回 | 规则未认定“成立”时 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, check in load_codebook()["scale"].settings["check"].items():
        label = check["issue"]
        splits = [[one for one in reads if one.gold.split == split] for split in ("train", "dev")]
        train, dev = (_counts(part, label, _fires(name)) for part in splits)
        both = (train[0] + dev[0], train[1] + dev[1])
        positives = sum(one.is_yes(label) is True for one in reads)
        alone = _counts((one for one in reads if not one.claims(label, law=False)), label, _fires(name))
        verdict = "成立" if check["verdict"] == "yes" else "存疑"
        lines.append(
            f"| `{name}` | `{label}` | {verdict} | {_share(*train)} | {_share(*dev)} | {_share(*both)} | "
            f"{both[0]}/{positives}（{both[0] / positives:.2f}） | {_share(*alone)} |"
        )
    return lines


def beside_table(reads: Sequence[Read], model: str | None) -> list[str]:
    """``yes`` right and wrong of the labels concerned, without and with the checks."""
    dev = [one for one in reads if one.gold.split == "dev"]
    labels = list(dict.fromkeys(check["issue"] for check in load_codebook()["scale"].settings["check"].values()))
    ways: list[tuple[str, Sequence[Read], Callable[[Read, IssueId, bool], bool]]] = [
        ("规则，train + dev", reads, lambda one, label, law: one.claims(label, law=law)),
        ("规则，dev", dev, lambda one, label, law: one.claims(label, law=law)),
    ]
    if model:
        told = {(one.gold.id, law): with_model(one, model, law=law) for one in dev for law in (False, True)}
        ways.append((f"规则 + {model}，dev", dev, lambda one, label, law: label in told[one.gold.id, law]))
    lines = ["| 已有判断 | 标签 | 不用检查：对、错 | 加上检查：对、错 | 增减 |", "|---|---|---|---|---|"]
    for name, cases, claims in ways:
        for label in labels:
            before = _counts(cases, label, lambda one: claims(one, label, False))  # noqa: B023
            after = _counts(cases, label, lambda one: claims(one, label, True))  # noqa: B023
            step = f"对 {after[0] - before[0]:+d}，错 {after[1] - before[1]:+d}"
            lines.append(f"| {name} | `{label}` | {before[0]}、{before[1]} | {after[0]}、{after[1]} | {step} |")
    return lines


# What no finding rests on, and the labels it might have spoken for.
FIGURES: Mapping[str, tuple[tuple[IssueId, ...], Callable[[Proportions], bool]]] = {
    "职务低者处理较重，责任不更重（倒挂）": (
        ("uneven_weight", "deputy_for_chief", "junior_for_senior"),
        lambda p: bool(p.inversions),
    ),
    "职务低者处理较重，责任未载明": (
        ("uneven_weight", "deputy_for_chief", "junior_for_senior"),
        lambda p: any(
            pair.measures.order == "above" and pair.responsibility.order == "unknown" for pair in lower_first(p.pairs)
        ),
    ),
    "责任下移指数 > 0": (
        ("uneven_weight", "deputy_for_chief", "junior_for_senior"),
        lambda p: (p.blame_shift or 0) > 0,
    ),
    "正副差指数 > 0": (("uneven_weight", "deputy_for_chief"), lambda p: (p.chief_deputy_gap or 0) > 0),
    "职务、责任都相当而处理不同": (
        ("uneven_weight",),
        lambda p: any(
            pair.posts.order == pair.responsibility.order == "level" and pair.measures.order in ("above", "below")
            for pair in p.pairs
        ),
    ),
}


def figures_table(reads: Sequence[Read]) -> list[str]:
    """How often each figure would have been right as a claim."""
    lines = ["| 数值 | 假如据以认定 | 准确 |", "|---|---|---|"]
    for name, (labels, holds) in FIGURES.items():
        for label in labels:
            counts = _counts(reads, label, lambda one: any(map(holds, one.proportions)))  # noqa: B023
            lines.append(f"| {name} | `{label}` | {_share(*counts)} |")
    return lines


def abstaining(reads: Sequence[Read]) -> list[str]:
    """How many cases have each figure, and why pairs do not compare."""
    every = [one for each in reads for one in each.proportions]
    pairs = [pair for one in every for pair in one.pairs]
    several = sum(len(one.people) > 1 for one in every)
    why = Counter(
        "处理分属不同种类而同在一种形态，或没有规定分轻重"
        if pair.measures.why and "分属" in pair.measures.why
        else "处理的种类没有载明"
        if pair.measures.why and "载明种类" in pair.measures.why
        else "一方没有能排轻重的处理"
        if pair.measures.why
        else "职务高低比不出"
        for pair in pairs
        if pair.why_not
    )
    shifts = [one.blame_shift for one in every if one.blame_shift is not None]
    gaps = [one.chief_deputy_gap for one in every if one.chief_deputy_gap is not None]
    return [
        f"* {len(every)} 案，其中 {several} 案有两人以上受到已作出的处理，共 {len(pairs)} 对；"
        f"处理可比的 {sum(pair.measures.order != 'unknown' for pair in pairs)} 对"
        f"（其中靠四种形态才可比的 {sum(pair.measures.by == 'form' for pair in pairs)} 对），"
        f"职务也可比的 {sum(pair.why_not is None for pair in pairs)} 对。",
        f"* 不可比的缘由：{'；'.join(f'{reason} {count} 对' for reason, count in why.most_common())}。",
        f"* 责任下移指数有值 {len(shifts)} 案，大于 0 的 {sum(s > 0 for s in shifts)} 案；"
        f"正副差指数有值 {len(gaps)} 案，大于 0 的 {sum(g > 0 for g in gaps)} 案；"
        f"倒挂 {sum(bool(one.inversions) for one in every)} 案"
        f"（{sum(is_inverted(pair) for one in every for pair in lower_first(one.pairs))} 对）。",
    ]


def page(reads: Sequence[Read], model: str | None, command: str) -> str:
    """The whole page, in Chinese Markdown."""
    mark = f"；{model}：{load_model(model).mark}" if model else ""
    return "\n".join(
        [
            "# 一案之内，轻重相称与否",
            "",
            "`nlp.law.proportion` 把一案中各人已作出的处理放在一起比：职务谁高、责任谁重、处理谁轻。"
            "处理怎样比，见 `nlp.scale`（跨案比较也用它）：处理记作向量，一族一架梯子（`nlp/codebook/scale.toml`），"
            "从不相加；"
            "**没有载明不当作没有**。双方都有的梯子上有高无低，而较轻的一方没有对方所无的种类，才算较重；否则只有分属四种形态中不同的一种"
            "才分得出轻重（如政务撤职重于诫勉），分不出的记为不可比（如党内警告与免职，党内警告与党内警告并政务记过）。"
            "种类没有载明的处理（“相应处理”）、"
            "没有载明的职务和责任，也都记为不可比，并说明缘由。只看已经决定的处理，拟作的、已撤销的不算。",
            "",
            "三个数值（`proportions(extraction)`）：",
            "",
            "* **倒挂**：职务较低者处理较重，而其责任并不更重（二人的责任都须载明）。",
            "* **责任下移指数**，−1 到 1：级别不同、处理可比的各对中，低者较重的份额减去高者较重的份额（Somers' d）。"
            f"级别可知的人少于 {LEAST_RANKED} 个时不给。",
            "* **正副差指数**，−1 到 1：同一单位正职与副职（班子成员）各对中，副职较重的份额减去正职较重的份额。",
            "",
            "它们写在每一行结果的 `proportion` 里，`wenze explain` 有值就显示，"
            "`wenze corpus` 按年份、地区、机关层级、机关给出平均数和区间。",
            "",
            "## 据此作出的认定",
            "",
            f"train、dev 共 {len(reads)} 案，金标准为存疑的不计{mark}。"
            "合计准确率不低于 0.8、认定不少于 20 次的记“成立”，其余记“存疑”；不到 0.4 的不作认定，只留数值。",
            "",
            *checks_table(reads),
            "",
            "加在已有判断之上（只算“成立”；规则已经认定的不重复认定）：",
            "",
            *beside_table(reads, model),
            "",
            "## 只留作数值的",
            "",
            "级别低而处理重，在通报里多半是因为低者是直接行为人；责任没有载明时只凭级别和轻重说话，十次有八九次是错的。"
            "倒挂的准确率来自其中责任分出轻重的各对，上面的检查已经认定；其余不作认定，供人比对，也供多案统计使用。",
            "",
            *figures_table(reads),
            "",
            "## 有多少能比",
            "",
            *abstaining(reads),
            "",
            "金标准的 train、dev 是写规则时看过的，上面的准确率偏于乐观；样本由人编写，比例不代表真实通报。",
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
    parser.add_argument("--model", help="a model's name or folder, to hold the checks against on dev")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    cases = [*load_gold(given.gold, "train"), *load_gold(given.gold, "dev")]
    command = f"python benchmarks/proportion.py {given.gold}" + (f" --model {given.model}" if given.model else "")
    command += f" -o {given.output}" if given.output else ""
    told = page([read(case) for case in cases], given.model, command)
    if given.output:
        given.output.write_text(told, encoding="utf-8")
    else:
        print(told)


if __name__ == "__main__":
    main()
