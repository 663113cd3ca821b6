"""Lines and sentences of clean text, and what they tell: a measure, a decision, a matter of its own, a moral.

In: text, or ranges of it. Out: ranges, and yes or no by the words of ``codebook/layout.toml``. No layout is known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import takewhile

from nlp.codebook import Entry, load_codebook
from nlp.codebook.needles import remembered
from nlp.split.numbers import marker_at, number, without_number
from nlp.types import Span

KIDS_SHARE = 0.6
_FACTS_LENGTH = 40
_CAUSE_LENGTH = 20
LEAD_LINES = 3
LONG_LINE = 30
_LINE = re.compile(r"[^\n]+")
_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；\n]?")
_CLAUSE_MARK = re.compile(r"[，：]")


@cache
def layout(name: str) -> Entry:
    """An entry of layout.toml."""
    return load_codebook()["layout"][name]


@cache
def _sayer(name: str) -> Callable[[str], bool]:
    regex = layout(name).regex
    return remembered(lambda text: regex.search(text) is not None)


def says(name: str, text: str) -> bool:
    """Whether an entry of layout.toml is found in the text."""
    return _sayer(name)(text)


def lines_of(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """The paragraphs of text[start:end], without their line breaks; empty ones are left out."""
    for match in _LINE.finditer(text, start, len(text) if end is None else end):
        yield Span(*match.span())


def cut(text: str, span: Span) -> str:
    """The words of a range."""
    return text[span.start : span.end]


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, each with the mark that ends it."""
    return _SENTENCE.findall(text)


@remembered
def tells_decision(text: str) -> bool:
    """Whether a sentence tells of a concrete measure (or of its omission), not of measures in general."""
    anchored = is_anchored(text)
    return any(is_told(s) or (anchored and is_concrete(s)) for s in sentences_of(text))


def tells_measure(text: str) -> bool:
    """Whether a measure is told as taken, on somebody or at some time that the text gives."""
    return is_anchored(text) and any(map(is_told, sentences_of(text)))


def clauses_of(sentence: str) -> Iterator[str]:
    """The clauses of a sentence that speak of no rule, wish or habit; none when it counts measures."""
    if says("statistics", sentence):
        return
    supposed = False
    for clause in _CLAUSE_MARK.split(sentence):
        if not supposed and not says("general_talk", clause):
            yield clause
        supposed = says("condition", clause)


@remembered
def is_told(sentence: str) -> bool:
    """Whether a measure is told as taken."""
    return any(says("told", clause) for clause in clauses_of(sentence))


@remembered
def is_concrete(sentence: str) -> bool:
    """Whether a measure is named outside rules, wishes and counts."""
    if any(says("measure", clause) for clause in clauses_of(sentence)):
        return True
    return not says("general_talk", sentence) and any(says("measure_general", c) for c in clauses_of(sentence))


@remembered
def is_anchored(text: str) -> bool:
    """Whether a text speaks of somebody, or of some time, that it gives."""
    return says("anchor", text) or says("named_person", text)


def is_table_row(line: str) -> bool:
    """Whether a line is three cells or more of a table."""
    return line.count("｜") > 1


@remembered
def punishes_by_name(text: str) -> bool:
    """Whether a sentence tells a measure as taken on somebody whom it names."""
    return any(_surnamed("named_person", sentence) and is_told(sentence) for sentence in sentences_of(text))


def names_in(text: str) -> set[str]:
    """Those whom the text names beside their post or their punishment."""
    return _found("named_person", text)


def _found(entry: str, text: str) -> set[str]:
    return {m[m.lastgroup] for m in layout(entry).regex.finditer(text) if m.lastgroup}


def _surnamed(entry: str, text: str) -> set[str]:
    """What the patterns of an entry take for a name and what begins as one."""
    first = _name_openings()
    return {name for name in _found(entry, text) if name[0] in first or name[:2] in first}


@cache
def _name_openings() -> frozenset[str]:
    """What a name begins with: surnames, and characters that tell sounds."""
    surnames = load_codebook()["surnames"]
    return frozenset(name for kind in ("single", "transliterated", "double") for name in surnames[kind]["names"])


def announces(line: str) -> bool:
    """Whether a line announces cases, and not the people of one, nor tells a case itself."""
    return says("lead", line) and not says("people_lead", line) and not punishes_by_name(line)


def announced_count(text: str) -> int:
    """How many cases a title or lead promises; 0 when it promises none."""
    match = layout("case_count").regex.search(text)
    return number(next(g for g in match.groups() if g is not None)) if match else 0


def is_own_matter(line: str) -> bool:
    """Whether a paragraph tells a matter, facts and all."""
    return not (is_moral(line) or says("quote", line)) and tells_decision(line) and _tells_all(line)


def names_own_matter(line: str) -> bool:
    """Whether a paragraph tells a matter of somebody whom it names."""
    return is_own_matter(line) and bool(_punished(line) or names_in(line))


def are_own_matters(words: Sequence[str]) -> bool:
    """Whether each stretch tells a matter, facts and all, and nobody is punished in two of them."""
    if not all(map(is_own_matter, words)):
        return False
    people = [_punished(line) or names_in(line) for line in words]
    shared = any(
        name in other for i, one in enumerate(people) for name in one for other in (*words[:i], *words[i + 1 :])
    )
    return not shared and any(people)


def punishes(line: str) -> bool:
    """Whether a paragraph tells of a measure as taken, and neither exhorts nor quotes."""
    return not (is_moral(line) or says("quote", line)) and any(map(is_told, sentences_of(line)))


def _punished(line: str) -> set[str]:
    """Those whose punishment the paragraph tells by name: what stands there and begins with a surname."""
    return _surnamed("punished", line)


def tells_cause(words: str) -> bool:
    """Whether facts are told before the first measure."""
    facts = takewhile(lambda clause: not says("measure", clause), re.split(r"(?<=[。，；：])", words))
    return sum(map(len, facts)) >= _CAUSE_LENGTH


def _tells_all(line: str) -> bool:
    """Whether a paragraph tells facts before its first measure and refers to nothing before it."""
    opens = says("also", line) or says("first_matter", line) or says("next_matter", line)
    return tells_cause(line) and (opens or not (says("follow", line) or says("reference", line)))


def has_facts(words: str) -> bool:
    """Whether a heading is followed by an account of its matter."""
    heading = layout("heading").regex.match(words)
    return heading is not None and len(words) - heading.end() >= _FACTS_LENGTH


@remembered
def is_moral(words: str) -> bool:
    """Whether a paragraph exhorts and punishes nobody by name."""
    if punishes_by_name(words):
        return False
    if marker_at(words, 0):
        return says("demand", without_number(words))
    return says("moral", words)


def is_account(line: str) -> bool:
    """Whether a paragraph gives an account of what was done, by whom or when."""
    return is_anchored(line) or any(says(name, line) for name in ("remedy", "account", "measure"))


def stripped(text: str, span: Span) -> Span:
    """The range without white space at its ends."""
    words = cut(text, span)
    start = span.start + len(words) - len(words.lstrip())
    return Span(start, start + len(words.strip()))
