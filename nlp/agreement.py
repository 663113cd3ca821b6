"""How far two annotators agree: Cohen's kappa and Krippendorff's alpha per label, evidence and fields by F1.

In: two sets of annotations of the same cases. Out: an ``Agreement`` with every figure, its bootstrap interval and the
differing judgements. Never decides who is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from nlp.codebook import load_codebook
from nlp.evaluate import Difference, Figure, Prf, bootstrap, field_differences, field_figures, mean, prf
from nlp.gold import Annotation
from nlp.types import IssueId

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERDICTS = ("no", "unsure", "yes")


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """One label over the cases both judged: how often each said ``yes``, and chance-corrected agreement.

    ``kappa`` is Cohen's (1960), ``alpha`` Krippendorff's for nominal data (2004), both over no / unsure / yes as they
    stand. NaN where neither annotator ever departed from one verdict: there is nothing to correct for chance.
    """

    label: IssueId
    cases: int
    first: int
    second: int
    both: int
    kappa: Figure
    alpha: Figure


@dataclass(frozen=True, slots=True)
class Agreement:
    """Everything two annotators' files tell of their agreement.

    ``pooled`` takes every (case, label) as one unit; ``mean_alpha`` is the mean over labels that have one.
    ``evidence`` compares characters of the evidence where both say ``yes``; None where no text is at hand. Cases whose
    texts differ are left out of it.
    ``fields`` is over the cases whose fields both annotated, the first as reference.
    """

    cases: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    labels: tuple[LabelAgreement, ...]
    pooled_kappa: Figure
    pooled_alpha: Figure
    mean_alpha: float
    evidence: Prf | None
    evidence_touching: float
    field_cases: int
    fields: Mapping[str, Prf]
    differences: tuple[Difference, ...]


# ------------------------------------------------------------ figures of confusion tables


def kappa(tables: NDArray[Any]) -> NDArray[Any]:
    """Cohen's kappa of b flattened v x v confusion tables (b x v*v): b values, NaN where chance explains all."""
    square, n = _square(tables)
    seen = np.trace(square, axis1=1, axis2=2) / n
    chance = (square.sum(axis=1) * square.sum(axis=2)).sum(axis=1) / n**2
    return _ratio(seen - chance, 1 - chance)


def alpha(tables: NDArray[Any]) -> NDArray[Any]:
    """Krippendorff's alpha for two annotators and nominal values, from b flattened confusion tables: b values."""
    square, n = _square(tables)
    values = square.sum(axis=1) + square.sum(axis=2)
    seen = 1 - np.trace(square, axis1=1, axis2=2) / n
    chance = 1 - (values * (values - 1)).sum(axis=1) / (2 * n * (2 * n - 1))
    return 1 - _ratio(seen, chance)


def _square(tables: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    size = round(tables.shape[1] ** 0.5)
    square = np.asarray(tables, dtype=np.float64).reshape(-1, size, size)
    return square, square.sum(axis=(1, 2))


def _ratio(over: NDArray[Any], under: NDArray[Any]) -> NDArray[Any]:
    none = np.isclose(under, 0)
    return np.where(none, np.nan, over / np.where(none, 1, under))


# ------------------------------------------------------------ comparing


def agreement(first: Mapping[str, Annotation], second: Mapping[str, Annotation], *, seed: int = 0) -> Agreement:
    """Compare two annotators over the cases both judged. ValueError (Chinese) when they share none."""
    shared = [case for case in first if case in second]
    if not shared:
        raise ValueError("两份标注没有共同的案件编号，无从比较。请确认两份文件标注的是同一批案件")
    labels = load_codebook().labels
    tables = np.zeros((len(shared), len(labels), len(VERDICTS) ** 2))
    for row, case in enumerate(shared):
        for column, label in enumerate(labels):
            mine, yours = (VERDICTS.index(one[case].verdict(label)) for one in (first, second))
            tables[row, column, mine * len(VERDICTS) + yours] = 1
    per_label = tuple(_label(label, tables[:, n], seed) for n, label in enumerate(labels))
    evidence = [_evidence(first[case], second[case]) for case in shared]
    pairs = [(case, a, b) for case in shared if (a := first[case].fields) and (b := second[case].fields)]
    return Agreement(
        cases=len(shared),
        only_first=tuple(case for case in first if case not in second),
        only_second=tuple(case for case in second if case not in first),
        labels=per_label,
        pooled_kappa=bootstrap(tables.sum(axis=1), kappa, seed=seed),
        pooled_alpha=bootstrap(tables.sum(axis=1), alpha, seed=seed),
        mean_alpha=mean(one.alpha.value for one in per_label),
        evidence=prf(np.array([counts[:3] for counts in evidence if counts]), seed=seed) if any(evidence) else None,
        evidence_touching=_share(evidence),
        field_cases=len(pairs),
        fields=field_figures(((one, other) for _, one, other in pairs), seed=seed) if pairs else {},
        differences=(
            *(d for case in shared for d in _verdicts(first[case], second[case])),
            *(d for case, one, other in pairs for d in field_differences(case, one, other)),
        ),
    )


def _label(label: IssueId, tables: NDArray[Any], seed: int) -> LabelAgreement:
    square = tables.sum(axis=0).reshape(len(VERDICTS), len(VERDICTS))
    return LabelAgreement(
        label,
        len(tables),
        first=int(square[2].sum()),
        second=int(square[:, 2].sum()),
        both=int(square[2, 2]),
        kappa=bootstrap(tables, kappa, seed=seed),
        alpha=bootstrap(tables, alpha, seed=seed),
    )


def _verdicts(first: Annotation, second: Annotation) -> list[Difference]:
    """The labels two annotators judged unlike, with the evidence of whoever said anything but ``no``."""
    told = []
    for label in load_codebook().labels:
        mine, yours = first.verdict(label), second.verdict(label)
        if mine != yours:
            said = [one.labels[label].evidence if label in one.labels else "" for one in (first, second)]
            told.append(Difference(first.id, label, mine, yours, *said))
    return told


def _evidence(first: Annotation, second: Annotation) -> tuple[int, int, int, int, int] | None:
    """Characters of evidence shared, only the second's, only the first's; labels whose evidence touches; labels.

    Over the labels both call ``yes``. Words that stand in the text more than once are taken where the two come closest.
    None where neither file has the text, or the two have unlike texts.
    """
    text = first.text or second.text
    if text is None or (first.text and second.text and first.text != second.text):
        return None
    shared = extra = missed = touching = labels = 0
    for label, judged in first.labels.items():
        other = second.labels.get(label)
        if judged.verdict != "yes" or other is None or other.verdict != "yes":
            continue
        mine, yours = max(
            product(_places(text, judged.evidence), _places(text, other.evidence)),
            key=lambda pair: len(pair[0] & pair[1]),
            default=(set(), set()),
        )
        shared, extra, missed = shared + len(mine & yours), extra + len(yours - mine), missed + len(mine - yours)
        touching, labels = touching + bool(mine & yours), labels + 1
    return shared, extra, missed, touching, labels


def _places(text: str, words: str) -> list[set[int]]:
    """The characters of every occurrence of some words."""
    return [set(range(at, at + len(words))) for at in range(len(text)) if text.startswith(words, at)]


def _share(evidence: list[tuple[int, int, int, int, int] | None]) -> float:
    touching, labels = (sum(counts[n] for counts in evidence if counts) for n in (3, 4))
    return touching / labels if labels else float("nan")
