"""A ``Corpus`` -> one self-contained Chinese page that opens offline.

In: a ``Corpus``. Out: HTML without scripts; text of a notice is only ever text (jinja2 escapes everything). Each number
opens onto its cases; past ``LISTED`` of them the page says where the rest are. Never computes a figure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from nlp.corpus import Corpus
from nlp.corpus.case import Case
from nlp.corpus.comparables import Deviation
from nlp.corpus.counts import SIGNIFICANT, Cell, Mean, Ratio, Trend
from nlp.corpus.findings import ladder_line, received, shared_terms
from nlp.corpus.intervals import Interval
from nlp.report.corpus import SIDES, limits, tables
from nlp.report.corpus_charts import Point, line_chart, mean_row, parts_bar, ratio_row, share_row

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LISTED, INDEXED, CLAIMED, FOLDED = 60, 2000, 100, 200
DRAWN = 5  # a year with fewer cases is in the tables alone
_CHARTS = 9
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(frozen=True)
class Line:
    """One line of a figure: its name, chart, numbers in words, and the cases behind them."""

    name: str
    chart: Markup
    told: str
    cases: Sequence[Case]
    differs: bool = False


def visible(value: object) -> object:
    """A text without the characters that a page cannot hold; anything else as it is."""
    return _UNSHOWN.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=visible,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["number"] = lambda value: f"{value:,}"
    return made


def page(corpus: Corpus) -> str:
    """The whole page."""
    notes = {table.key: table.note for table in tables(corpus)}
    indexed = corpus.cases[:INDEXED]
    claims = [one for one in corpus.compared.deviations if one.side]
    differing = sorted((cell for cell in corpus.imbalance if cell.differs), key=lambda cell: cell.q)
    return (
        _environment()
        .get_template("corpus.html.j2")
        .render(
            corpus=corpus,
            limits=limits(),
            notes=notes,
            style=Markup((TEMPLATES / "corpus.css").read_text(encoding="utf-8")),
            overall={aspect: _overall(cells) for aspect, cells in corpus.overall.items() if cells},
            known={aspect: cells[0].of for aspect, cells in corpus.overall.items() if cells},
            ratios=_ratios(corpus.ratios),
            means=_means(corpus.means),
            differing=[_differing(cell) for cell in differing],
            tested=sum(not math.isnan(cell.q) for cell in corpus.imbalance),
            trends=_trends(corpus.trends),
            claims=list(map(_claim, claims[:CLAIMED])),
            claimed=len(claims),
            folded=corpus.folded[:FOLDED],
            indexed=indexed,
            anchors={case.key: f"c{n}" for n, case in enumerate(indexed)},
            listed=LISTED,
            drawn=DRAWN,
        )
    )


def _between(one: Interval) -> str:
    return f"{one.value:.1%}（{one.low:.1%}–{one.high:.1%}）"


def _overall(cells: Sequence[Cell]) -> list[Line]:
    most = max(cell.share.high for cell in cells)
    return [
        Line(cell.category, share_row(cell.share, most), f"{_between(cell.share)}，{cell.people:,} 人次", cell.cases)
        for cell in cells
    ]


def _ratio_told(one: Ratio) -> str:
    if math.isnan(one.value.value):
        return f"{one.first:,} : {one.second:,}，无从计算"
    low, value, high = (_scaled(each) for each in (one.value.low, one.value.value, one.value.high))
    return f"{one.first:,} : {one.second:,}，比值 {value}（{low}–{high}）"


def _chance(q: float) -> str:
    return "q < 0.001" if q < 0.001 else f"q = {q:.2g}"


def _scaled(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.3g}"


def _ratios(ratios: Iterable[Ratio]) -> dict[str, list[Line]]:
    """Each ratio: over all, then the groups, as many as fit."""
    found: dict[str, list[Line]] = {}
    for one in ratios:
        name = one.group if one.grouping == "全部" else f"{one.grouping}：{one.group}"
        found.setdefault(one.name, []).append(Line(name, ratio_row(one.value), _ratio_told(one), one.cases))
    return found


def _means(means: Iterable[Mean]) -> dict[str, list[Line]]:
    """Each figure: over all, then the groups."""
    found: dict[str, list[Line]] = {}
    for one in means:
        name = one.group if one.grouping == "全部" else f"{one.grouping}：{one.group}"
        told = f"{one.value.value:+.2f}（{one.value.low:+.2f} 到 {one.value.high:+.2f}），大于零 {one.above:,} 起"
        found.setdefault(one.name, []).append(Line(name, mean_row(one.value), told, one.cases))
    return found


def _differing(cell: Cell) -> Line:
    most = max(cell.share.high, cell.rest)
    told = f"{_between(cell.share)}，其余各组 {cell.rest:.1%}，{_chance(cell.q)}"
    chart = share_row(cell.share, most, rest=cell.rest, differs=True)
    return Line(f"{cell.grouping}：{cell.group} · {cell.aspect}：{cell.category}", chart, told, cell.cases, True)


@dataclass(frozen=True)
class Chart:
    """A trend: its name, picture, what the test says, and the cells it is drawn from."""

    name: str
    picture: Markup
    told: str
    cells: Sequence[Cell]


def _trends(trends: Iterable[Trend]) -> dict[str, list[Chart]]:
    """By year, means before ranks before grounds; those that can be drawn."""
    found: dict[str, list[Chart]] = {}
    for one in trends:
        points = [_point(cell) for cell in one.cells if cell.of >= DRAWN]
        picture = line_chart(points, f"{one.category}占比的变化")
        if one.by == "年" and picture:
            found.setdefault(one.aspect, []).append(Chart(one.category, picture, _verdict(one.q), one.cells))
    return {aspect: charts[:_CHARTS] for aspect, charts in found.items()}


def _point(cell: Cell) -> Point:
    return Point(float(cell.group[:4]), cell.group, cell.share, f"{cell.group}：{_between(cell.share)}")


def _verdict(q: float) -> str:
    if math.isnan(q):
        return "无从检验"
    return f"升降 {_chance(q)}，{'有变化' if q < SIGNIFICANT else '看不出变化'}"


@dataclass(frozen=True)
class Claim:
    """One deviation for a reader."""

    deviation: Deviation
    side: str
    bar: Markup
    told: str
    terms: str
    ladders: Sequence[str]
    received: str


def _claim(one: Deviation) -> Claim:
    n = len(one.comparables)
    lighter, heavier = round(one.lighter.value * n), round(one.heavier.value * n)
    other = n - lighter - heavier
    parts = [(lighter / n, "lighter"), (other / n, "other"), (heavier / n, "heavier")]
    told = f"可比者 {n} 人：处理更轻 {lighter} 人，相同或不可比 {other} 人，更重 {heavier} 人"
    share = one.lighter if one.side == "heavier" else one.heavier
    return Claim(
        deviation=one,
        side=SIDES[one.side],
        bar=parts_bar(parts),
        told=f"{told}；95% 区间 {share.low:.0%}–{share.high:.0%}，偶然概率至多 {one.chance:.2f}，q = {one.q:.2g}",
        terms=shared_terms(one),
        ladders=[ladder_line(ladder) for ladder in one.ladders if ladder.rung and ladder.middle],
        received=received(one),
    )
