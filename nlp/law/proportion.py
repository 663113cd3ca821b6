"""Proportion inside one case: whose measures weigh more than whose, against posts and responsibilities.

In: an extraction. Out: ``Proportions``, figures that abstain rather than guess, and the findings they support. Measures
compare as nlp.scale tells; two people's may well not. Only what was decided counts, and silence is never evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from nlp.classify.reading import Reading
from nlp.classify.rules import superiors
from nlp.codebook import load_codebook
from nlp.scale import Comparison, Weight, compare, weigh
from nlp.types import Case, Extraction, Finding, PostRole, Sanction, Span, Subject

# So many people of known rank must be dealt with before weight can be said to move down the ladder of posts.
LEAST_RANKED = 3
# Degrees of responsibility (cues.toml): from which two people compare, and from which a chief is the main one.
_COMPARABLE, _MAIN = 2, 3
# Inside one body, the chief stands first.
_ROLES: Mapping[PostRole, int] = {"chief": 0, "deputy": 1, "member": 1, "staff": 2}


def decided(subject: Subject) -> tuple[Sanction, ...]:
    """The subject's measures that were decided, money taken back left out."""
    money = load_codebook()["cues"].settings["money_only"]
    told = (*subject.sanctions, *subject.other_measures)
    return tuple(s for s in told if s.status == "decided" and s.id not in money)


def weight(subject: Subject) -> Weight:
    """How heavy what was decided on the subject is."""
    return weigh(measure.id for measure in decided(subject))


# -- posts and responsibilities ----------------------------------------------------------------------------------------


def one_body(first: Subject, second: Subject) -> bool | None:
    """Whether both serve in one body; None where one's body is not told."""
    a, b = first.organisation, second.organisation
    return None if not a or not b else a in b or b in a


def compare_posts(first: Subject, second: Subject) -> Comparison:
    """Who holds the higher post: by rank; inside one body chief before deputy before staff."""
    by_rank = _compare_ranks(first.rank, second.rank)
    if by_rank.order in ("above", "below") or one_body(first, second) is False:
        return by_rank
    a, b = (_ROLES.get(s.post_role) for s in (first, second))
    if a is None or b is None or a == b:
        return by_rank
    return Comparison("above" if a < b else "below")


@cache
def _compare_ranks(first: str, second: str) -> Comparison:
    """Two ranks of C18's ladder; village cadres and ordinary staff stand under it, on none together."""
    settings = load_codebook()["ranks"].settings
    order, leading = settings["order"], settings["leading"]
    if any(rank not in order or rank == order[-1] for rank in (first, second)):
        return Comparison("unknown", why="职务高低未载明")
    if first == second:
        return Comparison("level")
    if first not in leading and second not in leading:
        return Comparison("unknown", why="职务不在同一序列")
    return Comparison("above" if order.index(first) < order.index(second) else "below")


def compare_responsibility(first: Subject, second: Subject) -> Comparison:
    """Whose responsibility is the graver, where both are told in degrees that compare."""
    return _compare_duties(first.responsibility, second.responsibility)


@cache
def _compare_duties(first: str | None, second: str | None) -> Comparison:
    if not first or not second:
        return Comparison("unknown", why="责任未载明")
    degrees: Mapping[str, int] = load_codebook()["cues"].settings["responsibility_degree"]
    a, b = degrees.get(first, 0), degrees.get(second, 0)
    if first == second or (a == b and a >= _COMPARABLE):
        return Comparison("level")
    if min(a, b) < _COMPARABLE:
        return Comparison("unknown", why=f"{first}与{second}不是同一序列的责任")
    return Comparison("above" if a > b else "below")


def title(subject: Subject) -> str:
    """Post and name, as a reason names somebody."""
    return (subject.post or "") + (subject.name or "") or (f"{subject.count}名人员" if subject.count else "有关人员")


