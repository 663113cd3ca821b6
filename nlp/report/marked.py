"""A whole text as a Markdown quotation, with the evidence of the gold in ⟦ ⟧ and that of a model in ⟪ ⟫.

In: a text and what each rests on. Out: lines. Never reads the text as markup: what Markdown would take for a sign is
escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nlp.report.highlight import Mark, highlight
from nlp.types import Evidence

LEGEND = "正文中 ⟦ ⟧ 之内是金标准的证据，⟪ ⟫ 之内是模型的依据。"
GOLD, MODEL = 1, 2
_BRACKETS = {GOLD: "⟦⟧", MODEL: "⟪⟫"}
_SIGNS = re.compile(r"[\\`*_<>|#\[\]]")


def plain(text: str) -> str:
    """The text on one line, its signs escaped."""
    return _SIGNS.sub(lambda sign: "\\" + sign[0], text.replace("\n", " "))


def quotation(text: str, gold: str, model: Iterable[Evidence]) -> Iterator[str]:
    """The lines of the whole text; ``gold`` is verbatim from it, or ''."""
    marks = [Mark(one.start, one.end, "evidence", MODEL) for one in model]
    if gold and (start := text.find(gold)) >= 0:
        marks.append(Mark(start, start + len(gold), "evidence", GOLD))
    yield from ("> " + line if line else ">" for line in "".join(_pieces(text, marks)).split("\n"))


def _pieces(text: str, marks: Iterable[Mark]) -> Iterator[str]:
    within: set[int | None] = set()
    for run in highlight(text, marks):
        now = {mark.ref for mark in run.marks}
        yield from (_BRACKETS[side][1] for side in (MODEL, GOLD) if side in within - now)
        yield from (_BRACKETS[side][0] for side in (GOLD, MODEL) if side in now - within)
        yield _SIGNS.sub(lambda sign: "\\" + sign[0], run.text)
        within = now
    yield from (_BRACKETS[side][1] for side in (MODEL, GOLD) if side in within)


def said(evidence: Iterable[Evidence]) -> str:
    """The evidence of a model on one line; a dash where it gives none."""
    return "；".join(f"“{plain(one.text)}”" for one in evidence) or "—"
