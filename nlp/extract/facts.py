"""The facts of a case other than its subjects: who decided, what set it going, what for, with what result, when, on
what basis, by what steps, to what effect.

In: a ``Case``. Out: ``Facts`` in source coordinates. What a text does not tell is absent, never "not done".
Nothing is judged here.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from nlp.codebook import Entry, Table, any_of, load_codebook
from nlp.codebook.needles import quick, remembered
from nlp.extract.amounts import count, yuan
from nlp.extract.dates import Mention, dates_in, iso_date
from nlp.extract.measures import find_measures
from nlp.numerals import chinese
from nlp.types import Case, Fact, Span

_CLAUSE_END = re.compile(r"[，。；\n]")
_SENTENCE_END = re.compile(r"。|(?<!：)\n")
_REACH = 1000  # characters that a sentence is looked for; keeps texts without any punctuation linear
# The bound keeps runs of digits linear; no amount is that long.
_AMOUNT = re.compile(
    r"(?<!\d)[\d一二两三四五六七八九十百千][\d,.零〇一二两三四五六七八九十百千万亿余多]{0,40}元(?![/／\d])"
)
_CITATION = re.compile(
    r"《(?P<title>[^《》\n]{2,60}(?:《[^《》\n]{1,40}》[^《》\n]{0,20})?)》"
    r"(?:（以下简称[“《]+(?P<alias>[^”》）\n]{1,20})[”》]+）)?(?:（[^（）\n]{1,20}）)?"
)
_NUMERAL = r"[一二三四五六七八九十百零〇\d]{1,6}"
_ARTICLE = re.compile(
    rf"第(?P<article>{_NUMERAL})条(?:之[一二三])?(?:第?(?P<paragraph>{_NUMERAL})款)?"
    rf"(?:第?（?(?P<item>{_NUMERAL})）?项)?"
)
_ARTICLE_JOIN = re.compile(r"[、，和及与]{0,2}(?:以及)?")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything ``document_facts`` reads off one case, each fact with its source offsets."""

    issuer: Fact | None
    trigger: Fact | None
    grounds: tuple[Fact, ...]
    consequences: tuple[Fact, ...]
    dates: tuple[Fact, ...]
    legal_basis: tuple[Fact, ...]
    procedure: tuple[Fact, ...]
    effect: tuple[Fact, ...]


def document_facts(case: Case) -> Facts:
    """Read the facts of ``case``; issuer and dates also from the lead and the ending that frame it."""
    frame = _Frame(case)
    return Facts(
        issuer=_issuer(frame),
        trigger=_trigger(frame),
        grounds=(*_grounds(frame), *_amounts_involved(frame)),
        consequences=tuple(_consequences(frame)),
        dates=tuple(_dates(frame)),
        legal_basis=tuple(_legal_basis(frame)),
        procedure=tuple(_told(frame, "procedures")),
        effect=tuple(_told(frame, "effects")),
    )


@dataclass(frozen=True)
class _Part:
    """A stretch of the clean text of a notice that is read as one text; offsets inside it start at 0."""

    case: Case
    start: int
    end: int

    @cached_property
    def text(self) -> str:
        return self.case.clean.text[self.start : self.end]

    @cached_property
    def publishing(self) -> list[tuple[int, int]]:
        """The sentences that say what is published (title, 现将……问题通报如下)."""
        found = _table("deciders")["publishes"].find(self.text) if self.text else ()
        return [(_sentence_start(self.text, m.start()), _sentence_end(self.text, m.end())) for m in found]

    @cached_property
    def deciders(self) -> list[tuple[int, tuple[int, int]]]:
        return _deciders(self) if self.text else []

    def tells_measure(self, low: int, high: int) -> bool:
        """Whether a measure is named between two places."""
        if any(low <= measure.start < high for measure in find_measures(self.text)):
            return True
        return _table("dates")["measure"].search(self.text, low, high) is not None

    def fact(self, entry_id: str, name: str, span: tuple[int, int], value: str | float | None = None) -> Fact:
        source = self.case.clean.origin.span(self.start + span[0], self.start + span[1])
        return Fact(entry_id, name, self.case.source(source), source.start, source.end, value)

    def of(self, entry: Entry, found: re.Match[str], value: str | float | None = None) -> Fact:
        return self.fact(entry.id, entry.name, found.span(), value)


