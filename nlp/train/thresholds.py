"""Thresholds per label, chosen on the dev split for a stated aim.

In: probabilities and gold verdicts of cases. Out: (unsure from, yes from) per label. Never sees train or test.

Aim: the highest F2 over all labels, with a ``yes``, of the rules or the model, on at most ``CAP`` of the sound cases.
A label has about ten positive cases in dev, too few to trust its own best threshold: on the logit scale the threshold
of a label is a common one plus the label's deviation from the mean of all labels' best, shrunk by n / (n + ``PRIOR``),
n being its positive cases. The common one is then chosen to meet the aim. ``unsure`` begins where the same thresholds,
moved down together, would speak of ``UNSURE_CAP`` of the sound cases. Where the rules alone go beyond the cap, the
model is held back as far as the grid goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify.odds import logit, sigmoid

CAP, UNSURE_CAP, PRIOR, BETA = 0.10, 0.25, 20, 2.0
_GRID = np.round(np.arange(-8.0, 8.0001, 0.02), 2)

Array = NDArray[Any]


def choose(
    values: Array, verdicts: Array, sound: Array, alarmed: Array, disputed: Array | None = None
) -> tuple[Array, Array]:
    """The probabilities from which each label is unsure, and yes.

    ``values`` and ``verdicts`` (1 yes, 0 no, -1 unsure: not counted) are n x k; ``sound`` marks cases without issue,
    ``alarmed`` those of which the rules speak anyhow, ``disputed`` (n x k) the claims that cannot be a yes.
    """
    logits = logit(values)
    positives = (verdicts == 1).sum(axis=0)
    judged = positives > 0
    deviations = np.zeros(verdicts.shape[1])
    if judged.any():
        best = np.array([_best(logits[:, k], verdicts[:, k]) for k in np.flatnonzero(judged)])
        deviations[judged] = (positives / (positives + PRIOR))[judged] * (best - best.mean())
    shifted = logits - deviations
    settled = shifted if disputed is None else np.where(disputed, -np.inf, shifted)
    scores = np.array([_f(settled >= common, verdicts) for common in _GRID])
    calm = _alarms_by_threshold(settled[sound], alarmed[sound]) <= CAP
    yes = float(_GRID[np.argmax(np.where(calm, scores, -1.0))]) if calm.any() else float(_GRID[-1])
    quiet = _alarms_by_threshold(shifted[sound], alarmed[sound]) <= UNSURE_CAP
    unsure = min(yes, float(_GRID[np.argmax(quiet)])) if quiet.any() else yes
    return _probability(deviations + unsure), _probability(deviations + yes)


def _probability(logits: Array) -> Array:
    return np.asarray(np.round(sigmoid(logits), 4))


def _f(told: Array, verdicts: Array) -> float:
    """F2 of boolean claims; those where the gold hesitates do not count."""
    right = int((told & (verdicts == 1)).sum())
    extra, missed = int((told & (verdicts == 0)).sum()), int((~told & (verdicts == 1)).sum())
    weight = BETA**2
    return (1 + weight) * right / max((1 + weight) * right + weight * missed + extra, 1)


def _best(logits: Array, verdicts: Array) -> float:
    """The middle of the thresholds of highest F2 for one label."""
    scores = np.array([_f(logits >= common, verdicts) for common in _GRID])
    return float(np.mean(_GRID[scores >= scores.max()]))


def _alarms_by_threshold(logits: Array, alarmed: Array) -> Array:
    """For each common threshold the share of cases with any claim."""
    if not len(alarmed):
        return np.zeros(len(_GRID))
    return np.array([((logits >= common).any(axis=1) | alarmed).mean() for common in _GRID])
