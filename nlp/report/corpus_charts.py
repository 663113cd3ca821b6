"""Figures with intervals -> inline SVG. Knows no case and writes no text of a notice.

In: numbers and names made by the caller. Out: ``Markup``. Every number also stands as text beside its shape, and
nothing is told by colour alone: what differs is a filled circle, what is merely counted an open one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nlp.corpus.intervals import Interval

# The ratio scale runs from 1 : 100 to 100 : 1, in powers of ten.
_DECADES = 2.0
_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _FOOT = 340, 150, 44, 10, 10, 26


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.4g}%"


def share_row(one: Interval, most: float, *, rest: float | None = None, differs: bool = False) -> Markup:
    """A share with its interval on a scale to ``most``; an upright tick where the other groups stand."""
    if math.isnan(one.value) or not most:
        return Markup("")
    tick = _tick(rest / most) if rest is not None and not math.isnan(rest) else Markup("")
    return _row(one.low / most, one.value / most, one.high / most, tick, differs)


def ratio_row(one: Interval) -> Markup:
    """A ratio with its interval on a logarithmic scale; the tick in the middle is 1 : 1."""
    if math.isnan(one.value):
        return Markup("")
    return _row(_at(one.low), _at(one.value), _at(one.high), _tick(0.5), False)


def mean_row(one: Interval) -> Markup:
    """A figure in [-1, 1] with its interval; the tick in the middle is 0."""
    if math.isnan(one.value):
        return Markup("")
    low, middle, high = ((value + 1) / 2 for value in (one.low, one.value, one.high))
    return _row(low, middle, high, _tick(0.5), False)


def _at(ratio: float) -> float:
    if math.isnan(ratio) or ratio <= 0:
        return 0.0
    return 1.0 if math.isinf(ratio) else min(max((math.log10(ratio) + _DECADES) / (2 * _DECADES), 0.0), 1.0)


def _tick(at: float) -> Markup:
    return Markup('<line x1="{0}" x2="{0}" y1="2" y2="20" class="tick"/>').format(_percent(at))


def _row(low: float, middle: float, high: float, tick: Markup, differs: bool) -> Markup:
    line = Markup('<line x1="{}" x2="{}" y1="11" y2="11" class="span"/>').format(_percent(low), _percent(high))
    kind = "solid" if differs else "open"
    mark = Markup('<circle cx="{}" cy="11" r="4.5" class="{}"/>').format(_percent(middle), kind)
    svg = '<svg class="row" width="100%" height="22" aria-hidden="true" focusable="false">{}{}{}</svg>'
    return Markup(svg).format(line, tick, mark)


def parts_bar(parts: Sequence[tuple[float, str]]) -> Markup:
    """Shares of the whole side by side; each with a class of its own, told apart by hatching as well."""
    rects, x = [], 0.0
    for share, kind in parts:
        if share > 0:
            rect = '<rect x="{}" width="{}" height="16" class="{}"/>'
            rects.append(Markup(rect).format(_percent(x), _percent(share), kind))
            x += share
    svg = '<svg class="parts" width="100%" height="16" aria-hidden="true" focusable="false">{}</svg>'
    return Markup(svg).format(Markup("").join(rects))


@dataclass(frozen=True, slots=True)
class Point:
    """A share at a time; ``at`` on the axis of time, ``label`` beneath it."""

    at: float
    label: str
    share: Interval
    told: str


def line_chart(points: Sequence[Point], name: str) -> Markup:
    """Shares over time with their intervals as a band; the axis runs from 0 to the highest upper bound."""
    known = [one for one in points if not math.isnan(one.share.value)]
    if len(known) < 2:
        return Markup("")
    first, last = known[0].at, known[-1].at
    most = max(one.share.high for one in known) or 1.0

    def x(one: Point) -> float:
        return round(_LEFT + (_WIDE - _LEFT - _RIGHT) * (one.at - first) / ((last - first) or 1), 1)

    def y(share: float) -> float:
        return round(_HIGH - _FOOT - (_HIGH - _FOOT - _TOP) * share / most, 1)

    upper = [f"{x(one)},{y(one.share.high)}" for one in known]
    lower = [f"{x(one)},{y(one.share.low)}" for one in reversed(known)]
    body = Markup('<polygon points="{}" class="band"/>').format(" ".join([*upper, *lower]))
    middle = " ".join(f"{x(one)},{y(one.share.value)}" for one in known)
    body += Markup('<polyline points="{}" class="line"/>').format(middle)
    step = 1 + (len(known) - 1) // 8
    for n, one in enumerate(known):
        dot = '<circle cx="{}" cy="{}" r="3.5" class="dot"><title>{}</title></circle>'
        body += Markup(dot).format(x(one), y(one.share.value), one.told)
        if n % step == 0:
            body += Markup('<text x="{}" y="{}" class="time">{}</text>').format(x(one), _HIGH - 8, one.label)
    for share in (0.0, most / 2, most):
        line = '<line x1="{0}" x2="{1}" y1="{2}" y2="{2}" class="grid"/>'
        body += Markup(line).format(_LEFT, _WIDE - _RIGHT, y(share))
        body += Markup('<text x="{}" y="{}" class="level">{}</text>').format(_LEFT - 6, y(share) + 4, f"{share:.0%}")
    svg = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(svg).format(_WIDE, _HIGH, name, body)
