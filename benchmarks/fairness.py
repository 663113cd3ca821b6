"""Fairness by swapping: who is named, of what sex or people, which place, which unit, never changes what is found.

    python benchmarks/fairness.py data/gold --model tfidf --model ensemble --model bert --record -o docs/fairness.md

In: gold cases of train and dev; fairness.toml. Out, in Markdown: for each swap, how many cases change in what the rules
and the checks of law find (issue, verdict and rule) or in whose measures are read, every one of them listed; for each
model, on the annotated cases of dev, the share whose set of verdicts moves. A swap is one-to-one over the whole text,
and a case in which it could not be (people also called otherwise) is left out of that swap. ``--record`` writes what
breaks into fairness_known.toml, from where the tests hold that it grows no more.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from nlp import analyze, load_codebook
from nlp.classify import load_model
from nlp.classify.decide import decide
from nlp.codebook import read_toml
from nlp.evaluate import bootstrap
from nlp.gold import GoldCase, load_gold
from nlp.segment import tokenizer
from nlp.types import Analysis, Notice

WORDS: Mapping[str, Any] = read_toml(Path(__file__).with_suffix(".toml"))
RECORD = Path(__file__).with_name("fairness_known.toml")
_TOLD: Mapping[str, Any] = read_toml(RECORD)
# (case, swap) -> why its findings or measures hang on what was swapped, today.
KNOWN: Mapping[tuple[str, str], str] = {(one["case"], one["swap"]): one["why"] for one in _TOLD.get("known", ())}
# swap -> what it changes in the annotated cases of dev, today.
SAMPLED: Mapping[str, Mapping[str, int]] = _TOLD["sampled"]
NO_CAUSE = "缘由未查"
_HAN = "\u4e00-\u9fa5"
_PLACE = re.compile(rf"(?:^|[，。；、：“”（）\n省市州县区旗])([{_HAN}]{{2}})(?=[市县旗镇乡村]|街道|社区)")
_UNIT = re.compile(rf"(?:^|[，。；、：“”（）\n市县区旗镇乡])([{_HAN}]{{2}})(?={'|'.join(WORDS['unit_ends'])})")
_HE, _SHE = re.compile("(?<![其排利吉])他(?![人处山国项乡方])"), re.compile("她")
_SEX = re.compile("(?<=[，（、])[男女](?=[，、）])")
_NATION = re.compile(rf"(?<=[，（、])(?:{'|'.join(WORDS['nations'])})(?=[，、）])")


@dataclass(frozen=True)
class Swapped:
    """A text before and after the swap, and what was put (new -> old) where names change."""

    before: str
    after: str
    back: Mapping[str, str]


Swap = Callable[[GoldCase, random.Random], "Swapped | None"]


# ------------------------------------------------------------ swaps


def _replaced(text: str, new: Mapping[str, str]) -> str:
    every = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))) or r"(?!)")
    return every.sub(lambda found: new[found[0]], text)


def _swapped(text: str, new: Mapping[str, str]) -> Swapped | None:
    """The swap, when it changes anything and can be undone."""
    after, back = _replaced(text, new), {made: old for old, made in new.items()}
    undone = len(back) == len(new) and _replaced(after, back) == text
    return Swapped(text, after, back) if new and undone else None


def _fresh(make: Callable[[], str], taken: Iterable[str], text: str) -> str | None:
    """A name neither taken nor part of the text; None where none comes up."""
    return next((made for made in (make() for _ in range(100)) if made not in {*taken} and made not in text), None)


def people_of(case: GoldCase, *, annotated: bool = False) -> list[str]:
    """Whom the gold names; where it has no fields, unless ``annotated``, whom the extractor names. Long names first.

    What the extractor takes for a name and is a word of the language is left alone.
    """
    if case.fields:
        told = [s.name for s in case.fields.subjects if s.kind == "person"]
    elif annotated:
        return []
    else:
        read = [s for one in _ruled(case.text) for s in (*one.extraction.subjects, *one.extraction.mentioned)]
        told = [s.name for s in read if s.kind == "person" and not tokenizer().FREQ.get(s.name or "")]
    met = {one for one in told if one and "某" not in one and re.fullmatch(f"[{_HAN}]{{2,4}}|[{_HAN}]+·[{_HAN}]+", one)}
    return sorted(met, key=lambda one: (-len(one), one))


def _rename(make: Callable[[str, random.Random], str], *, annotated: bool = False) -> Swap:
    """A swap of every person's name; none where somebody is called otherwise too (老李, 小王, the given name)."""

    def swap(case: GoldCase, rng: random.Random) -> Swapped | None:
        names = people_of(case, annotated=annotated)
        rest = _replaced(case.text, dict.fromkeys(names, "\n"))
        if any(re.search(f"[老小]{one[0]}|{one[0]}某", rest) or (len(one) > 2 and one[1:] in rest) for one in names):
            return None
        new: dict[str, str] = {}
        for name in names:
            made = _fresh(partial(make, name, rng), new.values(), case.text)
            if made is None:
                return None
            new[name] = made
        return _swapped(case.text, new)

    return swap


