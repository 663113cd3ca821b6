"""The checks: for each rule of checks.toml what must be in the text for a breach.

In: a ``Matter`` and the rule's entry. Out: breaches, each with the places it rests on. Words live in checks.toml; here
are only the conditions. ``yes`` only when everything is in the text; silence is never evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from nlp.codebook import Entry
from nlp.extract.amounts import count
from nlp.extract.measures import Measure, find_measures
from nlp.law.matter import Matter
from nlp.law.periods import months_of
from nlp.law.when import When, after_months, shown_day
from nlp.types import Sanction, Span, Subject, Verdict

# A body gives a measure that stands within this many characters.
_REACH = 50


@dataclass(frozen=True)
class Breach:
    """What a check found: spans of the case's text, the words that fill the rule's reason, what is not told.

    ``article`` takes the place of the entry's own where the measure falls under another regulation.
    """

    verdict: Verdict
    spans: tuple[Span, ...]
    words: Mapping[str, str]
    unknown: str | None = None
    article: str | None = None
    on: When | None = field(default=None)


Check = Callable[[Matter, Entry], Iterator[Breach]]


# -- who can be a target, by what means -------------------------------------------------------------------------------


def _organisation_measure(m: Matter, entry: Entry) -> Iterator[Breach]:
    """Read off the text: the extraction never gives a body a measure that is for persons."""
    if not m.tells("party_body", m.text):
        return
    for measure in find_measures(m.text):
        if measure.opening or "organisation" in measure.entry["applies_to"] or measure.entry["family"] == "司法":
            continue
        before = m.text[m.line(Span(measure.start, measure.end)).start : measure.start]
        body = m.patterns["body_gets"].search(before)
        if not body or m.tells("not_decided", before):
            continue
        group = "body" if body["body"] else "named"
        start = measure.start - len(before)
        name = Span(start + body.start(group), start + body.end(group))
        words = {"whom": m.words(name), "measure": measure.entry.name}
        unknown = "是否指班子成员各自受到该项措施" if body["team"] else None
        yield Breach("unsure" if body["team"] else "yes", (name, Span(measure.start, measure.end)), words, unknown)


def _staff_as_target(m: Matter, entry: Entry) -> Iterator[Breach]:
    heading = next(m.find("accountability_heading"), None)
    for person in m.persons:
        if person.leading_cadre or person.post_role not in ("staff", "unknown") or not person.post:
            continue
        if not m.tells("ordinary_staff", person.post):
            continue
        for measure in m.decided(person):
            line = m.line(m.place(measure))
            calls = [call for call in m.find("called_accountability") if _within(call, line)]
            called = next((call for call in calls if m.told_of(person, call)), None)
            told = called or next((call for call in calls if not m.named_in(m.clause(call))), None) or heading
            if told and m.told_together(person, measure):
                spans = (told, m.place(person), m.place(measure))
                unknown = None if called else "通报所称问责是否包括此人"
                yield Breach("yes" if called else "unsure", spans, {"whom": m.whom(person)}, unknown)
                break


def _party_sanction_on_non_member(m: Matter, entry: Entry) -> Iterator[Breach]:
    ladder = m.settings["ladders"]["party"]
    for person in m.persons:
        status = m.apposed(person, "non_member")
        for measure in m.decided(person) if status else ():
            if status and measure.id in ladder and m.told_together(person, measure):
                words = {"whom": m.whom(person), "status": m.words(status), "measure": measure.name}
                yield Breach("yes", (status, m.place(measure)), words)


def _village_beyond_major_demerit(m: Matter, entry: Entry) -> Iterator[Breach]:
    for person in m.persons:
        if person.rank != "村居":
            continue
        for measure in m.decided(person):
            told = measure.id in m.settings["heavy_state"] and m.tells("state_word", m.verbatim(measure))
            if not told or not m.told_together(person, measure):
                continue
            office = m.tells("village", person.post or "")
            words = {"whom": m.whom(person), "measure": measure.name}
            spans = (m.place(person), m.place(measure))
            yield Breach("yes" if office else "unsure", spans, words, None if office else "是否在村（居）民委员会任职")


def _sanction_after_leaving(m: Matter, entry: Entry) -> Iterator[Breach]:
    for person in m.persons:
        before = _left_before(m, person)
        status = before or m.apposed(person, "retired")
        if status is None:
            continue
        for measure in m.decided(person):
            named = m.tells("state_word", m.verbatim(measure)) or m.tells("admin_word", m.verbatim(measure))
            if measure.family not in ("政务", "行政") or not m.told_together(person, measure):
                continue
            left, given = _dated(m, status), _dated(m, m.place(measure))
            if left and given and given.last < left.first:
                continue
            earlier = left is not None and given is not None and left.last < given.first
            sure = named and (before is not None or earlier)
            words = {"whom": m.whom(person), "status": m.words(status), "measure": measure.name}
            unknown = None if sure else "退休（离职、死亡）与处分决定的先后"
            yield Breach("yes" if sure else "unsure", (status, m.place(measure)), words, unknown)
            break


def _left_before(m: Matter, person: Subject) -> Span | None:
    """已退休的 right before the person's first mention: so he was when the sanction was given."""
    start = m.place(person).start
    found = m.patterns["retired_before"].search(m.text[max(0, start - 8) : start])
    return Span(start - len(found.group()), start) if found else None