# -- one case ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people of one case; every comparison tells how the first stands to the second."""

    first: Subject
    second: Subject
    posts: Comparison
    responsibility: Comparison
    measures: Comparison

    @property
    def reversed(self) -> Pair:
        return Pair(self.second, self.first, self.posts.reversed, self.responsibility.reversed, self.measures.reversed)

    @property
    def why_not(self) -> str | None:
        """Why the two could not be held against each other (Chinese); None when posts and measures compare."""
        return self.measures.why or self.posts.why


@dataclass(frozen=True)
class Proportions:
    """The proportion of the measures in one case.

    ``inversions`` are pairs (lower, higher) whose lower post got the heavier measures at no graver responsibility told.
    ``blame_shift`` in [-1, 1]: of the pairs of unlike rank whose measures compare, the share in which the lower was hit
    harder less the share in which the higher was (Somers' d); None under ``LEAST_RANKED`` people of known rank.
    ``chief_deputy_gap`` in [-1, 1]: the same of chiefs and deputies of one body; None without such a pair.
    """

    people: tuple[Subject, ...] = ()
    pairs: tuple[Pair, ...] = ()
    inversions: tuple[Pair, ...] = ()
    blame_shift: float | None = None
    chief_deputy_gap: float | None = None

    @property
    def not_compared(self) -> tuple[Pair, ...]:
        """The pairs of which either posts or measures do not compare; each tells ``why_not``."""
        return tuple(pair for pair in self.pairs if pair.why_not)


def proportions(extraction: Extraction) -> Proportions:
    """Who of those dealt with stands above whom, and got more or less."""
    people = tuple(s for s in extraction.subjects if s.kind != "organisation" and decided(s))
    weights = [weight(s) for s in people]
    pairs = tuple(
        Pair(a, b, compare_posts(a, b), compare_responsibility(a, b), compare(first, second))
        for (a, first), (b, second) in combinations(zip(people, weights, strict=True), 2)
    )
    return Proportions(
        people,
        pairs,
        tuple(pair for pair in lower_first(pairs) if is_inverted(pair)),
        _blame_shift(people, pairs),
        _shift(pair for pair in lower_first(pairs) if _are_chief_and_deputy(pair)),
    )