def _chinese(length: int, rng: random.Random) -> str:
    surname = str(rng.choice(load_codebook()["surnames"]["single"]["names"][:80]))
    return surname + "".join(rng.sample(WORDS["given"], length - 1))


def _as_long(name: str, rng: random.Random) -> str:
    return _chinese(len(name) if len(name) < 4 else 3, rng)


def _other_length(name: str, rng: random.Random) -> str:
    return _chinese(3 if len(name) == 2 else 2, rng)


def _one_of(names: Sequence[str], _: str, rng: random.Random) -> str:
    return rng.choice(names)


def _named(pattern: re.Pattern[str], names: str) -> Swap:
    """A swap of what the pattern finds, for invented names of one list; people's names and words are left alone."""

    def swap(case: GoldCase, rng: random.Random) -> Swapped | None:
        usual, no_name = tokenizer().FREQ, {*WORDS["no_place"]}
        text = _replaced(case.text, dict.fromkeys(people_of(case), "\n"))
        met = {one for one in pattern.findall(text) if not usual.get(one) and not no_name & {*one}}
        pool = [one for one in WORDS[names] if one not in case.text]
        if len(met) > len(pool):
            return None
        return _swapped(case.text, dict(zip(sorted(met), rng.sample(pool, len(met)), strict=True)))

    return swap


def _bureaus(case: GoldCase, rng: random.Random) -> Swapped | None:
    """Every bureau becomes another, its organ of the party and its short name with it (水利局 -> 财政局)."""
    met = [one for one in WORDS["bureaus"] if one in case.text]
    pool = [one for one in WORDS["bureaus"] if one not in case.text]
    if len(met) > len(pool):
        return None
    return _swapped(case.text, dict(zip(met, rng.sample(pool, len(met)), strict=True)))


def _sex(case: GoldCase, _: random.Random) -> Swapped | None:
    """他 and 她, 男 and 女 change places; no swap where a text has both pronouns."""
    text = case.text
    if _HE.search(text) and _SHE.search(text):
        return None
    after = _SHE.sub("他", text) if _SHE.search(text) else _HE.sub("她", text)
    after = _SEX.sub(lambda found: "女" if found[0] == "男" else "男", after)
    return Swapped(text, after, {}) if after != text else None


def _nation(case: GoldCase, rng: random.Random) -> Swapped | None:
    met = sorted({*_NATION.findall(case.text)})
    pool = [one for one in WORDS["nations"] if one not in met]
    new = dict(zip(met, rng.sample(pool, len(met)), strict=True))
    after = _NATION.sub(lambda found: new[found[0]], case.text)
    return Swapped(case.text, after, {}) if met else None


def _remark(case: GoldCase, _: random.Random) -> Swapped | None:
    """The same text twice, with two remarks on sex and people behind the first name."""
    names = [one for one in people_of(case, annotated=True) if one in case.text]
    if not names:
        return None
    first = min(names, key=case.text.index)
    end = case.text.index(first) + len(first)
    if case.text[end : end + 1] == "（":
        return None
    one, other = (case.text[:end] + remark + case.text[end:] for remark in WORDS["remarks"])
    return Swapped(one, other, {})


SWAPS: Mapping[str, Swap] = {
    "人名，等长": _rename(_as_long),
    "人名，不等长": _rename(_other_length, annotated=True),
    **{
        f"人名，{nation}": _rename(partial(_one_of, names), annotated=True)
        for nation, names in WORDS["peoples"].items()
    },
    "性别": _sex,
    "民族": _nation,
    "性别、民族（加注）": _remark,
    "地名，等长": _named(_PLACE, "places"),
    "地名，不等长": _named(_PLACE, "longer_places"),
    "单位名": _named(_UNIT, "units"),
    "部门": _bureaus,
}

# Whose names are read less well than Han names; they are counted, not listed case by case.
PEOPLES = tuple(f"人名，{nation}" for nation in WORDS["peoples"])


def swap(case: GoldCase, named: str) -> Swapped | None:
    """The case under a swap, always the same; None where the swap does not apply."""
    return SWAPS[named](case, random.Random(f"{case.id}/{named}"))


# ------------------------------------------------------------ what wenze says


@dataclass(frozen=True)
class Said:
    """All findings as (issue, verdict, rule), and each person's measures with their status, names put back."""

    findings: tuple[tuple[str, str, str], ...]
    measures: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@lru_cache(maxsize=64)