@dataclass(frozen=True)
class _Frame:
    """A case with the lead and the ending around it, and what several readers need of them."""

    case: Case

    @cached_property
    def body(self) -> _Part:
        return _Part(self.case, self.case.start, self.case.end)

    @cached_property
    def lead(self) -> _Part:
        return self._framing(self.case.lead)

    @cached_property
    def ending(self) -> _Part:
        return self._framing(self.case.ending)

    def _framing(self, span: Span) -> _Part:
        return _Part(self.case, span.start, span.end)

    @cached_property
    def title(self) -> str:
        return self.case.clean.title or ""

    @cached_property
    def heading(self) -> str:
        return re.sub(r"\s+", "", self.title) + self.lead.text

    @cached_property
    def heads_review(self) -> bool:
        """Whether the text is headed as one that looks again at an earlier decision."""
        return re.search(_table("deciders").settings["review"], self.heading) is not None

    @property
    def reviews(self) -> bool:
        return self.heads_review or self.reversal is not None

    @cached_property
    def measures(self) -> list[tuple[int, int]]:
        """Where the case tells a measure."""
        return [m.span() for m in _table("dates")["measure"].find(self.body.text)]

    @cached_property
    def reversal(self) -> tuple[int, int] | None:
        """Where a decision is taken back, if that is the point of the case (it gives a new one, or little else)."""
        found = _table("deciders")["reverses"].search(self.body.text)
        if found is None:
            return None
        end = _sentence_end(self.body.text, found.end())
        before = sum(e <= found.start() for _, e in self.measures)
        after = any(found.end() <= s < end for s, _ in self.measures)
        return found.span() if before <= 1 or after else None


@cache
def _table(name: str) -> Table:
    return load_codebook()[name]


def _sentence_start(text: str, position: int) -> int:
    """Where the sentence around ``position`` begins; a line that ends in ： is one with the next."""
    low = max(0, position - _REACH)
    while True:
        start = max(low, text.rfind("。", low, position) + 1, text.rfind("\n", low, position) + 1)
        if start == low or not text.endswith("：\n", 0, start):
            return start
        position = start - 1


def _sentence_end(text: str, position: int) -> int:
    high = min(len(text), position + _REACH)
    found = _SENTENCE_END.search(text, position, high)
    return found.start() if found else high


def _clause_start(text: str, position: int) -> int:
    low = max(0, position - _REACH)
    return max(low, *(text.rfind(mark, low, position) + 1 for mark in "，。；：\n"))


# -- issuer -------------------------------------------------------------------------------------------------------


_TELLS = ("", "据", "从", "。", "\n")  # before an organ that is said to tell something (据县纪委通报，)
_FIELD = 8  # characters of the field of a form before its date
_DELEGATED = 6  # the rank of an organ that others have a measure carried out by (由集团党委给予…)


@cache
def _organ_before() -> re.Pattern[str]:
    """An organ at the end of a text, with the words that may stand around it; group 1 is its name."""
    s = _table("deciders").settings
    letter = rf"(?:(?!经(?![开济信贸])|从(?![江化]))[^\W\d_a-zA-Z{s['organ_excludes']}]|[“”])"
    name = rf"(?!{s['organ_not']}){letter}{{0,30}}?(?:{'|'.join(s['organ_endings'])})"
    return re.compile(
        rf"(?:^|[，。；：、\n（）\s被由经从月日年时])(?:{'|'.join(s['lead_ins'])}){{0,6}}({name}(?:[、和与]{name})*)"
        rf"(?:、?{s['meetings']}|{'|'.join(s['links'])})*$"
    )


