"""The body of a text: what is left without title, salutation, signature, page lines and links.

In: a ``Clean``. Out: the range of its body, and what stands above it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlp.split.numbers import marker_at
from nlp.split.tables import is_form
from nlp.split.text import LONG_LINE, cut, is_table_row, layout, lines_of, says, tells_decision
from nlp.types import Clean, Span


def body_of(clean: Clean) -> Span:
    """The text without title, salutation and page lines above, without signature, links and repetition below."""
    text = clean.text
    lines = list(lines_of(text))
    lines = before_links(text, lines)
    lines = _before_repetition(text, lines)
    while lines and is_tail(cut(text, lines[-1])):
        lines.pop()
    lines = lines[_head_length(clean, lines) :]
    if not lines:
        return Span(0, 0)
    end = lines[-1].end
    bracket = layout("signed_bracket").regex.search(text, lines[-1].start, end)
    dateline = layout("dateline").regex.match(text, lines[0].start, lines[0].end)
    return Span(dateline.end() if dateline else lines[0].start, bracket.start() if bracket else end)


def is_tail(line: str) -> bool:
    """Whether a line is of the page below the text: signature, editor, links."""
    return any(says(name, line) for name in ("signature", "editor", "page_line")) and not tells_decision(line)


def before_links(text: str, lines: list[Span]) -> list[Span]:
    """The lines above the first list of links that no part of the notice follows."""
    content = [i for i, line in enumerate(lines) if _is_content(cut(text, line))]
    after = content[-1] + 1 if content else 1
    links = (i for i in range(after, len(lines)) if says("links", cut(text, lines[i])))
    return lines[: next(links, len(lines))]


def _is_content(line: str) -> bool:
    """Whether a line shows that the notice goes on."""
    return says("lead", line) or (len(line) > LONG_LINE and tells_decision(line))


def _before_repetition(text: str, lines: list[Span]) -> list[Span]:
    """The lines of the first print: up to where nothing follows but what has stood before."""
    words = [cut(text, line) for line in lines]
    first: dict[str, int] = {}
    for i, line in enumerate(words):
        first.setdefault(line, i)
    last = max((i + 1 for line, i in first.items() if len(line) >= LONG_LINE), default=len(lines))
    if all(len(line) < LONG_LINE for line in words[last:]):
        return lines
    if any(first[line] >= last and tells_decision(line) for line in words[last:]):
        return lines
    return lines[: next(i for i in range(last, len(lines)) if first[words[i]] < last)]


def _head_length(clean: Clean, lines: Sequence[Span]) -> int:
    """How many of the first lines are frame: up to the last title, salutation or page line before the text begins."""
    length, headed = 0, False
    for i, line in enumerate(lines):
        words = cut(clean.text, line)
        headed = _is_headline(clean.text, lines) if i == 0 else headed
        if _is_head(clean, words) or (i == 0 and headed) or (headed and says("byline", words)):
            length = i + 1
        elif not _is_short(words) or tells_decision(words):
            break
    return length


def _is_headline(text: str, lines: Sequence[Span]) -> bool:
    """Whether the first line is a bare phrase over longer ones, and no heading of a case."""
    words = cut(text, lines[0])
    longer = max(line.end - line.start for line in lines) > max(LONG_LINE, len(words))
    if not longer or says("heading", words) or marker_at(text, lines[0].start) or is_form(text, lines):
        return False
    return says("headline", words)


def _is_short(line: str) -> bool:
    return len(line) <= 40 and not re.search(r"[。；]", line) and marker_at(line, 0) is None


def _is_head(clean: Clean, line: str) -> bool:
    if is_table_row(line):
        return False
    if says("page_line", line) or says("salutation", line):
        return True
    if says("heading", line) and not says("title", line):
        return False
    if marker_at(line, 0) is not None or says("lead", line):
        return False
    return line == clean.title or says("title", line)


def head_of(clean: Clean, body: Span) -> str:
    """Title and whatever stands above the body."""
    return f"{clean.title or ''}\n{clean.text[: body.start]}"