def _ruled(text: str) -> tuple[Analysis, ...]:
    return tuple(analyze(Notice(id="x", text=text)))


def said(text: str, back: Mapping[str, str]) -> Said:
    """What rules and law find in a text, and whom it gives which measures."""
    findings, measures = [], []
    for one in _ruled(text):
        findings += [(f.issue or "", f.verdict, f.rule or "") for f in one.findings]
        for s in one.extraction.subjects:
            measures.append((_replaced(s.name or "", back), tuple((m.name, m.status) for m in s.sanctions)))
    return Said(tuple(sorted(findings)), tuple(sorted(measures)))


@lru_cache(maxsize=1024)
def verdicts(text: str, named: str) -> frozenset[tuple[str, str]]:
    """The set of (issue, verdict) with a model beside the rules."""
    model = load_model(named)
    found: set[tuple[str, str]] = set()
    for one in _ruled(text):
        scores, disputed = model.scores(one.case.text), model.disputed(one.case.text)
        told = decide(scores, one.findings, thresholds=model.thresholds, by=named, disputed=disputed)
        found |= {(finding.issue or finding.rule or "", finding.verdict) for finding in told}
    return frozenset(found)


@dataclass(frozen=True)
class Change:
    """What a swap changed in one case: findings, measures, or both; ``what`` in words."""

    case: str
    swap: str
    findings: bool
    measures: bool
    what: str


def change(case: GoldCase, named: str) -> tuple[bool, Change | None]:
    """Whether the swap applies to the case, and what it changes."""
    made = swap(case, named)
    if made is None:
        return False, None
    before, after = said(made.before, {}), said(made.after, made.back)
    if before == after:
        return True, None
    findings, measures = before.findings != after.findings, before.measures != after.measures
    what = [*_differ(before.findings, after.findings), *_differ(before.measures, after.measures)]
    return True, Change(case.id, named, findings, measures, "；".join(what))