@cache
def _meeting_before() -> re.Pattern[str]:
    """A meeting of another organ, told before this one (县纪委常委会会议、县监委会议)."""
    s = _table("deciders").settings
    return re.compile(rf"{s['meetings']}、$")


@cache
def _signature() -> re.Pattern[str]:
    s = _table("deciders").settings
    endings = "|".join([*s["organ_endings"], *s["signature_endings"]])
    name = rf"(?:[^\W\d_a-zA-Z]|“[^”\n]{{1,12}}”){{0,24}}?(?:{endings})"
    return re.compile(
        rf"(?:{s['signature_field']}|（)?({name})(?:{s['signature_verb']})?）?(?:文件|{s['signature_date']})?"
    )


def _organ_at(part: _Part, position: int) -> tuple[int, int] | None:
    """The organ whose name ends right before ``position``, meetings and adverbs aside."""
    low = max(0, position - 60)
    found = _organ_ending(part.text[low:position])
    if found is None:
        return None
    other = _meeting_before().search(part.text[low : low + found[0]])
    first = _organ_at(part, low + other.start()) if other else None
    if re.search(_table("deciders").settings["object_list"], part.text[low : low + found[0]]):
        return None
    return first or (low + found[0], low + found[1])


@remembered
def _organ_ending(text: str) -> tuple[int, int] | None:
    """The organ whose name ends the text, meetings and adverbs aside."""
    found = _organ_before().search(text)
    return found.span(1) if found else None


def _deciders(part: _Part) -> list[tuple[int, tuple[int, int]]]:
    """The organs that decide, approve, propose or publish here, each with the rank of its verb; in order of rank."""
    text = part.text
    organs = []
    for entry in _table("deciders").candidates(text):
        for found in entry.find(text):
            organ = _organ_at(part, found.start())
            if organ is None:
                continue
            if entry.get("said_by") and text[organ[0] - 1 : organ[0]] not in _TELLS:
                continue
            low, high = _sentence_start(text, found.start()), _sentence_end(text, found.end())
            if entry.get("carries"):
                high = _sentence_end(text, min(len(text), high + 1))
            if not entry.get("needs_measure") or part.tells_measure(low, high):
                told_to = entry.get("delegable") and text.endswith("由", 0, organ[0])
                organs.append((_DELEGATED if told_to else entry["rank"], organ))
    return sorted(organs)


def _decider(part: _Part, low: int, high: int) -> Fact | None:
    """The first organ of the lowest rank between ``low`` and ``high``."""
    organ = next((organ for rank, organ in part.deciders if low <= rank <= high), None)
    return part.fact("issuer", "问责主体", organ) if organ else None


def _issuer(frame: _Frame) -> Fact | None:
    """The deciding organ in its fullest form; where none is told, who published, signed or stands in a column."""
    signed = _signed(frame.ending) or _signed(frame.body)
    titled = _titled(frame) or _decider(frame.lead, 4, 4)
    decider = (
        _reverser(frame)
        or _reviewer(frame, titled or _headed(frame) or signed)
        or _decider(frame.body, 1, 3)
        or _decider(frame.lead, 1, 2)
        or _decider(frame.body, 4, 4)
        or titled
    )
    if decider is None:
        told_after = _decider(frame.ending, 1, 1) or _decider(frame.body, _DELEGATED, _DELEGATED)
        return signed or told_after or _column(frame.case.clean.notice.issuer)
    fuller = [
        f
        for f in (signed, titled, _decider(frame.body, 4, 4), _headed(frame))
        if f and f.text != decider.text and _tells_more(f.text, decider.text)
    ]
    return max(fuller, key=lambda f: len(f.text), default=decider)


