"""From probabilities and rule findings to what is claimed: the one place where a threshold is applied.

In: one case's scores by label, the findings of the rules, thresholds per label. Out: findings, and the case's place in
the review queue. Never reads a text and knows no backend.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace

from nlp.codebook import load_codebook
from nlp.types import Evidence, Finding, IssueId, Verdict

Thresholds = Mapping[IssueId, tuple[float, float]]
Explain = Callable[[IssueId], Sequence[Evidence]]

# A doubtful finding says less than its probability: it enters the priority at this share.
UNSURE_SHARE = 0.5
# What a breach of a regulation weighs that is no issue of the codebook.
LAW_WEIGHT = 0.5


def rule_scores(findings: Iterable[Finding]) -> dict[IssueId, float]:
    """Every label of the codebook with the highest probability any finding gives it; 0.0 where none speaks."""
    scores = dict.fromkeys(load_codebook().labels, 0.0)
    for finding in findings:
        if finding.issue is not None:
            scores[finding.issue] = max(scores[finding.issue], finding.probability)
    return scores


def decide(
    scores: Mapping[IssueId, float],
    findings: Sequence[Finding],
    *,
    thresholds: Thresholds | None = None,
    by: str = "model",
    explain: Explain | None = None,
    disputed: Container[IssueId] = (),
) -> tuple[Finding, ...]:
    """The findings of one case, in the codebook's order of labels; those of no label come last.

    ``thresholds`` maps a label to (unsure from, yes from), both inclusive; a label without thresholds is never claimed
    from its score. Findings of the rules pass through with their verdicts; a score adds a finding only where the rules
    are silent or less sure; where both say ``yes``, the finding of the rules gains the score's evidence.
    ``explain`` gives the evidence of a label by its score. A ``disputed`` label is unsure at most, whatever its score.
    Raises ValueError for a label the codebook does not know or a band that is upside down.
    """
    labels = load_codebook().labels
    bands = dict(thresholds or {})
    _check(labels, scores, findings, bands)
    decided: list[Finding] = []
    for label in labels:
        ruled = [finding for finding in findings if finding.issue == label]
        verdict = _verdict(scores[label], bands[label]) if label in scores and label in bands else None
        if verdict == "yes" and label in disputed:
            verdict = "unsure"
        agreed = next((n for n, finding in enumerate(ruled) if finding.verdict == "yes"), None)
        told = tuple(explain(label)) if explain and verdict and (verdict == "yes" or agreed is None) else ()
        if verdict == "yes" and agreed is not None:
            ruled[agreed] = _with_evidence(ruled[agreed], told)
        decided += ruled
        if verdict and not any(finding.verdict in ("yes", verdict) for finding in ruled):
            decided.append(_claim(label, verdict, scores[label], by, told))
    return (*decided, *(finding for finding in findings if finding.issue is None))


def priority(findings: Iterable[Finding]) -> float:
    """How soon a person should look, in [0, 1]: 1 - Π(1 - w·p·s) over the labels claimed.

    w is the label's weight in issues.toml, p the finding's probability, s is 1 for yes and ``UNSURE_SHARE`` for unsure.
    A label counts once, by its strongest finding, and so does a rule of law that is no label, with ``LAW_WEIGHT``. No
    finding gives 0; more or graver findings never lower it.
    """
    issues = load_codebook().issues
    strongest: dict[str | None, float] = {}
    for finding in findings:
        share = 1.0 if finding.verdict == "yes" else UNSURE_SHARE
        weight = LAW_WEIGHT if finding.issue is None else float(issues[finding.issue]["weight"])
        claim = finding.issue or finding.rule
        strongest[claim] = max(weight * finding.probability * share, strongest.get(claim, 0.0))
    calm = 1.0
    for value in strongest.values():
        calm *= 1.0 - value
    return round(1.0 - calm, 4)


def _verdict(score: float, band: tuple[float, float]) -> Verdict | None:
    unsure, yes = band
    if score >= yes:
        return "yes"
    return "unsure" if score >= unsure else None


def _claim(label: IssueId, verdict: Verdict, score: float, by: str, evidence: tuple[Evidence, ...]) -> Finding:
    name = load_codebook().issues[label].name
    reason = f"模型给出“{name}”的概率为{score:.2f}"
    return Finding(label, name, verdict, score, "statistical", by, reason, evidence)


def _with_evidence(finding: Finding, more: Iterable[Evidence]) -> Finding:
    """The finding with what another reader rests it on, less what it shows already."""

    def shown(one: Evidence) -> bool:
        return any(one.start < known.end and known.start < one.end for known in finding.evidence)

    return replace(finding, evidence=(*finding.evidence, *(one for one in more if not shown(one))))


def _check(
    labels: Sequence[IssueId], scores: Mapping[IssueId, float], findings: Sequence[Finding], bands: Thresholds
) -> None:
    claimed = {finding.issue for finding in findings if finding.issue is not None}
    unknown = sorted({*scores, *bands, *claimed} - set(labels))
    if unknown:
        raise ValueError(f"codebook 中没有这些标签：{'、'.join(unknown)}")
    upside_down = [label for label, (unsure, yes) in bands.items() if not 0.0 <= unsure <= yes <= 1.0]
    if upside_down:
        raise ValueError(f"阈值应满足 0 ≤ 存疑 ≤ 成立 ≤ 1：{'、'.join(upside_down)}")