def _differ(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    gone, new = Counter(before) - Counter(after), Counter(after) - Counter(before)
    return [f"{sign}{_plain(one)}" for sign, many in (("−", gone), ("+", new)) for one in many]


def _plain(told: Any) -> str:
    if isinstance(told, str):
        return told
    return " ".join(filter(None, map(_plain, told))) or "—"


# ------------------------------------------------------------ the page


def rules_table(cases: Sequence[GoldCase]) -> tuple[list[str], list[Change]]:
    """For each swap: cases, how many changed, in findings and in measures; and every change."""
    lines = [
        "| 替换 | 案件 | 判断有变 | 各人处理有变 | 任一有变 |",
        "|---|---|---|---|---|",
    ]
    applied, changes = Counter[str](), list[Change]()
    for case in cases:
        for named in SWAPS:
            applies, found = change(case, named)
            applied[named] += applies
            if found:
                changes.append(found)
                print(json.dumps(asdict(found), ensure_ascii=False), file=sys.stderr, flush=True)
    changes.sort(key=lambda one: [*SWAPS].index(one.swap))
    for named in SWAPS:
        own = [one for one in changes if one.swap == named]
        findings, measures = sum(one.findings for one in own), sum(one.measures for one in own)
        lines.append(
            f"| {named} | {applied[named]} | {_of(findings, applied[named])} | {_of(measures, applied[named])} | "
            f"{_of(len(own), applied[named])} |"
        )
    return lines, changes


def _of(count: int, total: int) -> str:
    return f"{count}（{100 * count / total:.2f} %）" if total else "—"


def moved(cases: Iterable[GoldCase], named: str, model: str) -> list[bool]:
    """For each case the swap applies to, whether the set of verdicts moves."""
    every = (swap(case, named) for case in cases)
    return [verdicts(made.before, model) != verdicts(made.after, model) for made in every if made]


def models_table(cases: Sequence[GoldCase], models: Sequence[str]) -> list[str]:
    """For each model and swap, the share of cases whose verdicts move, with its interval."""
    lines = ["| 模型 | 替换 | 案件 | 判断有变（95 % 区间） |", "|---|---|---|---|"]
    for model in models:
        for named in SWAPS:
            told = moved(cases, named, model)
            if told:
                share = bootstrap(np.array([told]).T, lambda sums: sums[:, 0] / len(told))  # noqa: B023
                interval = f"{100 * share.value:.1f} %（{100 * share.low:.1f} %–{100 * share.high:.1f} %）"
                lines.append(f"| 规则 + {Path(model).name} | {named} | {len(told)} | {interval} |")
    return lines


def sampled(cases: Iterable[GoldCase], named: str) -> dict[str, int]:
    """How many of the cases a swap applies to, and in how many it changes findings, and measures."""
    told = [found for applies, found in (change(case, named) for case in cases) if applies]
    changes = [found for found in told if found]
    findings, measures = sum(one.findings for one in changes), sum(one.measures for one in changes)
    return {"cases": len(told), "findings": findings, "measures": measures}


def recorded(changes: Iterable[Change], dev: Sequence[GoldCase]) -> str:
    """fairness_known.toml as it stands today; causes that were told stay."""
    lines = [
        "# What swaps break today, written by benchmarks/fairness.py --record; causes (why) are told by hand and stay.",
        "",
        "# What a swap changes in the annotated cases of dev: cases it applies to, findings changed, measures changed.",
        "[sampled]",
    ]
    for named in PEOPLES:
        counts = ", ".join(f"{key} = {count}" for key, count in sampled(dev, named).items())
        lines.append(f'"{named}" = {{ {counts} }}')
    lines += ["", "# Cases whose findings or measures hang on what was swapped, and why; it may only grow shorter."]
    for one in (one for one in changes if one.swap not in PEOPLES):
        why = KNOWN.get((one.case, one.swap), NO_CAUSE)
        lines += ["", "[[known]]", f'case = "{one.case}"', f'swap = "{one.swap}"', f'why = "{why}"']
    return "\n".join(lines) + "\n"


_OF_MODELS = "dev 里标注了各人的案件，规则之外加上模型，看“成立”“存疑”的集合变没变。"


def page(table: Sequence[str], changes: Sequence[Change], models: Sequence[str], marks: str, command: str) -> str:
    """The whole page, in Chinese Markdown."""
    listed = [one for one in changes if one.swap not in PEOPLES]
    unlisted = [one for one in changes if one.swap in PEOPLES]
    return "\n".join(
        [
            "# 换了人、地、单位，判断不该变",
            "",
            "姓名、性别、民族、地名、单位名什么也不决定。金标准 train、dev 的每一案逐一替换，"
            "替换在全文一一对应、可以还原，换上的都是虚构的名字（`benchmarks/fairness.toml`），地名换成同级的地名，部门换成同级的部门；"
            "比的是规则与法规检查的全部判断（标签、成立或存疑、规则编号）和各人的处理（名字换回之后）。",
            "",
            "* 等长的人名、地名、单位、部门：全部案件；没有标注姓名的，以抽取到的姓名为准（是词语的不换）。",
            "* 不等长的人名、少数民族人名：只换标注了姓名的案件。另被称作老某、小某、只称名的，不换。",
            "* 性别、民族：文中写明的互换（他、她，男、女，汉族、维吾尔族等）；"
            "写明的不多，又在标注了姓名的案件里给首个姓名加注“"
            + "”与“".join(WORDS["remarks"])
            + "”，两种写法互相比较。",
            "",
            "## 规则与法规检查",
            "",
            *table,
            "",
            "有变的案件和缘由（多在抽取，少数在线索的用字）如下，"
            "记在 `benchmarks/fairness_known.toml`，由测试守住，只许减少：",
            "",
            *(f"* {one.case}，{one.swap}：{KNOWN.get((one.case, one.swap), NO_CAUSE)}。{one.what}" for one in listed),
            "",
            "没有汉姓的人名换上之后有变的较多：抽取器靠常见的成分认这些名字，成分生疏、或与前后的字连得上的，"
            "有时认不出来或多认一字，处理就落到别人名下或者没有了主人。这是现有的不公平之处，"
            "使用时对写有少数民族人名的通报应当人工核对。判断也有变的案件：",
            "",
            *(f"* {one.case}，{one.swap}：{one.what}" for one in unlisted if one.findings),
            "",
            *(("## 模型", "", _OF_MODELS + marks, "", *models, "") if marks else ()),
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
    parser.add_argument("--model", action="append", default=[], help="a model's name or folder; may be repeated")
    parser.add_argument("--record", action="store_true", help="write what breaks into fairness_known.toml")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    dev = load_gold(given.gold, "dev")
    table, changes = rules_table([*load_gold(given.gold, "train"), *dev])
    marks = "；".join(load_model(one).mark for one in given.model)
    command = f"python benchmarks/fairness.py {given.gold}" + "".join(f" --model {one}" for one in given.model)
    command += (" --record" if given.record else "") + (f" -o {given.output}" if given.output else "")
    annotated = [one for one in dev if one.fields]
    if given.record:
        RECORD.write_text(recorded(changes, annotated), encoding="utf-8")
    told = page(table, changes, models_table(annotated, given.model), marks, command)
    if given.output:
        given.output.write_text(told, encoding="utf-8")
    else:
        print(told)


if __name__ == "__main__":
    main()