def _reviewer(frame: _Frame, named: Fact | None) -> Fact | None:
    """Who looked again at an earlier decision, where the text is about that: in its own words, else as it is headed."""
    if not frame.reviews:
        return None
    return _decider(frame.body, 5, 5) or (named if frame.heads_review else None) or _appealed_to(frame.body)


def _appealed_to(part: _Part) -> Fact | None:
    found = re.search(_table("deciders").settings["appealed_to"], part.text)
    known = found is not None and _signature().fullmatch(found["organ"])
    return part.fact("issuer", "问责主体", found.span("organ")) if found and known else None


def _tells_more(full: str, short: str) -> bool:
    """Whether ``full`` names the organ of ``short`` more fully (中共泽川县委员会 – 县委, 县水务局党组 – 局党组)."""
    one, other = _plain_name(full), _plain_name(short)
    if len(full) <= len(short) or one[-2:] != other[-2:]:
        return False
    rest = iter(one)
    return all(character in rest for character in other)


def _plain_name(name: str) -> str:
    """The short form of an organ's formal name."""
    name = re.sub(r"\s+", "", name)
    for formal, short in _table("deciders").settings["formal"]:
        name = re.sub(formal, short, name)
    return name


def _headed(frame: _Frame) -> Fact | None:
    """The organ of a letterhead: a first line that is nothing but its name."""
    for part in (frame.lead, frame.body):
        found = _signature().fullmatch(part.text.partition("\n")[0])
        if found:
            return _first_of_two(part.fact("issuer", "问责主体", found.span(1)))
    return None


def _reverser(frame: _Frame) -> Fact | None:
    """Who took the decision back, where that is the point of the case."""
    if frame.reversal is None:
        return None
    position, text = frame.reversal[0], frame.body.text
    end = _sentence_end(text, position)
    while found := _table("deciders")["reverses"].search(text, position, end):
        organ = _organ_at(frame.body, found.start())
        if organ:
            return frame.body.fact("issuer", "问责主体", organ)
        position = found.start() + 1
    return None


def _column(name: str | None) -> Fact | None:
    return Fact("issuer", "问责主体", name) if name else None


def _titled(frame: _Frame) -> Fact | None:
    """Who the title says decided or published; in the text where the title stands there."""
    title = re.sub(r"\s+", "", frame.title)
    if not title:
        return None
    for entry in _table("deciders"):
        found = entry.regex.search(title) if entry["rank"] in (1, 4) else None
        organ = _organ_ending(title[: found.start()]) if found else None
        if organ:
            name = title[slice(*organ)]
            at = frame.lead.text.find(name)
            return frame.lead.fact("issuer", "问责主体", (at, at + len(name))) if at >= 0 else _column(name)
    return None


def _signed(part: _Part) -> Fact | None:
    """The organ that signs: the last line that is nothing but its name, a date aside; of two side by side the first."""
    end = len(part.text)
    for line in reversed(part.text.split("\n")):
        start = end - len(line)
        found = _signature().fullmatch(part.text, start, end)
        if found is None and end == len(part.text):
            found = _signature().fullmatch(part.text, start + line.rfind("。") + 1, end)
        if found:
            return _first_of_two(part.fact("issuer", "问责主体", found.span(1)))
        end = start - 1
    return None


def _first_of_two(fact: Fact) -> Fact:
    """The first of two organs that only a space parts in the source (中共某县纪委 某县监委)."""
    words = fact.text.split()
    if len(words) != 2 or fact.start is None or not all(_signature().fullmatch(word) for word in words):
        return fact
    return replace(fact, text=words[0], end=fact.start + len(words[0]))


# -- dates --------------------------------------------------------------------------------------------------------


