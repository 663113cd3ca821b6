"""Phrases of posts and organisations: where they begin and how far they go on.

In: a text and where its head words stand. Out: offsets of that text. Never decides who holds a post.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache

from nlp.extract.grammar import pattern, source

Range = tuple[int, int]

# A bracket inside a name (高二（13）班), read from its end.
_SHORT_BRACKET = re.compile(r"（[^（），。；：]{1,8}）$")
_BLOCK = 64  # characters
_NONE: frozenset[int] = frozenset()
_LONGEST = 90  # characters of one post or organisation; keeps texts without any stop mark linear
_MEMBER = re.compile(r"、(?P<next>[^，。；：、\n（]{1,24})")


class Ranges:
    """A set of ranges, not to be changed but by ``add``, that knows at once whether another one overlaps."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self.items: list[Range] = []
        self._near: dict[int, list[Range]] = {}  # the ranges that touch each block of the text
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def hit(self, start: int, end: int) -> bool:
        """Whether any range overlaps [start, end)."""
        blocks = range(start // _BLOCK, max(start, end - 1) // _BLOCK + 1)
        return any(a < end and start < b for block in blocks for a, b in self._near.get(block, ()))

    def add(self, start: int, end: int) -> None:
        self.items.append((start, end))
        insort(self._ends, end)
        for block in range(start // _BLOCK, max(start, end - 1) // _BLOCK + 1):
            self._near.setdefault(block, []).append((start, end))

    def end_before(self, offset: int) -> int:
        """The end of the last range that ends at or before ``offset``; 0 where there is none."""
        at = bisect_right(self._ends, offset)
        return self._ends[at - 1] if at else 0


def places_of(text: str, word: str) -> Iterator[int]:
    """Where ``word`` begins in ``text``, left to right, none overlapping the one before; nowhere for no word at all."""
    start = text.find(word) if word else -1
    while start >= 0:
        yield start
        start = text.find(word, start + len(word))


@cache
def _particle() -> re.Pattern[str]:
    return re.compile(rf"(?!{source('phrase_keep')})[{source('phrase_cut_single')}]")


def phrase_start(text: str, end: int, *, floor: int, boundaries: frozenset[int] = _NONE) -> int:
    """Where the phrase that ends at ``end`` begins: after the last stop mark, verb, date or name, not before ``floor``.

    ``boundaries`` are offsets right after names and measures.
    """
    floor = max(floor, end - _LONGEST)
    start = _line_start(text, end, floor)
    start = max(boundaries.intersection(range(start + 1, end)), default=start)
    start = max([start, *(m.end() for m in pattern("phrase_cut").finditer(text, start, end + 12) if m.end() < end)])
    while start < end - 1:
        head = pattern("phrase_head").match(text, start, end)
        if head and head.end() < end:
            start = head.end()
        elif _particle().match(text, start):
            start += 1
        else:
            break
    return start


def _line_start(text: str, end: int, floor: int) -> int:
    """Go left to a stop mark or 、, over short brackets."""
    stops = source("phrase_stop")
    start = end
    while start > floor and text[start - 1] not in stops and text[start - 1] != "、":
        bracket = _SHORT_BRACKET.search(text, floor, start) if text[start - 1] == "）" else None
        if text[start - 1] in "（）" and bracket is None:
            break
        start = bracket.start() if bracket else start - 1
    return start


def posts_left(text: str, end: int, heads: Mapping[int, int], *, floor: int, boundaries: frozenset[int] = _NONE) -> int:
    """Where the posts that end at ``end`` begin, over 、 when what stands before it is a post as well.

    ``heads``: start of each head word by its end.
    """
    start = _over_charge(text, phrase_start(text, end, floor=floor, boundaries=boundaries), heads, floor, boundaries)
    pair = pattern("paired_body").search(text, floor, start)
    if pair and pattern("paired_body_next").match(text, start):
        start = phrase_start(text, pair.start() + 1, floor=floor, boundaries=boundaries)
    while start > floor and text[start - 1] == "、":
        previous = start - 1
        if previous not in heads:
            previous = text.rfind("（", floor, previous) if text[previous - 1] == "）" else -1
            if previous not in heads:
                break
        start = phrase_start(text, previous, floor=floor, boundaries=boundaries)
    if text[start - 1 : start] == "，" and start - 1 in heads and pattern("held_now").match(text, start):
        return posts_left(text, start - 1, heads, floor=floor, boundaries=boundaries)
    return start


def _over_charge(text: str, start: int, heads: Mapping[int, int], floor: int, boundaries: frozenset[int]) -> int:
    """Where a post begins in whose middle stands what its holder is in charge of.

    It does after his unit or another of his posts (县政府分管打私的副主任; 县委常委、分管医疗的副县长); at the head it
    is no part of the post (分管医疗的副院长).
    """
    charge = pattern("in_charge").search(text, max(floor, start - 20), start)
    if charge is None:
        return start
    if text[charge.start() - 1 : charge.start()] == "、" and charge.start() - 1 in heads:
        return charge.start()
    unit = phrase_start(text, charge.start() + 1, floor=floor, boundaries=boundaries)
    return unit if unit < charge.start() else start


def last_head(heads: Iterable[Range], start: int, end: int) -> int | None:
    """The end of the last head word inside [start, end)."""
    return max((b for a, b in heads if start <= a and b <= end), default=None)


def posts_right(text: str, end: int, heads: Collection[Range], *, one_holder: bool = True) -> int:
    """Where posts go on to over 、 (党委副书记、镇长).

    ``one_holder``: a name holds them all; else a post with a unit of its own (、镇环保站站长) is somebody else's.
    """
    while True:
        following = _MEMBER.match(text, end)
        head = last_head(heads, *following.span("next")) if following else None
        if following is None or head is None:
            return end
        if not one_holder and pattern("own_unit").search(text[following.start("next") : head]):
            return end
        end = head


def post_before(text: str, end: int) -> str | None:
    """The posts that stand right before ``end``, verbatim, or None."""
    floor = max(0, end - 60)
    heads = {m.end(): m.start() for m in pattern("post").finditer(text, floor, end)}
    if end not in heads:
        return None
    return text[posts_left(text, end, heads, floor=floor) : end] or None
