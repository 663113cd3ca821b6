"""The rules: what a text states about the decision itself, and what follows from the facts it tells.

In: a case and its extraction. Out: findings, at most one a label, each with evidence, basis and a Chinese reason.
Words live in issues.toml (stated) and cues.toml (facts); here are only the conditions. Silence is never evidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import permutations
from pathlib import Path

import numpy as np

from nlp.classify.decide import rule_scores
from nlp.classify.reading import JUDICIAL, ORGANISATIONAL, Reading
from nlp.classify.whole import whole
from nlp.codebook import Entry, load_codebook
from nlp.types import Case, Extraction, Fact, Finding, IssueId, Scores, Span, Subject, Verdict

# Degrees of responsibility (cues.toml): from which a chief is the main one, and from which two people compare.
_MAIN, _COMPARABLE = 3, 2
# Like responsibility meets markedly unlike measures when severities differ by this much (撤职 against 诫勉).
_GAP = 4.0
# The mildest measure that is a form of accountability (通报批评).
_FORMAL = 2.0
# From this severity on a person leaves the party or the service: pursued for an act, not for leadership.
_EXPELLED = 9.0
# As many as make a crowd for 手段单一.
_SEVERAL = 3
# From this level of tiers.toml upwards a body is no grassroots.
_COUNTY = 3.0
# A ground and the measure that hangs on it stand within this many characters.
_NEAR = 150
# A decision this many days after the event is quick; its date stands within this many characters of the measure.
_HASTY_DAYS, _REACH = 3, 60


@dataclass(frozen=True)
class Claim:
    """What a condition found: spans of the case's text and the words that fill the entry's reason.

    ``form`` names one of the entry's ``forms`` where its usual reason does not fit.
    """

    verdict: Verdict
    spans: tuple[Span, ...]
    words: dict[str, str]
    variant: str | None = None
    form: str | None = None


Rule = Callable[[Reading], "Claim | None"]


def rule_findings(case: Case, extraction: Extraction) -> tuple[Finding, ...]:
    """The findings of the rules on one case, in the codebook's order; a stated problem is not inferred again."""
    reading = Reading(case, extraction)
    findings = []
    for label in load_codebook().labels:
        finding = _stated(reading, label) or _inferred(reading, label)
        if finding:
            findings.append(finding)
    return tuple(findings)


def _stated(reading: Reading, label: IssueId) -> Finding | None:
    entry = reading.book.issues[label]
    spans = reading.asserted(entry)
    if not spans:
        return None
    return Finding(
        issue=label,
        name=entry.name,
        verdict="yes",
        probability=entry["prior"]["stated"],
        basis="stated",
        by="rules",
        reason=f"文中指出：“{reading.quote(spans[0])}”",
        evidence=reading.evidence(spans),
        variant=_variant(label, reading.words(spans[0])),
    )


def _variant(label: IssueId, words: str) -> str | None:
    patterns: dict[str, str] = load_codebook().issues[label].get("variant_patterns", {})
    return next((variant for variant, pattern in patterns.items() if re.search(pattern, words)), None)


def _inferred(reading: Reading, label: IssueId) -> Finding | None:
    claim = RULES[label](reading)
    if claim is None:
        return None
    entry = reading.book.issues[label]
    return Finding(
        issue=label,
        name=entry.name,
        verdict=claim.verdict,
        probability=entry["prior"][claim.verdict],
        basis="stated" if reading.has("corrective") else "inferred",
        by="rules",
        reason=_reason(reading, entry, claim),
        evidence=reading.evidence(claim.spans),
        variant=claim.variant,
    )


def _reason(reading: Reading, entry: Entry, claim: Claim) -> str:
    """The entry's reason with the words of the claim; ``whom`` stands for those dealt with unless the claim says."""
    template: str = entry["forms"][claim.form] if claim.form else entry["reason"]
    return template.format(**{"whom": reading.titles(reading.people) or "有关人员", **claim.words})


# -- 主体 --------------------------------------------------------------------------------------------------------------


def _absent_principal(r: Reading) -> Claim | None:
    silent = r.cue("nobody_answered")
    told = [m for m in r.measure_spans(r.punished) if not any(s.start <= m.start <= s.end for s in silent)]
    if told or not silent or not r.has("duty_to_account", "grave_harm"):
        return None
    return Claim("yes", silent, {"who": _organ(r, silent[0]) or "负有问责职责的组织", "what": r.quote(silent[0])})


