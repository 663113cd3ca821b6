"""Shares and counts -> inline SVG that a page can hold anywhere. Knows no row and writes no text that came from one.

In: numbers, and links and labels made by the caller. Out: ``Markup``. Widths are percentages, so a chart is as wide as
its place while its letters keep their size; nothing is told by colour alone: what is doubtful is hatched, and every
number stands beside its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

# Fills of the page; docs/report.md says how they were chosen, tests/test_report.py measures their contrasts.
TONES = {
    "volume": "#2f6393",
    "yes": "#9a3412",
    "unsure": "#c98a2b",
    "high": "#9a3412",
    "middle": "#c8702a",
    "low": "#e6b878",
    "none": "#cfd6dd",
}
# Grounds of the grid's cells from few to many, with the ink to write on them.
SHADES = (
    ("#ffffff", "#1c2733"),
    ("#e3edf6", "#1c2733"),
    ("#b9d2e8", "#1c2733"),
    ("#6f9fca", "#1c2733"),
    ("#2f6393", "#ffffff"),
)

_DEEPER = (0.15, 0.3, 0.5)

_COLUMN_HEIGHT = 150
_HEAD, _FOOT = 22, 26


def percent(share: float) -> str:
    """A share of one as an SVG length: '34.5%'."""
    return f"{100 * min(max(share, 0.0), 1.0):.4g}%"


def bar(parts: Iterable[tuple[float, str]], height: int = 14) -> Markup:
    """Shares of the full width beside each other, each in its tone; a share above nothing is never invisible."""
    rects, x = [], 0.0
    for share, tone in parts:
        if share > 0:
            wide = max(share, 0.004)
            rects.append(
                Markup('<rect x="{}" width="{}" height="{}" class="f-{}"/>').format(
                    percent(x), percent(wide), height, tone
                )
            )
            x += wide
    svg = '<svg class="bar" width="100%" height="{}" aria-hidden="true" focusable="false">{}</svg>'
    return Markup(svg).format(height, Markup("").join(rects))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart over time: its label, its number, of which marked, and where it links."""

    label: str
    number: int
    marked: int
    href: str
    told: str


def columns(told: Sequence[Column], name: str) -> Markup:
    """Upright columns with their numbers on top and their labels beneath; each links to its cases."""
    most = max((one.number for one in told), default=0) or 1
    step = 1 / max(len(told), 1)
    every = 1 + (len(told) - 1) // 12
    bodies = Markup("").join(_column(one, n * step, step, most, n % every == 0) for n, one in enumerate(told))
    height = _HEAD + _COLUMN_HEIGHT + _FOOT
    base = _HEAD + _COLUMN_HEIGHT
    line = Markup('<line x1="0" x2="100%" y1="{0}" y2="{0}" class="axis"/>').format(base)
    svg = '<svg class="columns" width="100%" height="{}" role="group" aria-label="{}">{}{}</svg>'
    return Markup(svg).format(height, name, bodies, line)


def _column(one: Column, x: float, step: float, most: int, labelled: bool) -> Markup:
    wide, middle = min(step * 0.66, 0.09), percent(x + step / 2)
    left = percent(x + (step - wide) / 2)
    tall = round(_COLUMN_HEIGHT * one.number / most, 1)
    marked = round(_COLUMN_HEIGHT * one.marked / most, 1)
    base = _HEAD + _COLUMN_HEIGHT
    rect = '<rect x="{}" y="{}" width="{}" height="{}" class="f-{}"/>'
    label = (
        Markup('<text x="{}" y="{}" class="tick">{}</text>').format(middle, base + 18, one.label)
        if labelled
        else Markup("")
    )
    return Markup(
        '<a href="{}" aria-label="{}"><title>{}</title>{}{}<text x="{}" y="{}" class="top">{}</text>{}</a>'
    ).format(
        one.href,
        one.told,
        one.told,
        Markup(rect).format(left, base - tall, percent(wide), tall, "volume"),
        Markup(rect).format(left, base - marked, percent(wide), marked, "yes") if marked else Markup(""),
        middle,
        base - tall - 6,
        one.number,
        label,
    )


def shade(share: float) -> int:
    """Which of SHADES a cell gets that holds this share of its row; 0 for nothing."""
    return 0 if share <= 0 else 1 + sum(share >= least for least in _DEEPER)


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
