"""What the cases of a corpus are about, who is held to account and how; where groups of cases differ; and trends.

In: cases, reposts folded. Out: ``Cell``, ``Ratio``, ``Mean`` and ``Trend`` values, each with the cases it counts. The
unit of a share is the case: people dealt with together are not independent. Never judges a difference.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from nlp.codebook import load_codebook
from nlp.corpus.case import Case, Person
from nlp.corpus.intervals import Interval, false_discovery, mean, ratio, trend, unlike, wilson

# A group with fewer cases is told together with the other small ones; a category seen in fewer cases is not tested.
LEAST_GROUP, LEAST_CATEGORY = 20, 5
SIGNIFICANT = 0.05
OTHERS, UNTOLD = "其他（每组不足20起）", "未载明"


@dataclass(frozen=True, slots=True)
class Cell:
    """In how many cases of a group something occurs; ``rest`` is the share in the cases of all other told groups.

    ``p`` (Fisher) and ``q`` (Benjamini and Hochberg over all cells of all groupings) are NaN where it is not tested.
    """

    grouping: str
    group: str
    aspect: str
    category: str
    cases: tuple[Case, ...]
    of: int
    people: int
    share: Interval
    rest: float = math.nan
    p: float = math.nan
    q: float = math.nan

    @property
    def differs(self) -> bool:
        return self.q < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Ratio:
    """People on one side to people on the other, with an interval over resampled cases."""

    name: str
    grouping: str
    group: str
    first: int
    second: int
    value: Interval
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a figure of nlp.law.proportion over the cases that have it, with an interval over resampled cases."""

    name: str
    grouping: str
    group: str
    value: Interval
    above: int
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """A category's share period by period (years or quarters); ``p``/``q`` of no rise or fall (Cochran-Armitage)."""

    by: str
    aspect: str
    category: str
    cells: tuple[Cell, ...]
    p: float
    q: float


# ------------------------------------------------------------ what is counted


@cache
def _names(table: str) -> Mapping[str, str]:
    return {entry.id: entry.name for entry in load_codebook()[table]}


@cache
def _untold() -> set[str]:
    return set(load_codebook()["corpus"].settings["untold_ranks"])


def _grounds(case: Case) -> Iterator[tuple[str, int]]:
    names = _names("grounds")
    people = sum(person.count for person in case.people)
    return ((names.get(ground, ground), people) for ground in case.grounds)


def _ranks(case: Case) -> Iterator[tuple[str, int]]:
    return ((person.rank, person.count) for person in case.people if person.kind != "organisation")


def _means(case: Case) -> Iterator[tuple[str, int]]:
    names = _names("scale")
    return ((names[ladder], person.count) for person in case.people for ladder, _ in person.weight.rungs)


def _measures(case: Case) -> Iterator[tuple[str, int]]:
    return ((name, person.count) for person in case.people for name in person.names)


ASPECTS: Mapping[str, Callable[[Case], Iterator[tuple[str, int]]]] = {
    "事由": _grounds,
    "级别": _ranks,
    "手段": _means,
    "处理": _measures,
}
# What must be known of a case for it to count among those a share is of.
_KNOWN: Mapping[str, Callable[[Case], bool]] = {
    "事由": lambda case: bool(case.grounds),
    "级别": lambda case: any(person.kind != "organisation" and person.rank not in _untold() for person in case.people),
    "手段": lambda case: any(person.weight for person in case.people),
    "处理": lambda case: any(person.names for person in case.people),
}
GROUPINGS: Mapping[str, Callable[[Case], str | None]] = {
    "年份": lambda case: case.year,
    "地区": lambda case: case.place,
    "机关层级": lambda case: case.level,
    "机关": lambda case: case.issuer,
}


def known(cases: Iterable[Case], aspect: str) -> list[Case]:
    """The cases of which the aspect is known at all."""
    return [case for case in cases if _KNOWN[aspect](case)]


def _cells(grouping: str, group: str, aspect: str, cases: Sequence[Case]) -> list[Cell]:
    """One cell a category, the most frequent first."""
    holding: dict[str, dict[Case, int]] = defaultdict(dict)
    for case in cases:
        for category, people in ASPECTS[aspect](case):
            if category not in _untold():
                holding[category][case] = holding[category].get(case, 0) + people
    cells = [
        Cell(
            grouping, group, aspect, category, tuple(found), len(cases), sum(found.values()),
            wilson(len(found), len(cases)),
        )
        for category, found in holding.items()
    ]  # fmt: skip
    return sorted(cells, key=lambda cell: (-len(cell.cases), cell.category))


def overall(cases: Sequence[Case]) -> dict[str, list[Cell]]:
    """Each aspect over all the cases of which it is known."""
    return {aspect: _cells("全部", "全部", aspect, known(cases, aspect)) for aspect in ASPECTS}


def groups(cases: Iterable[Case], grouping: str) -> dict[str, list[Case]]:
    """Cases by group, larger groups first; small groups together, the untold last."""
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[GROUPINGS[grouping](case) or UNTOLD].append(case)
    untold = found.pop(UNTOLD, [])
    large = {name: some for name, some in found.items() if len(some) >= LEAST_GROUP}
    small = [case for name, some in found.items() if name not in large for case in some]
    by_size = sorted(large, key=(lambda name: name) if grouping == "年份" else (lambda name: (-len(large[name]), name)))
    told = {name: large[name] for name in by_size}
    return {**told, **({OTHERS: small} if small else {}), **({UNTOLD: untold} if untold else {})}