# -- who may decide ---------------------------------------------------------------------------------------------------


def _organ_without_authority(m: Matter, entry: Entry) -> Iterator[Breach]:
    if m.has("lawful_approval"):
        return
    for subject in m.extraction.subjects:
        if subject.leading_cadre is False or m.tells("discipline_post", subject.post or ""):
            continue
        for measure in m.decided(subject):
            organ = _deciding_discipline(m, measure) if measure.id in m.settings["removals"] else None
            if organ is None:
                continue
            way = m.text[organ.end : m.place(measure).start]
            sure = m.tells("decides", way) and not find_measures(way)
            words = {"whom": m.whom(subject), "organ": m.words(organ), "measure": measure.name}
            unknown = None if sure else "由谁决定、是否经党委批准"
            yield Breach("yes" if sure else "unsure", (organ, m.place(measure)), words, unknown)
            break


def _deciding_discipline(m: Matter, measure: Sanction) -> Span | None:
    """The discipline organ that the sentence names last before a measure, no other organ and no proposal between."""
    place = m.place(measure)
    start = m.line(place).start
    found = list(m.patterns["discipline"].finditer(m.text, start, place.start))
    if not found:
        return None
    way = m.text[found[-1].end() : place.start]
    joint = m.tells("jointly", m.text[start : found[-1].start()])
    if joint or m.tells("authority", way) or m.tells("only_proposes", way):
        return None
    return Span(*found[-1].span()) if m.tells("decides", way) or m.tells("studies", way) else None


def _body_without_power(m: Matter, entry: Entry) -> Iterator[Breach]:
    """A body that is neither the Party's, nor the supervisors', nor the appointing one gives a sanction of theirs."""
    if m.has("lawful_approval") or not m.tells("no_power", m.text):
        return
    for given in _given(m, months=False):
        line = m.line(given.span)
        bodies = list(m.patterns["no_power"].finditer(m.text, line.start, given.span.start))
        if not bodies:
            continue
        way = m.text[bodies[-1].end() : given.span.start]
        gives = m.patterns["gives"].search(way)
        aside = any(m.tells(word, way) for word in ("authority", "discipline", "only_proposes"))
        if not gives or aside or m.tells("goes_on", way[: gives.start()]):
            continue
        body = Span(*bodies[-1].span())
        words = {"organ": m.words(body), "whom": given.whom, "measure": given.entry.name}
        party = entry["party_article"] if given.entry["family"] == "党纪" else None
        yield Breach("yes" if m.asserts(body) else "unsure", (body, given.span), words, article=party)
        return


# -- responsibility ---------------------------------------------------------------------------------------------------


def _organisation_without_members(m: Matter, entry: Entry) -> Iterator[Breach]:
    if m.people or m.extraction.mentioned or m.has("list_open", "corrective"):
        return
    called = next(m.find("accountability"), None)
    for body in m.bodies if called else ():
        forms = [x for x in m.decided(body) if x.id in m.settings["organisation_forms"]]
        if not forms or not called or not m.tells("party_body", body.name or ""):
            continue
        spared = m.cue("spared")
        words = {"whom": m.whom(body), "measure": forms[0].name}
        unknown = None if spared else "班子成员是否另行问责"
        spans = (m.place(body), m.place(forms[0]), *(spared[:1] or (called,)))
        yield Breach("yes" if spared else "unsure", spans, words, unknown)


