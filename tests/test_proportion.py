"""Proportion inside a case: posts and duties compare where told, figures abstain, findings name both people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nlp import analyze, load_codebook
from nlp.clean import clean
from nlp.extract import extract
from nlp.gold import load_gold
from nlp.law.proportion import (
    LEAST_RANKED,
    compare_posts,
    compare_responsibility,
    decided,
    proportion_findings,
    proportions,
)
from nlp.pipeline import analyze_notice
from nlp.report.terminal import reading_view
from nlp.types import Case, Extraction, Fact, Notice, PostRole, Sanction, Status, Subject

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GOLD = Path(__file__).parent.parent / "data" / "gold"
TABLE: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "proportion.toml").read_text(encoding="utf-8")
)
BOOK = load_codebook()
SCALE = BOOK["scale"]
TOWN, COUNTY, STAFF = "乡科级正职", "县处级副职", "一般"
in_checkout = pytest.mark.skipif(not GOLD.exists(), reason="data/gold is not in this copy (the sdist leaves it out)")


def measure(named: str, status: Status = "decided") -> Sanction:
    entry = BOOK["sanctions"][named]
    return Sanction(named, entry.name, entry["family"], entry["severity"], status, 0, 1)


def person(
    *measures: str | Sanction,
    rank: str = "未知",
    role: PostRole = "unknown",
    duty: str | None = None,
    body: str | None = None,
) -> Subject:
    told = tuple(m if isinstance(m, Sanction) else measure(m) for m in measures)
    return Subject("person", "柏志新", None, "局长", False, body, role, rank, None, duty, told, 0, 1)


def read(text: str) -> tuple[Case, Extraction]:
    cleaned = clean(Notice("t", text))
    case = Case("t", cleaned, 0, len(cleaned.text))
    return case, extract(case)


@pytest.mark.parametrize("name", list(SCALE.settings["check"]))
def test_a_check_speaks_for_an_issue(name: str) -> None:
    check = SCALE.settings["check"][name]
    assert check["issue"] in BOOK.labels
    assert check["verdict"] in BOOK.issues[check["issue"]]["prior"]


# ------------------------------------------------------------ two people


@pytest.mark.parametrize("status", ["proposed", "revoked"])
def test_what_was_not_decided_has_no_weight(status: Status) -> None:
    assert not decided(person(measure("party_removal", status)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (person(rank=COUNTY), person(rank=TOWN), "above"),
        (person(rank=TOWN), person(rank=STAFF), "above"),
        (person(rank=TOWN), person(rank=TOWN), "level"),
        (person(rank="村居"), person(rank=STAFF), "unknown"),  # no common ladder
        (person(rank="未知"), person(rank=TOWN), "unknown"),
        (person(role="chief", body="甲县水务局"), person(role="deputy", body="甲县水务局"), "above"),
        (person(role="deputy"), person(role="staff"), "above"),
        (person(role="chief", body="甲县水务局"), person(role="deputy", body="乙县林业局"), "unknown"),
        (person(role="deputy"), person(role="member"), "unknown"),
    ],
)
def test_posts_compare_by_rank_or_inside_one_body(first: Subject, second: Subject, expected: str) -> None:
    assert compare_posts(first, second).order == expected
    assert compare_posts(first, second).reversed.order == compare_posts(second, first).order


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("主要领导责任", "重要领导责任", "above"),
        ("主要领导责任", "全面领导责任", "level"),
        ("直接责任", "直接责任", "level"),
        ("直接责任", "主要领导责任", "unknown"),
        ("领导责任", "主要领导责任", "unknown"),
        (None, "主要领导责任", "unknown"),
    ],
)
def test_responsibilities_compare_in_degrees(first: str | None, second: str | None, expected: str) -> None:
    assert compare_responsibility(person(duty=first), person(duty=second)).order == expected


# ------------------------------------------------------------ figures


def figures(*people: Subject) -> tuple[int, float | None, float | None]:
    found = proportions(Extraction(subjects=people))
    return len(found.inversions), found.blame_shift, found.chief_deputy_gap


HIGH = person("admonition", rank=COUNTY)
MIDDLE = person("party_warning", rank=TOWN)
LOW = person("party_removal", rank=STAFF)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ((HIGH, MIDDLE, LOW), 1.0),  # the lower the post, the heavier
        ((replace(HIGH, rank=STAFF), MIDDLE, replace(LOW, rank=COUNTY)), -1.0),
        ((HIGH, replace(MIDDLE, sanctions=HIGH.sanctions), replace(LOW, sanctions=HIGH.sanctions)), 0.0),
        ((HIGH, MIDDLE, replace(LOW, sanctions=HIGH.sanctions)), 0.0),  # one down, one up, one level
        ((HIGH, MIDDLE), None),  # too few of known rank
        ((HIGH, MIDDLE, replace(LOW, rank="未知")), None),
        ((HIGH, replace(HIGH), replace(HIGH)), None),  # all of one rank
        ((HIGH, person("other_handling", rank=TOWN), person("other_handling", rank=STAFF)), None),  # none compare
    ],
)
def test_blame_shift_is_the_share_of_pairs_that_weigh_downwards(
    people: Sequence[Subject], expected: float | None
) -> None:
    assert figures(*people)[1] == (None if expected is None else pytest.approx(expected))


def test_an_inversion_needs_responsibilities_that_compare() -> None:
    chief = person("admonition", role="chief", duty="主要领导责任")
    deputy = person("party_warning", role="deputy", duty="重要领导责任")
    assert figures(chief, deputy) == (1, None, 1.0)
    assert figures(chief, replace(deputy, responsibility=None)) == (0, None, 1.0)
    assert figures(chief, replace(deputy, responsibility="直接责任")) == (0, None, 1.0)


def test_a_pair_that_does_not_compare_tells_why() -> None:
    found = proportions(Extraction(subjects=(MIDDLE, person("removal_from_post", rank=STAFF))))
    (pair,) = found.not_compared
    assert pair.why_not is not None
    assert "党纪处分" in pair.why_not
    assert "组织处理" in pair.why_not


# ------------------------------------------------------------ texts


@pytest.mark.parametrize("row", TABLE["case"], ids=lambda row: row["why"])
def test_a_case_is_judged_by_its_measures(row: dict[str, Any]) -> None:
    case, extraction = read(row["text"])
    found = proportions(extraction)
    findings = proportion_findings(case, extraction)
    assert [finding.rule for finding in findings] == row["rules"]
    assert len(found.inversions) == row["inversions"]
    assert found.blame_shift == row.get("shift")
    assert found.chief_deputy_gap == row.get("gap")
    for finding in findings:
        assert (finding.by, finding.basis) == ("law", "inferred")
        assert finding.evidence
        assert all(row["text"][e.start : e.end] == e.text != "" for e in finding.evidence)


def test_the_reason_names_people_posts_responsibilities_and_measures() -> None:
    case, extraction = read(TABLE["case"][0]["text"])
    finding, _ = proportion_findings(case, extraction)
    for words in ("局长闻人杰", "主要领导责任", "诫勉", "副局长柏志新", "重要领导责任", "党内严重警告", "四种形态"):
        assert words in finding.reason
    assert finding.unknown is not None
    assert "从轻" in finding.unknown


def test_what_the_rules_have_claimed_is_not_claimed_again() -> None:
    case, extraction = read(TABLE["case"][0]["text"])
    first, second = proportion_findings(case, extraction)
    assert proportion_findings(case, extraction, beside=[first]) == (second,)
    assert proportion_findings(case, extraction, beside=[replace(first, verdict="unsure")]) == (first, second)


@pytest.mark.parametrize(
    ("day", "cited"), [("2019-08", False), ("2019-08-31", False), ("2019-09-01", True), ("2021", True), (None, True)]
)
def test_an_article_is_cited_only_while_in_force(day: str | None, cited: bool) -> None:
    case, extraction = read(TABLE["case"][0]["text"])
    dates = (Fact("decision", "决定日期", "某日", value=day),) if day else ()
    (finding, *_) = proportion_findings(case, replace(extraction, dates=dates))
    assert (finding.article is not None) == cited


def test_the_pipeline_tells_them_beside_the_rules() -> None:
    text = (
        "经查，栖霞岗县水务局局长闻人杰未检修泵站，负主要领导责任；副局长柏志新负重要领导责任，但主动说明情况。"
        "给予闻人杰诫勉；给予柏志新党内严重警告处分。"
    )
    (analysis,) = analyze(text)
    assert "graver_lighter" in {finding.rule for finding in analysis.findings}
    assert analysis.scores["uneven_weight"] > 0


def test_explain_shows_the_figures_and_when_the_measures_cease_to_bear(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=400)
    console.print(reading_view(analyze_notice(TABLE["case"][0]["text"])))
    shown = capsys.readouterr().out
    assert "正副差指数 +1.00" in shown
    assert "副局长柏志新职务较低而处理重于" in shown
    assert "党内严重警告18个月，何时期满不详" in shown
    console.print(reading_view(analyze_notice("2021年3月9日，局长闻人杰受到党内警告处分。")))
    shown = capsys.readouterr().out
    assert "闻人杰，党内警告12个月，至2022年3月9日期满" in shown
    assert "轻重" not in shown


# ------------------------------------------------------------ gold


@in_checkout
def test_on_gold_figures_are_bounded_and_claims_hold() -> None:
    right = wrong = 0
    for gold in load_gold(GOLD, "dev"):
        for analysis in analyze(Notice(id=gold.id, text=gold.text)):
            found = proportions(analysis.extraction)
            for value in (found.blame_shift, found.chief_deputy_gap):
                assert value is None or -1 <= value <= 1
            assert found.blame_shift is None or len(found.people) >= LEAST_RANKED
            for finding in proportion_findings(analysis.case, analysis.extraction):
                judged = gold.labels.get(finding.issue or "")
                if finding.verdict == "yes" and (judged is None or judged.verdict == "yes"):
                    right, wrong = right + (judged is not None), wrong + (judged is None)
    assert right >= 14
    assert right / (right + wrong) >= 0.8
