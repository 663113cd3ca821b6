"""What a text must hold for a pattern to match at all: many patterns cost little on a text without their words.

In: regular expressions. Out: the same matches, found by trying only those patterns whose words stand in the text, and
only where one can begin. Never decides a match; of a pattern it cannot read nothing is said, and it is always tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from operator import add
from typing import NamedTuple, TypeVar

Grams = frozenset[str]
T = TypeVar("T")

# How many texts an answer is kept for, and up to how many characters a text is a short one.
_SHORT, _SHORT_KEPT, _LONG_KEPT = 400, 2048, 8

_LITERAL = re.compile(r"[^\\.^$*+?{}\[\]|()]")
_CLASS = re.compile(r"\[(?P<not>\^)?(?P<of>\]?(?:\\.|[^\]\\])*)\]", re.DOTALL)
_PLAIN_CLASS = re.compile(r"[^\\\-\[\]^]+")
_REPEAT = re.compile(r"(?:(?P<maybe>[*?]|\{,\d+\}|\{0(?:,\d*)?\})|\+|\{\d+(?:,\d*)?\})[?+]?")
_GROUP = re.compile(r"\((?:\?(?:P<\w+>|:|>|(?P<look><?[=!])))?")
_UNREAD_GROUP = re.compile(r"\(\?(?!P<|[:>]|<?[=!])")
_CLASS_ESCAPES = frozenset("dDwWsS")
_PLACE_ESCAPES = frozenset("bBAZ")
_CONTROL = {"n": "\n", "t": "\t", "r": "\r"}


class Shape(NamedTuple):
    """What is known of the matches of a pattern.

    ``needs``: sets of characters and pairs of characters; any match holds one of each set, or leans on it.
    ``first``: pieces of a character class in which any match begins, None where nothing can be said.
    ``empty``: whether a match may be empty.
    """

    needs: tuple[Grams, ...] = ()
    first: frozenset[str] | None = None
    empty: bool = True


class _Unread(Exception):  # noqa: N818
    """The pattern says something this reader does not know."""


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """A function of a text that keeps what it told of the texts asked last; of long ones but a few."""
    short, long = (lru_cache(maxsize=size)(function) for size in (_SHORT_KEPT, _LONG_KEPT))

    def told(text: str) -> T:
        return short(text) if len(text) <= _SHORT else long(text)

    return told


def alternation(patterns: Iterable[str]) -> str:
    """The patterns as alternatives of one, tried in their order."""
    return "|".join(f"(?:{p})" for p in patterns) or r"(?!)"


@remembered
def grams(text: str) -> Grams:
    """All single characters and neighbouring pairs of a text."""
    return frozenset(text) | frozenset(map(add, text, text[1:]))


@cache
def shape(pattern: str) -> Shape:
    """What can be told of the matches of ``pattern``."""
    try:
        return _any_of([part for _, part in _Reader(pattern).branches()])
    except _Unread:
        return Shape()


@cache
def quick(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled so that it is tried only where its first character stands."""
    found = shape(pattern)
    if found.empty or not found.first:
        return re.compile(pattern)
    return re.compile(f"(?=[{''.join(sorted(found.first))}])(?:{pattern})")


