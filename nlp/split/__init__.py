"""A notice into its cases.

In: a ``Clean`` text. Out: a ``Split`` whose cases are ordered, disjoint ranges of ``clean.text``, each with the lead
before the first and the ending after the last case; or none and a ``no_case`` caution. Never judges a case, and never
rewrites the text: all it knows of layouts is ``codebook/layout.toml``.

What is a case (field conventions): a matter runs from its number or heading to its last full stop; a repeated notice
counts once; lead statistics, praise, morals, links, signatures and dates are no case. Beyond that:

* numbered people within one matter (处理建议 of an accident), the chapters of one document and the clauses of one
  decision are one case; numbered, headed or bulleted matters and the rows of a table of matters are many, and so are
  the sentences of one paragraph where their number is announced;
* a decision, a reply, an inspection's feedback is one case, less title, salutation, requirements, notes on appeal and
  signature; a comment (点评) after a case is no part of it, unless it tells a further decision on a single case;
* an article that recounts punished people in passing gives one case for each stretch of paragraphs that tells who was
  punished; what it says in general (严肃问责, statistics) is no case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nlp.extract.subjects import read_subjects
from nlp.split.body import before_links, body_of
from nlp.split.ends import tells_of_it, trimmed
from nlp.split.numbered import are_people, numbered_matters
from nlp.split.numbers import marker_at, tree_of, without_number
from nlp.split.single import is_single, whole_matter, without_lead
from nlp.split.tables import form_records, table_rows
from nlp.split.text import (
    LEAD_LINES,
    LONG_LINE,
    clauses_of,
    cut,
    is_anchored,
    is_moral,
    is_told,
    layout,
    lines_of,
    names_in,
    punishes_by_name,
    says,
    sentences_of,
    stripped,
    tells_decision,
)
from nlp.split.unnumbered import bracketed_matters, headed_matters, paragraph_matters
from nlp.types import Case, Caution, Clean, Span, Split

_NO_CASE = Caution("no_case", "未见针对具体人员或单位的处理决定（可能是评论、统计数据或工作报道），没有可分析的案例")
_PASSING = Caution("passing_cases", "文章只是顺带讲到受处理的人，案例取自讲到处理结果的段落，事实可能不全")
_DOUBTFUL = Caution("no_measure", "未读到明确的处理决定，按一案分析，请核对")
_ROW_LENGTH = 1000
_KEPT_SHARE = 0.98
_BRIEF_LENGTH = 450
_LETTER_LENGTH = 350
_TALK_LENGTH = 450
_TALK_LINES = 3
_STATUTE_ARTICLES = 3
_STATUTE_SHARE = 0.25
_COUNTED = re.compile(r"\d+(?:余)?[人件起名个次万]")


def _once(text: str, spans: Iterable[Span]) -> list[Span]:
    """Each case once, in its first print."""
    first: dict[str, Span] = {}
    for span in spans:
        first.setdefault(cut(text, span), span)
    return list(first.values())


def _several(clean: Clean, body: Span) -> list[Span]:
    """The matters of a text that numbers them or gives each its paragraphs; [] when it has but one, or none."""
    text = clean.text
    tree = tree_of(text, body)
    named = [child for child in tree.children if child.level == 0]
    if len(named) > 1:
        tree.children = named
    elif is_single(clean, body) or says("letter", text):
        return []
    numbered = (
        table_rows(text, body.end)
        or form_records(text, body)
        or bracketed_matters(text, body)
        or numbered_matters(text, tree)
    )
    if not numbered and tree.children and are_people(text, tree):
        return headed_matters(text, list(lines_of(text, body.start, body.end)), led=False)
    return numbered or paragraph_matters(clean, body)


def _is_row(clean: Clean) -> bool:
    """Whether a text comes without a page around it, as the rows of a table do: all of it is about its one case."""
    source, text = clean.notice.text, clean.text
    letters, kept = (len(re.sub(r"\s", "", words)) for words in (source, text))
    return _KEPT_SHARE * letters <= kept < _ROW_LENGTH and not any(map(_is_frame, text.split("\n")))


def _row(text: str, case: Span) -> Span:
    """The one case of a row: all of it, comments too, less what its end says to others (demands, rules, appeal)."""
    lines = list(lines_of(text, case.start))
    told = max((i for i, line in enumerate(lines) if tells_of_it(cut(text, line))), default=0)
    demands = (i for i in range(told + 1, len(lines)) if _is_demand(cut(text, lines[i])))
    lines = lines[: next(demands, len(lines))]
    while len(lines) > 1 and _exhorts(cut(text, lines[-1])):
        lines.pop()
    return stripped(text, Span(case.start, lines[-1].end))


def _is_demand(line: str) -> bool:
    return says("rules", line) or (marker_at(line, 0) is not None and is_moral(line))


def _exhorts(line: str) -> bool:
    return not tells_decision(line) and any(says(name, line) for name in ("moral_inline", "after", "appeal"))


def _is_frame(line: str) -> bool:
    """Whether a line is of the page and not of the text: signature, byline, links."""
    names = ("signature", "editor", "page_line", "byline", "signed_bracket", "links", "stop", "salutation")
    return any(says(name, line) for name in names)


def _is_statute(text: str) -> bool:
    """Whether the text sets rules, article by article."""
    lines = [cut(text, line) for line in lines_of(text)]
    return sum(says("statute", line) for line in lines) >= max(_STATUTE_ARTICLES, _STATUTE_SHARE * len(lines))


def _is_talk(text: str) -> bool:
    """Whether a text is commentary, speech or statistics: it says so, or it runs on and names nobody."""
    if punishes_by_name(text):
        return False
    if says("appointment", text):
        return True
    lines = [cut(text, span) for span in before_links(text, list(lines_of(text)))]
    if sum(says("person_item", without_number(line)) for line in lines if marker_at(line, 0)) > 1:
        return False
    if any(says("genre", line) for line in lines if len(line) < LONG_LINE or line.startswith("——")):
        return True
    telling = [sentence for sentence in sentences_of(text) if is_told(sentence)]
    if len(telling) > 1 and not names_in(text) and all(len(_COUNTED.findall(words)) > 1 for words in telling):
        return True
    told = len(telling)
    titled = any(says("title", line) or says("single_document", line) for line in lines[:LEAD_LINES])
    return len(text) > _TALK_LENGTH and len(lines) > _TALK_LINES and told < 2 and not titled and not names_in(text)


def _is_one_matter(clean: Clean, body: Span) -> bool:
    """Whether a short text tells how one matter was handled, or that it was not.

    In a few lines without any page around them one word of accountability is enough; otherwise a clause must tell it.
    """
    words = cut(clean.text, body)
    if not 0 < len(words) < _ROW_LENGTH or _is_statute(words):
        return False
    if len(words) < _BRIEF_LENGTH and _is_row(clean):
        return any(map(_accounts, sentences_of(words))) or (is_anchored(words) and _tells_how(words, "accountability"))
    return is_anchored(words) and _tells_how(words, "accountability" if len(words) < _BRIEF_LENGTH else "handling")


def _accounts(sentence: str) -> bool:
    """Whether a sentence speaks of accountability in a body that it gives, and is no exhortation."""
    return says("organ", sentence) and not is_moral(sentence) and _tells_how(sentence, "accountability")


def _tells_how(text: str, sign: str) -> bool:
    return any(says(sign, clause) for sentence in sentences_of(text) for clause in clauses_of(sentence))


def _without_mark(text: str, span: Span) -> Span:
    """The case without the mark of a list before it: unlike a number or a heading it is no part of the matter."""
    mark = layout("list_mark").regex.match(text, span.start, span.end)
    return Span(mark.end(), span.end) if mark else span


def _is_about_somebody(clean: Clean, body: Span, spans: Sequence[Span]) -> bool:
    """Whether a measure hits somebody the text names; in a few lines, a letter or a decision nobody need be named."""
    if body.end - body.start < _LETTER_LENGTH or _is_row(clean) or is_single(clean, body):
        return True
    if says("letter", clean.text) or any(punishes_by_name(cut(clean.text, span)) for span in spans):
        return True
    nothing = Span(0, 0)
    cases = (Case(clean.notice.id, clean, span.start, span.end, nothing, nothing) for span in spans)
    people = (read_subjects(case) for case in cases)
    return any(s.name or (s.post and s in found.subjects) for found in people for s in found.subjects + found.mentioned)


def split(clean: Clean) -> Split:
    """The cases of a notice, in order; none, with a ``no_case`` caution, when it tells of no concrete decision."""
    text = clean.text
    body = body_of(clean)
    if _is_talk(text):
        return Split(clean, (), (_NO_CASE,))
    spans: list[Span] = []
    passing = False
    if body.start < body.end and not _is_statute(cut(text, body)):
        spans = _several(clean, body)
        if not spans:
            spans, passing = whole_matter(clean, body)
    doubtful = not spans and any(_is_one_matter(clean, span) for span in (body, Span(0, body.end)))
    if doubtful:
        spans = [without_lead(text, body)]
    if not spans or not _is_about_somebody(clean, body, spans):
        return Split(clean, (), (_NO_CASE,))
    if len(spans) == 1 and not passing and _is_row(clean):
        spans = [_row(text, spans[0])]
    else:
        spans = _once(text, (trimmed(text, span, many=len(spans) > 1 and not passing) for span in spans))
    spans = [_without_mark(text, span) for span in spans]
    if len(spans) > 1:
        spans = [span for span in spans if not says("bare_phrase", cut(text, span))] or spans
    lead, ending = Span(0, spans[0].start), Span(spans[-1].end, len(text))
    cases = (Case(f"{clean.notice.id}#{n}", clean, s.start, s.end, lead, ending) for n, s in enumerate(spans, 1))
    return Split(clean, tuple(cases), (_PASSING,) if passing else (_DOUBTFUL,) if doubtful else ())
