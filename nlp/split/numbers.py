"""The numbering of a text: what numbers stand where, and how the items they open are nested.

In: clean text and a range of it. Out: a tree of ``Item``. What the items are about is not known here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from nlp.codebook import Entry, load_codebook
from nlp.types import Span

_ORDINALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_UNITS = {"十": 10, "百": 100}
_OPENING = re.compile(r"(?:^|(?<=[\n。；：！？”）])|(?<=\n[▍▌▎■◆▶★☆◇▲]))(?=\S)", re.M)
_BULLETS = "▍▌▎■◆▶★☆◇▲"
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_LETTERS = "ABCDEFGH"


@cache
def _markers() -> tuple[Entry, ...]:
    return tuple(e for e in load_codebook()["layout"] if e.get("kind") == "marker")


@dataclass
class Item:
    """A numbered stretch of the text with the items nested in it; the root (level -1) spans the body."""

    start: int
    end: int
    level: int
    value: int
    children: list[Item] = field(default_factory=list)

    def opening(self) -> Span:
        """What stands before the first nested item."""
        return Span(self.start, self.children[0].start if self.children else self.end)


def number(text: str) -> int:
    """The value of an ordinal: 12, 十二, 一百零二, ⑫ or B."""
    if text in _LETTERS:
        return _LETTERS.index(text) + 1
    if text.isascii():
        return int(text)
    if text in _CIRCLED:
        return _CIRCLED.index(text) + 1
    value = digit = 0
    for sign in text:
        unit = _UNITS.get(sign)
        if unit:
            value, digit = value + (digit or 1) * unit, 0
        else:
            digit = _ORDINALS.get(sign, 0)
    return value + digit


def marker_at(text: str, at: int, end: int | None = None) -> tuple[int, int, int] | None:
    """(level, value, end) of the number that stands at a place."""
    for entry in _markers():
        match = entry.regex.match(text, at, len(text) if end is None else end)
        if match:
            ordinal = next(g for g in match.groups() if g is not None)
            return int(entry["level"]), number(ordinal), match.end()
    return None


def _numbers(text: str, body: Span) -> Iterator[tuple[int, int, int, bool]]:
    """(place, level, value, opens a line) of everything in the body that looks like the number of an item."""
    for match in _OPENING.finditer(text, body.start, body.end):
        at = match.start()
        found = marker_at(text, at, body.end)
        if found:
            opens = at == body.start or text[at - 1] == "\n" or text[at - 1] in _BULLETS
            yield at, found[0], found[1], opens


def tree_of(text: str, body: Span) -> Item:
    """The items of the body, nested as their numbering nests; lonely numbers are dropped."""
    root = Item(body.start, body.end, -1, 0)
    path = [root]
    last: dict[int, int] = {}  # of each level: numbers may run on under the next heading (二、 （三）)
    for at, level, value, opens in _numbers(text, body):
        depth = next((i for i, item in enumerate(path) if item.level == level), None)
        if depth is not None and value in _next_values(path[depth].value, opens):
            path = path[:depth]
        elif value == 1 or level == 0 or (opens and depth is None and value == last.get(level, -1) + 1):
            path = [item for item in path if item.level < level]
        else:
            continue
        last[level] = value
        item = Item(at, body.end, level, value)
        path[-1].children.append(item)
        path.append(item)
    _close(root)
    return root


def _next_values(value: int, opens: bool) -> tuple[int, ...]:
    return (value + 1, value + 2) if opens else (value + 1,)


def _close(item: Item, cousins: Sequence[Item] = ()) -> None:
    """Ends of all items, once all starts are known; a number without a sibling or a cousin numbers nothing."""
    alike = [item, *cousins]
    siblings = Counter(child.level for parent in alike for child in parent.children)
    item.children = [c for c in item.children if c.level == 0 or siblings[c.level] > 1]
    for child, following in pairwise([*item.children, Item(item.end, item.end, 0, 0)]):
        child.end = following.start
        _close(child, [c for c in item.children if c is not child and c.level == child.level])


def without_number(line: str) -> str:
    marker = marker_at(line, 0)
    return line[marker[2] :] if marker else line
