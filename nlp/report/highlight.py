"""Marks on a text -> runs of the text, each with the marks that cover it. Every view colours evidence through this.

In: a text (or a case) and marks, which may overlap. Out: runs that joined together give the text back.
Knows no colour and no markup language, and never reads text as markup.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from nlp.types import Analysis, Case, OriginMap, Span

MarkKind = Literal["issuer", "subject", "sanction", "responsibility", "evidence"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A range [start, end) worth seeing, and why; ``ref`` is the number of the finding it is evidence of."""

    start: int
    end: int
    kind: MarkKind
    ref: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text under one set of marks, in the order the marks were given."""

    text: str
    marks: tuple[Mark, ...]


def highlight(text: str, marks: Iterable[Mark]) -> Iterator[Run]:
    """Cut ``text`` wherever a mark begins or ends; marks count characters of ``text`` and may reach beyond it."""
    inside = [mark for mark in marks if mark.start < mark.end and mark.start < len(text) and mark.end > 0]
    cuts = sorted({0, len(text), *(max(m.start, 0) for m in inside), *(min(m.end, len(text)) for m in inside)})
    for start, end in pairwise(cuts):
        yield Run(text[start:end], tuple(mark for mark in inside if mark.start <= start and end <= mark.end))


def marks_of(analysis: Analysis) -> list[Mark]:
    """All that was read off a case or claimed about it, as marks in source offsets; findings are numbered from 1."""
    read = analysis.extraction
    marks: list[Mark] = []
    if read.issuer and read.issuer.start is not None and read.issuer.end is not None:
        marks.append(Mark(read.issuer.start, read.issuer.end, "issuer"))
    for subject in read.subjects:
        marks.append(Mark(subject.start, subject.end, "subject"))
        if span := subject.responsibility_span:
            marks.append(Mark(span.start, span.end, "responsibility"))
        dealt = (*subject.sanctions, *subject.other_measures)
        marks.extend(Mark(sanction.start, sanction.end, "sanction") for sanction in dealt)
    for number, finding in enumerate(analysis.findings, start=1):
        marks.extend(Mark(evidence.start, evidence.end, "evidence", number) for evidence in finding.evidence)
    return list(dict.fromkeys(marks))


def marks_of_row(row: Mapping[str, Any], ref: Callable[[Mapping[str, Any]], int] | None = None) -> list[Mark]:
    """The same off a row of the row schema; ``ref`` numbers a finding, else they count from 1. A place may be null."""
    marks: list[Mark] = []

    def mark(place: Mapping[str, Any] | None, kind: MarkKind, number: int | None = None) -> None:
        if place and place["start"] is not None and place["end"] is not None:
            marks.append(Mark(place["start"], place["end"], kind, number))

    mark(row["issuer"], "issuer")
    for subject in row["subjects"]:
        mark(subject, "subject")
        mark(subject["responsibility_span"], "responsibility")
        for measure in (*subject["sanctions"], *subject["other_measures"]):
            mark(measure, "sanction")
    for number, finding in enumerate(row["findings"], start=1):
        for evidence in finding["evidence"]:
            mark(evidence, "evidence", ref(finding) if ref else number)
    return list(dict.fromkeys(marks))


def cleaned(origin: OriginMap, start: int, end: int) -> Span:
    """The range of clean text drawn from the source range [start, end): the way back of ``OriginMap.span``."""
    return Span(bisect_right(origin.ends, start), bisect_left(origin.starts, end))


def highlight_case(case: Case, marks: Iterable[Mark]) -> Iterator[Run]:
    """The clean text of a case under marks given in source offsets."""
    origin = case.clean.origin
    spans = ((cleaned(origin, mark.start, mark.end), mark) for mark in marks)
    moved = [Mark(span.start - case.start, span.end - case.start, mark.kind, mark.ref) for span, mark in spans]
    return highlight(case.text, moved)
