"""Swaps that must change nothing, and swaps that must: a name or a place decides nothing, a rank or a measure does.

    python benchmarks/metamorphic.py data/gold --split dev --model rules --model tfidf -o docs/metamorphic.md

In: gold cases; the pairs of metamorphic.toml. Out, in Markdown: for each model (the rules always speak beside it, as in
``wenze score``), how often the set of ``yes`` changes and how far probabilities move when people, places, money, days
or quotation marks are swapped; and how many of the pairs are judged right before and after the swap, by label. People
are swapped where gold names them; train gives a sample of its annotated cases, which models have seen.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import analyze, load_codebook
from nlp.classify import RULES, load_model
from nlp.classify.decide import decide
from nlp.codebook import read_toml
from nlp.evaluate import bootstrap
from nlp.gold import GoldCase, load_gold
from nlp.segment import tokenizer
from nlp.types import Analysis, IssueId, Notice

PAIRS = Path(__file__).with_suffix(".toml")
DRAWS = 2  # how often names are drawn anew for a case
_HAN = "\u4e00-\u9fa5"
_PLACE = re.compile(rf"(?:^|[，。；、：“”（）\n市县区旗])([{_HAN}]{{2}})(?=[市县旗镇乡村])")
_MONEY = r"\d+(?:\.\d+)?(?=(?:余|多)?(?:亿|千万|百万|万|千)?元)"
_DAYS = r"\d{2,3}(?=(?:余|多)?天|日(?:内|后|前|之内)|(?:个)?工作日)"
_CLAUSE = re.compile(rf"(?<=[，；。])[{_HAN}]{{5,16}}(?=[，；。])")
_NUMBER = re.compile(rf"(?<![\d.])(?:{_MONEY}|{_DAYS})")

Floats = NDArray[np.float64]
Rewrite = Callable[[GoldCase, random.Random], "str | None"]


# ------------------------------------------------------------ swaps that decide nothing


def rename_people(case: GoldCase, rng: random.Random) -> str | None:
    """Every named person gets another surname and a given name as long, everywhere; 某 stays.

    None without names, and where somebody is also called otherwise (老李, 小王, the given name alone).
    """
    people = [s.name for s in case.fields.subjects if s.kind == "person" and s.name] if case.fields else []
    names = sorted({one for one in people if re.fullmatch(f"[{_HAN}]{{2,4}}", one)}, key=lambda one: (-len(one), one))
    rest = _replaced(case.text, dict.fromkeys(names, "\n"))
    nicknamed = any(re.search(f"[老小]{one[0]}", rest) or (len(one) > 2 and one[1:] in rest) for one in names)
    if not names or nicknamed:
        return None
    new: dict[str, str] = {}
    for name in names:
        new[name] = _fresh(partial(_like, name, rng), {*new.values()}, case.text)
    return _replaced(case.text, new)


def _like(name: str, rng: random.Random) -> str:
    surnames = load_codebook()["surnames"]
    double = len(name) > 2 and name[:2] in surnames["double"]["names"]
    if len(name) == 4 and not double and "某" not in name:
        return str(rng.choice(_words()["four"]))
    surname = str(rng.choice(surnames["double"]["names"] if double else surnames["single"]["names"][:80]))
    given = name[len(surname) :]
    return surname + (given if "某" in given else "".join(rng.sample(_words()["given"], len(given))))


def rename_places(case: GoldCase, rng: random.Random) -> str | None:
    """Every place of two characters that is no word of the language gets another name everywhere."""
    usual = tokenizer().FREQ
    no_name = {*_words()["no_place"]}
    met = {one for one in _PLACE.findall(case.text) if not usual.get(one) and not no_name & {*one}}
    names = sorted(met)[: len(_words()["places"]) // 2]
    new: dict[str, str] = {}
    for name in names:
        new[name] = _fresh(partial(rng.choice, _words()["places"]), {*new.values()}, case.text)
    return _replaced(case.text, new) if new else None


def change_numbers(case: GoldCase, rng: random.Random) -> str | None:
    """Sums of money and numbers of days of two digits and more change in their second digit by one, the like alike."""
    del rng  # nothing is left to chance
    text = _NUMBER.sub(lambda found: _next(found[0]), case.text)
    return text if text != case.text else None


def drop_quotes(case: GoldCase, rng: random.Random) -> str | None:
    """No quotation marks: the same words, not marked as somebody's."""
    del rng
    text = re.sub("[“”]", "", case.text)
    return text if text != case.text else None


def add_quotes(case: GoldCase, rng: random.Random) -> str | None:
    """Two plain clauses of the text stand in quotation marks."""
    clauses = list(_CLAUSE.finditer(case.text))
    if len(clauses) < 2:
        return None
    text = case.text
    for found in sorted(rng.sample(clauses, 2), key=lambda one: -one.start()):
        text = f"{text[: found.start()]}“{found[0]}”{text[found.end() :]}"
    return text


