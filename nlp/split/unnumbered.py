"""Matters without numbers: under headings, in brackets, one paragraph or one sentence each.

In: clean text and its body. Out: the range of each case; [] where there are not several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise, takewhile

from nlp.split.body import head_of
from nlp.split.numbers import marker_at, without_number
from nlp.split.text import (
    KIDS_SHARE,
    announced_count,
    announces,
    are_own_matters,
    cut,
    has_facts,
    is_anchored,
    is_concrete,
    is_moral,
    is_own_matter,
    is_told,
    layout,
    lines_of,
    names_own_matter,
    punishes,
    punishes_by_name,
    says,
    sentences_of,
    stripped,
    tells_decision,
)
from nlp.types import Clean, Span


def paragraph_matters(clean: Clean, body: Span) -> list[Span]:
    """One case for each headed stretch, or for each group of paragraphs after the lead."""
    text = clean.text
    lines = list(lines_of(text, body.start, body.end))
    lead = _lead_line(text, lines)
    opening = text[body.start : lines[lead or 0].end]
    count = announced_count(head_of(clean, body)) or announced_count(opening)
    told = lines if lead is None else lines[lead + 1 :]
    headed = headed_matters(text, told, led=lead is not None)
    if headed:
        return headed
    if count < 2 and (own := _own_matters(text, lines)):
        return own
    promised = lead is not None or announced_count(head_of(clean, body)) > 1
    spans = _laid_out_alike(text, _groups(text, told, count, promised=promised))
    telling = [tells_decision(cut(text, span)) for span in spans]
    if sum(telling) < KIDS_SHARE * len(spans) or not any(telling) or len(spans) == 1 < count:
        return []
    alike = len(spans) > 1 and all(telling) and _opened(text, spans)
    if lead is None and count < 2 and not alike:
        return []
    return [s for s, tells in zip(spans, telling, strict=True) if tells or has_facts(cut(text, s))]


def _own_matters(text: str, lines: Sequence[Span]) -> list[Span]:
    """The paragraphs that each tell facts and measures of people of their own; [] when one goes on with another."""
    words = [cut(text, line) for line in lines]
    told = [i for i, line in enumerate(words) if punishes(line)]
    if len(told) < 2 or any(says("one_matter", line) or _is_chapter(line) for line in words[: told[0]]):
        return []
    first, last = told[0], told[-1] + 1
    first -= sum(1 for _ in takewhile(names_own_matter, reversed(words[:first])))
    last += sum(1 for _ in takewhile(names_own_matter, words[last:]))
    return list(lines[first:last]) if are_own_matters(words[first:last]) else []


def _is_chapter(line: str) -> bool:
    """Whether a line is the numbered heading of a part of one document (一、事件经过)."""
    return marker_at(line, 0) is not None and says("section", without_number(line))


def _laid_out_alike(text: str, spans: Sequence[Span]) -> Sequence[Span]:
    """Where all matters but the first are one paragraph each, so is the first: what stands above it is a lead."""
    if len(spans) < 2 or any("\n" in cut(text, span) for span in spans[1:]):
        return spans
    *above, first = lines_of(text, spans[0].start, spans[0].end)
    if any(tells_decision(cut(text, line)) for line in above) or not is_own_matter(cut(text, first)):
        return spans
    return [first, *spans[1:]]


def _opened(text: str, spans: Sequence[Span]) -> bool:
    """Whether each stretch says that it begins a matter: all by headings, or one after the other (先说, 再看)."""
    words = [cut(text, span) for span in spans]
    if all(says("heading", opening) for opening in words):
        return True
    return all(says("next_matter", w) or (says("first_matter", words[0]) and says("also", w)) for w in words[1:])


def _lead_line(text: str, lines: Sequence[Span]) -> int | None:
    """The line that announces the cases below it."""
    told = next((i for i, line in enumerate(lines) if punishes(cut(text, line))), len(lines))
    lead = next((i for i, line in enumerate(lines[: told + 1]) if announces(cut(text, line))), None)
    first = cut(text, lines[0])
    count = announced_count(first) if lead is None and not punishes_by_name(first) else 0
    if count > 1 and (not tells_decision(first) or len(_groups(text, lines[1:], count)) == count):
        return 0
    return lead


def bracketed_matters(text: str, body: Span) -> list[Span]:
    """The matters under headings in brackets (【…】), if two or more of these tell a decision."""
    lines = list(lines_of(text, body.start, body.end))
    tops = [line.start for line in lines if _is_bracket_heading(cut(text, line))]
    spans = [stripped(text, Span(*ends)) for ends in pairwise([*tops, body.end])]
    telling = [span for span in spans if any(map(is_concrete, sentences_of(cut(text, span))))]
    return telling if len(telling) > 1 else []


def _is_bracket_heading(line: str) -> bool:
    match = layout("bracket_heading").regex.match(line)
    names = ("section", "people_lead", "comment", "rules", "quote", "summary", "stop", "moral", "page_line")
    if match is None or marker_at(line, 0):
        return False
    return not any(says(name, words) for name in names for words in (line, match["words"]))


def headed_matters(text: str, lines: Sequence[Span], *, led: bool) -> list[Span]:
    """The matters under two or more headings that each are followed by a decision; [] when there are none."""
    tops = [i for i in range(len(lines)) if _is_heading(text, lines, i, led=led)]
    if len(tops) < 2 or tells_decision(text[lines[0].start : lines[tops[0]].start]):
        return []
    spans = [Span(lines[a].start, lines[b - 1].end) for a, b in pairwise([*tops, len(lines)])]
    spans = list(dropwhile(lambda span: not tells_decision(cut(text, span)), spans))
    telling = [span for span in spans if tells_decision(cut(text, span))]
    return telling if len(telling) > 1 and telling == spans[: len(telling)] and len(spans) - len(telling) < 2 else []


def _is_heading(text: str, lines: Sequence[Span], i: int, *, led: bool) -> bool:
    """Whether a line is the heading of a matter, by its words or because a full paragraph follows a bare phrase.

    A sentence of several clauses that ends in 问题 is a heading only where a lead (``led``) announces some.
    """
    words = cut(text, lines[i])
    if says("bullet", words):
        return True
    if any(says(name, words) for name in ("section", "follow", "lead", "people_lead", "page_line", "signature")):
        return False
    heading = layout("heading").regex.match(words)
    if says("place_opening", words) or (heading and (led or "，" not in heading.group())):
        return True
    if i + 1 == len(lines) or not (says("bare_phrase", words) or says("name_heading", words)):
        return False
    following = cut(text, lines[i + 1])
    return len(following) > len(words) and following.endswith(("。", "；", "：")) and marker_at(words, 0) is None


def _groups(text: str, lines: Sequence[Span], count: int, *, promised: bool = False) -> list[Span]:
    """Paragraphs gathered by matter; where the number of matters is announced, in the way that gives this number.

    Only where title or lead has ``promised`` the number are the sentences of one paragraph matters of their own.
    """
    morals = (i for i, line in enumerate(lines) if i and is_moral(cut(text, line)))
    lines = lines[: next(morals, len(lines))]
    if count == 1 or not lines:
        return [Span(lines[0].start, lines[-1].end)] if lines else []
    pieces = [_pieces(text, lines, stops) for stops in ("。", "。；")] if count else []
    inline = [(piece, True) for piece in pieces if promised or piece[0].start > lines[0].start]
    for parts, also in ((lines, False), (lines, True), *inline) if count else ():
        found = _gather(text, _from_first_matter(text, parts), alone=True, also=also)
        if len(found) == count and all(group.tells for group in found):
            return [group.span for group in found]
    lines = _from_first_matter(text, lines)
    opened = bool(lines) and says("first_matter", cut(text, lines[0]))
    return [group.span for group in _gather(text, lines, alone=False, also=opened)]


def _from_first_matter(text: str, parts: Sequence[Span]) -> Sequence[Span]:
    """The parts from the one that says it begins (先说), if any, less those before it that tell nothing."""
    first = next((i for i, part in enumerate(parts) if says("first_matter", cut(text, part))), 0)
    return parts if first and tells_decision(text[parts[0].start : parts[first].start]) else parts[first:]


def _pieces(text: str, lines: Iterable[Span], stops: str) -> list[Span]:
    """The sentences of the lines; what announces the matters at the head of the first one is left out."""
    pieces = [
        Span(line.start + m.start(), line.start + m.end())
        for line in lines
        for m in re.finditer(f"[^{stops}]+[{stops}]?”?", cut(text, line))
    ]
    first, colon, _ = cut(text, pieces[0]).partition("：") if pieces else ("", "", "")
    if colon and (announced_count(first) or says("lead", first + colon)):
        pieces[0] = Span(pieces[0].start + len(first) + 1, pieces[0].end)
    elif len(pieces) > 1 and announced_count(cut(text, pieces[0])) and not tells_decision(cut(text, pieces[0])):
        del pieces[0]
    return pieces


@dataclass
class _Group:
    """Paragraphs of one matter, and whether they tell its decision so far."""

    lines: list[Span] = field(default_factory=list)
    anchored: bool = False
    people: bool = False
    concrete: bool = False
    told: bool = False

    @property
    def span(self) -> Span:
        return Span(self.lines[0].start, self.lines[-1].end)

    @property
    def tells(self) -> bool:
        return self.told or (self.anchored and self.concrete)

    def add(self, line: Span, words: str) -> None:
        self.lines.append(line)
        self.anchored = self.anchored or is_anchored(words)
        self.people = self.people or says("people_lead", words)
        self.concrete = self.concrete or any(map(is_concrete, sentences_of(words)))
        self.told = self.told or any(map(is_told, sentences_of(words)))


def _gather(text: str, lines: Iterable[Span], *, alone: bool, also: bool = False) -> list[_Group]:
    """A heading or a self-sufficient paragraph opens a group, all else continues one.

    With ``alone`` whatever follows a told decision and does not refer back opens one too: facts in one paragraph, the
    decision in the next. With ``also`` so does whatever goes on with 此外 and tells a decision itself.
    """
    groups: list[_Group] = []
    for line in lines:
        words = cut(text, line)
        if not groups or not (_continues(groups[-1], words, alone) and not (also and _goes_on(words))):
            groups.append(_Group())
        groups[-1].add(line, words)
    return groups


def _goes_on(words: str) -> bool:
    return says("also", words) and tells_decision(words)


def _continues(group: _Group, words: str, alone: bool) -> bool:
    if group.tells and says("next_matter", words):
        return False
    if says("follow", words):
        return True
    if says("heading", words):
        return False
    if group.people and (says("person_item", words) or says("clause_item", words)):
        return True
    return not group.tells or not (alone or tells_decision(words))