def _degree_against_post(m: Matter, entry: Entry) -> Iterator[Breach]:
    degrees = m.settings["leadership_degrees"]
    called = any(fact.id == "accountability_regulation" for fact in m.extraction.legal_basis)
    main = any(person.responsibility == degrees[1] for person in m.persons)
    for person in m.persons:
        bears, degree = person.responsibility_span, person.responsibility
        if degree is None or degree not in degrees or bears is None:
            continue
        why = None
        if person.leading_cadre is False and person.rank == "一般" and m.tells("ordinary_staff", person.post or ""):
            why = "而其职务不是领导职务"
        elif called and person.post_role == "chief" and degree == degrees[2] and not main:
            why = "而主要负责人在职责范围内承担主要领导责任，文中也没有人承担主要领导责任"
        elif called and degree == degrees[0]:
            why = "而全面领导责任由领导班子承担"
        if why:
            spans = (m.place(person), m.at(bears.start, bears.end))
            words = {"whom": m.whom(person), "degree": degree, "why": why}
            yield Breach("unsure", spans, words, "分工与职责范围")


# -- kinds and degrees of sanctions -----------------------------------------------------------------------------------


def _double_punishment(m: Matter, entry: Entry) -> Iterator[Breach]:
    for person in m.persons:
        told = [x for x in m.decided(person) if m.told_together(person, x)]
        state = next((x for x in told if x.family == "政务" and m.tells("state_word", m.verbatim(x))), None)
        unit = next((x for x in told if x.id in m.settings["unit_sanctions"]), None)
        if state is None or unit is None:
            continue
        first, last = sorted((m.place(state), m.place(unit)), key=lambda span: span.start)
        between = m.text[first.end : last.start]
        sure = m.tells("another_giver", between) and m.line(first) == m.line(last)
        if not sure and unit.id not in m.settings["only_of_units"]:
            continue
        words = {"whom": m.whom(person), "measure": state.name, "other": unit.name}
        unknown = None if sure else "两项处分是否针对同一行为、是否由不同机关作出"
        yield Breach("yes" if sure else "unsure", (first, last), words, unknown)


def _government_sanction_too_early(m: Matter, entry: Entry) -> Iterator[Breach]:
    begins, pilot = date.fromisoformat(entry["begins"]), date.fromisoformat(entry["pilot"])
    for told in _told_by_name(m, "政务", "state_word"):
        if told.when.last >= begins:
            continue
        sure = told.when.last < pilot and told.dated
        unknown = None if sure else "当地是否监察体制改革试点地区；所写是否后来的叫法"
        yield Breach("yes" if sure else "unsure", told.spans, told.words, unknown)


def _administrative_sanction_too_late(m: Matter, entry: Entry) -> Iterator[Breach]:
    begins = date.fromisoformat(entry["begins"])
    for told in _told_by_name(m, "行政", "admin_word"):
        if told.when.first < begins:
            continue
        before = m.text[m.line(told.spans[-1]).start : told.spans[-1].start]
        supervisors = m.tells("supervisory", before)
        if m.tells("another_giver", before) and not supervisors:
            continue
        sure = told.dated and supervisors
        unknown = None if sure else "由监察机关还是任免机关作出、何时立案"
        yield Breach("yes" if sure else "unsure", told.spans, told.words, unknown)


@dataclass(frozen=True)
class _Named:
    """A sanction that the text calls by a name of its own: when it was given; ``dated``: its sentence says so."""

    when: When
    dated: bool
    spans: tuple[Span, ...]
    words: Mapping[str, str]


def _told_by_name(m: Matter, family: str, word: str) -> Iterator[_Named]:
    """The sanctions of a family told in its own words with a day: the one their sentence gives with its year, else
    that of the decision."""
    if not m.tells(word, m.text):
        return
    for given in _given(m, months=False):
        if given.entry["family"] != family or not m.tells(word, m.words(given.span)):
            continue
        near = m.dated(given.span)
        dated = near is not None and m.tells("year", m.words(near[1]))
        when = near[0] if near and dated else m.when if m.when and m.when.exact else None
        if when is None:
            continue
        words = {"whom": given.whom, "measure": given.entry.name, "date": str(when)}
        yield _Named(when, dated, ((near[1], given.span) if near and dated else (given.span,)), words)