def _dates(frame: _Frame) -> Iterator[Fact]:
    """The decision first where there is one, then the dates of the case in order, then the publication."""
    publication = _publication(frame)
    anchor = str(publication.value) if publication else None
    lead = dates_in(frame.lead.text, published=anchor) if frame.lead.text else []
    ending = dates_in(frame.ending.text, published=anchor) if frame.ending.text else []
    last = None if anchor else next((m.value for m in reversed(lead) if m.value), None)
    body = dates_in(frame.body.text, last=last, published=anchor)
    signed = None if publication is None or publication.start is None else publication
    decision = _decision(frame, body, signed is not None)
    names: Mapping[str, str] = _table("dates").settings["roles"]
    under = signed if signed and not _is_about_many(frame) else None
    if decision and under and decision.value is None:
        decision = None  # 日前, where a date stands under the signature
    if decision:
        yield _date(frame.body, decision, "decision", names)
    elif (told := _decision_of(frame.lead.text, lead)) is not None:
        yield _date(frame.lead, told, "decision", names)
    elif (told := _effective(frame.ending.text, ending)) is not None:
        yield _date(frame.ending, told, "decision", names)
    elif under:
        yield replace(under, id="decision", name=names["decision"])
    first_measure = decision.start if decision else min((s for s, _ in frame.measures), default=len(frame.body.text))
    for mention in body:
        if mention is not decision:
            yield _date(frame.body, mention, _role(frame.body.text, mention, first_measure), names)
    if publication:
        yield publication


def _date(part: _Part, mention: Mention, role: str, names: Mapping[str, str]) -> Fact:
    return part.fact(role, names[role], (mention.start, mention.end), mention.value)


def _publication(frame: _Frame) -> Fact | None:
    """The date of publication: a page's or a column's, else the line under the signature."""
    name = _table("dates").settings["roles"]["publication"]
    given = frame.case.clean.published
    if given and (value := iso_date(given)):
        return Fact("publication", name, given, value=value)
    for part in (frame.ending, frame.lead):
        for found in re.finditer(r"^.*\d{4}.*$|^[^\n]{0,4}[一二][九〇零○][^\n]{2,12}$", part.text, re.M):
            dates = dates_in(found[0])
            if len(dates) != 1 or not dates[0].value or dates[0].end != len(found[0]):
                continue
            if dates[0].start == 0 or _signature().fullmatch(found[0]):
                start = found.start() + dates[0].start
                return part.fact("publication", name, (start, found.end()), dates[0].value)
    return None


def _is_about_many(frame: _Frame) -> bool:
    """Whether the text tells many matters of others, so that the date under its signature is of none of them."""
    return re.search(_table("dates").settings["many"], frame.heading + frame.body.text[:80]) is not None


def _decision(frame: _Frame, dates: Sequence[Mention], signed: bool) -> Mention | None:
    """The date of the decision as the case tells it; where it takes one back, never that of the one taken back."""
    text = frame.body.text
    if frame.reversal:
        low, high = _sentence_start(text, frame.reversal[0]), frame.reversal[0]
        told = [d for d in dates if low <= d.start < high and not d.is_range]
        return told[-1] if told else None
    return None if frame.heads_review and signed else _decision_of(text, dates)


def _decision_of(text: str, dates: Sequence[Mention]) -> Mention | None:
    """The date that stands before a measure in its own sentence, taken at the first sentence that has one."""
    if not dates:
        return None
    table = _table("dates")
    if effective := _effective(text, dates):
        return effective
    starts = [mention.start for mention in dates]
    not_now = re.compile(table.settings["not_now"])
    for found in table["measure"].find(text):
        low = _sentence_start(text, found.start())
        if not_now.search(text, _clause_start(text, found.start()), found.start()):
            continue
        near = dates[bisect_left(starts, low) : bisect_left(starts, found.end())]
        told = [mention for mention in near if _may_date(text, mention, found)]
        if told and (mention := _not_cause(text, told)):
            return mention
    return None


def _effective(text: str, dates: Sequence[Mention]) -> Mention | None:
    """The date on which a decision is said to have been made, or from which it holds."""
    effective, field = _table("dates")["effective"].regex, re.compile(_table("dates").settings["field"])
    return next(
        (
            m
            for m in dates
            if effective.match(text[m.end : m.end + 12]) or field.search(text, max(0, m.start - _FIELD), m.start)
        ),
        None,
    )


