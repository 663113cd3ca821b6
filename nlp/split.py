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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import dropwhile, pairwise, takewhile

from nlp.codebook import Entry, load_codebook
from nlp.codebook.needles import remembered
from nlp.extract.subjects import read_subjects
from nlp.types import Case, Caution, Clean, Span, Split

_NO_CASE = Caution("no_case", "未见针对具体人员或单位的处理决定（可能是评论、统计数据或工作报道），没有可分析的案例")
_PASSING = Caution("passing_cases", "文章只是顺带讲到受处理的人，案例取自讲到处理结果的段落，事实可能不全")
_DOUBTFUL = Caution("no_measure", "未读到明确的处理决定，按一案分析，请核对")

_ARTICLE_LENGTH = 700
_ROW_LENGTH = 1000
_KEPT_SHARE = 0.98
_BRIEF_LENGTH = 450
_LETTER_LENGTH = 350
_ARTICLE_SHARE = 0.5
_ABOUT_SHARE = 0.4
_KIDS_SHARE = 0.6
_SECTION_SHARE = 0.5
_FACTS_LENGTH = 40
_CAUSE_LENGTH = 20
_LEAD_LINES = 3
_LONG_LINE = 30
_COLUMNS = 10
_RECORDS = 3
_CELL_LENGTH = 10
_TALK_LENGTH = 450
_TALK_LINES = 3
_STATUTE_ARTICLES = 3
_STATUTE_SHARE = 0.25
_ORDINALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_UNITS = {"十": 10, "百": 100}
_STOPS = ("。", "；", "！", "？", "”", "）", "，")
_LINE = re.compile(r"[^\n]+")
_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；\n]?")
_FIELD = re.compile(r"【((?!第)[\u4e00-\u9fff]{2,6})】(?=\S)")
_COUNTED = re.compile(r"\d+(?:余)?[人件起名个次万]")
_CLAUSE_MARK = re.compile(r"[，：]")
_OPENING = re.compile(r"(?:^|(?<=[\n。；：！？”）])|(?<=\n[▍▌▎■◆▶★☆◇▲]))(?=\S)", re.M)
_BULLETS = "▍▌▎■◆▶★☆◇▲"
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_LETTERS = "ABCDEFGH"


@cache
def _entry(name: str) -> Entry:
    return load_codebook()["layout"][name]


@cache
def _markers() -> tuple[Entry, ...]:
    return tuple(e for e in load_codebook()["layout"] if e.get("kind") == "marker")


@cache
def _sayer(name: str) -> Callable[[str], bool]:
    regex = _entry(name).regex
    return remembered(lambda text: regex.search(text) is not None)


def _says(name: str, text: str) -> bool:
    return _sayer(name)(text)


@dataclass
class _Item:
    """A numbered stretch of the text with the items nested in it; the root (level -1) spans the body."""

    start: int
    end: int
    level: int
    value: int
    children: list[_Item] = field(default_factory=list)

    def opening(self) -> Span:
        """What stands before the first nested item."""
        return Span(self.start, self.children[0].start if self.children else self.end)


def number(text: str) -> int:
    """The value of an ordinal: 12, 十二, 一百零二, ⑫ or B."""
    if text in _LETTERS:
        return _LETTERS.index(text) + 1
    if text.isascii():
        return int(text)
    if text in _CIRCLED:
        return _CIRCLED.index(text) + 1
    value = digit = 0
    for sign in text:
        unit = _UNITS.get(sign)
        if unit:
            value, digit = value + (digit or 1) * unit, 0
        else:
            digit = _ORDINALS.get(sign, 0)
    return value + digit


# --- lines and sentences --------------------------------------------------------------------------------------------


