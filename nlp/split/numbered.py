"""Matters that are numbered, one item each.

In: the tree of numbered items. Out: the range of each case; [] where the numbers count people, clauses or chapters.
"""

from __future__ import annotations

from collections.abc import Sequence

from nlp.split.numbers import Item, without_number
from nlp.split.text import (
    KIDS_SHARE,
    announced_count,
    announces,
    are_own_matters,
    cut,
    has_facts,
    is_concrete,
    layout,
    lines_of,
    punishes_by_name,
    says,
    sentences_of,
    tells_cause,
    tells_decision,
)
from nlp.types import Span

_SECTION_SHARE = 0.5


def numbered_matters(text: str, item: Item) -> list[Span]:
    """The cases among numbered items: the items themselves, or theirs; [] when the numbers number something else."""
    parts = [_item_matters(text, child) for child in item.children]
    if any(parts):
        parts = [part or _measured(text, child) for part, child in zip(parts, item.children, strict=True)]
    telling = [i for i, part in enumerate(parts) if part]
    if not telling or not _may_be_matters(text, item):
        return []
    inner = [span for i in telling for span in parts[i] if len(parts[i]) > 1]
    if inner and any(says("lead", _first_line(text, child)) for child in item.children):
        return inner
    if _are_points(text, item):
        return [span for part in parts for span in part]
    few = len(telling) < KIDS_SHARE * len(parts)
    if few or _are_sections(text, item):
        return inner or (_own_items(text, item, [span for part in parts for span in part]) if few else [])
    if are_people(text, item):
        return []
    for i, child in enumerate(item.children):
        if not parts[i] and (i < telling[-1] or has_facts(without_number(cut(text, Span(child.start, child.end))))):
            parts[i] = [Span(child.start, child.end)]
    return [span for part in parts for span in part]


def _own_items(text: str, item: Item, spans: list[Span]) -> list[Span]:
    """The few items of a report that each tell a matter of their own; [] when the items are parts of one document."""
    own = len(spans) > 1 and not _are_sections(text, item) and are_own_matters([cut(text, span) for span in spans])
    return spans if own else []


def _measured(text: str, item: Item) -> list[Span]:
    """The item as a matter if a measure is told in its one line, though of nobody by name, beside items that do."""
    whole = Span(item.start, item.end)
    words = cut(text, whole).rstrip("\n")
    measured = "\n" not in words and any(map(is_concrete, sentences_of(words)))
    return [whole] if measured and tells_cause(words) else []


def _are_points(text: str, item: Item) -> bool:
    """Whether the items answer points raised before (关于…问题) or those of a meeting: only some led to measures."""
    lines = [without_number(_first_line(text, child)) for child in item.children]
    return _mostly("point", lines) or sum(says("agenda", line) for line in lines) >= _SECTION_SHARE * len(lines)


def _may_be_matters(text: str, item: Item) -> bool:
    """Points told in one sentence each (一是) are matters only where most punish somebody by name."""
    points = [child for child in item.children if child.level == layout("marker_point")["level"]]
    named = sum(punishes_by_name(cut(text, Span(point.start, point.end))) for point in points)
    return named >= KIDS_SHARE * len(points)


def _are_sections(text: str, item: Item) -> bool:
    """Whether the items are the parts of one document: facts, causes, handling."""
    parts = sum(says("section", without_number(_first_line(text, child))) for child in item.children)
    return parts >= _SECTION_SHARE * len(item.children)


def _item_matters(text: str, item: Item) -> list[Span]:
    """The cases in an item that itself is one, or holds some; [] when it tells of no decision."""
    inner = [] if _tells_itself(text, item) else numbered_matters(text, item)
    whole = Span(item.start, item.end)
    return inner or ([whole] if tells_decision(cut(text, whole)) else [])


def _first_line(text: str, item: Item) -> str:
    return next((cut(text, line) for line in lines_of(text, item.start, item.end)), "")


def _announced(text: str, item: Item) -> bool:
    opening = item.opening()
    return announces(text[opening.start : opening.end].rstrip("\n").rpartition("\n")[2])


def _tells_itself(text: str, item: Item) -> bool:
    """Whether an item tells its matter before its nested numbers begin."""
    opening = cut(text, item.opening())
    return bool(item.children) and (tells_decision(opening) or (len(opening) > 60 and not _announced(text, item)))


def are_people(text: str, item: Item) -> bool:
    """Whether the nested numbers count those dealt with in one matter, told before the numbers begin."""
    lines = [without_number(_first_line(text, child)) for child in item.children]
    if any(says("heading", line) for line in lines) or all(_is_titled(text, child) for child in item.children):
        return False
    opening = cut(text, item.opening())
    if announced_count(opening) < 2 and _mostly("clause_item", lines):
        return True
    announcement = next((s for s in reversed(sentences_of(opening)) if s.strip()), "")
    if says("people_lead", announcement) and not _mostly("own_facts", lines):
        return True
    return _mostly("person_item", lines) and says("one_matter", opening) and announced_count(opening) < 2


def _is_titled(text: str, item: Item) -> bool:
    """Whether an item has a line of its own for what it is about."""
    first = without_number(_first_line(text, item))
    return says("bare_phrase", first) and not first.endswith("：") and item.end - item.start > 2 * len(first)


def _mostly(name: str, lines: Sequence[str]) -> bool:
    return sum(says(name, line) for line in lines) >= KIDS_SHARE * len(lines)
