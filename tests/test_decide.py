"""From scores and rule findings to claims: bands are inclusive, rules pass through, priority orders the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nlp.classify.decide import decide, priority, rule_scores
from nlp.codebook import load_codebook
from nlp.types import Evidence, Finding, Verdict

BANDS = {"reactive": (0.3, 0.6)}


def finding(issue: str = "reactive", verdict: Verdict = "yes", probability: float = 0.8) -> Finding:
    name = load_codebook().issues[issue].name
    return Finding(issue, name, verdict, probability, "inferred", "rules", "理由", (Evidence(0, 1, "文"),))


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (0.0, None),
        (0.29, None),
        (0.3, "unsure"),
        (0.59, "unsure"),
        (0.6, "yes"),
        (1.0, "yes"),
    ],
)
def test_a_score_is_claimed_by_the_band_it_falls_in(score: float, verdict: str | None) -> None:
    decided = decide({"reactive": score}, (), thresholds=BANDS, by="tfidf")
    assert [f.verdict for f in decided] == ([verdict] if verdict else [])


def test_a_label_without_thresholds_is_never_claimed_from_its_score() -> None:
    assert decide({"rushed": 1.0}, (), thresholds=BANDS) == ()


def test_a_claim_from_a_score_says_who_made_it_and_on_what() -> None:
    evidence = Evidence(3, 5, "证据")

    def explain(label: str) -> Sequence[Evidence]:
        return (evidence,) if label == "reactive" else ()

    (claim,) = decide({"reactive": 0.9}, (), thresholds=BANDS, by="bert", explain=explain)
    assert (claim.by, claim.basis, claim.probability, claim.evidence) == ("bert", "statistical", 0.9, (evidence,))
    assert "被动问责" in claim.reason


def test_where_rules_and_score_agree_the_finding_shows_what_both_rest_on() -> None:
    more = (Evidence(0, 3, "已示人"), Evidence(7, 9, "新增"))
    (claim,) = decide({"reactive": 0.9}, (finding(),), thresholds=BANDS, by="bert", explain=lambda _: more)
    assert (claim.by, [one.text for one in claim.evidence]) == ("rules", ["文", "新增"])


@pytest.mark.parametrize(
    ("ruled", "score", "expected"),
    [
        ("yes", 0.0, [("rules", "yes")]),  # a low score does not take a rule's finding back
        ("yes", 0.9, [("rules", "yes")]),  # nothing to add
        ("unsure", 0.9, [("rules", "unsure"), ("tfidf", "yes")]),  # the model is surer
        ("unsure", 0.4, [("rules", "unsure")]),
    ],
)
def test_findings_of_the_rules_pass_through(ruled: Verdict, score: float, expected: list[tuple[str, str]]) -> None:
    decided = decide({"reactive": score}, (finding(verdict=ruled),), thresholds=BANDS, by="tfidf")
    assert [(f.by, f.verdict) for f in decided] == expected


def test_findings_stand_in_the_codebooks_order() -> None:
    labels = load_codebook().labels
    decided = decide({}, [finding(label) for label in reversed(labels)])
    assert tuple(f.issue for f in decided) == labels


@pytest.mark.parametrize(
    ("scores", "thresholds", "message"),
    [
        ({"no_such_issue": 0.5}, {}, "no_such_issue"),
        ({}, {"no_such_issue": (0.1, 0.2)}, "no_such_issue"),
        ({}, {"reactive": (0.6, 0.3)}, "阈值"),
        ({}, {"reactive": (0.5, 1.5)}, "阈值"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    scores: dict[str, float], thresholds: dict[str, tuple[float, float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        decide(scores, (), thresholds=thresholds)


def test_scores_of_the_rules_name_every_label() -> None:
    scores = rule_scores([finding("rushed", "unsure", 0.4), finding("rushed", "yes", 0.7)])
    assert tuple(scores) == load_codebook().labels
    assert {label: score for label, score in scores.items() if score} == {"rushed": 0.7}


def test_nothing_found_has_no_priority() -> None:
    assert priority(()) == 0.0


def test_one_sure_finding_weighs_its_label_times_its_probability() -> None:
    weight = load_codebook().issues["reactive"]["weight"]
    assert priority([finding(probability=0.8)]) == pytest.approx(weight * 0.8)


def test_a_doubtful_finding_comes_after_a_sure_one() -> None:
    assert priority([finding(verdict="unsure")]) < priority([finding(verdict="yes")])


def test_another_label_raises_the_priority_and_the_same_label_does_not() -> None:
    one = priority([finding()])
    assert priority([finding(), finding("rushed")]) > one
    assert priority([finding(), finding()]) == one


def test_a_breach_that_is_no_label_is_kept_last_and_raises_the_priority() -> None:
    breach = replace(finding(), issue=None, name="处分名称与时间不符", by="law", rule="names")
    decided = decide({}, (breach, finding()))
    assert [one.by for one in decided] == ["rules", "law"]
    assert priority(decided) > priority([finding()]) > 0.0
    assert rule_scores(decided)["reactive"] == finding().probability


def test_priority_never_passes_one() -> None:
    assert 0.9 < priority([finding(label, "yes", 1.0) for label in load_codebook().labels]) <= 1.0
