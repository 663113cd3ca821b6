"""What a text must hold for a pattern to match at all: a table of patterns costs little on texts without its words.

In: a regular expression. Out: characters and pairs of characters of which any match holds at least one. Never decides a
match; a pattern it cannot read is simply always tried.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from operator import add
from typing import Any

from nlp.codebook import Entry, Table

if sys.version_info >= (3, 11):
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_parse as parser

Grams = frozenset[str]


def grams(text: str) -> Grams:
    """All single characters and neighbouring pairs of a text."""
    return frozenset(text) | frozenset(map(add, text, text[1:]))


@cache
def needles(pattern: str) -> Grams | None:
    """Grams of which every match of ``pattern`` holds one; None where nothing can be said."""
    parsed: Any = parser.parse(pattern)
    return _of_sequence(parsed)


def candidates(table: Table, present: Grams) -> list[Entry]:
    """The entries of a table that may match a text with these grams, in their order."""
    return [entry for entry, needed in _needed(table) if needed is None or not needed.isdisjoint(present)]


_needs: dict[int, tuple[Table, list[tuple[Entry, Grams | None]]]] = {}


def _needed(table: Table) -> list[tuple[Entry, Grams | None]]:
    """Each entry with its needles; worked out once a table (kept beside it, so that its identity stays its own)."""
    known = _needs.get(id(table))
    if known is None:
        found = [(entry, _union(needles(pattern) for pattern in entry.patterns)) for entry in table]
        known = _needs[id(table)] = (table, found)
    return known[1]


def _union(parts: Iterable[Grams | None]) -> Grams | None:
    united: Grams = frozenset()
    for part in parts:
        if part is None:
            return None
        united |= part
    return united


def _of_sequence(items: Iterable[Any]) -> Grams | None:
    """The best requirement of a sequence: pairs before single characters, few before many."""
    options: list[Grams] = []
    run = ""
    for operator, value in items:
        if str(operator) == "LITERAL":
            run += chr(value)
            continue
        options += [frozenset([run[:2]])] if run else []
        run = ""
        if (part := _of_item(str(operator), value)) is not None:
            options.append(part)
    options += [frozenset([run[:2]])] if run else []
    return min(options, key=lambda o: (any(len(gram) == 1 for gram in o), len(o)), default=None)


def _of_item(operator: str, value: Any) -> Grams | None:
    if operator == "SUBPATTERN":
        return _of_sequence(value[-1])
    if operator == "BRANCH":
        return _union(_of_sequence(branch) for branch in value[1])
    if operator in ("MAX_REPEAT", "MIN_REPEAT") and value[0] >= 1:
        return _of_sequence(value[2])
    if operator == "IN" and all(str(kind) == "LITERAL" for kind, _ in value):
        return frozenset(chr(code) for _, code in value)
    return None