def _organ(r: Reading, span: Span) -> str | None:
    """The organ named last before the span's end, in its sentence."""
    sentence = r.sentence(span)
    found = list(r.book["cues"]["upper_organ"].find(r.text[sentence.start : span.end]))
    found = found or list(r.book["cues"]["accountability_organ"].find(r.text[sentence.start : span.end]))
    return found[-1].group() if found else None


def _reactive(r: Reading) -> Claim | None:
    if not r.punished or r.has("before_exposure"):
        return None
    for known in r.cue("knew_and_ignored"):
        sentence = r.sentence(known)
        exposure = [span for span in r.cue("exposure") if span.start >= known.end or span.start >= sentence.end]
        if not exposure or r.is_about_punished(sentence):
            continue
        organ = _organ(r, known)
        if not organ or _failed_in_own_duty(r, organ):
            continue
        words = {"who": organ, "what": r.quote(known), "trigger": r.quote(exposure[0], 16)}
        return Claim("yes", (known, exposure[0]), words)
    return None


def _failed_in_own_duty(r: Reading, organ: str) -> bool:
    """Whether the organ that did nothing is the one whose people answer for it before somebody else."""
    dealt = any(organ in (s.organisation or s.post or s.name or "") for s in r.punished)
    issuer = r.extraction.issuer
    return dealt and issuer is not None and organ not in issuer.name


def _overreach(r: Reading) -> Claim | None:
    approved = [r.sentence(span) for span in r.cue("lawful_approval")]
    if any(not r.seen("put_right", r.words(sentence)) for sentence in approved):
        return None
    spans = tuple(span for span in r.cue("organ_oversteps") if r.sentence(span) not in approved)
    if not spans:
        return None
    who = r.book["cues"]["deciding_body"].regex.search(r.words(spans[0]))
    return Claim("yes", spans, {"who": who.group() if who else "有关组织", "what": r.quote(spans[0])})


# -- 对象 --------------------------------------------------------------------------------------------------------------


def superiors(r: Reading, *cues: str) -> list[tuple[Span, str]]:
    """Organs above all who were dealt with, whose decision or failing (the ``cues``) the text tells, and where."""
    if r.top_tier is None:
        return []
    found = []
    for cue in cues:
        for span in r.cue(cue):
            if r.is_about_punished(span):
                continue
            match = r.book["cues"]["upper_organ"].regex.search(r.words(span))
            tier = r.tier(match.group()) if match else None
            if match and tier is not None and tier > r.top_tier and not r.seen("sanction_follows", r.text[span.end :]):
                found.append((span, match.group()))
    return found


def _junior_for_senior(r: Reading) -> Claim | None:
    if not r.punished or r.has("list_open"):
        return None
    spared, closed = (*r.cue("spared"), *r.cue("nobody_answered")), r.cue("list_closed")
    for span in spared:
        organ = _organ_above(r, span)
        if organ:
            return Claim("yes", (span, *r.measure_spans(r.people)[:2]), {"who": organ})
    above = superiors(r, "superior_decided", "superior_failed")
    if above and (spared or closed):
        spans = tuple(span for span, _ in above[:2])
        return Claim("yes", (*spans, (spared or closed)[0]), {"who": above[0][1]})
    failed = superiors(r, "superior_failed")
    if failed:
        return Claim("unsure", (failed[0][0], *r.measure_spans(r.people)[:2]), {"who": failed[0][1]})
    return None


def _organ_above(r: Reading, span: Span) -> str | None:
    """The organ above all who were dealt with that the clause up to the span's end names; None where it names none."""
    sentence = r.sentence(span)
    if r.top_tier is None or r.seen("did_his_duty", r.words(sentence)):
        return None
    clause = re.split("[，：]", r.text[sentence.start : span.start])[-1] + r.words(span)
    match = r.book["cues"]["upper_level"].regex.search(clause)
    tier = r.tier(match.group()) if match else None
    return match.group() if match and tier is not None and tier > r.top_tier else None


def _leaders_failing(r: Reading) -> tuple[Span, ...]:
    """Where a leader who was not dealt with is told to have decided or failed, and not to have done his duty."""
    return tuple(
        span
        for span in r.cue("leader_failing")
        if not _is_dealt_with(r, span)
        and not r.seen("sanction_follows", r.text[span.end :])
        and not r.seen("did_his_duty", r.words(span))
    )


