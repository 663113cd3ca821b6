"""The words the whole package speaks: notices, cases, what is read off them, what is claimed about them.

Nothing here reads files, matches patterns or knows a label. All values are immutable.
Every offset is a half-open range [start, end) of characters; those called *source* offsets count the
characters of ``Notice.text`` exactly as it came in, markup included.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IssueId = str
SubjectKind = Literal["person", "organisation", "group"]
PostRole = Literal["chief", "deputy", "member", "staff", "unknown"]
Status = Literal["decided", "proposed", "revoked"]
Verdict = Literal["yes", "unsure"]
Basis = Literal["stated", "inferred", "rule of law", "statistical"]

SCHEMA_VERSION = 1
_INLINE_OPENING = re.compile(r"(?:<(?:strong|b|em|i|u|span|font)\b[^<>]*>)+\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open character range; which text it counts is said where it is used."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stretch of the source text that a finding rests on; ``text`` is the source slice, verbatim."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """A doubt about our own reading (never about the decision): ``code`` for machines, ``message`` in Chinese."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One document as it came in.

    ``text`` is the source text: the characters of a text or HTML file, the value of a row's text column, or the text
    drawn out of a .docx or .pdf. ``publisher`` is the 来源 a page states. ``file`` and ``row`` (1-based) say
    where it was read; ``published`` is as given (free text until ``extract`` normalises it).
    """

    id: str
    text: str
    title: str | None = None
    published: str | None = None
    issuer: str | None = None
    publisher: str | None = None
    url: str | None = None
    file: str | None = None
    row: int | None = None
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class OriginMap:
    """Where each cleaned character came from: character i stands for source[starts[i]:ends[i]].

    Both arrays are non-decreasing and as long as the cleaned text.
    """

    starts: array[int]
    ends: array[int]

    def span(self, start: int, end: int) -> Span:
        """Source span of the cleaned range [start, end); an empty range maps to an empty span at its place."""
        if start < end:
            return Span(self.starts[start], self.ends[end - 1])
        if start < len(self.starts):
            return Span(self.starts[start], self.starts[start])
        last = self.ends[-1] if len(self.ends) else 0
        return Span(last, last)


@dataclass(frozen=True)
class Clean:
    """A notice's readable text with the way back: ``text`` is clean, ``origin`` maps each character to the source.

    ``title``, ``published`` and ``publisher`` are the notice's own or, where it had none, what the page says.
    """

    notice: Notice
    text: str
    origin: OriginMap
    title: str | None = None
    published: str | None = None
    publisher: str | None = None
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class Case:
    """One matter inside a notice: the range [start, end) of ``clean.text``.

    ``lead`` and ``ending`` are ranges of ``clean.text`` that frame all the cases (who decided, when, the moral).
    Offsets that extractors use count characters of ``Case.text``; ``span`` turns them into source offsets.
    """

    id: str
    clean: Clean
    start: int
    end: int
    lead: Span = Span(0, 0)
    ending: Span = Span(0, 0)

    @cached_property
    def text(self) -> str:
        """The clean text of the case."""
        return self.clean.text[self.start : self.end]

    @property
    def source_span(self) -> Span:
        """Source span of the case, with the inline tags that open right before it (``<strong>1. …``)."""
        span = self.clean.origin.span(self.start, self.end)
        tags = _INLINE_OPENING.search(self.clean.notice.text, max(0, span.start - 200), span.start)
        return Span(tags.start() if tags else span.start, span.end)

    def span(self, start: int, end: int) -> Span:
        """Source span of the range [start, end) of ``self.text``."""
        return self.clean.origin.span(self.start + start, self.start + end)

    def source(self, span: Span) -> str:
        """The source characters under a source span, verbatim."""
        return self.clean.notice.text[span.start : span.end]

    def evidence(self, start: int, end: int) -> Evidence:
        """The range [start, end) of ``self.text`` as evidence in source coordinates."""
        span = self.span(start, end)
        return Evidence(span.start, span.end, self.source(span))


@dataclass(frozen=True)
class Split:
    """A notice's cases and the cautions met while telling them apart (``no_case`` when it holds none)."""

    clean: Clean
    cases: tuple[Case, ...]
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its place in the segmented text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a text says: ``id`` and ``name`` from the codebook, ``text`` verbatim, source offsets.

    ``value`` is the normal form where there is one: an ISO date ('2017-09'), an amount in 元, a number of people,
    '《…条例》第七条'. ``start`` is None when the fact comes from a column and not from the text.
    """

    id: str
    name: str
    text: str
    start: int | None = None
    end: int | None = None
    value: str | float | None = None


@dataclass(frozen=True, slots=True)
class Sanction:
    """One measure against one subject, named as in ``codebook/sanctions.toml``; offsets are source offsets."""

    id: str
    name: str
    family: str
    severity: float
    status: Status
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is held to account, as one record. ``start``/``end``: source offsets of the first mention that names them.

    ``name`` is verbatim; ``post`` is verbatim without 原/时任/现任 (that is ``former``). ``other_measures`` are those
    the codebook knows but does not count among the canonical sanctions (约谈, 效能告诫, unspecified 组织处理).
    """

    kind: SubjectKind
    name: str | None
    count: int | None
    post: str | None
    former: bool
    organisation: str | None
    post_role: PostRole
    rank: str
    leading_cadre: bool | None
    responsibility: str | None
    sanctions: tuple[Sanction, ...]
    start: int
    end: int
    responsibility_span: Span | None = None
    other_measures: tuple[Sanction, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """Everything read off one case.

    ``subjects`` are those held to account; ``mentioned`` are people the text names, or gives a responsibility, without
    telling of any measure against them (the chief who is missing from the list is found there).
    """

    issuer: Fact | None = None
    subjects: tuple[Subject, ...] = ()
    mentioned: tuple[Subject, ...] = ()
    trigger: Fact | None = None
    grounds: tuple[Fact, ...] = ()
    consequences: tuple[Fact, ...] = ()
    dates: tuple[Fact, ...] = ()
    legal_basis: tuple[Fact, ...] = ()
    procedure: tuple[Fact, ...] = ()
    effect: tuple[Fact, ...] = ()
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class Scores:
    """Probabilities of the labels: ``values`` is n texts x k labels, floats in [0, 1], columns as ``labels``."""

    labels: tuple[IssueId, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim about the decision: one issue of the codebook, why, on what evidence, by whom (rules, tfidf, …).

    ``rule``, ``article`` ('《问责条例》第八条') and ``unknown`` (Chinese: what the check would need and the notice does
    not tell) are those of a check against the regulations, which may claim what is no issue of the codebook: ``issue``
    is then None and ``name`` the rule's.
    """

    issue: IssueId | None
    name: str
    verdict: Verdict
    probability: float
    basis: Basis
    by: str
    reason: str
    evidence: tuple[Evidence, ...]
    variant: str | None = None
    rule: str | None = None
    article: str | None = None
    unknown: str | None = None


@dataclass(frozen=True)
class Analysis:
    """A case with all that was read off it and claimed about it; one output row."""

    case: Case
    extraction: Extraction
    scores: dict[IssueId, float]
    findings: tuple[Finding, ...]
    cautions: tuple[Caution, ...]
    priority: float
    made_by: dict[str, str] = field(default_factory=dict)


def unique(items: Sequence[Caution]) -> tuple[Caution, ...]:
    """The cautions in order, each once."""
    return tuple(dict.fromkeys(items))