class Index:
    """The patterns of many entries, found by what a text must hold for each of them.

    ``find`` and ``search`` take an entry's patterns as alternatives of one expression: where two match at a place, the
    earlier one counts.
    """

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self._patterns = patterns
        self.possible = remembered(self._possible)

    @cached_property
    def _alternatives(self) -> list[tuple[str, tuple[Grams, ...], str]]:
        """Entry, needs (the best first), source of each alternative; all stay one where one may match nothing."""
        found: list[tuple[str, tuple[Grams, ...], str]] = []
        for entry, patterns in self._patterns.items():
            parts = [branch for pattern in patterns for branch in _branches(pattern)]
            if any(part.empty for _, part in parts):
                parts = [(alternation(patterns), Shape())]
            found += ((entry, tuple(sorted(part.needs, key=_breadth)), source) for source, part in parts)
        return found

    @cached_property
    def _by_gram(self) -> Mapping[str, Sequence[int]]:
        """The alternatives by the grams of which they need one; those without any under ''."""
        places: dict[str, list[int]] = {"": []}
        for place, (_, needs, _) in enumerate(self._alternatives):
            for gram in needs[0] if needs else ("",):
                places.setdefault(gram, []).append(place)
        return places

    @cached_property
    def _grams(self) -> Grams:
        return frozenset(self._by_gram)

    def _possible(self, text: str) -> Mapping[str, Sequence[re.Pattern[str]]]:
        """The entries that may match in the text, each with those of its alternatives that may, in their order."""
        present = grams(text)
        places = set(self._by_gram[""]).union(*map(self._by_gram.__getitem__, self._grams & present))
        found: dict[str, list[re.Pattern[str]]] = {}
        for place in sorted(places):
            entry, needs, source = self._alternatives[place]
            if not any(map(present.isdisjoint, needs[1:])):
                found.setdefault(entry, []).append(quick(source))
        return found

    def find(self, entry: str, text: str) -> Iterator[re.Match[str]]:
        """Every match in the text, left to right, none overlapping the one before."""
        possible = self.possible(text).get(entry, ())
        if len(possible) == 1:
            return possible[0].finditer(text)
        return _merged(possible, text) if possible else iter(())

    def search(self, entry: str, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        """The first match in text[start:end]."""
        possible = self.possible(text).get(entry)
        if not possible:
            return None
        last = len(text) if end is None else end
        found = [match for regex in possible if (match := regex.search(text, start, last))]
        return min(found, key=_start, default=None)


def _breadth(needs: Grams) -> tuple[bool, int]:
    """How little a need tells: single characters less than pairs, many less than few."""
    return min(map(len, needs)) == 1, len(needs)


def _start(match: re.Match[str]) -> int:
    return match.start()


def _merged(patterns: Sequence[re.Pattern[str]], text: str) -> Iterator[re.Match[str]]:
    """The matches of the alternatives as those of one expression."""
    found = [(match, regex) for regex in patterns if (match := regex.search(text))]
    while found:
        first = min(found, key=lambda pair: pair[0].start())[0]
        yield first
        end = first.end()
        waiting = [(m if m.start() >= end else regex.search(text, end), regex) for m, regex in found]
        found = [(m, regex) for m, regex in waiting if m]


# --- reading a pattern ----------------------------------------------------------------------------------------------


def _branches(pattern: str) -> list[tuple[str, Shape]]:
    """The alternatives a pattern itself consists of."""
    try:
        return _Reader(pattern).branches()
    except _Unread:
        return [(pattern, Shape())]


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def branches(self) -> list[tuple[str, Shape]]:
        """The alternatives up to the end of the group, each as text and shape."""
        found = []
        while True:
            start = self.at
            part = self._sequence()
            found.append((self.pattern[start : self.at], part))
            if not self._next("|"):
                return found

    def _next(self, sign: str) -> bool:
        here = self.pattern.startswith(sign, self.at)
        self.at += len(sign) if here else 0
        return here

    def _take(self, regex: re.Pattern[str]) -> re.Match[str] | None:
        match = regex.match(self.pattern, self.at)
        self.at = match.end() if match else self.at
        return match

    def _sequence(self) -> Shape:
        needs: list[Grams] = []
        first: frozenset[str] | None = frozenset()
        empty, run = True, ""
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            literal, part = self._item()
            repeat = self._take(_REPEAT)
            if repeat and repeat["maybe"]:
                part = part._replace(needs=(), empty=True)
            if empty:
                first = None if first is None or part.first is None else first | part.first
                empty = part.empty
            if literal and not repeat:
                run += literal
                continue
            needs += (*_of_run(run), *part.needs)
            run = ""
        return Shape((*needs, *_of_run(run)), first, empty)

    def _item(self) -> tuple[str, Shape]:
        """The next item: its character if it is one, and its shape."""
        if literal := self._take(_LITERAL):
            return literal[0], _of_character(literal[0])
        if self._next("\\"):
            return self._escape()
        if self._next("."):
            return "", Shape(empty=False)
        if self._next("^") or self._next("$"):
            return "", Shape(first=frozenset())
        one_of = self._take(_CLASS)
        return "", _of_class(one_of) if one_of else self._group()

    def _group(self) -> Shape:
        group = None if _UNREAD_GROUP.match(self.pattern, self.at) else self._take(_GROUP)
        if group is None:
            raise _Unread
        inner = _any_of([part for _, part in self.branches()])
        if not self._next(")"):
            raise _Unread
        look = group["look"]
        return Shape(inner.needs if "=" in look else (), frozenset()) if look else inner

    def _escape(self) -> tuple[str, Shape]:
        sign = self.pattern[self.at]
        self.at += 1
        if sign in _CLASS_ESCAPES:
            return "", Shape(first=frozenset([f"\\{sign}"]), empty=False)
        if sign in _PLACE_ESCAPES:
            return "", Shape(first=frozenset())
        if sign.isalnum() and sign not in _CONTROL:
            raise _Unread
        literal = _CONTROL.get(sign, sign)
        return literal, _of_character(literal)


def _of_character(literal: str) -> Shape:
    return Shape((frozenset([literal]),), frozenset([re.escape(literal)]), False)


def _of_class(match: re.Match[str]) -> Shape:
    if match["not"]:
        return Shape(empty=False)
    members = match["of"]
    needs = (frozenset(members),) if _PLAIN_CLASS.fullmatch(members) else ()
    joinable = not members.startswith(("-", "]")) and not members.endswith("-")
    return Shape(needs, frozenset([members]) if joinable else None, False)


def _of_run(run: str) -> tuple[Grams, ...]:
    """What a run of characters needs: each pair of neighbours, or its one character."""
    if len(run) < 2:
        return (frozenset([run]),) if run else ()
    return tuple(frozenset([a + b]) for a, b in pairwise(run))


def _any_of(parts: Sequence[Shape]) -> Shape:
    """The shape of alternatives."""
    if len(parts) == 1:
        return parts[0]
    united = _union(part.needs for part in parts)
    firsts = [part.first for part in parts if part.first is not None]
    first = frozenset().union(*firsts) if len(firsts) == len(parts) else None
    return Shape((united,) if united else (), first, any(part.empty for part in parts))


def _union(alternatives: Iterable[Sequence[Grams]]) -> Grams | None:
    """One set for all alternatives, of each the best: pairs before single characters, few before many."""
    best = [min(needs, key=_breadth, default=None) for needs in alternatives]
    known = [needs for needs in best if needs is not None]
    return frozenset().union(*known) if len(known) == len(best) else None
