"""Influence periods: how long what was decided bears on a person, and which measure governs.

In: an ``Extraction`` and the day of the decision. Out: one ``Influence`` a person. Months are those of sanctions.toml;
where several run together the longest governs (《党政领导干部选拔任用工作条例》, regulations.md R4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from nlp.codebook import load_codebook
from nlp.law.when import after_months, decided_when
from nlp.types import Extraction, Sanction, Subject


@dataclass(frozen=True, slots=True)
class Period:
    """The influence of one measure: ``end`` is the first day after it, None without a date of decision.

    ``doubt`` says in Chinese why the months may be others (rules differ, the longest was taken, the text not read).
    """

    measure: Sanction
    months: int
    end: date | None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Influence:
    """One person's periods in the order told, and the one that governs: the longest."""

    subject: Subject
    periods: tuple[Period, ...]
    governing: Period

    @property
    def end(self) -> date | None:
        return self.governing.end


def influence_periods(extraction: Extraction, on: date | None) -> tuple[Influence, ...]:
    """The influence periods of every person on whom a measure with a period was decided, counted from ``on``.

    Measures only proposed or taken back have none.
    """
    found = []
    for subject in extraction.subjects:
        if subject.kind == "organisation":
            continue
        told = (*subject.sanctions, *subject.other_measures)
        periods = tuple(p for m in told if m.status == "decided" and (p := period_of(m, on)))
        if periods:
            found.append(Influence(subject, periods, max(periods, key=lambda period: period.months)))
    return tuple(found)


def influences(extraction: Extraction) -> tuple[Influence, ...]:
    """The influence periods as the case itself dates them; why an end is not sure is added to the doubts."""
    when = decided_when(extraction)
    dated = when is not None and when.exact and (when.first.year, when.first.month) == (when.last.year, when.last.month)
    found = influence_periods(extraction, when.last if when and dated else None)
    doubts: dict[str, str] = load_codebook()["checks"].settings["doubtful_days"]
    doubt = doubts["untold"] if when is None or not dated else None if when.first == when.last else doubts["month"]
    return tuple(replace(one, governing=_doubted(one.governing, doubt)) for one in found) if doubt else found


def _doubted(period: Period, doubt: str) -> Period:
    return replace(period, doubt="；".join(filter(None, (period.doubt, doubt))))


def period_of(measure: Sanction, on: date | None) -> Period | None:
    """The influence of one measure decided on a day; None where it has none or nobody knows it."""
    months = months_of(measure.id, on)
    if months is None:
        return None
    doubts: dict[str, str] = load_codebook()["checks"].settings["doubtful_periods"]
    return Period(measure, months, after_months(on, months) if on else None, doubts.get(measure.id))


def months_of(sanction: str, on: date | None) -> int | None:
    """The months of a sanction's influence period under the text in force on a day (without one, today's)."""
    book = load_codebook()
    months: int | None = book["sanctions"][sanction].get("influence_months")
    earlier: dict[str, dict[str, Any]] = book["checks"].settings["earlier_periods"]
    if on and sanction in earlier and on < date.fromisoformat(earlier[sanction]["until"]):
        months = earlier[sanction]["months"]
    return months