def _is_dealt_with(r: Reading, span: Span) -> bool:
    """Whether the leader named in the span is among those dealt with, by name or by title."""
    if r.is_about_punished(span) or r.meets_measure_next(span):
        return True
    title = r.book["cues"]["chief"].regex.search(r.words(span))
    if not title:
        return False
    name = r.text[span.start + title.end() :]
    if any(len(name) > size and r.meets_measure(name[:size]) for size in (3, 2)):
        return True
    posts = [part for s in r.people for part in re.split("、", s.post or "")]
    return any(part.endswith(title.group()) and not r.seen("lesser", part) for part in posts)


def _staff_for_leader(r: Reading) -> Claim | None:
    if (
        not r.people
        or not all((s.name or s.post) and r.is_staff(s) for s in r.people)
        or r.bodies
        or r.has("list_open")
    ):
        return None
    leaders, closing = _leaders_failing(r), _closing(r)
    if not leaders and not closing:
        return None
    if closing and not leaders and (all(_is_direct(r, s) for s in r.people) or not r.has("leadership")):
        return None
    verdict: Verdict = "yes" if closing else "unsure"
    told = (*leaders, *closing)
    return Claim(verdict, (*leaders[:1], *closing[:1], *r.measure_spans(r.people)[:2]), {"what": r.quote(told[0], 20)})


def _closing(r: Reading) -> tuple[Span, ...]:
    """Where the text says that nobody else answers; somebody found to have done his duty is no such sign."""
    told = (*r.cue("list_closed"), *r.cue("spared"))
    return tuple(span for span in told if not r.seen("did_his_duty", r.words(r.sentence(span))))


def _deputy_for_chief(r: Reading) -> Claim | None:
    deputies = [s for s in r.people if s.post_role in ("deputy", "member") or r.seen("lesser", s.post or "")]
    if not deputies:
        return None
    return _lighter_chief(r, deputies) or (None if r.has("list_open") else _missing_chief(r, deputies))


def _missing_chief(r: Reading, deputies: Sequence[Subject]) -> Claim | None:
    """A chief of the deputies' own body, answerable by the text, whom no measure hits."""
    answerable = [s for s in r.cue("chief_main") if not _is_dealt_with(r, s) and _stands_over(r, s, deputies)]
    spared = [span for span in r.cue("chief_spared") if not _is_dealt_with(r, span)]
    failing = [span for span in _leaders_failing(r) if _stands_over(r, span, deputies)]
    measures = r.measure_spans(deputies)[:2]
    if answerable:
        return Claim("yes", (answerable[0], *spared[:1], *measures), {"who": _chief(r, answerable[0])})
    if failing and spared:
        return Claim("yes", (failing[0], spared[0], *measures), {"who": _chief(r, failing[0])})
    closing = _closing(r)
    if failing and closing:
        return Claim("yes", (failing[0], closing[0], *measures), {"who": _chief(r, failing[0])})
    return None


def _stands_over(r: Reading, span: Span, deputies: Sequence[Subject]) -> bool:
    """Whether the chief named in the span heads the very body of one of the deputies."""
    title = r.book["cues"]["chief"].regex.search(r.words(span))
    if not title:
        return False
    noun = title.group()[-2:]
    context = r.text[max(0, span.start - 12) : span.start] + title.group()
    same_rank = any(f"副{noun}" in (s.post or "") for s in deputies)
    same_body = any(s.organisation and s.organisation in context for s in deputies)
    return same_rank or same_body or noun == "书记"


def _chief(r: Reading, span: Span) -> str:
    """The chief's title, with the name that follows it where one does."""
    words = r.words(span)
    title = r.book["cues"]["chief"].regex.search(words)
    if not title:
        return r.quote(span, 12)
    named = [s.name for s in r.extraction.mentioned if s.name and s.name in words]
    return title.group() + (named[0] if named else "")


def _lighter_chief(r: Reading, deputies: Sequence[Subject]) -> Claim | None:
    for chief in r.people:
        if chief.post_role != "chief" or r.degree(chief) < _MAIN:
            continue
        for deputy in deputies:
            if (
                (0 < r.degree(deputy) < _MAIN or (_commands(r, chief, deputy) and not _deserved(r, deputy)))
                and _one_body(chief, deputy)
                and r.outweighs(deputy, chief)
            ):
                return Claim("yes", r.measure_spans((chief, deputy)), {"who": r.title(chief)})
    return None


