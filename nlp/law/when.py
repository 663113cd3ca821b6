"""The day a decision was made, as far as a case tells it: what decides which text of the law applies.

In: a case's dates. Out: a ``When`` (the earliest and the latest day it can have been), or None where nothing tells.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from nlp.types import Extraction, Fact

_YEAR = re.compile(r"(?:19|20)\d{2}|[一二][〇零○九]")
DECISION, PUBLICATION, CONDUCT = "decision", "publication", "conduct"


@dataclass(frozen=True, slots=True)
class When:
    """The day of a decision lies in [first, last]; ``exact`` tells that the text itself dates it, year and all."""

    first: date
    last: date
    exact: bool = True

    @classmethod
    def on(cls, day: date) -> When:
        return cls(day, day)

    def __str__(self) -> str:
        return shown_day(self.last) if self.first == self.last else f"{shown_day(self.first)}至{shown_day(self.last)}"


def days(value: object) -> tuple[date, date] | None:
    """First and last day of an ISO date ('2018', '2018-03', '2018-03-12', '2017/2018'); None for anything else."""
    start, _, end = str(value).partition("/")
    try:
        first, last = _whole(start), _whole(end or start)
    except ValueError:
        return None
    return first[0], last[1]


def _whole(value: str) -> tuple[date, date]:
    parts = [int(part) for part in value.split("-")]
    year, month, day = (*parts, None, None)[:3]
    if year is None:
        raise ValueError(value)
    if day is not None and month is not None:
        return date(year, month, day), date(year, month, day)
    last = month or 12
    return date(year, month or 1, 1), date(year, last, calendar.monthrange(year, last)[1])


def after_months(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a shorter month."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def shown_day(day: date) -> str:
    """A day as notices write it."""
    return f"{day.year}年{day.month}月{day.day}日"


def decided_when(extraction: Extraction) -> When | None:
    """When a case was decided: the day it gives, else some day between the last act told and the publication."""
    decided = [(span, fact) for fact in _facts(extraction, DECISION) if (span := days(fact.value))]
    if decided:
        exact = all(_YEAR.search(fact.text) for _, fact in decided)
        return When(min(first for (first, _), _ in decided), max(last for (_, last), _ in decided), exact)
    published = next((span for fact in _facts(extraction, PUBLICATION) if (span := days(fact.value))), None)
    if published is None:
        return None
    acts = [span[0] for fact in _facts(extraction, CONDUCT) if (span := days(fact.value)) and span[0] <= published[1]]
    return When(max(acts, default=date.min + timedelta(days=1)), published[1], exact=False)


def _facts(extraction: Extraction, role: str) -> Iterator[Fact]:
    return (fact for fact in extraction.dates if fact.id == role and fact.value)
