"""Where a case ends: at its last full stop, less comments, morals, rules and links.

In: clean text and the range of a case. Out: the range cut to what belongs to the matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile

from nlp.split.body import is_tail
from nlp.split.numbers import without_number
from nlp.split.text import (
    cut,
    is_account,
    is_concrete,
    is_moral,
    lines_of,
    punishes_by_name,
    says,
    sentences_of,
    stripped,
    tells_decision,
)
from nlp.types import Span

_STOPS = ("。", "；", "！", "？", "”", "）", "，")


def trimmed(text: str, span: Span, *, many: bool) -> Span:
    """The case up to its last full stop: what follows the last decision stays only where it belongs to the matter.

    That is what was done about it (退缴, 追偿, 另案) and, where the first paragraph tells the decision, the facts.
    """
    lines = list(lines_of(text, span.start, span.end))
    stops = (i for i in range(1, len(lines)) if _stops(text, lines[i:], many=many))
    lines = lines[: next(stops, len(lines))]
    words = [cut(text, line) for line in lines]
    told = max((i for i, line in enumerate(words) if tells_of_it(line) or _names_measure(line)), default=None)
    last = 0 if told is None else told
    belongs = _belongs(many=many, facts_follow=last == 0 and not many)
    end = last + 1 + sum(1 for _ in takewhile(belongs, words[last + 1 :])) if told is not None or many else len(lines)
    while last + 1 < end and not is_account(words[end - 1]):
        end -= 1
    return stripped(text, Span(span.start, lines[end - 1].end - _moral_length(words[end - 1], many=many)))


def _belongs(*, many: bool, facts_follow: bool) -> Callable[[str], bool]:
    """Which paragraphs after the last decision are still of the case."""

    def belongs(line: str) -> bool:
        if many and says("remedy_heading", without_number(line)):
            return True
        if _ends(line) or says("quote", line) or not line.endswith(_STOPS):
            return False
        return facts_follow or says("remedy" if many else "settlement", line)

    return belongs


def _names_measure(line: str) -> bool:
    """Whether a paragraph, be it but a cell of a table, holds a measure and exhorts nobody."""
    return any(map(is_concrete, sentences_of(line))) and not (_ends(line) or says("quote", line) or says("links", line))


def _stops(text: str, lines: Sequence[Span], *, many: bool) -> bool:
    """Whether the case is over above these lines: by links, or by a comment that adds no decision of its own."""
    first = cut(text, lines[0])
    comment = says("comment", first)
    if comment and many:
        return True
    if comment or (many and (says("rubric", first) or is_moral(first))):
        return not punishes_by_name(text[lines[0].start : lines[-1].end])
    return says("stop", first)


def tells_of_it(line: str) -> bool:
    """Whether a paragraph tells a decision of the case, and not how others fared or may appeal."""
    return not (is_moral(line) or says("quote", line)) and tells_decision(
        "".join(s for s in sentences_of(line) if not (says("after", s) or says("appeal", s)))
    )


def _ends(line: str) -> bool:
    if is_moral(line) or is_tail(line):
        return True
    return says("appeal", line) or any(says("after", sentence) for sentence in sentences_of(line))


def _moral_length(line: str, *, many: bool) -> int:
    """How many characters at the end of a paragraph are a moral that follows the last decision."""
    sentences = re.findall(r"[^。！？]+(?:[。！？][”’）]?)?", line)
    names = ("moral_inline", "appeal", "after") if many else ("moral_inline", "appeal")
    for i in range(1, len(sentences)):
        if any(says(name, sentences[i]) for name in names) and not tells_decision("".join(sentences[i:])):
            return sum(map(len, sentences[i:]))
    return 0
