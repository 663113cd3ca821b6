"""Checks of a decision against the Party regulations and the laws in force on its day.

In: a ``Case``, its ``Extraction`` and the day of the decision. Out: findings (``by="law"``) with rule, article,
evidence and what the notice does not tell. A finding says where a person should look; it never finds anybody guilty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from nlp.codebook import Entry, Table, load_codebook
from nlp.law.checks import CHECKS, Breach
from nlp.law.matter import Matter
from nlp.law.periods import Influence, Period, influence_periods, influences
from nlp.law.when import When, decided_when, shown_day
from nlp.types import Case, Evidence, Extraction, Finding, Verdict

__all__ = [
    "Influence",
    "Period",
    "When",
    "decided_when",
    "in_force",
    "influence_periods",
    "influences",
    "law_findings",
]

# As many breaches of one rule as one reason tells.
_TOLD = 3


@dataclass(frozen=True)
class _Ground:
    """The text a rule stands in for a case: its article, and why it may be another (Chinese), None when it is sure."""

    article: str
    doubt: str | None = None


def _rules() -> Table:
    return load_codebook()["checks"]


def law_findings(case: Case, extraction: Extraction, on: date | When | None) -> tuple[Finding, ...]:
    """Where the case departs from the rules in force when it was decided; at most one finding a rule.

    ``on`` is the day of the decision (``decided_when`` reads it off the extraction); without it only rules that hold
    whatever the date speak with ``yes``.
    """
    when = When.on(on) if isinstance(on, date) else on
    matter = Matter(case, extraction, when)
    findings = (_finding(matter, entry) for entry in _rules() if entry["on"])
    return tuple(finding for finding in findings if finding)


def in_force(on: date | When | None) -> dict[str, str]:
    """The article in force on a day, by rule; rules without one that day, and those switched off, are left out."""
    when = When.on(on) if isinstance(on, date) else on
    found = ((entry, _ground(entry, when)) for entry in _rules() if entry["on"])
    return {entry.id: ground.article for entry, ground in found if ground}


def _versions(entry: Entry) -> list[dict[str, str]]:
    """The texts of a rule in time, those not yet read in a public text left out."""
    return [version for version in entry["articles"] if version["verified"] == "S"]


def _ground(entry: Entry, when: When | None) -> _Ground | None:
    """The version of a rule for a decision; None where none was in force."""
    versions = _versions(entry)
    if not versions:
        return None
    timeless = bool(entry.get("timeless"))
    if when is None:
        doubt = None if timeless else "决定日期未载明，不知当时适用哪一规定"
        return _Ground(versions[-1]["article"], doubt)
    told = [version for version in versions if _since(version) <= when.last and when.first < _until(version)]
    if not told:
        return _Ground(versions[-1 if when.last > _since(versions[-1]) else 0]["article"]) if timeless else None
    article = "；".join(version["article"] for version in told)
    if timeless or (_covers(told[0], when.first) and _covers(told[-1], when.last)):
        return _Ground(article)
    doubt = f"决定日期在{when}之间，其间规定有变" if when.exact else f"决定日期未写全，按{shown_day(when.last)}适用规定"
    return _Ground(article, doubt)


def _since(version: dict[str, str]) -> date:
    return date.fromisoformat(version["since"])


def _until(version: dict[str, str]) -> date:
    """The day a text ceased; far off for one in force."""
    return date.fromisoformat(version["until"]) if "until" in version else date.max


def _covers(version: dict[str, str], day: date) -> bool:
    return _since(version) <= day < _until(version)


def _finding(matter: Matter, entry: Entry) -> Finding | None:
    """What a rule says of the case: its breaches of the stronger verdict in one finding.

    It bears the rule's issue of the codebook only where the facts are all there and at most the day is in doubt.
    """
    check = CHECKS[entry.get("check", entry.id)]
    judged = [one for breach in check(matter, entry) if (one := _judged(entry, breach, matter.when))]
    told = [one for one in judged if one[0] == "yes"] or judged
    if not told:
        return None
    verdict: Verdict = told[0][0]
    issue = entry.get("issue") if all(breach.verdict == "yes" for _, breach, _ in told) else None
    priors = {**matter.settings["prior"], **entry.get("prior", {})}
    return Finding(
        issue=issue,
        name=matter.book.issues[issue].name if issue else entry.name,
        verdict=verdict,
        probability=priors[verdict],
        basis="rule of law",
        by="law",
        reason=_reason(entry, [breach for _, breach, _ in told]),
        evidence=_evidence(matter, [breach for _, breach, _ in told]),
        rule=entry.id,
        article="；".join(dict.fromkeys(ground.article for _, _, ground in told)),
        unknown="；".join(_unknown(told)) or None,
    )


def _judged(entry: Entry, breach: Breach, when: When | None) -> tuple[Verdict, Breach, _Ground] | None:
    """A breach under the text in force: never surer than the day of the decision is."""
    ground = _ground(entry, breach.on or when)
    if ground is None:
        return None
    if breach.article:
        ground = _Ground(breach.article, ground.doubt)
    return ("unsure" if ground.doubt else breach.verdict), breach, ground


def _unknown(told: Iterable[tuple[Verdict, Breach, _Ground]]) -> Iterator[str]:
    doubts = (doubt for _, breach, ground in told for doubt in (breach.unknown, ground.doubt) if doubt)
    return iter(dict.fromkeys(doubts))


def _reason(entry: Entry, breaches: Sequence[Breach]) -> str:
    template: str = entry["reason"]
    reasons = list(dict.fromkeys(template.format(**breach.words) for breach in breaches))
    rest = len(reasons) - _TOLD
    return "；".join(reasons[:_TOLD]) + (f"；另有{rest}处" if rest > 0 else "")


def _evidence(matter: Matter, breaches: Iterable[Breach]) -> tuple[Evidence, ...]:
    return matter.evidence(span for breach in breaches for span in breach.spans)