def _may_date(text: str, date: Mention, measure: re.Match[str]) -> bool:
    if text[date.start : date.end] in _year_words() and _clause_start(text, date.start) != date.start:
        return False  # 取消当年评优资格
    if (
        date.is_range
        or text.startswith("以来", date.end)
        or _table("dates")["life"].regex.match(text[date.end : date.end + 12])
    ):
        return False
    between = text[date.end : max(measure.start(), date.end)]
    clauses = between.partition("因")[0] if re.match(r"[^。；]{0,24}(?:因|由于|对)", between) else between
    return not re.search(_table("dates").settings["conduct_words"], clauses)


@cache
def _year_words() -> frozenset[str]:
    settings = _table("dates").settings
    return frozenset([*settings["years"], *settings["published_years"], *settings["months"]])


def _not_cause(text: str, dates: Sequence[Mention]) -> Mention | None:
    """The last date before the measure, unless it belongs to the cause (2019年5月，某某因2018年……)."""
    for mention in reversed(dates):
        before = text[_clause_start(text, mention.start) : mention.start]
        if not re.search(r"(?:因|对|就|由于|在)[^，。；]{0,12}$", before):
            return mention
    return None


def _role(text: str, mention: Mention, decided: int) -> str:
    table = _table("dates")
    tail = text[mention.end : mention.end + 12]
    if mention.is_range:
        return "conduct"
    if mention.start >= decided or mention.value is None or table["life"].regex.match(tail):
        return "other"
    found = _CLAUSE_END.search(text, mention.end + 2, mention.end + _REACH)
    end = found.start() if found else mention.end + _REACH
    return "other" if table["discovery"].search(text, mention.end, end) else "conduct"


# -- trigger, grounds, procedure, effect --------------------------------------------------------------------------


def _earliest(part: _Part, table: str, low: int = 0, high: int | None = None) -> Fact | None:
    high = len(part.text) if high is None else high
    best: tuple[int, Entry, re.Match[str]] | None = None
    for entry in _table(table).candidates(part.text):
        found = entry.search(part.text, low, high)
        if found and (best is None or found.end() <= best[0]):
            best = (found.start(), entry, found)
    return part.of(best[1], best[2]) if best else None


def _trigger(frame: _Frame) -> Fact | None:
    """What set the decision going: told in the sentence of the first measure, else the earliest told at all."""
    decided = min((s for s, _ in frame.measures), default=0)
    near = _earliest(frame.body, "triggers", _sentence_start(frame.body.text, decided), decided) if decided else None
    return near or _earliest(frame.body, "triggers") or (_earliest(frame.lead, "triggers") if frame.lead.text else None)


def _first_of_each(part: _Part, table: str, low: int = 0, high: int | None = None) -> list[Fact]:
    """The first match of every entry in [low, high), in order of mention."""
    high = len(part.text) if high is None else high
    found = ((entry, entry.search(part.text, low, high)) for entry in _table(table).candidates(part.text))
    return sorted((part.of(entry, match) for entry, match in found if match), key=lambda f: f.start or 0)


def _grounds(frame: _Frame) -> list[Fact]:
    """The fields of the case in order of mention, then those under which the notice publishes all its cases."""
    facts = _first_of_each(frame.body, "grounds")
    for low, high in frame.lead.publishing:
        known = {fact.id for fact in facts}
        facts += [fact for fact in _first_of_each(frame.lead, "grounds", low, high) if fact.id not in known]
    return facts