def imbalance(cases: Sequence[Case]) -> list[Cell]:
    """Every category of every aspect in every group, tested against the other told groups; q over all tests."""
    cells: list[Cell] = []
    for grouping in GROUPINGS:
        for aspect in ASPECTS:
            parts = groups(known(cases, aspect), grouping)
            counted = {name: _cells(grouping, name, aspect, some) for name, some in parts.items() if name != UNTOLD}
            totals = Counter({cell.category: 0 for some in counted.values() for cell in some})
            for some in counted.values():
                totals.update({cell.category: len(cell.cases) for cell in some})
            of = sum(len(some) for name, some in parts.items() if name != UNTOLD)
            for some in counted.values():
                cells += [_against_rest(cell, totals[cell.category], of) for cell in some]
    chances = false_discovery([cell.p for cell in cells])
    return [replace(cell, q=q) for cell, q in zip(cells, chances, strict=True)]


def _against_rest(cell: Cell, total: int, of: int) -> Cell:
    rest, of_rest = total - len(cell.cases), of - cell.of
    if not of_rest:
        return cell
    if cell.group == OTHERS or total < LEAST_CATEGORY:
        return replace(cell, rest=rest / of_rest)
    return replace(cell, rest=rest / of_rest, p=unlike(len(cell.cases), cell.of, rest, of_rest))


# ------------------------------------------------------------ ratios


@cache
def _uppermost() -> set[str]:
    return set(load_codebook()["corpus"].settings["upper"])


def _upper(person: Person) -> bool:
    return person.rank in _uppermost()


def _individual(person: Person) -> bool:
    return person.kind != "organisation"


RATIOS: Mapping[str, tuple[Callable[[Person], bool], Callable[[Person], bool]]] = {
    "问上 : 问下（县处级以上 : 乡科级以下）": (
        lambda one: _individual(one) and _upper(one),
        lambda one: _individual(one) and not _upper(one) and one.rank not in _untold(),
    ),
    "领导干部 : 其他人员": (
        lambda one: _individual(one) and one.leading is True,
        lambda one: _individual(one) and one.leading is False,
    ),
    "正职 : 副职": (
        lambda one: _individual(one) and one.role == "chief",
        lambda one: _individual(one) and one.role == "deputy",
    ),
    "党组织 : 个人": (lambda one: one.party, _individual),
}


def ratios(cases: Sequence[Case], *, seed: int = 0) -> list[Ratio]:
    """Every ratio over all cases and group by group."""
    parts = [("全部", "全部", list(cases))]
    for grouping in GROUPINGS:
        parts += [(grouping, name, some) for name, some in groups(cases, grouping).items()]
    return [_ratio(name, *part, seed) for name in RATIOS for part in parts]


def _ratio(name: str, grouping: str, group: str, cases: Sequence[Case], seed: int) -> Ratio:
    first, second = RATIOS[name]
    pairs = [
        (sum(p.count for p in case.people if first(p)), sum(p.count for p in case.people if second(p)))
        for case in cases
    ]  # fmt: skip
    counted = tuple(case for case, pair in zip(cases, pairs, strict=True) if any(pair))
    sums = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    total = sums.sum(axis=0)
    return Ratio(name, grouping, group, int(total[0]), int(total[1]), ratio(sums, seed=seed), counted)


# ------------------------------------------------------------ means

MEANS: Mapping[str, Callable[[Case], float | None]] = {
    "责任下移指数": lambda case: case.blame_shift,
    "正副差指数": lambda case: case.chief_deputy_gap,
}


def means(cases: Sequence[Case], *, seed: int = 0) -> list[Mean]:
    """Every figure over all the cases that have it, and group by group."""
    found = []
    for name, figure in MEANS.items():
        told = [case for case in cases if figure(case) is not None]
        parts = [("全部", "全部", told)] if told else []
        for grouping in GROUPINGS:
            parts += [(grouping, group, some) for group, some in groups(told, grouping).items()]
        for grouping, group, some in parts:
            values = [value for case in some if (value := figure(case)) is not None]
            above = sum(value > 0 for value in values)
            found.append(Mean(name, grouping, group, mean(values, seed=seed), above, tuple(some)))
    return found


# ------------------------------------------------------------ trends

_PERIODS: Mapping[str, Callable[[Case], str | None]] = {"年": lambda case: case.year, "季度": lambda case: case.quarter}


def _time(period: str) -> int:
    year, _, quarter = period.partition("年")
    return int(year) * 4 + int(quarter[:1] or 0)


def trends(cases: Sequence[Case]) -> list[Trend]:
    """Every aspect by year and by quarter, of the cases that are dated."""
    found: list[Trend] = []
    for by, period in _PERIODS.items():
        for aspect in ("手段", "处理", "级别", "事由"):
            parts: dict[str, list[Case]] = defaultdict(list)
            for case in known(cases, aspect):
                if (when := period(case)) is not None:
                    parts[when].append(case)
            found += _trends_of(by, aspect, dict(sorted(parts.items())))
    chances = false_discovery([one.p for one in found])
    return [replace(one, q=q) for one, q in zip(found, chances, strict=True)]


def _trends_of(by: str, aspect: str, parts: Mapping[str, list[Case]]) -> Iterator[Trend]:
    cells = {when: {cell.category: cell for cell in _cells(by, when, aspect, some)} for when, some in parts.items()}
    totals = Counter(cell.category for some in cells.values() for cell in some.values() for _ in cell.cases)
    for category, total in totals.most_common():
        if total >= LEAST_CATEGORY:
            line = tuple(
                cells[when].get(category) or Cell(by, when, aspect, category, (), len(some), 0, wilson(0, len(some)))
                for when, some in parts.items()
            )
            p = trend([len(cell.cases) for cell in line], [cell.of for cell in line], [_time(when) for when in parts])
            yield Trend(by, aspect, category, line, p, math.nan)