def _mitigated_too_far(m: Matter, entry: Entry) -> Iterator[Breach]:
    told = find_measures(m.text)
    for first, last in pairwise(told):
        between = m.text[first.end : last.start]
        line = m.line(Span(first.start, last.end))
        if not m.tells("due", m.text[line.start : first.whole[0]]) or not m.tells("lighter", between):
            continue
        steps = _steps(m, first, last)
        if steps is None or steps < 2 or m.tells("with_leave", m.words(line)) or re.search("[\n；]", between):
            continue
        if m.named_in(Span(first.end, last.start)) - m.named_in(Span(line.start, first.end)):
            continue
        words = {"due": first.entry.name, "measure": last.entry.name, "steps": str(steps)}
        party = entry["party_article"] if last.entry["family"] == "党纪" else None
        yield Breach("yes", (Span(*first.whole), Span(*last.whole)), words, article=party)


def _steps(m: Matter, first: Measure, last: Measure) -> int | None:
    """By how many degrees of one ladder the second measure is milder; None where they stand on different ones."""
    for ladder in m.settings["ladders"].values():
        places = [ladder.index(entry) if (entry := _settled(x)) in ladder else None for x in (first, last)]
        if places[0] is not None and places[1] is not None:
            return int(places[0] - places[1])
    return None


def _settled(measure: Measure) -> str:
    return str(measure.entry.get("default", measure.entry.id))


def _sanction_waived(m: Matter, entry: Entry) -> Iterator[Breach]:
    if m.tells("stated_mitigation", m.text):
        return
    for span in m.find("no_sanction"):
        line = m.line(span)
        soft = [
            place
            for person in m.persons
            for x in m.decided(person)
            if x.id in m.settings["in_place_of_sanction"] and _within(place := m.place(x), line)
            if "；" not in m.text[min(span.end, place.end) : max(span.start, place.start)]
        ]
        of_the_party = m.tells("party_word", m.words(span)) and not m.tells("state_named", m.words(span))
        if not soft or of_the_party or not m.asserts(span):
            continue
        grave = m.patterns["grave_word"].search(m.text) if len(m.persons) == 1 else None
        what = m.quote(span)
        if grave:
            why = f"又说“{grave.group()}”；只有情节轻微的才可以免予或者不予处分"
            yield Breach("yes", (span, Span(*grave.span()), soft[0]), {"what": what, "why": why})
        else:
            why = "没有说明情节轻微或者从轻、减轻的情形"
            yield Breach("unsure", (span, soft[0]), {"what": what, "why": why}, "是否情节轻微、有无从轻减轻情形")


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _convict_not_dismissed(m: Matter, entry: Entry) -> Iterator[Breach]:
    state = m.settings["ladders"]["state"]
    for person in m.persons:
        told = m.decided(person)
        judged = (x for x in told if x.family == "司法" and m.tells("imprisoned", m.verbatim(x)))
        convicted = next((x for x in judged if m.told_together(person, x)), None)
        given = [x for x in told if x.id in state and m.tells("state_word", m.verbatim(x))]
        if convicted is None or not given or any(x.id == state[-1] for x in told if x.id in state):
            continue
        if any(x.id == "double_expulsion" for x in told) or not m.told_together(person, given[0]):
            continue
        judged_at, given_at = m.place(convicted), m.place(given[0])
        crime = m.words(m.line(judged_at))
        meant = m.tells("intentional_crime", crime)
        if _is_before(m, given_at, judged_at) or (
            not meant and given[0].id == state[-2] and m.tells("negligent_crime", crime)
        ):
            continue
        sure = meant and (judged_at.start < given_at.start or _is_before(m, judged_at, given_at))
        words = {"whom": m.whom(person), "measure": given[0].name}
        unknown = None if sure else "处分与判刑孰先孰后" if meant else "是故意犯罪还是过失犯罪"
        yield Breach("yes" if sure else "unsure", (judged_at, given_at), words, unknown)


def _is_before(m: Matter, first: Span, second: Span) -> bool:
    """Whether both are dated, the first earlier."""
    one, other = _dated(m, first), _dated(m, second)
    return one is not None and other is not None and one.last < other.first


def _probation_too_long(m: Matter, entry: Entry) -> Iterator[Breach]:
    for found in m.patterns["probation_years"].finditer(m.text):
        number = 0.5 if found["years"] == "半" else float(count(found["years"]) or 0)
        months = number * (12 if found["unit"] == "年" else 1)
        if months and months not in (12, 24):
            yield Breach("yes", (Span(*found.span()),), {"what": found.group()})