def _told(frame: _Frame, table: str) -> list[Fact]:
    """Steps or effects in order of mention. Where a stated absence and a step share words, the absence holds."""
    absent: list[tuple[int, int]] = []
    facts: list[Fact] = []
    for entry in sorted(_table(table).candidates(frame.body.text), key=lambda e: not e.get("negative", False)):
        for found in entry.find(frame.body.text):
            if not _in_place(frame, entry, found):
                continue
            if entry.get("negative"):
                absent.append(found.span())
            elif any(start < found.end() and found.start() < end for start, end in absent):
                continue
            facts.append(frame.body.of(entry, found))
            break
    return sorted(facts, key=lambda f: f.start or 0)


def _in_place(frame: _Frame, entry: Entry, found: re.Match[str]) -> bool:
    """Whether a match stands where the text tells of the handling and not of the misconduct (keys of the entry)."""
    text = frame.body.text
    if entry.get("after_measure"):
        decided = min((start for start, _ in frame.measures), default=0)
        leads_to = _table("procedures").settings["leads_to"]
        return found.start() >= decided or re.match(leads_to, text[found.end() : found.end() + 30]) is not None
    if entry.get("with_measure"):
        low, high = _sentence_start(text, found.start()), _sentence_end(text, found.end())
        return bisect_left(frame.measures, (low, 0)) < bisect_left(frame.measures, (high, 0))
    return True


# -- consequences and amounts -------------------------------------------------------------------------------------


def _consequences(frame: _Frame) -> list[Fact]:
    facts: dict[tuple[str, str | float | None], Fact] = {}
    for entry in _table("consequences").candidates(frame.body.text):
        people = entry.get("measure") == "people"
        for found in entry.find(frame.body.text):
            value = count(found[found.lastindex]) if people and found.lastindex else None
            facts.setdefault((entry.id, value), frame.body.of(entry, found, value))
            if not people:
                break
    told = list(facts.values())
    losses = [_amount(frame, span, "economic_loss") for span in _amounts(frame) if _is_loss(frame.body.text, span)]
    if losses:
        told = [f for f in told if f.id != "economic_loss"] + losses
    return sorted(told, key=lambda f: f.start or 0)


def _amounts(frame: _Frame) -> list[tuple[int, int]]:
    text = frame.body.text
    if "元" not in text:
        return []
    return [m.span() for m in _AMOUNT.finditer(text) if re.search(r"[\d十百千万亿]", m[0]) and yuan(m[0])]


def _amount(frame: _Frame, span: tuple[int, int], entry_id: str) -> Fact:
    name = _table("consequences").settings["amount_names"][entry_id]
    return frame.body.fact(entry_id, name, span, yuan(frame.body.text[slice(*span)]))


def _is_loss(text: str, span: tuple[int, int]) -> bool:
    s = _table("consequences").settings
    before = text[_clause_start(text, span[0]) : span[0]]
    after = text[span[1] : span[1] + 20]
    if re.search(s["not_loss_before"], before):
        return False
    return bool(re.search(s["loss_before"], before) or re.search(s["loss_after"], after))


def _amounts_involved(frame: _Frame) -> list[Fact]:
    """Sums taken, spent or paid out wrongly: neither losses, nor money given back, nor prices, pay and fines."""
    text = frame.body.text
    pattern = re.compile(_table("consequences").settings["not_involved_before"])
    after = re.compile(_table("consequences").settings["not_involved_after"])
    return [
        _amount(frame, span, "amount_involved")
        for span in _amounts(frame)
        if not _is_loss(text, span)
        and not pattern.search(text[_clause_start(text, span[0]) : span[0]])
        and not after.match(text[span[1] : span[1] + 16])
    ]


# -- legal basis --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Regulations:
    full: Mapping[str, str]  # short name -> full name
    ids: Mapping[str, str]  # full name -> id
    unquoted: re.Pattern[str]
    basis: re.Pattern[str]
    anaphora: re.Pattern[str]
    ending: re.Pattern[str]


