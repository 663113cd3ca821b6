"""Two models on the same gold cases: what the second gains and loses against the first, and how sure that is.

In: gold cases and two models. Out: figures of both, paired differences, and every case and label on which one is right
and the other wrong. Only a ``yes`` counts as a claim; where the gold is unsure nothing is gained or lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nlp.codebook import load_codebook
from nlp.evaluate import (
    Figure,
    Paired,
    Prf,
    Told,
    bootstrap,
    counts_of,
    macro_f1,
    micro_f1,
    paired_bootstrap,
    prf,
    tell,
)
from nlp.gold import GoldCase
from nlp.types import Evidence, IssueId, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

Said = Verdict | Literal["no"]


@dataclass(frozen=True, slots=True)
class Side:
    """How one model fares. ``alarmed``: of the sound cases, those that got a ``yes``."""

    name: str
    micro: Prf
    macro_f1: Figure
    labels: Mapping[IssueId, Prf]
    alarmed: int


@dataclass(frozen=True, slots=True)
class Change:
    """A case and label that one model judges rightly and the other wrongly; ``gain`` where the second is right."""

    case: str
    label: IssueId
    gold: Literal["yes", "no"]
    gain: bool
    first: Said
    second: Said
    gold_evidence: str
    first_evidence: tuple[Evidence, ...]
    second_evidence: tuple[Evidence, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models side by side. ``mcnemar_p``: exact, two-sided, each pair of case and label counted by itself."""

    cases: int
    sound: int
    first: Side
    second: Side
    micro: Paired
    macro: Paired
    changes: tuple[Change, ...]
    mcnemar_p: float

    @property
    def labels_changed(self) -> dict[IssueId, tuple[int, int]]:
        """How many gains and losses each label has; a label without either is not in it."""
        found: dict[IssueId, tuple[int, int]] = {}
        for change in self.changes:
            gained, lost = found.get(change.label, (0, 0))
            found[change.label] = (gained + change.gain, lost + (not change.gain))
        return found


def compare(cases: Sequence[GoldCase], first: str, second: str, *, seed: int = 0) -> Comparison:
    """Run both models (names or folders) on the cases. Raises ModelNotAvailable."""
    return compare_told(
        cases,
        (first, [tell(case, model=first) for case in cases]),
        (second, [tell(case, model=second) for case in cases]),
        seed=seed,
    )


def compare_told(
    cases: Sequence[GoldCase], first: tuple[str, Sequence[Told]], second: tuple[str, Sequence[Told]], *, seed: int = 0
) -> Comparison:
    """The same of what each model, by its name, has said of the cases already."""
    names = load_codebook().labels
    sound = np.array([not case.labels for case in cases], dtype=bool)
    sides: list[Side] = []
    sums: list[NDArray[Any]] = []
    for name, told in (first, second):
        claims = [{label for label, verdict in one.verdicts.items() if verdict == "yes"} for one in told]
        table = counts_of(cases, claims)
        sums.append(table.reshape(len(cases), -1))
        sides.append(
            Side(
                name=name,
                micro=prf(table.sum(axis=1), seed=seed),
                macro_f1=bootstrap(sums[-1], macro_f1, seed=seed),
                labels={label: prf(table[:, n], seed=seed) for n, label in enumerate(names)},
                alarmed=sum(bool(found) for found, is_sound in zip(claims, sound, strict=True) if is_sound),
            )
        )
    before, after = sums
    changes = tuple(
        change
        for case, one, other in zip(cases, first[1], second[1], strict=True)
        for change in changes_of(case, one, other)
    )
    return Comparison(
        cases=len(cases),
        sound=int(sound.sum()),
        first=sides[0],
        second=sides[1],
        micro=paired_bootstrap(before, after, micro_f1, seed=seed),
        macro=paired_bootstrap(before, after, macro_f1, seed=seed),
        changes=changes,
        mcnemar_p=mcnemar(sum(one.gain for one in changes), sum(not one.gain for one in changes)),
    )


def changes_of(case: GoldCase, first: Told, second: Told) -> Iterator[Change]:
    """The labels of a case on which exactly one of two readings is right."""
    for label in load_codebook().labels:
        gold = case.annotation.verdict(label)
        claimed = [one.verdicts.get(label) == "yes" for one in (first, second)]
        if gold == "unsure" or claimed[0] == claimed[1]:
            continue
        yield Change(
            case=case.id,
            label=label,
            gold=gold,
            gain=claimed[1] == (gold == "yes"),
            first=first.verdicts.get(label, "no"),
            second=second.verdicts.get(label, "no"),
            gold_evidence=case.labels[label].evidence if label in case.labels else "",
            first_evidence=first.evidence.get(label, ()),
            second_evidence=second.evidence.get(label, ()),
            text=case.text,
        )


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value that gains and losses are equally likely (McNemar 1947; binomial)."""
    n = gained + lost
    tail: int = sum(comb(n, k) for k in range(min(gained, lost) + 1))
    whole: int = 2**n
    return min(1.0, 2 * tail / whole)