def _one_body(one: Subject, other: Subject) -> bool:
    a, b = one.organisation, other.organisation
    return not a or not b or a in b or b in a


def _individual_for_collective(r: Reading) -> Claim | None:
    decided = tuple(span for span in r.cue("collective_decision") if _decides_the_matter(r, span))
    if not decided or not r.people or r.bodies or r.has("organisation_answered"):
        return None
    spared = r.cue("organisation_spared")
    if r.has("list_open") and not spared:
        return None
    closing = (*spared, *r.cue("list_closed"))
    if not closing and r.has("graft"):
        return None
    agreed = [span for span in r.cue("unanimous") if _agrees_with(r, span, decided)]
    verdict: Verdict = "yes" if closing or agreed else "unsure"
    return Claim(verdict, (decided[0], *agreed[:1], *closing[:1]), {"what": r.quote(decided[0], 20)})


def _agrees_with(r: Reading, span: Span, decided: Sequence[Span]) -> bool:
    """Whether an agreement of all belongs to one of the decisions and is not about the sanction itself."""
    near = any(abs(span.start - other.end) <= _NEAR for other in decided)
    return near and not r.seen("sanction_word", _around(r, span))


def _decides_the_matter(r: Reading, span: Span) -> bool:
    """Whether a collective decision concerns the matter, not the sanction, and was not skipped."""
    clause = re.split(r"[，。；\n]", r.text[: span.start])[-1]
    if r.seen("not_collective", clause) or r.seen("not_collective", r.words(span)):
        return False
    sanctions = r.seen("sanction_follows", r.text[span.end :]) or r.measures_in(Span(span.end, r.sentence(span).end))
    return not sanctions


def _shifted_down(r: Reading) -> Claim | None:
    documents = [span for span in r.cue("responsibility_document") if _hands_down(r, span)]
    handed = (*r.cue("handed_down"), *r.cue("powerless"))
    if not documents or not handed or r.lowest_tier is None or r.lowest_tier >= _COUNTY:
        return None
    organ = next(organ for span in documents for organ in (_organ_near(r, span),) if organ)
    return Claim("yes", (documents[0], handed[0], *r.measure_spans(r.people)[:1]), {"who": organ})


def _organ_near(r: Reading, span: Span) -> str | None:
    match = r.book["cues"]["upper_organ"].regex.search(r.words(r.sentence(span)))
    return match.group() if match else None


def _hands_down(r: Reading, span: Span) -> bool:
    """Whether an organ above those dealt with stands behind the document."""
    organ = _organ_near(r, span)
    tier = r.tier(organ)
    return tier is not None and r.lowest_tier is not None and tier > r.lowest_tier


# -- 情形与方式 --------------------------------------------------------------------------------------------------------


def _no_consequence(r: Reading) -> bool:
    real = [fact for fact in r.extraction.consequences if not r.book["consequences"][fact.id].get("negative")]
    return (not real or r.has("no_harm")) and not r.has("grave")


def _breaches(r: Reading, apart_from: Iterable[Span]) -> tuple[Span, ...]:
    """Breaches of duty that the text tells, apart from those inside the given spans and those only alleged."""
    apart = (*apart_from, *r.cue("alleged"))
    return tuple(b for b in r.cue("breach") if not any(a.start <= b.start < a.end for a in apart))


def _overbroad_grounds(r: Reading) -> Claim | None:
    grounds = (*r.cue("small_ground"), *(r.cue("daily_lapse") if _is_formal_but_no_discipline(r) else ()))
    if not grounds or not (r.heaviest >= _FORMAL or r.has("called_accountability")) or not _no_consequence(r):
        return None
    if _breaches(r, grounds):
        return None
    measures = r.measure_spans(r.punished)
    met = [g for g in grounds if any(0 <= measure.start - g.end <= _NEAR for measure in measures)]
    if not met:
        return None
    return Claim("yes", (met[0], *measures[:2]), {"what": r.quote(met[0], 20)})


def _is_formal_but_no_discipline(r: Reading) -> bool:
    families = {s.family for subject in r.punished for s in r.measures(subject)}
    return bool(families) and families <= set(ORGANISATIONAL) and r.heaviest >= _FORMAL


