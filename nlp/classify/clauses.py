"""Where a text is cut for evidence: the clauses that a finding points at."""

from __future__ import annotations

import re

from nlp.types import Span

STOPS = "。；\n"
_CLAUSE = re.compile(f"[^{STOPS}]+[{STOPS}]?")


def clauses(text: str) -> list[Span]:
    """The stretches of a text that end with 。 or ； or the line, without the blanks around them, in order."""
    spans = []
    for match in _CLAUSE.finditer(text):
        said = match[0].strip()
        if said.strip(STOPS):
            start = match.start() + match[0].index(said)
            spans.append(Span(start, start + len(said)))
    return spans
