"""One case as the checks against the regulations look at it: who got which measure, told how near, decided when.

In: a ``Case``, its ``Extraction`` and the day of the decision. Out: questions answered; a ``Span`` here counts
characters of ``case.text``. Never claims anything.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from nlp.classify.reading import Reading
from nlp.codebook import Entry, load_codebook
from nlp.extract.dates import dates_in
from nlp.extract.measures import find_measures
from nlp.law.when import When, days
from nlp.types import Sanction, Span, Subject

# A measure told of somebody stands within this many characters of the name, in the name's sentence.
_REACH = 70
# What is said of a person in apposition (（已退休）, 非中共党员) stands within this many characters behind the name.
_APPOSED = 60
# No sentence is longer on either side of what matters; text without full stops must not cost the square.
_LONGEST = 1000
# A date belongs to what is told within this many characters behind its first.
_DATED = 50
_SENTENCES = "。！？\n"
_CLAUSES = "，；：" + _SENTENCES


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    words: Mapping[str, str] = load_codebook()["checks"].settings["words"]
    return {name: re.compile(pattern) for name, pattern in words.items()}


@dataclass(frozen=True)
class Matter(Reading):
    """What the checks ask of a case; ``when`` it was decided, None where nothing tells."""

    when: When | None = None

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        return self.book["checks"].settings

    @property
    def patterns(self) -> Mapping[str, re.Pattern[str]]:
        """The checks' own words: what the table ``words`` of checks.toml names."""
        return _patterns()

    def find(self, name: str) -> Iterator[Span]:
        return (Span(*found.span()) for found in self.patterns[name].finditer(self.text))

    def tells(self, name: str, words: str) -> bool:
        return self.patterns[name].search(words) is not None

    def asserts(self, span: Span) -> bool:
        """Whether the text claims what stands under the span, not as an exhortation or a hypothesis."""
        return self._is_asserted(span)

    def sanction(self, measure: Sanction) -> Entry:
        return self.book["sanctions"][measure.id]

    def place(self, told: Sanction | Subject) -> Span:
        """Where a measure or a subject is told; of a measure named in the heading, where the case tells it again."""
        span = self.at(told.start, told.end)
        if span.start < span.end or isinstance(told, Subject):
            return span
        again = (measure.whole for measure in find_measures(self.text) if measure.entry.id == told.id)
        return next((Span(*whole) for whole in again), span)

    @cached_property
    def dates(self) -> tuple[tuple[When, Span], ...]:
        """The days the text tells with their places; stretches of time and days it leaves open are left out."""
        told = ((days(d.value), d) for d in dates_in(self.text) if d.value and not d.is_range)
        return tuple((When(*span), Span(d.start, d.end)) for span, d in told if span)

    def clause(self, span: Span) -> Span:
        """The clause around a span, from stop to stop."""
        return self._between(span, _CLAUSES)

    def _between(self, span: Span, stops: str) -> Span:
        first, last = max(0, span.start - _LONGEST), min(len(self.text), span.end + _LONGEST)
        start = max(self.text.rfind(stop, first, span.start) for stop in stops) + 1
        ends = [end for stop in stops if (end := self.text.find(stop, span.end, last)) >= 0]
        return Span(max(start, first), min(ends, default=last))

    def date_before(self, span: Span) -> tuple[When, Span] | None:
        """The date told last before a place in its sentence, near by."""
        start = max(self.line(span).start, span.start - _DATED)
        last = bisect_right(self._date_ends, span.start) - 1
        return self.dates[last] if last >= 0 and self.dates[last][1].start >= start else None

    def dated(self, span: Span) -> tuple[When, Span] | None:
        """The date told of what stands under a span: before it with no clause in between, whose date it might be."""
        told = self.date_before(span)
        if told is None or re.search("[，；：]", self.text[told[1].end : span.start].lstrip("，")):
            return None
        return told

    @cached_property
    def _date_ends(self) -> list[int]:
        return [place.end for _, place in self.dates]

    def verbatim(self, measure: Sanction) -> str:
        """The words that name the measure."""
        return self.words(self.place(measure))

    def line(self, span: Span) -> Span:
        """The sentence around a span, semicolons left inside."""
        return self._between(span, _SENTENCES)

    def decided(self, subject: Subject) -> tuple[Sanction, ...]:
        """The measures against a subject that stand: neither proposed nor taken back, and not told as spared."""
        told = (*subject.sanctions, *subject.other_measures)
        return tuple(m for m in told if m.status == "decided" and not self._is_waived(m))

    def _is_waived(self, measure: Sanction) -> bool:
        start = self.place(measure).start
        return self.tells("waived", self.text[max(0, start - 6) : start])

    @cached_property
    def persons(self) -> tuple[Subject, ...]:
        """The single persons among those dealt with."""
        return tuple(s for s in self.extraction.subjects if s.kind == "person" and (s.name or s.post))

    @cached_property
    def _mentions(self) -> tuple[tuple[int, int, str], ...]:
        """Every place where somebody is named: start, end, name."""
        named = {s.name for s in (*self.extraction.subjects, *self.extraction.mentioned) if s.name and len(s.name) > 1}
        found = ((m.start(), m.end(), name) for name in named for m in re.finditer(re.escape(name), self.text))
        return tuple(sorted(found))

    def _named(self, subject: Subject) -> list[Span]:
        if subject.name and len(subject.name) > 1:
            return [Span(start, end) for start, end, name in self._mentions if name == subject.name]
        return [self.place(subject)]

    def named_in(self, span: Span) -> set[str]:
        """Everybody named inside a span."""
        low = bisect_left(self._mentions, (span.start, 0, ""))
        high = bisect_left(self._mentions, (span.end, 0, ""))
        return {name for _, end, name in self._mentions[low:high] if end <= span.end}

    def told_together(self, subject: Subject, measure: Sanction) -> bool:
        """Whether the measure is told of the subject in so many words."""
        return self.told_of(subject, self.place(measure))

    def told_of(self, subject: Subject, place: Span) -> bool:
        """Whether what stands under a span is told of the subject: in one sentence, nobody else named in between."""
        for name in self._named(subject):
            if place.start <= name.start and name.end <= place.end:
                return True
            first, last = (name.end, place.start) if name.end <= place.start else (place.end, name.start)
            between = self.text[first:last]
            if len(between) > _REACH or any(stop in between for stop in _SENTENCES):
                continue
            if name.end > place.start and re.search("[，；]", between):
                continue
            if not self.named_in(Span(first, last)) - {subject.name} and not self.tells("shared", between):
                return True
        return False

    def apposed(self, subject: Subject, words: str) -> Span | None:
        """Where the text says ``words`` of the subject right behind the name, before anybody else is named."""
        for name in self._named(subject):
            end = min(self.line(name).end, name.end + _APPOSED)
            others = [start for start, _, other in self._mentions if name.end <= start < end and other != subject.name]
            stop = min(others, default=end)
            found = self.patterns[words].search(self.text, name.end, min(stop + 1, len(self.text)))
            if found and not self.tells("somebody_else", self.text[name.end : found.start()]):
                return Span(*found.span())
        return None

    def whom(self, subject: Subject) -> str:
        """Post and name for a reason; a body by its name."""
        if subject.kind == "organisation":
            return subject.name or "有关组织"
        former = "原" if subject.former else ""
        return f"{former if subject.post else ''}{self.title(subject)}"