def _lines(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """The paragraphs of text[start:end], without their line breaks; empty ones are left out."""
    for match in _LINE.finditer(text, start, len(text) if end is None else end):
        yield Span(*match.span())


def _cut(text: str, span: Span) -> str:
    return text[span.start : span.end]


def _sentences(text: str) -> list[str]:
    return _SENTENCE.findall(text)


@remembered
def tells_decision(text: str) -> bool:
    """Whether a sentence tells of a concrete measure (or of its omission), not of measures in general."""
    anchored = _is_anchored(text)
    return any(_told(s) or (anchored and _concrete(s)) for s in _sentences(text))


def _tells_measure(text: str) -> bool:
    """Whether a measure is told as taken, on somebody or at some time that the text gives."""
    return _is_anchored(text) and any(map(_told, _sentences(text)))


def _clauses(sentence: str) -> Iterator[str]:
    """The clauses of a sentence that speak of no rule, wish or habit; none when it counts measures."""
    if _says("statistics", sentence):
        return
    supposed = False
    for clause in _CLAUSE_MARK.split(sentence):
        if not supposed and not _says("general_talk", clause):
            yield clause
        supposed = _says("condition", clause)


@remembered
def _told(sentence: str) -> bool:
    """Whether a measure is told as taken."""
    return any(_says("told", clause) for clause in _clauses(sentence))


@remembered
def _concrete(sentence: str) -> bool:
    if any(_says("measure", clause) for clause in _clauses(sentence)):
        return True
    return not _says("general_talk", sentence) and any(_says("measure_general", c) for c in _clauses(sentence))


@remembered
def _is_anchored(text: str) -> bool:
    """Whether a text speaks of somebody, or of some time, that it gives."""
    return _says("anchor", text) or _says("named_person", text)


@remembered
def _punishes_by_name(text: str) -> bool:
    return any(_surnamed("named_person", sentence) and _told(sentence) for sentence in _sentences(text))


def _names(text: str) -> set[str]:
    """Those whom the text names beside their post or their punishment."""
    return _found("named_person", text)


def _found(entry: str, text: str) -> set[str]:
    return {m[m.lastgroup] for m in _entry(entry).regex.finditer(text) if m.lastgroup}


def _surnamed(entry: str, text: str) -> set[str]:
    """What the patterns of an entry take for a name and what begins as one."""
    first = _name_openings()
    return {name for name in _found(entry, text) if name[0] in first or name[:2] in first}


@cache
def _name_openings() -> frozenset[str]:
    """What a name begins with: surnames, and characters that tell sounds."""
    surnames = load_codebook()["surnames"]
    return frozenset(name for kind in ("single", "transliterated", "double") for name in surnames[kind]["names"])


# --- the body: the text less its frame ------------------------------------------------------------------------------


def _body(clean: Clean) -> Span:
    """The text without title, salutation and page lines above, without signature, links and repetition below."""
    text = clean.text
    lines = list(_lines(text))
    lines = _before_links(text, lines)
    lines = _before_repetition(text, lines)
    while lines and _is_tail(_cut(text, lines[-1])):
        lines.pop()
    lines = lines[_head_length(clean, lines) :]
    if not lines:
        return Span(0, 0)
    end = lines[-1].end
    bracket = _entry("signed_bracket").regex.search(text, lines[-1].start, end)
    dateline = _entry("dateline").regex.match(text, lines[0].start, lines[0].end)
    return Span(dateline.end() if dateline else lines[0].start, bracket.start() if bracket else end)


def _is_tail(line: str) -> bool:
    return any(_says(name, line) for name in ("signature", "editor", "page_line")) and not tells_decision(line)


def _before_links(text: str, lines: list[Span]) -> list[Span]:
    """The lines above the first list of links that no part of the notice follows."""
    content = [i for i, line in enumerate(lines) if _is_content(_cut(text, line))]
    after = content[-1] + 1 if content else 1
    links = (i for i in range(after, len(lines)) if _says("links", _cut(text, lines[i])))
    return lines[: next(links, len(lines))]


def _is_content(line: str) -> bool:
    """Whether a line shows that the notice goes on."""
    return _says("lead", line) or (len(line) > _LONG_LINE and tells_decision(line))


def _before_repetition(text: str, lines: list[Span]) -> list[Span]:
    """The lines of the first print: up to where nothing follows but what has stood before."""
    words = [_cut(text, line) for line in lines]
    first: dict[str, int] = {}
    for i, line in enumerate(words):
        first.setdefault(line, i)
    last = max((i + 1 for line, i in first.items() if len(line) >= _LONG_LINE), default=len(lines))
    if all(len(line) < _LONG_LINE for line in words[last:]):
        return lines
    if any(first[line] >= last and tells_decision(line) for line in words[last:]):
        return lines
    return lines[: next(i for i in range(last, len(lines)) if first[words[i]] < last)]


def _head_length(clean: Clean, lines: Sequence[Span]) -> int:
    """How many of the first lines are frame: up to the last title, salutation or page line before the text begins."""
    length, headed = 0, False
    for i, line in enumerate(lines):
        words = _cut(clean.text, line)
        headed = _is_headline(clean.text, lines) if i == 0 else headed
        if _is_head(clean, words) or (i == 0 and headed) or (headed and _says("byline", words)):
            length = i + 1
        elif not _is_short(words) or tells_decision(words):
            break
    return length


def _is_headline(text: str, lines: Sequence[Span]) -> bool:
    """Whether the first line is a bare phrase over longer ones, and no heading of a case."""
    words = _cut(text, lines[0])
    longer = max(line.end - line.start for line in lines) > max(_LONG_LINE, len(words))
    if not longer or _says("heading", words) or _marker_at(text, lines[0].start) or _is_form(text, lines):
        return False
    return _says("headline", words)


def _is_short(line: str) -> bool:
    return len(line) <= 40 and not re.search(r"[。；]", line) and _marker_at(line, 0) is None


def _is_head(clean: Clean, line: str) -> bool:
    if _says("page_line", line) or _says("salutation", line):
        return True
    if _says("heading", line) and not _says("title", line):
        return False
    if _marker_at(line, 0) is not None or _says("lead", line):
        return False
    return line == clean.title or _says("title", line)


# --- numbering ------------------------------------------------------------------------------------------------------


def _marker_at(text: str, at: int, end: int | None = None) -> tuple[int, int, int] | None:
    """(level, value, end) of the number that stands at a place."""
    for entry in _markers():
        match = entry.regex.match(text, at, len(text) if end is None else end)
        if match:
            ordinal = next(g for g in match.groups() if g is not None)
            return int(entry["level"]), number(ordinal), match.end()
    return None


def _numbers(text: str, body: Span) -> Iterator[tuple[int, int, int, bool]]:
    """(place, level, value, opens a line) of everything in the body that looks like the number of an item."""
    for match in _OPENING.finditer(text, body.start, body.end):
        at = match.start()
        found = _marker_at(text, at, body.end)
        if found:
            opens = at == body.start or text[at - 1] == "\n" or text[at - 1] in _BULLETS
            yield at, found[0], found[1], opens


def _tree(text: str, body: Span) -> _Item:
    """The items of the body, nested as their numbering nests; lonely numbers are dropped."""
    root = _Item(body.start, body.end, -1, 0)
    path = [root]
    last: dict[int, int] = {}  # of each level: numbers may run on under the next heading (二、 （三）)
    for at, level, value, opens in _numbers(text, body):
        depth = next((i for i, item in enumerate(path) if item.level == level), None)
        if depth is not None and value in _next_values(path[depth].value, opens):
            path = path[:depth]
        elif value == 1 or level == 0 or (opens and depth is None and value == last.get(level, -1) + 1):
            path = [item for item in path if item.level < level]
        else:
            continue
        last[level] = value
        item = _Item(at, body.end, level, value)
        path[-1].children.append(item)
        path.append(item)
    _close(root)
    return root


def _next_values(value: int, opens: bool) -> tuple[int, ...]:
    return (value + 1, value + 2) if opens else (value + 1,)


def _close(item: _Item, cousins: Sequence[_Item] = ()) -> None:
    """Ends of all items, once all starts are known; a number without a sibling or a cousin numbers nothing."""
    alike = [item, *cousins]
    siblings = Counter(child.level for parent in alike for child in parent.children)
    item.children = [c for c in item.children if c.level == 0 or siblings[c.level] > 1]
    for child, following in pairwise([*item.children, _Item(item.end, item.end, 0, 0)]):
        child.end = following.start
        _close(child, [c for c in item.children if c is not child and c.level == child.level])


# --- numbered matters -----------------------------------------------------------------------------------------------


def _matters(text: str, item: _Item) -> list[Span]:
    """The cases among numbered items: the items themselves, or theirs; [] when the numbers number something else."""
    parts = [_item_matters(text, child) for child in item.children]
    if any(parts):
        parts = [part or _measured(text, child) for part, child in zip(parts, item.children, strict=True)]
    telling = [i for i, part in enumerate(parts) if part]
    if not telling or not _may_be_matters(text, item):
        return []
    inner = [span for i in telling for span in parts[i] if len(parts[i]) > 1]
    if inner and any(_says("lead", _first_line(text, child)) for child in item.children):
        return inner
    if _are_points(text, item):
        return [span for part in parts for span in part]
    few = len(telling) < _KIDS_SHARE * len(parts)
    if few or _are_sections(text, item):
        return inner or (_own_items(text, item, [span for part in parts for span in part]) if few else [])
    if _are_people(text, item):
        return []
    for i, child in enumerate(item.children):
        if not parts[i] and (i < telling[-1] or _has_facts(_unnumbered(_cut(text, Span(child.start, child.end))))):
            parts[i] = [Span(child.start, child.end)]
    return [span for part in parts for span in part]


def _own_items(text: str, item: _Item, spans: list[Span]) -> list[Span]:
    """The few items of a report that each tell a matter of their own; [] when the items are parts of one document."""
    own = len(spans) > 1 and not _are_sections(text, item) and _are_own_matters([_cut(text, span) for span in spans])
    return spans if own else []


def _measured(text: str, item: _Item) -> list[Span]:
    """The item as a matter if a measure is told in its one line, though of nobody by name, beside items that do."""
    whole = Span(item.start, item.end)
    words = _cut(text, whole).rstrip("\n")
    facts = "".join(takewhile(lambda clause: not _says("measure", clause), re.split(r"(?<=[。，；：])", words)))
    measured = "\n" not in words and any(map(_concrete, _sentences(words)))
    return [whole] if measured and len(facts) >= _CAUSE_LENGTH else []


def _are_points(text: str, item: _Item) -> bool:
    """Whether the items answer points raised before (关于…问题) or those of a meeting: only some led to measures."""
    lines = [_unnumbered(_first_line(text, child)) for child in item.children]
    return _mostly("point", lines) or sum(_says("agenda", line) for line in lines) >= _SECTION_SHARE * len(lines)


def _may_be_matters(text: str, item: _Item) -> bool:
    """Points told in one sentence each (一是) are matters only where most punish somebody by name."""
    points = [child for child in item.children if child.level == _entry("marker_point")["level"]]
    named = sum(_punishes_by_name(_cut(text, Span(point.start, point.end))) for point in points)
    return named >= _KIDS_SHARE * len(points)


def _are_sections(text: str, item: _Item) -> bool:
    """Whether the items are the parts of one document: facts, causes, handling."""
    parts = sum(_says("section", _unnumbered(_first_line(text, child))) for child in item.children)
    return parts >= _SECTION_SHARE * len(item.children)


def _item_matters(text: str, item: _Item) -> list[Span]:
    """The cases in an item that itself is one, or holds some; [] when it tells of no decision."""
    inner = [] if _tells_itself(text, item) else _matters(text, item)
    whole = Span(item.start, item.end)
    return inner or ([whole] if tells_decision(_cut(text, whole)) else [])


def _first_line(text: str, item: _Item) -> str:
    return next((_cut(text, line) for line in _lines(text, item.start, item.end)), "")


def _announced(text: str, item: _Item) -> bool:
    opening = item.opening()
    return _announces(text[opening.start : opening.end].rstrip("\n").rpartition("\n")[2])


def _announces(line: str) -> bool:
    """Whether a line announces cases, and not the people of one, nor tells a case itself."""
    return _says("lead", line) and not _says("people_lead", line) and not _punishes_by_name(line)


def _tells_itself(text: str, item: _Item) -> bool:
    """Whether an item tells its matter before its nested numbers begin."""
    opening = _cut(text, item.opening())
    return bool(item.children) and (tells_decision(opening) or (len(opening) > 60 and not _announced(text, item)))


def _are_people(text: str, item: _Item) -> bool:
    """Whether the nested numbers count those dealt with in one matter, told before the numbers begin."""
    lines = [_unnumbered(_first_line(text, child)) for child in item.children]
    if any(_says("heading", line) for line in lines) or all(_is_titled(text, child) for child in item.children):
        return False
    opening = _cut(text, item.opening())
    if _announced_count(opening) < 2 and _mostly("clause_item", lines):
        return True
    announcement = next((s for s in reversed(_sentences(opening)) if s.strip()), "")
    if _says("people_lead", announcement) and not _mostly("own_facts", lines):
        return True
    return _mostly("person_item", lines) and _says("one_matter", opening) and _announced_count(opening) < 2


def _is_titled(text: str, item: _Item) -> bool:
    """Whether an item has a line of its own for what it is about."""
    first = _unnumbered(_first_line(text, item))
    return _says("bare_phrase", first) and not first.endswith("：") and item.end - item.start > 2 * len(first)


def _mostly(name: str, lines: Sequence[str]) -> bool:
    return sum(_says(name, line) for line in lines) >= _KIDS_SHARE * len(lines)


def _unnumbered(line: str) -> str:
    marker = _marker_at(line, 0)
    return line[marker[2] :] if marker else line


# --- tables ---------------------------------------------------------------------------------------------------------


def _rows(text: str, end: int) -> list[Span]:
    """The rows of a table whose columns hold facts and measures, each row a line or a numbered run of cells."""
    lines = list(_lines(text, 0, end))
    numbered = [i for i, line in enumerate(lines) if _says("row_number", _cut(text, line))]
    top = numbered[0] if numbered else next((i + 1 for i, x in enumerate(lines) if _says("header", _cut(text, x))), 0)
    above = [_cut(text, line) for line in lines[max(0, top - _COLUMNS) : top]]
    cells = "".join(takewhile(lambda cell: len(cell) < _CELL_LENGTH, reversed(above)))
    if not any(_says("header", words) for words in (cells, *above)):
        return []
    starts = numbered or range(top, len(lines))
    rows = [Span(lines[a].start, lines[b - 1].end) for a, b in pairwise([*starts, len(lines)])]
    rows = [row for row in rows if any(map(_concrete, _sentences(_cut(text, row))))]
    return rows if len(rows) > 1 else []


def _records(text: str, body: Span) -> list[Span]:
    """The records of a form filled in again and again (编号：… 问题：… 处理：…), if two or more tell a decision."""
    lines = list(_lines(text, body.start, body.end))
    keys = [_key(_cut(text, line)) for line in lines]
    repeated = [key for key, times in Counter(filter(None, keys)).items() if times >= _RECORDS]
    if len(repeated) < 2:
        return []
    tops = [i for i, key in enumerate(keys) if key == repeated[0]]
    if not all(keys[i - 1] for i in tops[1:]):
        return []
    spans = [_stripped(text, Span(*ends)) for ends in pairwise([*(lines[i].start for i in tops), body.end])]
    telling = [span for span in spans if any(map(_told, _sentences(_cut(text, span))))]
    return telling if len(telling) > 1 else []


def _is_form(text: str, lines: Sequence[Span]) -> bool:
    """Whether a text is a filled-in form: each of its first lines answers what it asks."""
    return len(lines) >= _RECORDS and all(_key(_cut(text, line)) for line in lines[:_RECORDS])


def _key(line: str) -> str:
    """What a line of a form asks for: the words before its colon, or in brackets (【处理】); '' for a sentence."""
    field = _FIELD.match(line)
    if field:
        return field[1]
    words, colon, _ = line.partition("：")
    return words if colon and len(words) <= _CELL_LENGTH and _marker_at(line, 0) is None else ""


# --- unnumbered matters ---------------------------------------------------------------------------------------------


def _announced_count(text: str) -> int:
    """How many cases a title or lead promises; 0 when it promises none."""
    match = _entry("case_count").regex.search(text)
    return number(next(g for g in match.groups() if g is not None)) if match else 0


def _paragraph_matters(clean: Clean, body: Span) -> list[Span]:
    """One case for each headed stretch, or for each group of paragraphs after the lead."""
    text = clean.text
    lines = list(_lines(text, body.start, body.end))
    lead = _lead_line(text, lines)
    opening = text[body.start : lines[lead or 0].end]
    count = _announced_count(_head(clean, body)) or _announced_count(opening)
    told = lines if lead is None else lines[lead + 1 :]
    headed = _headed_matters(text, told, led=lead is not None)
    if headed:
        return headed
    if count < 2 and (own := _own_matters(text, lines)):
        return own
    promised = lead is not None or _announced_count(_head(clean, body)) > 1
    spans = _laid_out_alike(text, _groups(text, told, count, promised=promised))
    telling = [tells_decision(_cut(text, span)) for span in spans]
    if sum(telling) < _KIDS_SHARE * len(spans) or not any(telling) or len(spans) == 1 < count:
        return []
    alike = len(spans) > 1 and all(telling) and _opened(text, spans)
    if lead is None and count < 2 and not alike:
        return []
    return [s for s, tells in zip(spans, telling, strict=True) if tells or _has_facts(_cut(text, s))]


def _own_matters(text: str, lines: Sequence[Span]) -> list[Span]:
    """The paragraphs that each tell facts and measures of people of their own; [] when one goes on with another."""
    words = [_cut(text, line) for line in lines]
    told = [i for i, line in enumerate(words) if _punishes(line)]
    if len(told) < 2 or any(_says("one_matter", line) for line in words[: told[0]]):
        return []
    first, last = told[0], told[-1] + 1
    first -= sum(1 for _ in takewhile(_names_own_matter, reversed(words[:first])))
    last += sum(1 for _ in takewhile(_names_own_matter, words[last:]))
    return list(lines[first:last]) if _are_own_matters(words[first:last]) else []


def _is_own_matter(line: str) -> bool:
    return not (_is_moral(line) or _says("quote", line)) and tells_decision(line) and _tells_all(line)


def _names_own_matter(line: str) -> bool:
    return _is_own_matter(line) and bool(_punished(line) or _names(line))


def _are_own_matters(words: Sequence[str]) -> bool:
    """Whether each stretch tells a matter, facts and all, and nobody is punished in two of them."""
    if not all(map(_is_own_matter, words)):
        return False
    people = [_punished(line) or _names(line) for line in words]
    shared = any(
        name in other for i, one in enumerate(people) for name in one for other in (*words[:i], *words[i + 1 :])
    )
    return not shared and any(people)


def _punishes(line: str) -> bool:
    """Whether a paragraph tells of a measure as taken, and neither exhorts nor quotes."""
    return not (_is_moral(line) or _says("quote", line)) and any(map(_told, _sentences(line)))


def _punished(line: str) -> set[str]:
    """Those whose punishment the paragraph tells by name: what stands there and begins with a surname."""
    return _surnamed("punished", line)


def _tells_all(line: str) -> bool:
    """Whether a paragraph tells facts before its first measure and refers to nothing before it."""
    facts = takewhile(lambda clause: not _says("measure", clause), re.split(r"(?<=[。，；：])", line))
    opens = _says("also", line) or _says("first_matter", line) or _says("next_matter", line)
    return sum(map(len, facts)) >= _CAUSE_LENGTH and (opens or not (_says("follow", line) or _says("reference", line)))


def _laid_out_alike(text: str, spans: Sequence[Span]) -> Sequence[Span]:
    """Where all matters but the first are one paragraph each, so is the first: what stands above it is a lead."""
    if len(spans) < 2 or any("\n" in _cut(text, span) for span in spans[1:]):
        return spans
    *above, first = _lines(text, spans[0].start, spans[0].end)
    if any(tells_decision(_cut(text, line)) for line in above) or not _is_own_matter(_cut(text, first)):
        return spans
    return [first, *spans[1:]]


def _opened(text: str, spans: Sequence[Span]) -> bool:
    """Whether each stretch says that it begins a matter: all by headings, or one after the other (先说, 再看)."""
    words = [_cut(text, span) for span in spans]
    if all(_says("heading", opening) for opening in words):
        return True
    return all(_says("next_matter", w) or (_says("first_matter", words[0]) and _says("also", w)) for w in words[1:])


def _lead_line(text: str, lines: Sequence[Span]) -> int | None:
    """The line that announces the cases below it."""
    told = next((i for i, line in enumerate(lines) if _punishes(_cut(text, line))), len(lines))
    lead = next((i for i, line in enumerate(lines[: told + 1]) if _announces(_cut(text, line))), None)
    first = _cut(text, lines[0])
    count = _announced_count(first) if lead is None and not _punishes_by_name(first) else 0
    if count > 1 and (not tells_decision(first) or len(_groups(text, lines[1:], count)) == count):
        return 0
    return lead


def _bracketed_matters(text: str, body: Span) -> list[Span]:
    """The matters under headings in brackets (【…】), if two or more of these tell a decision."""
    lines = list(_lines(text, body.start, body.end))
    tops = [line.start for line in lines if _is_bracket_heading(_cut(text, line))]
    spans = [_stripped(text, Span(*ends)) for ends in pairwise([*tops, body.end])]
    telling = [span for span in spans if any(map(_concrete, _sentences(_cut(text, span))))]
    return telling if len(telling) > 1 else []


def _is_bracket_heading(line: str) -> bool:
    match = _entry("bracket_heading").regex.match(line)
    names = ("section", "people_lead", "comment", "rules", "quote", "summary", "stop", "moral", "page_line")
    if match is None or _marker_at(line, 0):
        return False
    return not any(_says(name, words) for name in names for words in (line, match["words"]))


def _headed_matters(text: str, lines: Sequence[Span], *, led: bool) -> list[Span]:
    """The matters under two or more headings that each are followed by a decision; [] when there are none."""
    tops = [i for i in range(len(lines)) if _is_heading(text, lines, i, led=led)]
    if len(tops) < 2 or tells_decision(text[lines[0].start : lines[tops[0]].start]):
        return []
    spans = [Span(lines[a].start, lines[b - 1].end) for a, b in pairwise([*tops, len(lines)])]
    spans = list(dropwhile(lambda span: not tells_decision(_cut(text, span)), spans))
    telling = [span for span in spans if tells_decision(_cut(text, span))]
    return telling if len(telling) > 1 and telling == spans[: len(telling)] and len(spans) - len(telling) < 2 else []


def _is_heading(text: str, lines: Sequence[Span], i: int, *, led: bool) -> bool:
    """Whether a line is the heading of a matter, by its words or because a full paragraph follows a bare phrase.

    A sentence of several clauses that ends in 问题 is a heading only where a lead (``led``) announces some.
    """
    words = _cut(text, lines[i])
    if _says("bullet", words):
        return True
    if any(_says(name, words) for name in ("section", "follow", "lead", "people_lead", "page_line", "signature")):
        return False
    heading = _entry("heading").regex.match(words)
    if _says("place_opening", words) or (heading and (led or "，" not in heading.group())):
        return True
    if i + 1 == len(lines) or not (_says("bare_phrase", words) or _says("name_heading", words)):
        return False
    following = _cut(text, lines[i + 1])
    return len(following) > len(words) and following.endswith(("。", "；", "：")) and _marker_at(words, 0) is None


def _head(clean: Clean, body: Span) -> str:
    """Title and whatever stands above the body."""
    return f"{clean.title or ''}\n{clean.text[: body.start]}"


def _has_facts(words: str) -> bool:
    """Whether a heading is followed by an account of its matter."""
    heading = _entry("heading").regex.match(words)
    return heading is not None and len(words) - heading.end() >= _FACTS_LENGTH


def _groups(text: str, lines: Sequence[Span], count: int, *, promised: bool = False) -> list[Span]:
    """Paragraphs gathered by matter; where the number of matters is announced, in the way that gives this number.

    Only where title or lead has ``promised`` the number are the sentences of one paragraph matters of their own.
    """
    morals = (i for i, line in enumerate(lines) if i and _is_moral(_cut(text, line)))
    lines = lines[: next(morals, len(lines))]
    if count == 1 or not lines:
        return [Span(lines[0].start, lines[-1].end)] if lines else []
    pieces = [_pieces(text, lines, stops) for stops in ("。", "。；")] if count else []
    inline = [(piece, True) for piece in pieces if promised or piece[0].start > lines[0].start]
    for parts, also in ((lines, False), (lines, True), *inline) if count else ():
        found = _gather(text, _from_first_matter(text, parts), alone=True, also=also)
        if len(found) == count and all(group.tells for group in found):
            return [group.span for group in found]
    lines = _from_first_matter(text, lines)
    opened = bool(lines) and _says("first_matter", _cut(text, lines[0]))
    return [group.span for group in _gather(text, lines, alone=False, also=opened)]


def _from_first_matter(text: str, parts: Sequence[Span]) -> Sequence[Span]:
    """The parts from the one that says it begins (先说), if any, less those before it that tell nothing."""
    first = next((i for i, part in enumerate(parts) if _says("first_matter", _cut(text, part))), 0)
    return parts if first and tells_decision(text[parts[0].start : parts[first].start]) else parts[first:]


def _pieces(text: str, lines: Iterable[Span], stops: str) -> list[Span]:
    """The sentences of the lines; what announces the matters at the head of the first one is left out."""
    pieces = [
        Span(line.start + m.start(), line.start + m.end())
        for line in lines
        for m in re.finditer(f"[^{stops}]+[{stops}]?”?", _cut(text, line))
    ]
    first, colon, _ = _cut(text, pieces[0]).partition("：") if pieces else ("", "", "")
    if colon and (_announced_count(first) or _says("lead", first + colon)):
        pieces[0] = Span(pieces[0].start + len(first) + 1, pieces[0].end)
    elif len(pieces) > 1 and _announced_count(_cut(text, pieces[0])) and not tells_decision(_cut(text, pieces[0])):
        del pieces[0]
    return pieces


@dataclass
class _Group:
    """Paragraphs of one matter, and whether they tell its decision so far."""

    lines: list[Span] = field(default_factory=list)
    anchored: bool = False
    people: bool = False
    concrete: bool = False
    told: bool = False

    @property
    def span(self) -> Span:
        return Span(self.lines[0].start, self.lines[-1].end)

    @property
    def tells(self) -> bool:
        return self.told or (self.anchored and self.concrete)

    def add(self, line: Span, words: str) -> None:
        self.lines.append(line)
        self.anchored = self.anchored or _is_anchored(words)
        self.people = self.people or _says("people_lead", words)
        self.concrete = self.concrete or any(map(_concrete, _sentences(words)))
        self.told = self.told or any(map(_told, _sentences(words)))


def _gather(text: str, lines: Iterable[Span], *, alone: bool, also: bool = False) -> list[_Group]:
    """A heading or a self-sufficient paragraph opens a group, all else continues one.

    With ``alone`` whatever follows a told decision and does not refer back opens one too: facts in one paragraph, the
    decision in the next. With ``also`` so does whatever goes on with 此外 and tells a decision itself.
    """
    groups: list[_Group] = []
    for line in lines:
        words = _cut(text, line)
        if not groups or not (_continues(groups[-1], words, alone) and not (also and _goes_on(words))):
            groups.append(_Group())
        groups[-1].add(line, words)
    return groups


def _goes_on(words: str) -> bool:
    return _says("also", words) and tells_decision(words)


def _continues(group: _Group, words: str, alone: bool) -> bool:
    if group.tells and _says("next_matter", words):
        return False
    if _says("follow", words):
        return True
    if _says("heading", words):
        return False
    if group.people and (_says("person_item", words) or _says("clause_item", words)):
        return True
    return not group.tells or not (alone or tells_decision(words))


@remembered
def _is_moral(words: str) -> bool:
    """Whether a paragraph exhorts and punishes nobody by name."""
    if _punishes_by_name(words):
        return False
    if _marker_at(words, 0):
        return _says("demand", _unnumbered(words))
    return _says("moral", words)


# --- one matter, or an article --------------------------------------------------------------------------------------


def _whole(clean: Clean, body: Span) -> tuple[list[Span], bool]:
    """The body as one case, or as an article's telling paragraphs (then True)."""
    text = clean.text
    short = body.end - body.start < _ARTICLE_LENGTH
    document = _is_document(clean, body)
    body = _without_lead(text, body)
    lines = list(_lines(text, body.start, body.end))
    tells = tells_decision if short or _is_single(clean, body) else _tells_measure
    telling = [line for line in lines if tells(_cut(text, line))]
    if not telling and _is_table(lines) and tells_decision(_cut(text, body)):
        return [body], False
    if not telling:
        return [], False
    share = sum(line.end - line.start for line in telling) / (body.end - body.start)
    if short or share >= _ARTICLE_SHARE or document or _is_about_them(text, lines, telling):
        return [body], False
    return _passing(text, lines), True


def _is_single(clean: Clean, body: Span) -> bool:
    """Whether the title is that of a document on one matter."""
    head = _head(clean, body)
    return _says("single_document", head) and _announced_count(head) < 2


def _is_document(clean: Clean, body: Span) -> bool:
    """Whether the text is itself a decision or report and no article about some."""
    lines = [_cut(clean.text, line) for line in _lines(clean.text, body.start, body.end)]
    return (
        _is_single(clean, body)
        or any(_says("lead", line) for line in lines[:_LEAD_LINES])
        or any(_says("people_lead", line) for line in lines)
    )


def _is_table(lines: list[Span]) -> bool:
    """Whether the lines are too short for sentences: the cells of a table."""
    return all(line.end - line.start < _LONG_LINE for line in lines)


def _is_about_them(text: str, lines: list[Span], telling: list[Span]) -> bool:
    """Whether those punished run through the whole text: a report on one matter."""
    names = set().union(*(_names(_cut(text, line)) for line in telling))
    return any(sum(name in _cut(text, line) for line in lines) >= _ABOUT_SHARE * len(lines) for name in names)


def _without_lead(text: str, body: Span) -> Span:
    """The body less its first lines up to the one that announces or sums up the matter told below."""
    lines = list(_lines(text, body.start, body.end))
    for i, line in enumerate(lines[:-1], start=1):
        if _says("told_below", _cut(text, line)) and _stands_alone(text, lines[i:]):
            return Span(lines[i].start, body.end)
    numbered = (i for i, line in enumerate(lines) if _marker_at(_cut(text, line), 0))
    top = min(next(numbered, len(lines)), _LEAD_LINES, len(lines) - 1)
    for i in range(top, 0, -1):
        words = _cut(text, lines[i - 1])
        if (_announces_all(words) or _says("summary", words)) and _stands_alone(text, lines[i:]):
            return Span(lines[i].start, body.end)
    titled = body.start > 0 and not _is_form(text, lines)
    general = sum(1 for _ in takewhile(lambda line: not _is_matter(_cut(text, line)), lines[:top])) if titled else 0
    return Span(lines[general].start, body.end) if _stands_alone(text, lines[general:]) else body


def _announces_all(line: str) -> bool:
    """Whether a line announces the matter, and does not begin to tell of the accident or event itself."""
    begun = _says("event", line) and _says("people_listed", line)
    return _announces(line) and not (begun or _says("inquiry", line))


def _is_matter(line: str) -> bool:
    """Whether a paragraph may belong to a matter: a heading, or one that speaks of somebody or some time."""
    return _says("bare_phrase", line) or _says("section", line) or _is_account(line)


def _stands_alone(text: str, lines: Sequence[Span]) -> bool:
    """Whether the lines tell a matter, facts and all, and not only how it was decided."""
    words = _cut(text, lines[0])
    first = _unnumbered(words)
    if _says("clause_item", first) or _says("person_item", first) or (first != words and tells_decision(words)):
        return False
    return tells_decision(text[lines[0].start : lines[-1].end])


def _passing(text: str, lines: list[Span]) -> list[Span]:
    """Paragraphs that tell of a named person's punishment, with their neighbours that name the same person."""
    words = [_cut(text, line) for line in lines]
    spans: list[tuple[int, int]] = []
    for i, line in enumerate(words):
        names = _names(line)
        if not names or not any(map(_told, _sentences(line))):
            continue
        first = last = i
        while first > 0 and any(name in words[first - 1] for name in names):
            first -= 1
        while last + 1 < len(words) and any(name in words[last + 1] for name in names):
            last += 1
        if spans and first <= spans[-1][1]:
            first, last = spans.pop()[0], max(last, i)
        spans.append((first, last))
    return [Span(lines[first].start, lines[last].end) for first, last in spans]


# --- ends -----------------------------------------------------------------------------------------------------------


def _trim(text: str, span: Span, *, many: bool) -> Span:
    """The case up to its last full stop: what follows the last decision stays only where it belongs to the matter.

    That is what was done about it (退缴, 追偿, 另案) and, where the first paragraph tells the decision, the facts.
    """
    lines = list(_lines(text, span.start, span.end))
    stops = (i for i in range(1, len(lines)) if _stops(text, lines[i:], many=many))
    lines = lines[: next(stops, len(lines))]
    words = [_cut(text, line) for line in lines]
    told = max((i for i, line in enumerate(words) if _tells_of_it(line) or _names_measure(line)), default=None)
    last = 0 if told is None else told
    belongs = _belongs(many=many, facts_follow=last == 0 and not many)
    end = last + 1 + sum(1 for _ in takewhile(belongs, words[last + 1 :])) if told is not None or many else len(lines)
    while last + 1 < end and not _is_account(words[end - 1]):
        end -= 1
    return _stripped(text, Span(span.start, lines[end - 1].end - _moral_length(words[end - 1], many=many)))


def _belongs(*, many: bool, facts_follow: bool) -> Callable[[str], bool]:
    """Which paragraphs after the last decision are still of the case."""

    def belongs(line: str) -> bool:
        if many and _says("remedy_heading", _unnumbered(line)):
            return True
        if _ends(line) or _says("quote", line) or not line.endswith(_STOPS):
            return False
        return facts_follow or _says("remedy" if many else "settlement", line)

    return belongs


def _names_measure(line: str) -> bool:
    """Whether a paragraph, be it but a cell of a table, holds a measure and exhorts nobody."""
    return any(map(_concrete, _sentences(line))) and not (_ends(line) or _says("quote", line) or _says("links", line))


def _stops(text: str, lines: Sequence[Span], *, many: bool) -> bool:
    """Whether the case is over above these lines: by links, or by a comment that adds no decision of its own."""
    first = _cut(text, lines[0])
    if not _says("comment", first):
        return _says("stop", first)
    return many or not _punishes_by_name(text[lines[0].start : lines[-1].end])


def _is_account(line: str) -> bool:
    return _is_anchored(line) or any(_says(name, line) for name in ("remedy", "account", "measure"))


def _tells_of_it(line: str) -> bool:
    """Whether a paragraph tells a decision of the case, and not how others fared or may appeal."""
    return not (_is_moral(line) or _says("quote", line)) and tells_decision(
        "".join(s for s in _sentences(line) if not (_says("after", s) or _says("appeal", s)))
    )


def _ends(line: str) -> bool:
    if _is_moral(line) or _is_tail(line):
        return True
    return _says("appeal", line) or any(_says("after", sentence) for sentence in _sentences(line))


def _moral_length(line: str, *, many: bool) -> int:
    """How many characters at the end of a paragraph are a moral that follows the last decision."""
    sentences = re.findall(r"[^。！？]+(?:[。！？][”’）]?)?", line)
    names = ("moral_inline", "appeal", "after") if many else ("moral_inline", "appeal")
    for i in range(1, len(sentences)):
        if any(_says(name, sentences[i]) for name in names) and not tells_decision("".join(sentences[i:])):
            return sum(map(len, sentences[i:]))
    return 0


def _once(text: str, spans: Iterable[Span]) -> list[Span]:
    """Each case once, in its first print."""
    first: dict[str, Span] = {}
    for span in spans:
        first.setdefault(_cut(text, span), span)
    return list(first.values())


def _several(clean: Clean, body: Span) -> list[Span]:
    """The matters of a text that numbers them or gives each its paragraphs; [] when it has but one, or none."""
    text = clean.text
    tree = _tree(text, body)
    named = [child for child in tree.children if child.level == 0]
    if len(named) > 1:
        tree.children = named
    elif _is_single(clean, body) or _says("letter", text):
        return []
    numbered = _rows(text, body.end) or _records(text, body) or _bracketed_matters(text, body) or _matters(text, tree)
    if not numbered and tree.children and _are_people(text, tree):
        return _headed_matters(text, list(_lines(text, body.start, body.end)), led=False)
    return numbered or _paragraph_matters(clean, body)


def _is_row(clean: Clean) -> bool:
    """Whether a text comes without a page around it, as the rows of a table do: all of it is about its one case."""
    source, text = clean.notice.text, clean.text
    letters, kept = (len(re.sub(r"\s", "", words)) for words in (source, text))
    return _KEPT_SHARE * letters <= kept < _ROW_LENGTH and not any(map(_is_frame, text.split("\n")))


def _row(text: str, case: Span) -> Span:
    """The one case of a row: all of it, comments too, less what its end says to others (demands, rules, appeal)."""
    lines = list(_lines(text, case.start))
    told = max((i for i, line in enumerate(lines) if _tells_of_it(_cut(text, line))), default=0)
    demands = (i for i in range(told + 1, len(lines)) if _is_demand(_cut(text, lines[i])))
    lines = lines[: next(demands, len(lines))]
    while len(lines) > 1 and _exhorts(_cut(text, lines[-1])):
        lines.pop()
    return _stripped(text, Span(case.start, lines[-1].end))


def _stripped(text: str, span: Span) -> Span:
    words = _cut(text, span)
    start = span.start + len(words) - len(words.lstrip())
    return Span(start, start + len(words.strip()))


def _is_demand(line: str) -> bool:
    return _says("rules", line) or (_marker_at(line, 0) is not None and _is_moral(line))


def _exhorts(line: str) -> bool:
    return not tells_decision(line) and any(_says(name, line) for name in ("moral_inline", "after", "appeal"))


def _is_frame(line: str) -> bool:
    """Whether a line is of the page and not of the text: signature, byline, links."""
    names = ("signature", "editor", "page_line", "byline", "signed_bracket", "links", "stop", "salutation")
    return any(_says(name, line) for name in names)


def _is_statute(text: str) -> bool:
    """Whether the text sets rules, article by article."""
    lines = [_cut(text, line) for line in _lines(text)]
    return sum(_says("statute", line) for line in lines) >= max(_STATUTE_ARTICLES, _STATUTE_SHARE * len(lines))


def _is_talk(text: str) -> bool:
    """Whether a text is commentary, speech or statistics: it says so, or it runs on and names nobody."""
    if _punishes_by_name(text):
        return False
    if _says("appointment", text):
        return True
    lines = [_cut(text, span) for span in _before_links(text, list(_lines(text)))]
    if any(_says("genre", line) for line in lines if len(line) < _LONG_LINE or line.startswith("——")):
        return True
    telling = [sentence for sentence in _sentences(text) if _told(sentence)]
    if len(telling) > 1 and not _names(text) and all(len(_COUNTED.findall(words)) > 1 for words in telling):
        return True
    told = len(telling)
    titled = any(_says("title", line) or _says("single_document", line) for line in lines[:_LEAD_LINES])
    return len(text) > _TALK_LENGTH and len(lines) > _TALK_LINES and told < 2 and not titled and not _names(text)


def _is_one_matter(clean: Clean, body: Span) -> bool:
    """Whether a short text tells how one matter was handled, or that it was not.

    In a few lines without any page around them one word of accountability is enough; otherwise a clause must tell it.
    """
    words = _cut(clean.text, body)
    if not 0 < len(words) < _ROW_LENGTH or _is_statute(words):
        return False
    if len(words) < _BRIEF_LENGTH and _is_row(clean):
        return any(map(_accounts, _sentences(words))) or (_is_anchored(words) and _tells_how(words, "accountability"))
    return _is_anchored(words) and _tells_how(words, "accountability" if len(words) < _BRIEF_LENGTH else "handling")


def _accounts(sentence: str) -> bool:
    """Whether a sentence speaks of accountability in a body that it gives, and is no exhortation."""
    return _says("organ", sentence) and not _is_moral(sentence) and _tells_how(sentence, "accountability")


def _tells_how(text: str, sign: str) -> bool:
    return any(_says(sign, clause) for sentence in _sentences(text) for clause in _clauses(sentence))


def _without_mark(text: str, span: Span) -> Span:
    """The case without the mark of a list before it: unlike a number or a heading it is no part of the matter."""
    mark = _entry("list_mark").regex.match(text, span.start, span.end)
    return Span(mark.end(), span.end) if mark else span


def _is_about_somebody(clean: Clean, body: Span, spans: Sequence[Span]) -> bool:
    """Whether a measure hits somebody the text names; in a few lines, a letter or a decision nobody need be named."""
    if body.end - body.start < _LETTER_LENGTH or _is_row(clean) or _is_single(clean, body):
        return True
    if _says("letter", clean.text) or any(_punishes_by_name(_cut(clean.text, span)) for span in spans):
        return True
    nothing = Span(0, 0)
    cases = (Case(clean.notice.id, clean, span.start, span.end, nothing, nothing) for span in spans)
    people = (read_subjects(case) for case in cases)
    return any(s.name or (s.post and s in found.subjects) for found in people for s in found.subjects + found.mentioned)


def split(clean: Clean) -> Split:
    """The cases of a notice, in order; none, with a ``no_case`` caution, when it tells of no concrete decision."""
    text = clean.text
    body = _body(clean)
    if _is_talk(text):
        return Split(clean, (), (_NO_CASE,))
    spans: list[Span] = []
    passing = False
    if body.start < body.end and not _is_statute(_cut(text, body)):
        spans = _several(clean, body)
        if not spans:
            spans, passing = _whole(clean, body)
    doubtful = not spans and any(_is_one_matter(clean, span) for span in (body, Span(0, body.end)))
    if doubtful:
        spans = [_without_lead(text, body)]
    if not spans or not _is_about_somebody(clean, body, spans):
        return Split(clean, (), (_NO_CASE,))
    if len(spans) == 1 and not passing and _is_row(clean):
        spans = [_row(text, spans[0])]
    else:
        spans = _once(text, (_trim(text, span, many=len(spans) > 1 and not passing) for span in spans))
    spans = [_without_mark(text, span) for span in spans]
    if len(spans) > 1:
        spans = [span for span in spans if not _says("bare_phrase", _cut(text, span))] or spans
    lead, ending = Span(0, spans[0].start), Span(spans[-1].end, len(text))
    cases = (Case(f"{clean.notice.id}#{n}", clean, s.start, s.end, lead, ending) for n, s in enumerate(spans, 1))
    return Split(clean, tuple(cases), (_PASSING,) if passing else (_DOUBTFUL,) if doubtful else ())
