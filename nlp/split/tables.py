"""Matters laid out as rows of a table, or as a form filled in again and again.

In: clean text. Out: the range of each row or record that tells a decision; [] for any other text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, takewhile

from nlp.split.numbers import marker_at
from nlp.split.text import cut, is_concrete, is_told, lines_of, says, sentences_of, stripped
from nlp.types import Span

_COLUMNS = 10
_RECORDS = 3
_CELL_LENGTH = 10
_FIELD = re.compile(r"【((?!第)[\u4e00-\u9fff]{2,6})】(?=\S)")


def table_rows(text: str, end: int) -> list[Span]:
    """The rows of a table whose columns hold facts and measures, each row a line or a numbered run of cells."""
    lines = list(lines_of(text, 0, end))
    numbered = [i for i, line in enumerate(lines) if says("row_number", cut(text, line))]
    top = numbered[0] if numbered else next((i + 1 for i, x in enumerate(lines) if says("header", cut(text, x))), 0)
    above = [cut(text, line) for line in lines[max(0, top - _COLUMNS) : top]]
    cells = "".join(takewhile(lambda cell: len(cell) < _CELL_LENGTH, reversed(above)))
    if not any(says("header", words) for words in (cells, *above)):
        return []
    starts = numbered or range(top, len(lines))
    rows = [Span(lines[a].start, lines[b - 1].end) for a, b in pairwise([*starts, len(lines)])]
    rows = [row for row in rows if any(map(is_concrete, sentences_of(cut(text, row))))]
    return rows if len(rows) > 1 else []


def form_records(text: str, body: Span) -> list[Span]:
    """The records of a form filled in again and again (编号：… 问题：… 处理：…), if two or more tell a decision."""
    lines = list(lines_of(text, body.start, body.end))
    keys = [_key(cut(text, line)) for line in lines]
    repeated = [key for key, times in Counter(filter(None, keys)).items() if times >= _RECORDS]
    if len(repeated) < 2:
        return []
    tops = [i for i, key in enumerate(keys) if key == repeated[0]]
    if not all(keys[i - 1] for i in tops[1:]):
        return []
    spans = [stripped(text, Span(*ends)) for ends in pairwise([*(lines[i].start for i in tops), body.end])]
    telling = [span for span in spans if any(map(is_told, sentences_of(cut(text, span))))]
    return telling if len(telling) > 1 else []


def is_form(text: str, lines: Sequence[Span]) -> bool:
    """Whether a text is a filled-in form: each of its first lines answers what it asks."""
    return len(lines) >= _RECORDS and all(_key(cut(text, line)) for line in lines[:_RECORDS])


def _key(line: str) -> str:
    """What a line of a form asks for: the words before its colon, or in brackets (【处理】); '' for a sentence."""
    field = _FIELD.match(line)
    if field:
        return field[1]
    words, colon, _ = line.partition("：")
    return words if colon and len(words) <= _CELL_LENGTH and marker_at(line, 0) is None else ""