# -- influence periods ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """A measure that the text says somebody got, read or not who; ``months`` of influence, 0 for none."""

    span: Span
    entry: Entry
    whom: str
    months: int

    def article(self, rule: Entry) -> str | None:
        """The article of a party measure, which a rule about periods of the state does not name itself."""
        articles: Mapping[str, str] = rule["party_articles"]
        return articles.get(self.entry.id, articles["other"]) if self.entry["family"] == "党纪" else None


def _given(m: Matter, *, months: bool = True) -> list[_Given]:
    """The measures of Party and state in order, with ``months`` those of a sure period.

    A bare word (记过) counts only where its family was read.
    """
    read = {(m.place(x).start, m.place(x).end): (person, x) for person in m.persons for x in m.decided(person)}
    told = []
    for measure in find_measures(m.text):
        span = Span(*measure.whole)
        person, sanction = read.get((span.start, span.end), (None, None))
        entry = m.sanction(sanction) if sanction else measure.entry
        if entry["family"] not in m.settings["public_families"] or (entry.get("bare") and not sanction):
            continue
        near = m.date_before(span)
        on = near[0].first if near else m.when.first if m.when else None
        lasts = months_of(entry.id, on) or 0
        if months and (not lasts or entry.id in m.settings["doubtful_periods"]):
            continue
        if m.tells("not_given", m.text[max(0, span.start - 12) : span.start]):
            continue
        told.append(_Given(span, entry, m.whom(person) if person else "当事人", lasts))
    return told


def _period_stated_wrong(m: Matter, entry: Entry) -> Iterator[Breach]:
    given = _given(m) if "期" in m.text else []
    for found in m.patterns["stated_period"].finditer(m.text) if given else ():
        place = Span(*found.span())
        line = m.line(place)
        before = [g for g in given if line.start <= g.span.start and g.span.end <= place.start]
        if not before and len(given) == 1 and given[0].span.end <= place.start:
            before = given
        stated = _months(found)
        if not stated or not before or stated in {g.months for g in before}:
            continue
        if any(before[-1].span.end <= x.start and x.end <= place.start for x in find_measures(m.text)):
            continue  # the period is that of a measure without one of its own (诫勉)
        last = before[-1]
        words = {"whom": last.whom, "measure": last.entry.name, "what": found.group(), "months": str(last.months)}
        yield Breach("yes", (last.span, place), words, article=last.article(entry))


def _months(found: re.Match[str]) -> int:
    years = count(found["years"]) if found["years"] else 0
    months = count(found["months"]) if found["months"] else 0
    half = 6 if found["half"] or found["half_year"] else 0
    return int((years or 0) * 12 + half + (months or 0))


def _promoted_in_period(m: Matter, entry: Entry) -> Iterator[Breach]:
    for span in m.find("promoted_inside"):
        before = m.text[m.clause(span).start : span.start]
        if m.asserts(span) and not m.tells("of_others", before):
            told = {"whom": m.titles(m.people) or "当事人", "measure": m.measure_names(m.people) or "处分"}
            yield Breach("yes", (span,), {**told, "end": "文中未写明之日", "what": m.quote(span)})
            return
    governing = _governing(m) if any(m.find("promoted")) else None
    for span in m.find("promoted") if governing else ():
        dated = m.date_before(span)
        if not governing or not dated or not m.asserts(span) or span.start < governing[0].span.end:
            continue
        given, when, end = governing
        if dated[0].last >= end or dated[0].first <= when.last:
            continue
        words = {"whom": given.whom, "measure": given.entry.name, "end": shown_day(end), "what": m.quote(span)}
        yield Breach("yes", (given.span, dated[1], span), words, article=given.article(entry), on=when)
        return


def _governing(m: Matter) -> tuple[_Given, When, date] | None:
    """The longest-lasting dated measure of the only person of a case, its day, and the first day after its period."""
    if len(m.persons) > 1 or any(s.kind != "person" for s in m.extraction.subjects):
        return None
    dated = [(given, told[0]) for given in _given(m) if (told := m.dated(given.span))]
    if not dated or len({when for _, when in dated}) > 1:
        return None
    given, when = max(dated, key=lambda one: one[0].months)
    return given, when, after_months(when.last, given.months)


