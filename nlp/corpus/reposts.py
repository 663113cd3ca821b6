"""Which cases are the same case told again: reposts of one notice, whole, edited or in part.

In: cases. Out: ``Fold``: each case that was folded, into which, how alike. Candidates by MinHash with banding (Broder
1997; package datasketch) and by the full names they share; each candidate is then checked on the shingles themselves.
Alike texts alone do not make a repost: people or figures that contradict each other keep two cases apart, and two cases
of one notice are never one, unless the row itself stands there twice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from nlp.codebook import load_codebook
from nlp.corpus.case import Case, full_names

BANDS, ROWS = 32, 3
# The share of the shorter case's shingles that the longer one must hold: where both name people, and where not.
NAMED, UNNAMED = 0.55, 0.8
# The share of the figures of the case with fewer of them that the other must hold.
FIGURES = 0.6
_FEWEST_SHINGLES = 20
# A name borne by more cases than this tells nothing of a repost.
_COMMON_NAME = 60


@dataclass(frozen=True, slots=True)
class Fold:
    """``case`` was folded into ``into``: ``held`` of the shorter's shingles stand in the longer, ``jaccard`` of all."""

    case: Case
    into: Case
    held: float
    jaccard: float


def fold(cases: Iterable[Case]) -> tuple[list[Case], list[Fold]]:
    """The cases each once, in the order of their keys, and what was folded."""
    ordered = sorted(cases, key=lambda case: case.key)
    groups = _groups(ordered)
    kept: list[Case] = []
    folded: list[Fold] = []
    for members in groups:
        chosen: list[Case] = []
        for case in sorted((ordered[n] for n in members), key=_fullest_first):
            found = next(((one, same) for one in chosen if (same := likeness(case, one))), None)
            if found is None:
                chosen.append(case)
            else:
                folded.append(Fold(case, found[0], *found[1]))
        kept += chosen
    return sorted(kept, key=lambda case: case.key), sorted(folded, key=lambda one: (one.into.key, one.case.key))


def _fullest_first(case: Case) -> tuple[Any, ...]:
    """The version to keep: with most measures, the earliest, the longest."""
    return (-sum(len(person.names) for person in case.people), case.day or "9", -case.length, case.key)


def likeness(one: Case, other: Case) -> tuple[float, float] | None:
    """(share of the shorter held, Jaccard) of two tellings of one case; None where they are two cases."""
    if one.key[2] == other.key[2]:
        return 1.0, 1.0
    if one.notice == other.notice or min(len(one.shingles), len(other.shingles)) < _FEWEST_SHINGLES:
        return None
    shared = len(np.intersect1d(one.shingles, other.shingles, assume_unique=True))
    held = shared / min(len(one.shingles), len(other.shingles))
    jaccard = shared / (len(one.shingles) + len(other.shingles) - shared)
    named = _same_people(one, other)
    least = UNNAMED if named is None else NAMED
    if named is False or held < least or not _same_figures(one, other):
        return None
    return round(held, 4), round(jaccard, 4)


@cache
def _masked() -> re.Pattern[str]:
    return re.compile(load_codebook()["corpus"].settings["masked"])


def _same_person(one: str, other: str) -> bool:
    """Whether two names may be one person's: equal, or of one surname and one of them masked."""
    return one == other or (one[0] == other[0] and bool(_masked().search(one) or _masked().search(other)))


def _same_people(one: Case, other: Case) -> bool | None:
    """Whether the people named are the same, half at least of the shorter list; None where one has none."""
    fewer, more = sorted((one.names, other.names), key=len)
    if not fewer:
        return None
    known = sum(any(_same_person(name, rival) for rival in more) for name in fewer)
    return 2 * known > len(fewer) or (2 * known == len(fewer) and len(fewer) > 1)


def _same_figures(one: Case, other: Case) -> bool:
    fewer, more = sorted((one.numbers, other.numbers), key=len)
    return len(fewer & more) >= FIGURES * len(fewer)


# ------------------------------------------------------------ candidates


def _groups(cases: Sequence[Case]) -> list[list[int]]:
    """Rows of cases linked by likeness, one link after another; every row in one group."""
    root = list(range(len(cases)))

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    for a, b in _candidates(cases):
        first, second = find(a), find(b)
        if first != second and likeness(cases[a], cases[b]):
            root[max(first, second)] = min(first, second)
    groups: dict[int, list[int]] = defaultdict(list)
    for n in range(len(cases)):
        groups[find(n)].append(n)
    return list(groups.values())


def _candidates(cases: Sequence[Case]) -> Iterator[tuple[int, int]]:
    yield from _same_text(cases)
    yield from _sharing_names(cases)
    yield from _sharing_bands(cases)


def _same_text(cases: Sequence[Case]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for n, case in enumerate(cases):
        if (at := first.setdefault(case.key[2], n)) != n:
            yield at, n


def _sharing_names(cases: Sequence[Case]) -> Iterator[tuple[int, int]]:
    bearers: dict[str, list[int]] = defaultdict(list)
    for n, case in enumerate(cases):
        for name in set(full_names(case)):
            bearers[name].append(n)
    for found in bearers.values():
        if len(found) <= _COMMON_NAME:
            yield from combinations(found, 2)


def _sharing_bands(cases: Sequence[Case]) -> Iterator[tuple[int, int]]:
    """Pairs whose MinHash signatures agree in one band at least."""
    from datasketch import MinHash, MinHashLSH

    seed = MinHash(num_perm=BANDS * ROWS, hashfunc=int)
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    for n, case in enumerate(cases):
        sketch = seed.copy()
        sketch.update_batch(case.shingles)
        yield from ((int(m), n) for m in sorted(index.query(sketch)))
        index.insert(n, sketch)