def _routine_management(r: Reading) -> Claim | None:
    lapses = r.cue("daily_lapse")
    if not lapses or not r.people or r.heaviest < _FORMAL or not _no_consequence(r):
        return None
    if _breaches(r, lapses):
        return None
    formal = [s for s in r.people if r.weight(s) >= _FORMAL]
    if not formal:
        return None
    words = {"what": r.quote(lapses[0], 20), "measure": r.measure_names(formal)}
    return Claim("yes", (lapses[0], *r.measure_spans(formal)[:2]), words)


def _single_means(r: Reading) -> Claim | None:
    uniform = tuple(s for s in r.cue("uniform") if r.seen("sanction_word", _around(r, s)))
    differs = r.cue("differs")
    same = (*r.cue("same_for_all"), *uniform)
    names = {frozenset(s.name for s in r.measures(subject)) for subject in r.people}
    count = max(r.head_count(), _told_count(r, same))
    if count < _SEVERAL or (len(names) > 1 and not uniform) or (not same and any(len(each) > 1 for each in names)):
        return None
    told = {s.responsibility for s in r.people if s.responsibility}
    roles = {s.post_role for s in r.people} - {"unknown"}
    ranks = [cue for cue in ("chief", "lesser", "staff") if same and r.seen(cue, _around(r, same[0]))]
    if uniform or (same and (differs or len(told) > 1 or len(roles) > 1 or len(ranks) > 1)):
        verdict: Verdict = "yes"
    elif len(told) > 2 or (differs and len(roles) > 1):
        verdict = "unsure"
    else:
        return None
    words = {"count": str(count), "measure": r.measure_names(r.people) or "同一种处理"}
    return Claim(verdict, (*same[:1], *differs[:1], *r.measure_spans(r.people)[:3]), words)


def _told_count(r: Reading, same: Sequence[Span]) -> int:
    """The number of people told in the sentence that treats them all alike; 0 where none is."""
    numbers = re.findall(r"(\d+)(?:名|人)", _around(r, same[0])) if same else []
    return max(map(int, numbers), default=0)


def _around(r: Reading, span: Span) -> str:
    return r.words(r.sentence(span))


# -- 性质与轻重 --------------------------------------------------------------------------------------------------------


def _liability_for_accountability(r: Reading) -> Claim | None:
    if not r.people and not r.has("direct_only"):
        return None
    dropped = r.cue("responsibility_not_pursued")
    if dropped and r.has("direct_only"):
        return Claim("yes", (dropped[0], r.cue("direct_only")[0]), {"what": r.quote(dropped[0])})
    own = _own_act_as_duty(r)
    if own:
        return Claim("yes", own, {"what": r.quote(own[0])}, form="own")
    leaders = (*r.cue("finding_of_failure"), *_leaders_failing(r))
    closing = _closing(r)
    if leaders and closing and r.has("direct_only") and all(_is_direct(r, s) for s in r.people) and not r.bodies:
        return Claim("yes", (leaders[0], closing[0], *r.measure_spans(r.people)[:1]), {"what": r.quote(leaders[0])})
    return None


def _own_act_as_duty(r: Reading) -> tuple[Span, ...]:
    """Where a leader's own misconduct is told, and the name of a failed duty under which it was dealt with."""
    own, label = r.cue("own_misconduct"), [s for s in r.cue("duty_label") if _names_the_duty(r, s)]
    if not own or not label or len(r.people) != 1:
        return ()
    lightest = min(s.severity for subject in r.punished for s in r.measures(subject))
    return (own[0], label[0]) if lightest <= r.admonition + 1 else ()


def _names_the_duty(r: Reading, span: Span) -> bool:
    return r.seen("under_the_name_of", r.text[span.start : span.end + 4])


def _is_direct(r: Reading, subject: Subject) -> bool:
    expelled = any(s.family == JUDICIAL or s.severity >= _EXPELLED for s in r.measures(subject))
    return expelled or (subject.responsibility or "") == "直接责任"


