"""One case as the rules look at it: its text, the cues in it, and who was dealt with how.

In: a ``Case`` and its ``Extraction``. Out: questions answered (``cue``, ``punished``, ``weight``, …). A ``Span`` here
counts characters of ``case.text``. Never claims anything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from nlp.codebook import Codebook, Entry, load_codebook
from nlp.types import Case, Evidence, Extraction, Sanction, Span, Subject

_STOP = "。；！？\n"
# An exhortation reaches this many characters ahead, unless something is asserted in between.
_REACH = 36
# No sentence of a notice is longer on either side of what matters; text without full stops must not cost the square.
_LONGEST = 400

ADMONITION = "诫勉"
JUDICIAL = "司法"
ORGANISATIONAL = ("组织措施", "组织处理")


@dataclass(frozen=True)
class Reading:
    """What the rules ask of a case."""

    case: Case
    extraction: Extraction

    @cached_property
    def book(self) -> Codebook:
        return load_codebook()

    @cached_property
    def text(self) -> str:
        return self.case.text

    @cached_property
    def _cues(self) -> dict[str, tuple[Span, ...]]:
        return {}

    @cached_property
    def _possible(self) -> Collection[str]:
        """The cues whose words the text holds."""
        return self.book["cues"].index.possible(self.text)

    # -- cues ---------------------------------------------------------------------------------------------------------

    def cue(self, name: str) -> tuple[Span, ...]:
        """Where the text shows the cue, exhortations, negations and hypotheses left out."""
        if name not in self._possible:
            return ()
        if name not in self._cues:
            entry = self.book["cues"][name]
            self._cues[name] = self.asserted(entry) if entry.get("guard", True) else _spans(entry, self.text)
        return self._cues[name]

    def has(self, *names: str) -> bool:
        """Whether the text shows any of the cues."""
        return any(self.cue(name) for name in names)

    def seen(self, name: str, words: str) -> bool:
        """Whether the cue occurs in ``words``, unguarded."""
        return self.book["cues"][name].regex.search(words) is not None

    def asserted(self, entry: Entry) -> tuple[Span, ...]:
        """The entry's matches that the text asserts of this case."""
        return tuple(span for span in _spans(entry, self.text) if self._is_asserted(span))

    def _is_asserted(self, span: Span) -> bool:
        before = self.text[self.sentence(span).start : span.start]
        if self.seen("hypothetical", before) or self.seen("too_late", self.text[span.end : span.end + 16]):
            return False
        if self.seen("generic", before) or self.seen("normative", self.words(self.sentence(span))):
            return False
        pushes = [match.end() for match in self.book["cues"]["exhortation"].find(before)]
        if not pushes or len(before) - pushes[-1] > _REACH:
            return True
        return self.seen("assertion", before[pushes[-1] :])

    # -- text ---------------------------------------------------------------------------------------------------------

    def sentence(self, span: Span) -> Span:
        """The sentence around the span, its full stop left out; at most ``_LONGEST`` characters to either side."""
        first, last = max(0, span.start - _LONGEST), min(len(self.text), span.end + _LONGEST)
        start = max(self.text.rfind(stop, first, span.start) for stop in _STOP) + 1
        ends = [end for stop in _STOP if (end := self.text.find(stop, span.end, last)) >= 0]
        return Span(max(first, start), min(ends, default=last))

    def quote(self, span: Span, limit: int = 28) -> str:
        """The words under the span for a one-line reason, shortened."""
        words = self.text[span.start : span.end].replace("\n", "")
        return words if len(words) <= limit else words[: limit - 1] + "…"

    def words(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def evidence(self, spans: Iterable[Span]) -> tuple[Evidence, ...]:
        """Spans of the case's text as evidence, in order, each once."""
        ordered = sorted(set(spans), key=lambda span: (span.start, span.end))
        return tuple(self.case.evidence(span.start, span.end) for span in ordered)

    def at(self, start: int, end: int) -> Span:
        """The span of the case's text that a source range covers."""
        starts = self.case.clean.origin.starts
        first = bisect_right(starts, start) - 1 - self.case.start
        last = bisect_right(starts, end - 1) - self.case.start
        return Span(max(first, 0), min(max(last, first, 0), len(self.text)))

    # -- who was dealt with, and how ----------------------------------------------------------------------------------

    def measures(self, subject: Subject) -> tuple[Sanction, ...]:
        """The measures under judgement: of a corrected decision the revoked ones, else those decided or proposed."""
        money = self.book["cues"].settings["money_only"]
        told = tuple(s for s in (*subject.sanctions, *subject.other_measures) if s.id not in money)
        revoked = tuple(s for s in told if s.status == "revoked")
        return revoked or told

    @cached_property
    def punished(self) -> tuple[Subject, ...]:
        """All who got a measure; words that spare somebody (无人被问责) are none."""
        return tuple(s for s in self.extraction.subjects if self.measures(s) and not self._is_spared(s))

    def _is_spared(self, subject: Subject) -> bool:
        spared = (*self.cue("spared"), *self.cue("organisation_spared"), *self.cue("nobody_answered"))
        told = self.measure_spans((subject,))
        return all(any(s.start <= m.start and m.end <= s.end for s in spared) for m in told)

    @cached_property
    def people(self) -> tuple[Subject, ...]:
        return tuple(subject for subject in self.punished if subject.kind != "organisation")

    @cached_property
    def bodies(self) -> tuple[Subject, ...]:
        """Organisations that answer as such; money taken back from one is no accountability."""
        answers = set(self.book["cues"].settings["organisation_answers"])
        organisations = (subject for subject in self.punished if subject.kind == "organisation")
        return tuple(subject for subject in organisations if answers & {s.id for s in self.measures(subject)})

    def is_decided(self) -> bool:
        """Whether anybody was dealt with, or the text speaks of a measure whose subject was not read."""
        return bool(self.punished) or self.seen("sanction_word", self.text)

    def weight(self, subject: Subject) -> float:
        """Severity of the subject's heaviest measure (scale of sanctions.toml)."""
        return max((s.severity for s in self.measures(subject)), default=0.0)

    @cached_property
    def heaviest(self) -> float:
        """Severity of the heaviest measure told, revoked and new ones together."""
        subjects = self.extraction.subjects
        return max((s.severity for x in subjects for s in (*x.sanctions, *x.other_measures)), default=0.0)

    def weight_is_known(self) -> bool:
        """Whether every measure told has a kind; an inquiry just opened or a handling not named has none yet."""
        unknown = self.book["cues"].settings["weight_unknown"]
        return not any(s.id in unknown for x in self.extraction.subjects for s in (*x.sanctions, *x.other_measures))

    def outweighs(self, one: Subject, other: Subject) -> bool:
        """Whether one got the heavier measure; across families a difference of less than a step is none."""
        a, b = (max(self.measures(s), key=lambda m: m.severity, default=None) for s in (one, other))
        if a is None or b is None or a.severity <= b.severity:
            return False
        return a.family == b.family or a.severity - b.severity >= 1.0

    @cached_property
    def admonition(self) -> float:
        """Severity of 诫勉, the line between the light and the weighty."""
        return next(float(entry["severity"]) for entry in self.book["sanctions"] if entry.name == ADMONITION)

    def measure_names(self, subjects: Sequence[Subject]) -> str:
        return "、".join(dict.fromkeys(s.name for subject in subjects for s in self.measures(subject)))

    def measure_spans(self, subjects: Sequence[Subject]) -> tuple[Span, ...]:
        return tuple(self.at(s.start, s.end) for subject in subjects for s in self.measures(subject))

    def measures_in(self, span: Span) -> bool:
        """Whether a measure under judgement is told inside the span."""
        return any(span.start <= measure.start < span.end for measure in self.measure_spans(self.punished))

    def degree(self, subject: Subject) -> int:
        """How grave the subject's responsibility of leadership is told to be; 0 where none is."""
        degrees: dict[str, int] = self.book["cues"].settings["responsibility_degree"]
        return degrees.get(subject.responsibility or "", 0)

    def title(self, subject: Subject) -> str:
        """Post and name of a subject for a reason."""
        words = (subject.post or "") + (subject.name or "")
        return words or (f"{subject.count}名人员" if subject.count else "有关人员")

    def titles(self, subjects: Sequence[Subject], limit: int = 3) -> str:
        names = [self.title(subject) for subject in subjects]
        return "、".join(names[:limit]) + ("等" if len(names) > limit else "")

    def head_count(self) -> int:
        return sum(subject.count or 1 for subject in self.people)

    def is_about_punished(self, span: Span) -> bool:
        """Whether the span names somebody dealt with: by name, by the very post, or by the mention read there."""
        words = self.words(span)
        for subject in self.punished:
            if subject.name and subject.name in words:
                return True
            if subject.kind == "organisation":
                continue
            if not subject.name and subject.post and subject.post in words:
                return True
            mentions = [self.at(subject.start, subject.end)]
            if subject.responsibility_span:
                mentions.append(self.at(subject.responsibility_span.start, subject.responsibility_span.end))
            if any(span.start <= mention.start < span.end for mention in mentions):
                return True
        return False

    def meets_measure(self, name: str) -> bool:
        """Whether the name stands right before or behind a measure, even where no subject was read."""
        gives, gets = (self.book["cues"].settings[key] for key in ("gives", "gets"))
        word = re.escape(name)
        near = rf"(?:{gives})[^。；，\n]{{0,4}}{word}|{word}[^。；，\n未没不]{{0,8}}(?:{gets})"
        return re.search(near, self.text) is not None

    def meets_measure_next(self, span: Span) -> bool:
        """Whether the words right after the span give whoever it names a measure, even where no subject was read."""
        return self.seen("meets_measure", self.text[span.end : span.end + 20])

    def is_staff(self, subject: Subject) -> bool:
        if subject.post_role == "staff" or subject.rank in ("村居", "一般"):
            return True
        return subject.post_role == "unknown" and self.seen("staff", subject.post or "")

    # -- levels -------------------------------------------------------------------------------------------------------

    def tier(self, words: str | None) -> float | None:
        """How high the body named in ``words`` stands; None where no level is named.

        The lowest level named counts; the committee or government of a level stands half a step above its departments.
        """
        if not words:
            return None
        named = [e for e in self.book["tiers"] if e.get("tier") and e.regex.search(words)]
        tiers = [float(e["tier"]) for e in named if not e.get("fallback")] or [float(e["tier"]) for e in named]
        head = self.book["tiers"]["head"].regex.search(words) is not None
        return min(tiers) + (0.5 if head else 0.0) if tiers else None

    @cached_property
    def _tiers(self) -> tuple[float, ...]:
        """The levels of those dealt with, told by body and post or, failing these, by a rank of the grassroots."""
        ranks: dict[str, float] = self.book["tiers"].settings["rank_tier"]
        told = []
        for s in self.punished:
            named = self.tier(s.name if s.kind == "organisation" else (s.organisation or "") + (s.post or ""))
            told.append(ranks.get(s.rank) if named is None else named)
        return tuple(tier for tier in told if tier is not None)

    @cached_property
    def top_tier(self) -> float | None:
        """The highest level among those dealt with; None where none of them tells."""
        return max(self._tiers, default=None)

    @cached_property
    def lowest_tier(self) -> float | None:
        """The lowest level among those dealt with; None where none of them tells."""
        return min(self._tiers, default=None)


def _spans(entry: Entry, text: str) -> tuple[Span, ...]:
    return tuple(Span(*match.span()) for match in entry.find(text) if match.end() > match.start())
