"""How probabilities and thresholds fare on gold cases: figures with bootstrap intervals over cases.

In: gold cases, probabilities, thresholds. Out: plain numbers for ``metrics.json`` and the card. Never fits anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify.base import Classifier
from nlp.codebook import load_codebook
from nlp.evaluate import LEVEL, RESAMPLES, Figure, bootstrap, label_counts, macro_f1, mean, prf
from nlp.gold import GoldCase

Array = NDArray[Any]
_BINS = 10
_VERDICTS = {"yes": 1, "no": 0, "unsure": -1}


def verdicts_of(cases: Sequence[GoldCase]) -> Array:
    """n cases x k labels: 1 yes, 0 no, -1 unsure."""
    labels = load_codebook().labels
    judged = [[_VERDICTS[case.annotation.verdict(label)] for label in labels] for case in cases]
    return np.array(judged, dtype=np.int8).reshape(len(cases), len(labels))


def sound_of(cases: Sequence[GoldCase]) -> Array:
    """Which cases carry no label, not even a doubtful one."""
    return np.array([not case.labels for case in cases], dtype=bool)


def average_precision(verdicts: Array, scores: Array) -> float:
    """Area under precision over recall (step-wise) of one label; NaN without a positive. Ties share their precision."""
    known = verdicts >= 0
    hits, scores = verdicts[known] == 1, scores[known]
    if not hits.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits, scores = hits[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    right = np.cumsum(hits)[last]
    return float((np.diff(right, prepend=0) * right / (last + 1)).sum() / hits.sum())


def mean_average_precision(verdicts: Array, scores: Array) -> float:
    """Mean over the labels that have a positive; NaN where none has."""
    return mean(average_precision(verdicts[:, k], scores[:, k]) for k in range(verdicts.shape[1]))


def precision_areas(verdicts: Array, scores: Array, *, seed: int = 0, resamples: int = RESAMPLES) -> list[Figure]:
    """Average precision of every label, and last the mean over labels, with percentile intervals over cases."""
    rng = np.random.default_rng(seed)
    labels = range(verdicts.shape[1])
    drawn = np.full((resamples, len(labels) + 1), np.nan)
    for n in range(resamples):
        rows = rng.integers(0, len(verdicts), len(verdicts))
        drawn[n, :-1] = [average_precision(verdicts[rows, k], scores[rows, k]) for k in labels]
        drawn[n, -1] = mean(drawn[n, :-1])
    values = [average_precision(verdicts[:, k], scores[:, k]) for k in labels]
    return [_interval(value, drawn[:, k]) for k, value in enumerate([*values, mean(values)])]


def _interval(value: float, drawn: Array) -> Figure:
    if np.isnan(value):
        return Figure(value, value, value)
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(value, float(low), float(high))


def calibration_error(verdicts: Array, scores: Array) -> float:
    """Expected calibration error over all judged pairs of case and label, ten bins of equal width (Guo et al. 2017)."""
    judged = int((verdicts >= 0).sum())
    return float(sum(abs(true - told) * (count / judged) for told, true, count in tenths(verdicts, scores)))


def tenths(verdicts: Array, scores: Array) -> list[tuple[float, float, int]]:
    """Of each tenth of [0, 1] that holds judged pairs of case and label: mean probability, share of yes, number."""
    known = verdicts >= 0
    hits, values = verdicts[known] == 1, scores[known]
    bins = np.minimum((values * _BINS).astype(int), _BINS - 1)
    return [
        (float(values[bins == b].mean()), float(hits[bins == b].mean()), int((bins == b).sum()))
        for b in np.unique(bins)
    ]


def figures(
    cases: Sequence[GoldCase], values: Array, unsure: Array, yes: Array, *, seed: int = 0, disputed: Array | None = None
) -> dict[str, Any]:
    """Everything the card tells of one set of cases; figures as {value, low, high}. A ``disputed`` claim is no yes."""
    claims = values >= yes if disputed is None else (values >= yes) & ~disputed
    names, verdicts, sound = load_codebook().labels, verdicts_of(cases), sound_of(cases)
    told = [{name for name, is_told in zip(names, row, strict=True) if is_told} for row in claims]
    counts = np.array([[label_counts(c, name, found) for name in names] for c, found in zip(cases, told, strict=True)])
    areas = precision_areas(verdicts, values, seed=seed)
    labels = {
        name: {
            "positives": int((verdicts[:, k] == 1).sum()),
            "pr_auc": asdict(areas[k]),
            **asdict(prf(counts[:, k], seed=seed)),
        }
        for k, name in enumerate(names)
    }
    return {
        "cases": len(cases),
        "labels": labels,
        "mean_pr_auc": asdict(areas[-1]),
        "micro": asdict(prf(counts.sum(axis=1), seed=seed)),
        "macro_f1": asdict(bootstrap(counts.reshape(len(cases), -1), macro_f1, seed=seed)),
        "sound": int(sound.sum()),
        "alarmed": asdict(_share(claims[sound], seed)),
        "alarmed_or_unsure": asdict(_share(values[sound] >= unsure, seed)),
        "calibration_error": calibration_error(verdicts, values),
        "calibration_error_by_label": mean(
            calibration_error(verdicts[:, [k]], values[:, [k]])
            for k in range(len(names))
            if (verdicts[:, k] >= 0).any()
        ),
    }


def _share(told: Array, seed: int) -> Figure:
    """The share of cases with any claim."""
    if not len(told):
        return Figure(float("nan"), float("nan"), float("nan"))
    counts = np.column_stack([told.any(axis=1), np.ones(len(told))])
    return bootstrap(counts, lambda sums: sums[:, 0] / sums[:, 1], seed=seed)


def evidence_hits(model: Classifier, cases: Sequence[GoldCase], values: Array, yes: Array) -> tuple[int, int]:
    """Of a model's true ``yes``, how many it explains by a clause that touches the gold evidence; and how many."""
    hits = true = 0
    for case, row in zip(cases, values, strict=True):
        for name, value, least in zip(model.labels, row, yes, strict=True):
            if value < least or case.annotation.verdict(name) != "yes":
                continue
            start = case.text.find(case.labels[name].evidence)
            end = start + len(case.labels[name].evidence)
            true += 1
            hits += any(span.start < end and start < span.end for span in model.explain(case.text, name))
    return hits, true