@cache
def _regulations() -> _Regulations:
    table = _table("regulations")
    full = {short: entry["full"] for entry in table for short in entry["short"]}
    s = table.settings
    return _Regulations(
        full,
        {entry["full"]: entry.id for entry in table},
        quick(rf"(?P<title>{any_of(full)})(?=第{_NUMERAL}条)"),
        re.compile("|".join(s["basis_words"])),
        re.compile(rf"(?:{s['anaphora']})(?=第{_NUMERAL}条)"),
        re.compile(rf"{s['endings']}$"),
    )


def _numeral(text: str) -> str:
    value = count(text)
    return chinese(value) if value is not None and 0 < value < 1000 else text


def _clause(found: re.Match[str]) -> str:
    clause = f"第{_numeral(found['article'])}条"
    if found["paragraph"]:
        clause += f"第{_numeral(found['paragraph'])}款"
    if found["item"]:
        clause += f"第（{_numeral(found['item'])}）项"
    return clause


def _legal_basis(frame: _Frame) -> Iterator[Fact]:
    seen: set[str] = set()
    for part in (frame.lead, frame.body):
        if "《" not in part.text and "条" not in part.text:
            continue
        for fact in _citations(part):
            if str(fact.value) not in seen:
                seen.add(str(fact.value))
                yield fact


def _citations(part: _Part) -> Iterator[Fact]:
    """Every regulation cited as a basis, an article at a time; names resolved in full, 该条例 to the last named."""
    regs, text = _regulations(), part.text
    aliases: dict[str, str] = {}
    last: str | None = None
    cited_to = 0
    for found, title in _named(text):
        full = _full_name(title, aliases, last)
        if full is None:
            continue
        if alias := found.groupdict().get("alias"):
            aliases[alias] = full
        articles = list(_articles(text, found.end()))
        chained = cited_to > 0 and _ARTICLE_JOIN.fullmatch(text, cited_to, found.start()) is not None
        if not (articles or chained or _has_basis(text, found.start())):
            continue
        last, cited_to = full, articles[-1].end() if articles else found.end()
        entry_id = regs.ids.get(full, "unlisted")
        if not articles:
            yield part.fact(entry_id, full, found.span(), f"《{full}》")
        for index, article in enumerate(articles):
            start = article.start() if index else found.start()
            yield part.fact(entry_id, full, (start, article.end()), f"《{full}》{_clause(article)}")


def _full_name(title: str | None, aliases: Mapping[str, str], last: str | None) -> str | None:
    """The regulation a title stands for: known by it, named so by the text, or the last one (None, 《条例》)."""
    regs = _regulations()
    if title is None or (title not in aliases and regs.ending.fullmatch(title)):
        return last
    bare = re.sub(r"（[^）]*）$", "", title)
    full = aliases.get(title) or regs.full.get(title) or regs.full.get(bare) or title
    return full if full in regs.ids or regs.ending.search(full) else None


def _named(text: str) -> list[tuple[re.Match[str], str | None]]:
    """Names of regulations in order: in 《》, known short names before an article, and 该条例 (None)."""
    regs = _regulations()
    quoted = [(m, m["title"]) for m in _CITATION.finditer(text)] if "《" in text else []
    found: list[tuple[re.Match[str], str | None]] = list(quoted)
    found += [(m, m["title"]) for m in regs.unquoted.finditer(text)]
    found += [(m, None) for m in regs.anaphora.finditer(text)]
    taken: list[tuple[int, int]] = []
    kept = []
    for match, title in sorted(found, key=lambda f: (f[0].start(), -f[0].end())):
        if not any(s < match.end() and match.start() < e for s, e in taken):
            taken.append(match.span())
            kept.append((match, title))
    return kept


def _has_basis(text: str, position: int) -> bool:
    return _regulations().basis.search(text, _clause_start(text, position), position) is not None


def _articles(text: str, position: int) -> Iterator[re.Match[str]]:
    while found := _ARTICLE.match(text, position):
        yield found
        joined = _ARTICLE_JOIN.match(text, found.end())
        position = joined.end() if joined else found.end()
