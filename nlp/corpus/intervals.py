"""Shares, ratios and trends with intervals; tests, and what many tests at once leave of them.

In: counts. Out: ``Share``, ``Ratio``, p- and q-values. Never knows what is counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL, RESAMPLES = 0.95, 1000
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def wilson(count: int, of: int) -> Interval:
    """A share with Wilson's interval (1927)."""
    if not of:
        return Interval(math.nan, math.nan, math.nan)
    share, spread = count / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def exact(count: int, of: int) -> Interval:
    """A share with the exact interval of Clopper and Pearson (1934)."""
    from scipy.stats import beta

    if not of:
        return Interval(math.nan, math.nan, math.nan)
    tail = (1 - LEVEL) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(1 - tail, count + 1, of - count))
    return Interval(count / of, low, high)


def ratio(pairs: NDArray[Any], *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """First sum to second sum of n cases x 2 counts, with the percentile interval over resampled cases.

    Cases with the same counts are drawn together: how often each kind counts is multinomial. Infinite where the second
    sum is 0, NaN where both are. Where a sum is 0 no resample differs: the interval is then that of the exact share.
    """
    kinds, times = np.unique(np.asarray(pairs, dtype=np.int64).reshape(-1, 2), axis=0, return_counts=True)
    total = times.sum()
    if not total:
        return Interval(math.nan, math.nan, math.nan)
    first, second = (int(side) for side in times @ kinds)
    if not first or not second:
        return _odds(exact(first, first + second))
    drawn = np.random.default_rng(seed).multinomial(total, times / total, size=resamples) @ kinds
    values = _divided(drawn)
    values = values[~np.isnan(values)]
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return Interval(first / second, float(low), float(high))


def mean(values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean of figures in [-1, 1], with the percentile interval over resampled cases.

    Where all are one value no resample differs: the interval then leaves to either end what so many equal draws do not
    rule out.
    """
    if not values:
        return Interval(math.nan, math.nan, math.nan)
    kinds, times = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    n, value = len(values), float(times @ kinds / len(values))
    if len(kinds) == 1:
        left = 1 - exact(n, n).low
        return Interval(value, value - left * (value + 1), value + left * (1 - value))
    drawn = np.random.default_rng(seed).multinomial(n, times / n, size=resamples) @ kinds / n
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return Interval(value, float(low), float(high))


def _odds(share: Interval) -> Interval:
    """A share of the whole as a ratio of the two sides."""
    return Interval(*(math.inf if one == 1 else one / (1 - one) for one in (share.value, share.low, share.high)))


def _divided(sums: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def unlike(count: int, of: int, rest: int, of_rest: int) -> float:
    """Two-sided p-value that two shares are one (Fisher's exact test)."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[count, of - count], [rest, of_rest - rest]])[1])


def trend(counts: Sequence[int], of: Sequence[int], when: Sequence[int]) -> float:
    """Two-sided p-value that a share neither rises nor falls with time (Cochran 1954, Armitage 1955), or NaN."""
    times = np.asarray(when, dtype=np.float64)
    hits, sizes = np.asarray(counts, dtype=np.float64), np.asarray(of, dtype=np.float64)
    total = sizes.sum()
    if len(counts) < 3 or not total or not 0 < hits.sum() < total:
        return math.nan
    share = hits.sum() / total
    apart = times - (times @ sizes) / total
    variance = share * (1 - share) * (sizes @ (apart * apart))
    return math.erfc(abs(float(apart @ hits)) / math.sqrt(2 * variance)) if variance else math.nan


def false_discovery(chances: Sequence[float]) -> list[float]:
    """q-values of Benjamini and Hochberg (1995), in the order of the p-values; NaN stays and does not count."""
    values = np.asarray(chances, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    told = np.full(len(values), math.nan)
    if len(order):
        scaled = values[order] * len(order) / np.arange(1, len(order) + 1)
        told[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return [float(value) for value in told]
