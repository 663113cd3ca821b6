"""How a person's measures stand to those of comparable people in other cases; what deviates, and how sure that is.

In: cases, reposts folded. Out: ``Compared``: a ``Deviation`` for each person compared, and why the others were not.
Comparable is who shares a ground, the class of consequences, rank and responsibility; of those the ones are taken whose
cases read most alike by BM25 (package bm25s, on jieba's words), one a case. Measures compare as nlp.scale tells.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nlp import scale
from nlp.codebook import load_codebook
from nlp.corpus.case import Case, Person
from nlp.corpus.intervals import Interval, exact, false_discovery

LEAST, MOST = 10, 20
# A deviation is claimed where the share on the other side is surely above this, and so many rungs lie between.
SURE, RUNGS = 0.7, 2
Side = Literal["heavier", "lighter"]
Place = tuple[int, int]  # row of the case, row of the person in it


@dataclass(frozen=True, slots=True)
class Ladder:
    """One ladder: the person's rung, and how many comparables stand below, on and above it.

    A rung of 0 is not told: the measures tell nothing of this ladder; ``untold`` comparables are such. ``middle`` is
    the median rung of the others (the lower of two). Shares, with exact intervals, are of those that can be compared.
    """

    id: str
    rung: int
    below: int
    level: int
    above: int
    untold: int
    middle: int
    lighter: Interval
    heavier: Interval


@dataclass(frozen=True, slots=True)
class Comparable:
    """A person compared with, in another case; ``score`` is BM25's."""

    case: Case
    person: Person
    score: float


@dataclass(frozen=True, slots=True)
class Deviation:
    """One person against their comparables.

    ``lighter``, ``heavier``: shares of the comparables dealt with more lightly, more heavily (nlp.scale), with exact
    intervals; ``chance`` is the share of exchangeable draws at least as extreme,
    ``q`` that chance after Benjamini and Hochberg over all people compared. ``side`` where a deviation is claimed.
    """

    case: Case
    person: Person
    comparables: tuple[Comparable, ...]
    ladders: tuple[Ladder, ...]
    lighter: Interval
    heavier: Interval
    chance: float
    q: float
    side: Side | None


@dataclass(frozen=True, slots=True)
class Compared:
    """All deviations, and why the other people were not compared: how many by reason, and in which cases.

    ``by_chance``: at most so many would be claimed if every person were exchangeable with their comparables.
    """

    deviations: tuple[Deviation, ...]
    abstained: Mapping[str, tuple[int, tuple[Case, ...]]]
    by_chance: float


def compare(cases: Sequence[Case], *, least: int = LEAST, most: int = MOST) -> Compared:
    """Every person with measures on a ladder against their comparables; abstains below ``least`` of them."""
    strata: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    abstained: dict[str, list[Case]] = defaultdict(list)
    untold = set(load_codebook()["corpus"].settings["untold_ranks"])
    for row, case in enumerate(cases):
        for column, person in enumerate(case.people):
            if reason := _why_not(case, person, untold):
                abstained[reason].append(case)
            else:
                strata[case.consequence, person.rank, person.responsibility or ""].append((row, column))
    found: list[Deviation] = []
    for places in strata.values():
        for place, comparables in _comparables(cases, places, most):
            case, person = _at(cases, place)
            if len(comparables) < least:
                abstained[f"可比者不足{least}人"].append(case)
            else:
                found.append(_deviation(case, person, comparables))
    found.sort(key=lambda one: (one.case.key, one.person.spans, one.person.told))
    told = _with_q(found)
    why = {reason: (len(some), tuple(dict.fromkeys(some))) for reason, some in sorted(abstained.items())}
    return Compared(told, why, sum(_by_chance(len(one.comparables)) for one in told))


@cache
def _by_chance(n: int) -> float:
    """The chance, at most, that one of n + 1 exchangeable people is claimed to deviate, on either side."""
    enough = [count for count in range(n + 1) if exact(count, n).low > SURE]
    return 2 * (n - enough[0] + 1) / (n + 1) if enough else 0.0


def _why_not(case: Case, person: Person, untold: set[str]) -> str | None:
    if person.kind != "person":
        return "不是个人"
    if not person.weight:
        return "没有可比的处理"
    if person.weight.untold:
        return "有的处理没有载明种类"
    if person.rank in untold:
        return "级别未载明"
    return None if case.grounds else "事由未识别"


def _at(cases: Sequence[Case], place: Place) -> tuple[Case, Person]:
    case = cases[place[0]]
    return case, case.people[place[1]]


