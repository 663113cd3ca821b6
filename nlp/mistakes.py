"""Where wenze is wrong on gold cases, the most confident mistakes first.

In: gold cases and a model. Out: every case and label judged wrongly, with how far the probability stood on the wrong
side of the threshold. A ``yes`` that the gold denies and a missing ``yes`` are mistakes; where the gold is unsure
nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nlp.classify import RULES, load_model
from nlp.classify.odds import logit
from nlp.codebook import load_codebook
from nlp.evaluate import Told, tell
from nlp.gold import GoldCase
from nlp.types import Basis, Evidence, IssueId, Verdict

# The rules have no threshold; their probabilities are held against this one.
_EVEN = 0.5
_LEAST = 1e-4  # probabilities nearer to 0 or 1 are taken for this, so that every distance is finite


@dataclass(frozen=True, slots=True)
class Mistake:
    """A label judged wrongly in a case. ``distance``: of probability and threshold, on the logit scale; it is
    positive where the probability lies on the wrong side. ``by`` is None where nothing was found.
    """

    case: str
    label: IssueId
    gold: Literal["yes", "no"]
    basis: Basis | None
    gold_evidence: str
    said: Verdict | Literal["no"]
    by: str | None
    probability: float
    threshold: float
    distance: float
    evidence: tuple[Evidence, ...]
    text: str


def mistakes(cases: Iterable[GoldCase], *, model: str = RULES) -> list[Mistake]:
    """All mistakes of wenze with ``model`` beside the rules, the worst first. Raises ModelNotAvailable."""
    labels = load_codebook().labels
    bands = {label: band[1] for label, band in load_model(model).thresholds.items()} if model != RULES else {}
    thresholds = {label: bands.get(label, _EVEN) for label in labels}
    found = [one for case in cases for one in mistakes_of(case, tell(case, model=model), thresholds)]
    return sorted(found, key=lambda one: -one.distance)


def mistakes_of(case: GoldCase, told: Told, thresholds: Mapping[IssueId, float]) -> Iterator[Mistake]:
    """The labels of a case that were judged wrongly, in the codebook's order."""
    for label, threshold in thresholds.items():
        gold = case.annotation.verdict(label)
        said: Verdict | Literal["no"] = told.verdicts.get(label, "no")
        if gold == "unsure" or (gold == "yes") == (said == "yes"):
            continue
        above = float(logit(told.scores[label], _LEAST) - logit(threshold, _LEAST))
        judged = case.labels.get(label)
        yield Mistake(
            case=case.id,
            label=label,
            gold=gold,
            basis=judged.basis if judged else None,
            gold_evidence=judged.evidence if judged else "",
            said=said,
            by=told.by.get(label),
            probability=told.scores[label],
            threshold=threshold,
            distance=above if gold == "no" else -above,
            evidence=told.evidence.get(label, ()),
            text=case.text,
        )