def _next(number: str) -> str:
    digits = [n for n, character in enumerate(number) if character.isdigit()]
    if len(digits) < 2 or number[0] == "0":
        return number
    at = digits[1]
    return number[:at] + (str(int(number[at]) + 1) if number[at] != "9" else "8") + number[at + 1 :]


def _fresh(make: Callable[[], str], taken: set[str], text: str) -> str:
    while (made := make()) in taken or made in text:
        pass
    return made


def _replaced(text: str, new: Mapping[str, str]) -> str:
    if not new:
        return text
    every = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))))
    return every.sub(lambda found: new[found[0]], text)


@cache
def _words() -> dict[str, Any]:
    return read_toml(PAIRS)


SWAPS: dict[str, tuple[Rewrite, int]] = {
    "人名": (rename_people, DRAWS),
    "地名": (rename_places, DRAWS),
    "金额、日数": (change_numbers, 1),
    "去掉引号": (drop_quotes, 1),
    "加上引号": (add_quotes, 1),
}


# ------------------------------------------------------------ what wenze says


@dataclass(frozen=True)
class Said:
    """What wenze says of a text: the labels it claims, and every label's probability in the codebook's order."""

    yes: frozenset[IssueId]
    scores: Floats


@cache
def _ruled(text: str) -> tuple[Analysis, ...]:
    return tuple(analyze(Notice(id="x", text=text)))


@cache
def said(text: str, named: str = RULES) -> Said:
    """Run wenze, with the model ``named`` beside the rules, on a text, but for the evidence of its findings.

    Raises ModelNotAvailable.
    """
    yes, scores = set[IssueId](), np.zeros(len(load_codebook().labels))
    for one in _ruled(text):
        told, findings = one.scores, one.findings
        if named != RULES:
            model = load_model(named)
            own, disputed = model.scores(one.case.text), model.disputed(one.case.text)
            findings = decide(own, findings, thresholds=model.thresholds, by=model.name, disputed=disputed)
            told = {label: max(score, own[label]) for label, score in told.items()}
        yes |= {finding.issue for finding in findings if finding.verdict == "yes"}
        scores = np.maximum(scores, [told[label] for label in load_codebook().labels])
    return Said(frozenset(yes), scores)


@dataclass(frozen=True)
class Steadiness:
    """How far a swap moved what is said of ``cases``: n x 4 (changed, sum of |Δp|, sum of largest |Δp|, rewritings)."""

    counts: Floats
    changes: tuple[str, ...]


def steadiness(cases: Iterable[GoldCase], rewrite: Rewrite, draws: int, model: str) -> Steadiness:
    """Swap in every case ``draws`` times and compare what is said before and after."""
    rows, changes = [], []
    for case in cases:
        texts = [rewrite(case, random.Random(f"{case.id}/{draw}")) for draw in range(draws)]
        row, before, differ = np.zeros(4), said(case.text, model), Counter[str]()
        for text in filter(None, texts):
            after = said(text, model)
            moved = np.abs(after.scores - before.scores)
            row += (after.yes != before.yes, moved.mean(), moved.max(), 1)
            differ.update(f"−{label}" for label in before.yes - after.yes)
            differ.update(f"+{label}" for label in after.yes - before.yes)
        if row[3]:
            rows.append(row)
        if differ:
            changes.append(f"{case.id}（{'、'.join(sorted(differ))}）")
    return Steadiness(np.array(rows).reshape(-1, 4), tuple(changes))


# ------------------------------------------------------------ swaps that decide


@dataclass(frozen=True)
class Pair:
    """A text and the swap in it that turns the label's verdict from ``before`` to ``after`` (yes or no)."""

    id: str
    label: IssueId
    text: str
    old: str
    new: str
    before: str
    after: str
    why: str

    @property
    def swapped(self) -> str:
        return self.text.replace(self.old, self.new, 1)


def load_pairs(path: Path = PAIRS) -> list[Pair]:
    """The pairs of a TOML file."""
    return [Pair(**row) for row in read_toml(path)["pair"]]


def judged(pair: Pair, model: str) -> tuple[bool, bool, bool]:
    """Right before, right after, and whether the side that is ``yes`` is thought the likelier."""
    column = load_codebook().labels.index(pair.label)
    before, after = said(pair.text, model), said(pair.swapped, model)
    rise = float(after.scores[column] - before.scores[column])
    return (
        (pair.label in before.yes) == (pair.before == "yes"),
        (pair.label in after.yes) == (pair.after == "yes"),
        rise > 0 if pair.after == "yes" else rise < 0,
    )


# ------------------------------------------------------------ the page


