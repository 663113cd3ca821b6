"""From scores to probabilities: Platt's curve, for each label alone where its cases are many, else for all together.

In: margins or logits and gold verdicts. Out: slope and offset of each label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Array = NDArray[Any]
_DOUBT = 0.3  # how far the labels' own offsets may go: the C of their L2 penalty


def platt(margins: Array, verdicts: Array) -> tuple[Array, Array]:
    """Slope and offset of each label, with Platt's smoothed targets; a margin that tells nothing gets the base rate."""
    slope, offset = np.zeros(verdicts.shape[1]), np.zeros(verdicts.shape[1])
    for k in range(verdicts.shape[1]):
        rows = verdicts[:, k] >= 0
        values, hits = margins[rows, k], verdicts[rows, k] == 1
        offset[k] = np.log((hits.sum() + 1) / ((~hits).sum() + 1))
        if not hits.any() or hits.all():
            continue
        target = np.where(hits, (hits.sum() + 1) / (hits.sum() + 2), 1 / ((~hits).sum() + 2))
        both = np.concatenate([values, values])[:, None]
        classes = np.repeat([1, 0], len(values))
        curve = LogisticRegression(C=1e4).fit(both, classes, sample_weight=np.concatenate([target, 1 - target]))
        if curve.coef_[0, 0] > 0:
            slope[k], offset[k] = curve.coef_[0, 0], curve.intercept_[0]
    return slope, offset


def together(parts: Array, verdicts: Array) -> tuple[Array, Array]:
    """One logistic curve for all labels over m parts of a score, with an offset of each label kept near the common one.

    ``parts`` is n x k x m. Gives m weights and k offsets. For a dev split, where a label has some ten positive cases.
    """
    n, k, m = parts.shape
    own = np.broadcast_to(np.eye(k), (n, k, k))
    # Dividing a column by s penalises its weight s² times: the parts are all but free, the labels' own offsets are not.
    table = np.concatenate([parts * 10.0, own * np.sqrt(_DOUBT)], axis=2).reshape(n * k, m + k)
    judged = verdicts.reshape(-1)
    known = judged >= 0
    curve = LogisticRegression(C=1.0, max_iter=2000).fit(table[known], judged[known] == 1)
    weights = curve.coef_[0]
    return weights[:m] * 10.0, curve.intercept_[0] + weights[m:] * np.sqrt(_DOUBT)
