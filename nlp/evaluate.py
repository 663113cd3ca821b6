"""How far two readings of the same cases agree, as counts and F1 with intervals.

In: extractions of gold, of an annotator, or of the extractor; spans of cases. Out: right, extra and missed facts per
aspect, and figures with bootstrap intervals over cases. Never reads a file and never extracts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlp.types import Extraction, Span, Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES, LEVEL = 1000, 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its bootstrap interval; NaN where it is not defined (nothing to agree on)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Prf:
    """Precision, recall and F1 of one aspect over all cases, the F1 with its interval, and what they count."""

    right: int
    extra: int
    missed: int
    precision: float
    recall: float
    f1: Figure


def bootstrap(
    counts: NDArray[Any], figure: Callable[[NDArray[Any]], NDArray[Any]], *, seed: int = 0, resamples: int = RESAMPLES
) -> Figure:
    """``figure`` of the summed counts, with the percentile interval over resampled cases.

    ``counts`` is n cases x m; ``figure`` takes b x m sums and gives b values. Resampling n cases with replacement is
    drawing how often each counts, so b resamples are one matrix product. NaN resamples are left out of the interval.
    """
    counts = np.asarray(counts, dtype=np.float64)
    value = float(figure(counts.sum(axis=0, keepdims=True))[0])
    if not len(counts) or np.isnan(value):
        return Figure(value, float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=resamples)
    values = figure(drawn @ counts)
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(value, float(low), float(high))


def f1(counts: NDArray[Any]) -> NDArray[Any]:
    """F1 of b x 3 counts (right, extra, missed): b values, NaN where all three are 0."""
    right, wrong = 2 * counts[:, 0], counts[:, 1] + counts[:, 2]
    with np.errstate(invalid="ignore"):
        return np.asarray(right / (right + wrong))


def prf(counts: NDArray[Any], *, seed: int = 0) -> Prf:
    """Figures of n cases x 3 counts (right, extra, missed)."""
    right, extra, missed = (int(n) for n in np.asarray(counts).reshape(-1, 3).sum(axis=0))
    precision = right / (right + extra) if right + extra else float("nan")
    recall = right / (right + missed) if right + missed else float("nan")
    return Prf(right, extra, missed, precision, recall, bootstrap(np.asarray(counts).reshape(-1, 3), f1, seed=seed))


# ------------------------------------------------------------ what an extraction claims

Fact = tuple[Hashable, ...]


def who(subject: Subject) -> str:
    """Who is meant, the same in any reading: the name without padding, else the post, else kind and number."""
    return "".join((subject.name or subject.post or f"{subject.kind}{subject.count or ''}").split())


def _measures(subject: Subject) -> Iterator[Fact]:
    return ((who(subject), sanction.name) for sanction in subject.sanctions)


def _of(key: str) -> Callable[[Extraction], Iterator[Fact]]:
    def facts(extraction: Extraction) -> Iterator[Fact]:
        for subject in extraction.subjects:
            if (value := getattr(subject, key)) is not None:
                yield who(subject), value

    return facts


def _decision_date(extraction: Extraction) -> Iterator[Fact]:
    return ((fact.text,) for fact in extraction.dates if fact.id == "decision")


ASPECTS: dict[str, tuple[str, Callable[[Extraction], Iterable[Fact]]]] = {
    "issuer": ("问责主体", lambda e: [("".join(e.issuer.text.split()),)] if e.issuer else []),
    "date": ("决定日期", _decision_date),
    "subject": ("问责对象", lambda e: [(who(s), s.kind) for s in e.subjects]),
    "subject_span": ("问责对象位置", lambda e: [(s.start, s.end) for s in e.subjects]),
    "sanction": ("人与处理", lambda e: [fact for s in e.subjects for fact in _measures(s)]),
    "status": ("人与处理及状态", lambda e: [(who(s), x.name, x.status) for s in e.subjects for x in s.sanctions]),
    "sanction_span": ("处理位置", lambda e: [(who(s), x.start, x.end) for s in e.subjects for x in s.sanctions]),
    "post": ("人与职务", _of("post")),
    "former": ("原任", _of("former")),
    "role": ("职务角色", _of("post_role")),
    "rank": ("级别", _of("rank")),
    "leading_cadre": ("领导干部", _of("leading_cadre")),
    "responsibility": ("责任", _of("responsibility")),
}


def differences(one: Extraction, other: Extraction, aspect: str) -> tuple[set[Fact], set[Fact]]:
    """What only ``one`` says of an aspect, and what only ``other`` says."""
    mine, yours = (set(ASPECTS[aspect][1](extraction)) for extraction in (one, other))
    return mine - yours, yours - mine


def field_counts(gold: Extraction, read: Extraction, aspect: str) -> tuple[int, int, int]:
    """Right, extra and missed facts of an aspect in one case, ``read`` held against ``gold``."""
    missed, extra = differences(gold, read, aspect)
    return len(set(ASPECTS[aspect][1](gold))) - len(missed), len(extra), len(missed)


def field_figures(pairs: Iterable[tuple[Extraction, Extraction]], *, seed: int = 0) -> Mapping[str, Prf]:
    """Precision, recall and F1 of every aspect over pairs of (gold, read)."""
    known = list(pairs)
    return {
        aspect: prf(np.array([field_counts(gold, read, aspect) for gold, read in known]).reshape(-1, 3), seed=seed)
        for aspect in ASPECTS
    }


# ------------------------------------------------------------ boundaries of cases


def boundary_counts(gold: Iterable[Span], read: Iterable[Span]) -> dict[str, tuple[int, int, int]]:
    """Right, extra and missed in one notice: whole cases (start and end both right), and boundaries one by one."""
    mine, yours = ({(span.start, span.end) for span in spans} for spans in (gold, read))
    ends = [{(place, case[place]) for case in cases for place in (0, 1)} for cases in (mine, yours)]
    sets: dict[str, tuple[set[tuple[int, int]], set[tuple[int, int]]]] = {
        "case": (mine, yours),
        "boundary": (ends[0], ends[1]),
    }
    return {name: (len(one & other), len(other - one), len(one - other)) for name, (one, other) in sets.items()}


def boundary_figures(pairs: Iterable[tuple[Iterable[Span], Iterable[Span]]], *, seed: int = 0) -> Mapping[str, Prf]:
    """Precision, recall and F1 of cases and of boundaries over pairs of (gold, read) notices."""
    counts = [boundary_counts(gold, read) for gold, read in pairs]
    return {name: prf(np.array([one[name] for one in counts]), seed=seed) for name in ("case", "boundary")}