def _light_landing(r: Reading) -> Claim | None:
    words = {"who": r.titles(r.people) or "有关人员", "measure": r.measure_names(r.people) or "处分"}
    unexecuted = r.cue("not_executed")
    if unexecuted and r.is_decided():
        words["what"] = r.quote(unexecuted[0])
        return Claim("yes", unexecuted, words, "not_executed", "not_executed")
    if not r.people:
        return None
    own = _own_act_as_duty(r)
    if own and r.has("grave"):
        words["what"] = r.quote(own[0], 20)
        return Claim("yes", (*own, *r.measure_spans(r.people)[:1]), words, "organisational_for_disciplinary")
    facts = (*r.cue("grave_harm"), *r.cue("grave"), *r.cue("stern_words"))
    if (
        not facts
        or not r.weight_is_known()
        or r.heaviest > r.admonition
        or r.has("mitigation", "list_open", "no_breach")
    ):
        return None
    contrast = r.heaviest < _FORMAL or r.has("stern_words")
    verdict: Verdict = "yes" if contrast or (r.has("grave_harm") and _breaches(r, ())) else "unsure"
    variant = "organisational_for_disciplinary" if r.heaviest >= r.admonition else "education_for_organisational"
    words["what"] = r.quote(facts[0], 20)
    return Claim(verdict, (facts[0], *r.measure_spans(r.people)[:3]), words, variant)


def _uneven_weight(r: Reading) -> Claim | None:
    for graver, lesser in permutations(r.people, 2):
        a, b = r.degree(graver), r.degree(lesser)
        if min(a, b) < _COMPARABLE and not _commands(r, graver, lesser):
            continue
        inverted = a > b and r.outweighs(lesser, graver)
        unlike = a == b and graver.post_role == lesser.post_role and r.weight(lesser) - r.weight(graver) >= _GAP
        if (inverted and not _deserved(r, lesser)) or (unlike and not _explained(r, graver, lesser)):
            spans = tuple(r.at(*_responsibility(s)) for s in (graver, lesser)) + r.measure_spans((graver, lesser))
            return Claim("yes", spans, {"heavy": r.title(graver), "light": r.title(lesser)})
    return _unlike_for_like(r)


def _commands(r: Reading, chief: Subject, deputy: Subject) -> bool:
    """Whether one is the chief with main responsibility and the other a deputy beside him whose degree was not read."""
    told = r.degree(chief) >= _MAIN and chief.post_role == "chief"
    return told and not deputy.responsibility and deputy.post_role == "deputy" and _one_body(chief, deputy)


def _deserved(r: Reading, subject: Subject) -> bool:
    """Whether the clause that names the subject tells an act which calls for more than the responsibility alone."""
    mention = r.at(subject.start, subject.end)
    clause = re.split(r"[；。\n]", r.text[mention.start :])[0]
    if r.weight(subject) >= _EXPELLED or r.seen("explains", clause):
        return True
    return any(not _quoted(r, span) for span in r.cue("mitigation"))


def _quoted(r: Reading, span: Span) -> bool:
    """Whether the words stand inside quotation marks: what somebody says, not what the text finds."""
    before = r.text[r.sentence(span).start : span.start]
    return before.count("“") > before.count("”")


def _unlike_for_like(r: Reading) -> Claim | None:
    """Two people whom the text calls alike in act or responsibility, measured far apart without a reason told."""
    equal = r.cue("equal_part")
    alike = (*equal, *r.cue("like_act"))
    if not alike or len(r.people) < 2 or (r.has("mitigation") and not equal):
        return None
    low, high = min(r.people, key=r.weight), max(r.people, key=r.weight)
    if r.weight(high) - r.weight(low) < _GAP or not ((low.name and high.name) or equal):
        return None
    verdict: Verdict = "yes" if equal else "unsure"
    return Claim(verdict, (alike[0], *r.measure_spans((low, high))), {"heavy": r.title(high), "light": r.title(low)})


def _responsibility(subject: Subject) -> tuple[int, int]:
    span = subject.responsibility_span or Span(subject.start, subject.end)
    return span.start, span.end


def _explained(r: Reading, graver: Subject, lesser: Subject) -> bool:
    """Whether the text tells a fact of either of the two that may explain the difference."""
    if r.has("mitigation"):
        return True
    sentences = {r.sentence(r.at(s.start, s.end)) for s in (graver, lesser)}
    return any(r.seen("explains", r.words(sentence)) for sentence in sentences)


# -- 程序 --------------------------------------------------------------------------------------------------------------