def _barred_after_period(m: Matter, entry: Entry) -> Iterator[Breach]:
    governing = _governing(m) if m.tells("bar_for_sanction", m.text) else None
    if governing is None or governing[0].entry["family"] != "政务":
        return
    given, _, end = governing
    for span in sorted((*m.cue("shut_out"), *m.find("bar_for_sanction")), key=lambda span: span.start):
        later = _date_in_line(m, span, end)
        if span.start < given.span.end or later is None or not m.asserts(span):
            continue
        what = m.quote(m.clause(span), 36)
        words = {"whom": given.whom, "measure": given.entry.name, "end": shown_day(end), "what": what}
        yield Breach("yes", (given.span, later[1], m.clause(span)), words, on=later[0])
        return


def _date_in_line(m: Matter, span: Span, after: date) -> tuple[When, Span] | None:
    """The first date in the sentence of the span, before it, that lies wholly on or after a day."""
    line = m.line(span)
    for when, place in m.dates:
        if line.start <= place.start < span.end and when.first >= after:
            return when, place
    return None


# -- the document, the time limits ------------------------------------------------------------------------------------


def _decision_items(m: Matter, entry: Entry) -> Iterator[Breach]:
    document = m.case.clean.text
    head = document.split("\n", 1)[0]
    heading = m.tells("decision_heading", head) or m.tells("decision_heading", m.case.clean.title or "")
    whole = m.tells("signed", document[-40:]) and m.tells("supervisory", document)
    if not (heading and whole) or not m.tells("state_word", document) or len(m.persons) != 1:
        return
    person = m.persons[0]
    told = {
        "被处分人的姓名、单位和职务": bool(person.name and (person.post or person.organisation)),
        "违法事实": m.tells("facts_found", document),
        "处分的依据": m.tells("basis_told", document),
        "申请复审、复核的途径和期限": m.tells("remedy", document),
    }
    missing = [item for item, there in told.items() if not there]
    if missing:
        place = m.place(m.decided(person)[0]) if m.decided(person) else m.place(person)
        yield Breach("yes", (place,), {"missing": "、".join(missing)})


def _time_limit(m: Matter, entry: Entry) -> Iterator[Breach]:
    """Each beginning with the end told next after it, of the same people."""
    steps = [(span, key) for key in ("from", "to") for span in _matches(entry[key], m.text)]
    for (first, key), (last, next_key) in pairwise(sorted(steps, key=lambda step: step[0].start)):
        began, ended = _dated(m, first), _dated(m, last)
        if (key, next_key) != ("from", "to") or began is None or ended is None:
            continue
        others = m.named_in(Span(first.end, last.start)) - m.named_in(Span(m.line(first).start, first.end))
        excused = entry.get("unless") and re.search(entry["unless"], m.text[first.start : last.end])
        if others or excused or ended.first <= after_months(began.last, entry["months"]):
            continue
        days = {"first": shown_day(began.last), "last": shown_day(ended.first)}
        words = {**days, "began": m.quote(first), "ended": m.quote(last)}
        yield Breach("yes", (first, last), words, on=ended)
        return


def _matches(pattern: str, text: str) -> Iterator[Span]:
    return (Span(*found.span()) for found in re.finditer(pattern, text))


# -- dates ------------------------------------------------------------------------------------------------------------


def _dated(m: Matter, span: Span) -> When | None:
    """The day of what is told under a span: a date inside it, or the one right before it."""
    inside = [when for when, place in m.dates if _within(place, span)]
    before = m.dated(span)
    return inside[0] if inside else before[0] if before else None


CHECKS: dict[str, Check] = {
    "organisation_measure": _organisation_measure,
    "staff_as_target": _staff_as_target,
    "party_sanction_on_non_member": _party_sanction_on_non_member,
    "village_beyond_major_demerit": _village_beyond_major_demerit,
    "sanction_after_leaving": _sanction_after_leaving,
    "organ_without_authority": _organ_without_authority,
    "body_without_power": _body_without_power,
    "organisation_without_members": _organisation_without_members,
    "degree_against_post": _degree_against_post,
    "double_punishment": _double_punishment,
    "government_sanction_too_early": _government_sanction_too_early,
    "administrative_sanction_too_late": _administrative_sanction_too_late,
    "mitigated_too_far": _mitigated_too_far,
    "sanction_waived": _sanction_waived,
    "convict_not_dismissed": _convict_not_dismissed,
    "probation_too_long": _probation_too_long,
    "period_stated_wrong": _period_stated_wrong,
    "promoted_in_period": _promoted_in_period,
    "barred_after_period": _barred_after_period,
    "decision_items": _decision_items,
    "time_limit": _time_limit,
}
