"""A text about one matter, and an article that recounts some in passing.

In: clean text and its body. Out: the range of the case, or the stretches of an article that tell who was punished.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from nlp.split.body import head_of
from nlp.split.numbers import marker_at, without_number
from nlp.split.tables import is_form
from nlp.split.text import (
    LEAD_LINES,
    LONG_LINE,
    announced_count,
    announces,
    cut,
    is_account,
    is_concrete,
    is_table_row,
    is_told,
    lines_of,
    names_in,
    says,
    sentences_of,
    tells_decision,
    tells_measure,
)
from nlp.types import Clean, Span

_ARTICLE_LENGTH = 700
_ARTICLE_SHARE = 0.5
_ABOUT_SHARE = 0.4


def whole_matter(clean: Clean, body: Span) -> tuple[list[Span], bool]:
    """The body as one case, or as an article's telling paragraphs (then True)."""
    text = clean.text
    short = body.end - body.start < _ARTICLE_LENGTH
    document = _is_document(clean, body)
    body = without_lead(text, body)
    lines = list(lines_of(text, body.start, body.end))
    tells = tells_decision if short or is_single(clean, body) else tells_measure
    telling = [line for line in lines if tells(cut(text, line))]
    if not telling and ((_is_table(lines) and tells_decision(cut(text, body))) or _rows_of_people(text, lines)):
        return [body], False
    if not telling:
        return [], False
    share = sum(line.end - line.start for line in telling) / (body.end - body.start)
    if short or share >= _ARTICLE_SHARE or document or _is_about_them(text, lines, telling):
        return [body], False
    return _passing(text, lines), True


def is_single(clean: Clean, body: Span) -> bool:
    """Whether the title is that of a document on one matter."""
    head = head_of(clean, body)
    return says("single_document", head) and announced_count(head) < 2


def _is_document(clean: Clean, body: Span) -> bool:
    """Whether the text is itself a decision or report and no article about some."""
    lines = [cut(clean.text, line) for line in lines_of(clean.text, body.start, body.end)]
    return (
        is_single(clean, body)
        or any(says("lead", line) for line in lines[:LEAD_LINES])
        or any(says("people_lead", line) for line in lines)
    )


def _is_table(lines: list[Span]) -> bool:
    """Whether the lines are too short for sentences: the cells of a table."""
    return all(line.end - line.start < LONG_LINE for line in lines)


def _rows_of_people(text: str, lines: Sequence[Span]) -> bool:
    """Whether two lines or more are rows of a table, each with somebody's measure (庄周｜城北水厂厂长｜免职)."""
    rows = [cut(text, line) for line in lines]
    return sum(is_table_row(row) and any(map(is_concrete, sentences_of(row))) for row in rows) > 1


def _is_about_them(text: str, lines: list[Span], telling: list[Span]) -> bool:
    """Whether those punished run through the whole text: a report on one matter."""
    names = set().union(*(names_in(cut(text, line)) for line in telling))
    return any(sum(name in cut(text, line) for line in lines) >= _ABOUT_SHARE * len(lines) for name in names)


def without_lead(text: str, body: Span) -> Span:
    """The body less its first lines up to the one that announces or sums up the matter told below."""
    lines = list(lines_of(text, body.start, body.end))
    for i, line in enumerate(lines[:-1], start=1):
        if says("told_below", cut(text, line)) and _stands_alone(text, lines[i:]):
            return Span(lines[i].start, body.end)
    numbered = (i for i, line in enumerate(lines) if marker_at(cut(text, line), 0))
    top = min(next(numbered, len(lines)), LEAD_LINES, len(lines) - 1)
    for i in range(top, 0, -1):
        words = cut(text, lines[i - 1])
        if (_announces_all(words) or says("summary", words)) and _stands_alone(text, lines[i:]):
            return Span(lines[i].start, body.end)
    titled = body.start > 0 and not is_form(text, lines)
    general = sum(1 for _ in takewhile(lambda line: not _is_matter(cut(text, line)), lines[:top])) if titled else 0
    return Span(lines[general].start, body.end) if _stands_alone(text, lines[general:]) else body


def _announces_all(line: str) -> bool:
    """Whether a line announces the matter, and does not begin to tell of the accident or event itself."""
    begun = says("event", line) and says("people_listed", line)
    return announces(line) and not (begun or says("inquiry", line))


def _is_matter(line: str) -> bool:
    """Whether a paragraph may belong to a matter: a heading, or one that speaks of somebody or some time."""
    return says("bare_phrase", line) or says("section", line) or is_account(line)


def _stands_alone(text: str, lines: Sequence[Span]) -> bool:
    """Whether the lines tell a matter, facts and all, and not only how it was decided."""
    words = cut(text, lines[0])
    first = without_number(words)
    if says("clause_item", first) or says("person_item", first) or (first != words and tells_decision(words)):
        return False
    return tells_decision(text[lines[0].start : lines[-1].end])


def _passing(text: str, lines: list[Span]) -> list[Span]:
    """Paragraphs that tell of a named person's punishment, with their neighbours that name the same person."""
    words = [cut(text, line) for line in lines]
    spans: list[tuple[int, int]] = []
    for i, line in enumerate(words):
        names = names_in(line)
        if not names or not any(map(is_told, sentences_of(line))):
            continue
        first = last = i
        while first > 0 and any(name in words[first - 1] for name in names):
            first -= 1
        while last + 1 < len(words) and any(name in words[last + 1] for name in names):
            last += 1
        if spans and first <= spans[-1][1]:
            first, last = spans.pop()[0], max(last, i)
        spans.append((first, last))
    return [Span(lines[first].start, lines[last].end) for first, last in spans]