def _no_causal_finding(r: Reading) -> Claim | None:
    if not r.people or r.heaviest < _FORMAL - 1:
        return None
    clear = tuple(s for s in r.cue("no_breach") if not r.seen("exempted", r.words(r.sentence(s))))
    pay = r.cue("someone_must_pay")
    told = pay or len(clear) > 1 or r.extraction.consequences or r.has("grave_harm", "corrective", "exposure")
    told = told or any(r.is_about_punished(r.sentence(span)) for span in clear)
    if not clear or not told:
        return None
    breaches = [b for b in _breaches(r, clear) if r.is_about_punished(r.sentence(b))]
    if breaches and not pay:
        return None
    verdict: Verdict = "yes" if pay or len(clear) > 1 else "unsure"
    words = {"what": r.quote(clear[0], 24), "who": r.titles(r.people)}
    return Claim(verdict, (*clear, *pay, *r.measure_spans(r.people)[:2]), words)


def _rushed(r: Reading) -> Claim | None:
    if not r.is_decided() or r.has("facts_fixed"):
        return None
    first = min((span.start for span in r.measure_spans(r.punished)), default=0)
    unknown = tuple(s for s in r.cue("unfinished_inquiry") if not _is_own_omission(r, s))
    open_facts = (*unknown, *(s for s in r.cue("found_later") if s.start > first))
    hasty = tuple(s for s in (*r.cue("haste"), *_within_days(r)) if not r.seen("first_step", r.words(s)))
    if hasty and open_facts:
        return Claim("yes", (hasty[0], open_facts[0]), {"what": r.quote(open_facts[0], 24)})
    for span in open_facts:
        after = r.text[span.end : r.sentence(span).end]
        if r.seen("already_decided", after) and r.measures_in(Span(span.end, r.sentence(span).end)):
            return Claim("unsure", (Span(span.start, r.sentence(span).end),), {"what": r.quote(span, 24)})
    return None


def _is_own_omission(r: Reading, span: Span) -> bool:
    """Whether somebody dealt with is named before the words in their clause: his omission, not the inquiry's."""
    clause = re.split("[，：]", r.text[r.sentence(span).start : span.start])[-1]
    return any(name in clause for s in r.people for name in (s.name, s.post) if name)


def _within_days(r: Reading) -> tuple[Span, ...]:
    """Dates right before a measure that follow an earlier date of the case within ``_HASTY_DAYS`` days."""
    told = [(_day(fact), r.at(fact.start, fact.end)) for fact in r.extraction.dates if fact.start and fact.end]
    days = [(day, span) for day, span in told if day is not None]
    found = []
    for measure in r.measure_spans(r.punished):
        before = [(day, span) for day, span in days if 0 <= measure.start - span.end <= _REACH]
        if not before:
            continue
        last, span = before[-1]
        if any(0 < (last - day).days <= _HASTY_DAYS for day, other in days if other.start < span.start):
            found.append(span)
    return tuple(found)


def _day(fact: Fact) -> date | None:
    value = str(fact.value or "")
    return date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else None


def _procedure_skipped(r: Reading) -> Claim | None:
    untold = tuple(span for span in r.cue("not_talked_to") if r.is_about_punished(span))
    unheld = tuple(span for span in r.cue("not_convened") if r.seen("sanction_word", _around(r, span)))
    unheard = tuple(s for s in r.cue("step_missing") if _concerns_a_decision(r, s))
    spans = (*r.cue("procedure_missing"), *untold, *unheld, *unheard)
    if not spans or not r.is_decided():
        return None
    return Claim("yes", spans, {"what": r.quote(spans[0], 24)})


def _concerns_a_decision(r: Reading, span: Span) -> bool:
    """Whether the step is one of the decision: its sentence speaks of the sanction or of those dealt with."""
    sentence = r.sentence(span)
    told = r.seen("sanction_word", r.words(sentence)) or r.is_about_punished(sentence)
    return told and not r.seen("followup_word", _three(r, span))


def _next_two(r: Reading, span: Span) -> str:
    """The sentence of the span and the one after it."""
    sentence = r.sentence(span)
    following = r.sentence(Span(min(sentence.end + 1, len(r.text)), min(sentence.end + 1, len(r.text))))
    return r.text[sentence.start : following.end]


def _pressure_driven(r: Reading) -> Claim | None:
    spans = r.cue("superior_order")
    opinion = tuple(s for s in r.cue("opinion_pressure") if r.seen("sanction_word", _next_two(r, s)))
    changed = tuple(s for s in r.cue("weight_changed") if r.seen("pressing", _three(r, s)))
    yielding = tuple(s for s in r.cue("yielding") if r.seen("punishment_word", _three(r, s)))
    told = (*spans, *opinion, *changed, *yielding)
    if not r.is_decided() or not told:
        return None
    return Claim("yes", told, {"what": r.quote(told[0], 24)})