def steady_table(models: Sequence[str], cases: Mapping[str, Sequence[GoldCase]]) -> list[str]:
    """What the swaps moved, by model, split and swap, and where the findings changed."""
    lines = [
        "| 模型 | 替换 | 案件 | “成立”有变的案件（95 % 区间） | 概率平均变动 | 每案变动最大的标签平均变动 |",
        "|---|---|---|---|---|---|",
    ]
    notes = []
    for model in models:
        for split, given in cases.items():
            for name, (rewrite, draws) in SWAPS.items():
                found = steadiness(given, rewrite, draws, model)
                if not len(found.counts):
                    continue
                share = bootstrap(found.counts, lambda sums: sums[:, 0] / sums[:, 3])
                total = found.counts.sum(axis=0)
                lines.append(
                    f"| {_called(model)} | {name} | {split} {len(found.counts)} | "
                    f"{_percent(share.value)}（{_percent(share.low)}–{_percent(share.high)}） | "
                    f"{total[1] / total[3]:.4f} | {total[2] / total[3]:.3f} |"
                )
                if found.changes:
                    notes.append(f"* {_called(model)}，{name}，{split}：{'；'.join(found.changes)}")
    return [*lines, "", "有变的案件（+ 多出，− 消失）：", "", *(notes or ["* 无"])]


def pair_table(models: Sequence[str], pairs: Sequence[Pair]) -> list[str]:
    """How many pairs of each label are right before and after the swap, by model, and which are not."""
    results = {model: {pair.id: judged(pair, model) for pair in pairs} for model in models}
    lines = [
        "| 标签 | 对数 | " + " | ".join(map(_called, models)) + " |",
        "|---|---|" + "---|" * len(models),
    ]
    for label in (*load_codebook().labels, ""):
        own = [pair for pair in pairs if label in ("", pair.label)]
        if own:
            cells = (_cell([results[model][pair.id] for pair in own]) for model in models)
            lines.append(f"| {f'`{label}`' if label else '**合计**'} | {len(own)} | {' | '.join(cells)} |")
    lines += [_sides(results, pairs, models, side) for side in ("yes", "no")]
    wrong = [
        f"* {_called(model)}：" + "、".join(one for one, (before, after, _) in found.items() if not (before and after))
        for model, found in results.items()
    ]
    return [*lines, "", "没有判对的对：", "", *wrong]


def _sides(
    results: Mapping[str, Mapping[str, tuple[bool, bool, bool]]],
    pairs: Sequence[Pair],
    models: Sequence[str],
    side: str,
) -> str:
    """How often the side of the pairs that is ``yes``, or ``no``, is judged right."""
    cells = [str(sum(results[model][pair.id][pair.before != side] for pair in pairs)) for model in models]
    return f"| {'应为成立的一边' if side == 'yes' else '应为不成立的一边'} | {len(pairs)} | {' | '.join(cells)} |"


def _cell(found: Sequence[tuple[bool, bool, bool]]) -> str:
    before, after, way = (sum(column) for column in zip(*found, strict=True))
    both = sum(one[0] and one[1] for one in found)
    return f"**{both}**（{before}，{after}；{way}）"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _called(model: str) -> str:
    return "规则" if model == RULES else f"规则 + {Path(model).name}"


def page(models: Sequence[str], cases: Mapping[str, Sequence[GoldCase]], pairs: Sequence[Pair], command: str) -> str:
    """The whole page, in Chinese Markdown."""
    marks = "；".join(f"{_called(one)}：{load_model(one).mark}" for one in models if one != RULES)
    return "\n".join(
        [
            "# 替换之后，判断该不该变",
            "",
            "人名、地名、金额与日数什么也不决定，引号几乎不决定（转述、反语除外）；职务、级别和处理才决定。"
            f"数字是 `wenze score` 实际给出的判断。{marks}",
            "",
            "## 不该变的",
            "",
            f"人名按标注的问责对象成批替换（换姓，名字等长），地名替换两个字的虚构地名，各换 {DRAWS} 次；"
            "金额和两位以上的日数改动第二位数字；引号全部去掉，或给任意两个分句加上。"
            "train 是模型见过的案件，只供对照。",
            "",
            *steady_table(models, cases),
            "",
            "## 该变的",
            "",
            "`benchmarks/metamorphic.toml` 里手写的成对文本，只差一处，编码手册的判断因此相反。每格依次是："
            "**替换前后都对**（替换前对，替换后对；概率朝对的方向动）。“存疑”不算成立。"
            "只认题材的模型两边答案相同，一对也判不对。",
            "",
            *pair_table(models, pairs),
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
    parser.add_argument("--split", choices=("train", "dev"), default="dev")
    parser.add_argument("--model", action="append", help="a model's name or folder; may be repeated (default: rules)")
    parser.add_argument("--train", type=int, default=40, help="how many annotated cases of train beside those of dev")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    models = given.model or [RULES]
    cases: dict[str, Sequence[GoldCase]] = {given.split: load_gold(given.gold, given.split)}
    if given.split != "train" and given.train:
        known = [case for case in load_gold(given.gold, "train") if case.fields]
        cases["train"] = random.Random(0).sample(known, min(given.train, len(known)))
    options = "".join(f" --model {model}" for model in models) + f" --train {given.train}"
    options += f" -o {given.output}" if given.output else ""
    command = f"python benchmarks/metamorphic.py {given.gold} --split {given.split}{options}"
    told = page(models, cases, load_pairs(), command)
    if given.output:
        given.output.write_text(told, encoding="utf-8")
    else:
        print(told)


if __name__ == "__main__":
    main()