def _comparables(
    cases: Sequence[Case], places: Sequence[Place], most: int
) -> Iterator[tuple[Place, tuple[Comparable, ...]]]:
    """Each person of one stratum with those most alike of the others, at most one of a case."""
    rows = sorted({row for row, _ in places})
    first = {row: place for place in reversed(places) for row in [place[0]]}
    if len(rows) < 2:
        yield from ((place, ()) for place in places)
        return
    grounds = [set(cases[row].grounds) for row in rows]
    scores_of = _scorer([cases[row] for row in rows])
    for n, row in enumerate(rows):
        scores = scores_of(cases[row])
        shared = [m for m, other in enumerate(grounds) if m != n and not other.isdisjoint(grounds[n])]
        best = sorted(shared, key=lambda m: (-scores[m], cases[rows[m]].key))[:most]
        near = tuple(Comparable(*_at(cases, first[rows[m]]), float(scores[m])) for m in best)
        yield from ((place, near) for place in places if place[0] == row)


def _scorer(cases: Sequence[Case]) -> Callable[[Case], NDArray[np.float64]]:
    """What gives the BM25 scores of all these cases for the words of one."""
    import bm25s

    used = dict.fromkeys(word for case in cases for word in case.words)
    local = {word: n for n, word in enumerate(used)}  # as they come, whatever their numbers elsewhere
    index = bm25s.BM25(method="lucene", backend="numpy")
    texts = [[local[word] for word in case.words] for case in cases]
    vocabulary = {str(n): n for n in range(len(used))}
    index.index((texts, vocabulary), show_progress=False, create_empty_token=False)

    def scores(case: Case) -> NDArray[np.float64]:
        query = list(dict.fromkeys(local[word] for word in case.words))
        if not query:
            return np.zeros(len(cases))
        told = index.get_scores_from_ids(query)
        return np.asarray(np.round(told.astype(np.float64), 4))

    return scores


def _deviation(case: Case, person: Person, comparables: tuple[Comparable, ...]) -> Deviation:
    n = len(comparables)
    orders = Counter(scale.compare(person.weight, one.person.weight).order for one in comparables)
    lighter, heavier = exact(orders["above"], n), exact(orders["below"], n)
    ladders = tuple(_ladders(person, comparables))
    side: Side | None = None
    if lighter.low > SURE and _far(person, comparables, ladders, 1):
        side = "heavier"
    elif heavier.low > SURE and _far(person, comparables, ladders, -1):
        side = "lighter"
    rarer = min(n - orders["above"], n - orders["below"])
    chance = min(1.0, 2 * (1 + rarer) / (n + 1))
    return Deviation(case, person, comparables, ladders, lighter, heavier, chance, 1.0, side)


def _far(person: Person, comparables: Sequence[Comparable], ladders: Sequence[Ladder], sign: int) -> bool:
    """Whether the person stands ``RUNGS`` rungs from the middle of the comparables on a ladder, or a form."""
    if any(one.rung and one.middle and sign * (one.rung - one.middle) >= RUNGS for one in ladders):
        return True
    forms = [one.person.weight.forms for one in comparables if one.person.weight.forms]
    own = person.weight.forms
    if not own or 2 * len(forms) <= len(comparables):
        return False
    lows, highs = sorted(low for low, _ in forms), sorted(high for _, high in forms)
    middle = (len(forms) - 1) // 2
    return own[0] > highs[middle] if sign > 0 else own[1] < lows[middle]


def _ladders(person: Person, comparables: Sequence[Comparable]) -> Iterator[Ladder]:
    mine, theirs = dict(person.weight.rungs), [dict(one.person.weight.rungs) for one in comparables]
    for ladder in load_codebook()["scale"]:
        rungs = sorted(one[ladder.id] for one in theirs if ladder.id in one)
        own, n = mine.get(ladder.id, 0), len(rungs)
        if own or rungs:
            below, above = (sum(rung < own for rung in rungs), sum(rung > own for rung in rungs)) if own else (0, 0)
            yield Ladder(
                id=ladder.id,
                rung=own,
                below=below,
                level=rungs.count(own),
                above=above,
                untold=len(comparables) - n,
                middle=rungs[(n - 1) // 2] if rungs else 0,
                lighter=exact(below, n if own else 0),
                heavier=exact(above, n if own else 0),
            )


def _with_q(found: Sequence[Deviation]) -> tuple[Deviation, ...]:
    chances = false_discovery([one.chance for one in found])
    return tuple(replace(one, q=q) for one, q in zip(found, chances, strict=True))