def lower_first(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs of unlike posts, turned so that the lower post stands first."""
    for pair in pairs:
        if pair.posts.order in ("above", "below"):
            yield pair if pair.posts.order == "below" else pair.reversed


def is_inverted(pair: Pair) -> bool:
    """Whether the first holds the lower post and got more, though his responsibility is not told to be the graver."""
    return (
        pair.posts.order == "below"
        and pair.measures.order == "above"
        and pair.responsibility.order in ("below", "level")
    )


def _blame_shift(people: Sequence[Subject], pairs: Sequence[Pair]) -> float | None:
    unknown = load_codebook()["ranks"].settings["order"][-1]
    ranked = [id(s) for s in people if s.rank != unknown]
    if len(ranked) < LEAST_RANKED:
        return None
    unlike = (pair for pair in lower_first(pairs) if pair.first.rank != pair.second.rank)
    return _shift(pair for pair in unlike if id(pair.first) in ranked and id(pair.second) in ranked)


def _shift(lower_first: Iterable[Pair]) -> float | None:
    """Share of pairs whose first was hit harder less the share whose second was; None where no measures compare."""
    orders = [pair.measures.order for pair in lower_first if pair.measures.order != "unknown"]
    return (orders.count("above") - orders.count("below")) / len(orders) if orders else None


def _are_chief_and_deputy(pair: Pair) -> bool:
    roles = (pair.first.post_role, pair.second.post_role)
    return roles[1] == "chief" and roles[0] in ("deputy", "member") and one_body(pair.first, pair.second) is not False


# -- findings ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Claim:
    """What a check found: where, the words that fill its reason, and what is not told about these people."""

    spans: tuple[Span, ...]
    words: Mapping[str, str]
    unknown: tuple[str, ...] = ()


def proportion_findings(case: Case, extraction: Extraction, *, beside: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """What the proportions of a case claim, at most one finding an issue.

    ``beside`` are findings made already: an issue they claim as surely is not claimed again.
    """
    reading, found = Reading(case, extraction), proportions(extraction)
    sure = {(finding.issue, finding.verdict) for finding in beside}
    claimed: dict[str, Finding] = {}
    for name, check in _CHECKS.items():
        rule = load_codebook()["scale"].settings["check"][name]
        issue, verdict = rule["issue"], rule["verdict"]
        if issue in claimed or (issue, "yes") in sure or (issue, verdict) in sure:
            continue
        if claim := check(reading, found):
            claimed[issue] = _finding(name, rule, reading, claim)
    return tuple(claimed.values())


def _finding(name: str, rule: Mapping[str, str], reading: Reading, claim: _Claim) -> Finding:
    entry = load_codebook().issues[rule["issue"]]
    told = [rule["unknown"].format(**claim.words)] if "unknown" in rule else []
    return Finding(
        issue=entry.id,
        name=entry.name,
        verdict="yes" if rule["verdict"] == "yes" else "unsure",
        probability=entry["prior"][rule["verdict"]],
        basis="inferred",
        by="law",
        reason=rule["reason"].format(**claim.words),
        evidence=reading.evidence(claim.spans),
        rule=name,
        article=rule["article"] if _in_force(rule["since"], reading.extraction) else None,
        unknown="；".join((*told, *claim.unknown)) or None,
    )


def _in_force(since: str, extraction: Extraction) -> bool:
    """Whether the regulation was in force at the decision; a decision without a date is held to be of today."""
    told = [str(fact.value) for fact in extraction.dates if fact.id == "decision" and fact.value]
    return not told or max(told) >= since[: len(max(told))]


def _graver_lighter(reading: Reading, found: Proportions) -> _Claim | None:
    both = (turned for pair in found.pairs for turned in (pair, pair.reversed))
    return _first_of(reading, (pair for pair in both if _is_lighter_for_more(pair)))


def _chief_lighter(reading: Reading, found: Proportions) -> _Claim | None:
    pairs = (pair for pair in lower_first(found.pairs) if _are_chief_and_deputy(pair))
    return _first_of(reading, (pair for pair in pairs if _is_lighter_for_more(pair)))


def _is_lighter_for_more(pair: Pair) -> bool:
    """Whether the second bears the graver responsibility of one body and got the lighter measures."""
    same = one_body(pair.first, pair.second) is not False
    return same and pair.responsibility.order == "below" and pair.measures.order == "above"


def _first_of(reading: Reading, pairs: Iterable[Pair]) -> _Claim | None:
    pair = next(iter(pairs), None)
    if pair is None:
        return None
    lower, higher = pair.first, pair.second
    settings = load_codebook()["scale"].settings
    told = {"lower_form": _form(lower), "higher_form": _form(higher)}
    words = {**_words(lower, higher), "by": settings["by"][pair.measures.by].format(**told)}
    return _Claim(_spans(reading, lower, higher), words, tuple(_untold(reading, lower, higher)))


def _form(subject: Subject) -> str:
    """Which of the 四种形态 the subject's gravest measure belongs to; the lowest it may be."""
    forms = weight(subject).forms
    return load_codebook()["scale"].settings["forms"][forms[0] - 1] if forms else ""


def _chief_missing(reading: Reading, found: Proportions) -> _Claim | None:
    deputies = [s for s in found.people if s.post_role in ("deputy", "member")]
    degrees: Mapping[str, int] = load_codebook()["cues"].settings["responsibility_degree"]
    for chief in reading.extraction.mentioned:
        if chief.post_role != "chief" or degrees.get(chief.responsibility or "", 0) < _MAIN:
            continue
        for deputy in deputies:
            if one_body(deputy, chief) is not False:
                unknown = tuple(_untold(reading, deputy, chief, grounds=False))
                return _Claim(_spans(reading, deputy, chief), _words(deputy, chief), unknown)
    return None


def _superior_missing(reading: Reading, found: Proportions) -> _Claim | None:
    """Somebody of a body above all who were dealt with is named, and that body's decision or failing is told."""
    told = superiors(reading, "superior_decided", "superior_failed") if found.people else []
    for person in reading.extraction.mentioned if told else ():
        tier = reading.tier((person.organisation or "") + (person.post or ""))
        if tier is None or reading.top_tier is None or tier <= reading.top_tier:
            continue
        span, organ = told[0]
        words = {"organ": organ, "what": reading.quote(span, 20), "superior": title(person), "people": _people(found)}
        named = reading.at(person.start, person.end)
        return _Claim((span, named, *reading.measure_spans(found.people)[:2]), words)
    return None


def _members_for_body(reading: Reading, found: Proportions) -> _Claim | None:
    agreed = reading.cue("unanimous")
    decisions = [span for span in reading.cue("collective_decision") if not _is_of_sanction(reading, span)]
    answers = load_codebook()["cues"].settings["organisation_answers"]
    bodies = (s for s in reading.extraction.subjects if s.kind == "organisation")
    if not agreed or not decisions or not found.people or any(m.id in answers for s in bodies for m in decided(s)):
        return None
    people = [f"{title(s)}（{_measures(s)}）" for s in found.people]
    words = {
        "what": reading.quote(decisions[0], 20),
        "people": "、".join(people[:3]) + ("等" if len(people) > 3 else ""),
    }
    return _Claim((decisions[0], agreed[0], *reading.measure_spans(found.people)[:2]), words)


_CHECKS: Mapping[str, Callable[[Reading, Proportions], _Claim | None]] = {
    "graver_lighter": _graver_lighter,
    "chief_lighter": _chief_lighter,
    "chief_missing": _chief_missing,
    "superior_missing": _superior_missing,
    "members_for_body": _members_for_body,
}


def _is_of_sanction(reading: Reading, span: Span) -> bool:
    """Whether what was decided together is a measure itself, not the matter."""
    end = reading.sentence(span).end
    return reading.seen("sanction_follows", reading.text[span.end :]) or reading.measures_in(Span(span.end, end))


def _words(lower: Subject, higher: Subject) -> dict[str, str]:
    words: dict[str, str] = {}
    for who, subject in (("lower", lower), ("higher", higher)):
        duty = f"负{subject.responsibility}，" if subject.responsibility else "（责任未载明）"
        words |= {who: title(subject), f"{who}_duty": duty, f"{who}_measures": _measures(subject)}
    return words


def _people(found: Proportions, limit: int = 3) -> str:
    told = [f"{title(s)}（{_measures(s)}）" for s in found.people]
    return "、".join(told[:limit]) + ("等" if len(told) > limit else "")


def _measures(subject: Subject) -> str:
    return "、".join(dict.fromkeys(s.name for s in decided(subject)))


def _spans(reading: Reading, *subjects: Subject) -> tuple[Span, ...]:
    """Where the subjects' responsibilities and decided measures stand; their mention where no responsibility does."""
    found = []
    for subject in subjects:
        told = subject.responsibility_span or Span(subject.start, subject.end)
        found += [reading.at(told.start, told.end), *(reading.at(s.start, s.end) for s in decided(subject))]
    return tuple(found)


def _untold(reading: Reading, lower: Subject, higher: Subject, *, grounds: bool = True) -> Iterator[str]:
    """What a comparison of the two would need and the notice does not tell."""
    unknown: Mapping[str, str] = load_codebook()["scale"].settings["unknown"]
    yield from (unknown["duty"].format(who=title(s)) for s in (lower, higher) if not s.responsibility)
    if one_body(lower, higher) is None:
        yield unknown["body"]
    mitigating = reading.cue("mitigation")
    if mitigating:
        yield unknown["told"].format(what=reading.quote(mitigating[0], 16))
    elif grounds:
        yield unknown["grounds"]
