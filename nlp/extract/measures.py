"""Measures in a text: every mention of a sanction the codebook knows, each once, the longest form winning.

In: clean text. Out: mentions in text order, offsets of that text. Never says whom they hit (see ``link``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from nlp.codebook import Entry, load_codebook
from nlp.codebook.needles import Index

_GAP = r"[^。；！？\n]{1,44}?"


@dataclass(frozen=True, slots=True)
class Measure:
    """A mention: ``start``/``end`` of the words that name the measure; for a split form (免去…职务) those of its close,
    with ``opening`` the range of its opening words; ``also``: a second measure told by the same words
    (撤销村党支部书记、村委会主任职务)."""

    entry: Entry
    start: int
    end: int
    opening: tuple[int, int] | None = None
    also: Entry | None = None

    @property
    def whole(self) -> tuple[int, int]:
        return (self.opening[0] if self.opening else self.start, self.end)


@cache
def _frames() -> tuple[Mapping[str, Entry], Index]:
    """The split forms of measures, numbered: the entry of each, and the index of their patterns."""
    frames = [(entry, *ends) for entry in load_codebook()["sanctions"] for ends in entry.get("frames", ())]
    entries = {str(number): entry for number, (entry, _, _) in enumerate(frames)}
    patterns = ((f"(?P<open>{opening})(?P<gap>{_GAP})(?P<close>{closing})",) for _, opening, closing in frames)
    return entries, Index(dict(zip(entries, patterns, strict=True)))


def _candidates(text: str) -> Iterator[Measure]:
    for entry in load_codebook()["sanctions"].candidates(text):
        for match in entry.find(text):
            yield Measure(entry, *match.span())
    frames, index = _frames()
    for number in index.possible(text):
        for match in index.find(number, text):
            yield Measure(frames[number], *match.span("close"), opening=match.span("open"))


def _precedence(measure: Measure) -> tuple[bool, int, int]:
    """Contiguous forms first, the longest of them first; of split forms the one that closes soonest."""
    start, end = measure.whole
    split = measure.opening is not None
    return (split, end - start if split else start - end, measure.start)


@lru_cache(maxsize=2)  # who decided and who was dealt with are read off the same text
def find_measures(text: str) -> tuple[Measure, ...]:
    """All measures named in ``text``, in order, none overlapping: whole forms before split ones, long before short."""
    found: dict[tuple[int, int], Measure] = {}
    taken: list[tuple[int, int]] = []
    for measure in sorted(_candidates(text), key=_precedence):
        twin = found.get(measure.whole)
        if twin and twin.opening and twin.entry["family"] != measure.entry["family"] and not twin.also:
            found[measure.whole] = replace(twin, also=measure.entry)
            continue
        ranges = [(measure.start, measure.end), *([measure.opening] if measure.opening else [])]
        if not any(a < y and x < b for a, b in ranges for x, y in taken):
            found[measure.whole] = measure
            taken.extend(ranges)
    return tuple(sorted(found.values(), key=lambda m: m.start))