def _three(r: Reading, span: Span) -> str:
    """The sentence of the span with the one before it and the one after it."""
    start = max(r.sentence(span).start - 1, 0)
    return r.words(r.sentence(Span(start, start))) + _next_two(r, span)


# -- 效果 --------------------------------------------------------------------------------------------------------------


def _punish_and_forget(r: Reading) -> Claim | None:
    spans = tuple(span for span in r.cue("problem_remains") if _follows_punishment(r, span))
    if not spans or not r.is_decided() or r.has("rectified"):
        return None
    return Claim("yes", spans, {"what": r.quote(spans[0], 24)})


def _follows_punishment(r: Reading, span: Span) -> bool:
    """Whether what remains is told of the time after somebody was punished, not after a matter was handed on."""
    if any(span.start <= other.start < span.end for other in r.cue("not_executed")):
        return False
    earlier = any(measure.start < span.start for measure in r.measure_spans(r.punished))
    return earlier or r.seen("punishment_word", r.words(span))


def _no_followup(r: Reading) -> Claim | None:
    over, shut, alone = r.cue("period_over"), r.cue("shut_out"), r.cue("nobody_visited")
    later = tuple(s for s in alone if r.seen("since_then", r.words(r.sentence(s))))
    if over and shut:
        return Claim("yes", (over[0], *shut, *alone), {"what": r.quote(shut[0])}, form="shut_out")
    if alone and (shut or later):
        return Claim("yes", (*alone, *shut), {"what": r.quote(alone[0])})
    return None


RULES: dict[IssueId, Rule] = {
    "absent_principal": _absent_principal,
    "reactive": _reactive,
    "overreach": _overreach,
    "junior_for_senior": _junior_for_senior,
    "staff_for_leader": _staff_for_leader,
    "deputy_for_chief": _deputy_for_chief,
    "individual_for_collective": _individual_for_collective,
    "shifted_down": _shifted_down,
    "overbroad_grounds": _overbroad_grounds,
    "routine_management": _routine_management,
    "single_means": _single_means,
    "liability_for_accountability": _liability_for_accountability,
    "light_landing": _light_landing,
    "uneven_weight": _uneven_weight,
    "no_causal_finding": _no_causal_finding,
    "rushed": _rushed,
    "procedure_skipped": _procedure_skipped,
    "pressure_driven": _pressure_driven,
    "punish_and_forget": _punish_and_forget,
    "no_followup": _no_followup,
}


class RuleClassifier:
    """The rules behind the seam every classifier fits; needs no training and knows no threshold."""

    _FILE = "rules.json"

    def __init__(self) -> None:
        self.labels: tuple[IssueId, ...] = load_codebook().labels

    def score(self, texts: Sequence[str]) -> Scores:
        """The highest probability a rule gives each label, n texts x k labels; 0.0 where no rule speaks."""
        values = np.zeros((len(texts), len(self.labels)))
        for row, text in enumerate(texts):
            scores = rule_scores(self._findings(text))
            values[row] = [scores[label] for label in self.labels]
        return Scores(self.labels, values)

    def explain(self, text: str, label: IssueId) -> tuple[Span, ...]:
        """Where ``text`` speaks for ``label``: offsets of ``text`` as given."""
        spans = {Span(e.start, e.end) for f in self._findings(text) if f.issue == label for e in f.evidence}
        return tuple(sorted(spans, key=lambda span: (span.start, span.end)))

    def save(self, folder: Path) -> None:
        """Write the codebook's fingerprint: the rules are the codebook."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self._FILE).write_text(json.dumps({"codebook": load_codebook().fingerprint}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> RuleClassifier:
        """The rules, when ``folder`` was saved with this very codebook. Raises ValueError otherwise."""
        saved = json.loads((folder / cls._FILE).read_text(encoding="utf-8"))["codebook"]
        present = load_codebook().fingerprint
        if saved != present:
            raise ValueError(f"{folder}：规则保存时的编码手册指纹为 {saved}，现为 {present}；请重新保存")
        return cls()

    @staticmethod
    @lru_cache(maxsize=8)
    def _findings(text: str) -> tuple[Finding, ...]:
        return rule_findings(*whole(text))
