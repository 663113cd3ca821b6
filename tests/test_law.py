"""The checks against the regulations: which article a text breaks on which day, and above all when they keep silent."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nlp import analyze, load_codebook
from nlp.clean import clean
from nlp.extract import extract
from nlp.law import When, decided_when, in_force, influence_periods, law_findings
from nlp.law.checks import CHECKS
from nlp.law.periods import period_of
from nlp.law.when import after_months, days
from nlp.types import Case, Extraction, Fact, Finding, Notice

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "law.toml").read_text(encoding="utf-8")
)
RULES = load_codebook()["checks"]


def case_of(text: str) -> Case:
    cleaned = clean(Notice("t", text))
    return Case("t", cleaned, 0, len(cleaned.text))


def found(text: str, on: str | None) -> dict[str, Finding]:
    """The findings on a text decided on a day, by rule."""
    case = case_of(text)
    findings = law_findings(case, extract(case), date.fromisoformat(on) if on else None)
    return {finding.rule or "": finding for finding in findings}


def _name(row: dict[str, Any]) -> str:
    return f"{row['rule']}-{row['verdict']}-{row['why'][:12]}"


# -- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in DATA["case"] if row["verdict"] != "no"], ids=_name)
def test_a_breach_is_told_with_its_article_and_its_evidence(row: dict[str, Any]) -> None:
    finding = found(row["text"], row.get("date")).get(row["rule"])
    assert finding is not None
    assert (finding.verdict, finding.article) == (row["verdict"], row["article"])
    assert (finding.by, finding.basis) == ("law", "rule of law")
    assert finding.evidence
    assert all(row["text"][e.start : e.end] == e.text != "" for e in finding.evidence)


@pytest.mark.parametrize("row", [row for row in DATA["case"] if row["verdict"] == "no"], ids=_name)
def test_a_near_miss_is_not_told(row: dict[str, Any]) -> None:
    assert row["rule"] not in found(row["text"], row.get("date"))


@pytest.mark.parametrize("row", DATA["sound"], ids=lambda row: f"{row.get('rule', '')}-{row['text'][:14]}")
def test_a_sound_notice_breaks_no_rule(row: dict[str, Any]) -> None:
    assert found(row["text"], row["date"]) == {}


@pytest.mark.parametrize("rule", [rule.id for rule in RULES if rule["on"]])
def test_every_rule_that_speaks_has_a_row(rule: str) -> None:
    rows = [row for row in DATA["case"] if row["rule"] == rule]
    assert any(row["verdict"] != "no" for row in rows)
    assert sum(row.get("rule") == rule for row in DATA["sound"]) >= 3


# -- the day of the decision ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "on", "articles"),
    [(one["text"], on, articles) for one in DATA["set"] for on, articles in one["articles"].items()],
)
def test_the_same_text_breaks_other_articles_on_another_day(text: str, on: str, articles: list[str]) -> None:
    assert {finding.article for finding in found(text, on).values()} == set(articles)


def test_without_a_day_a_dated_rule_only_doubts_and_says_why() -> None:
    text = "石盘村村委会主任褚大河受到政务撤职处分。"
    finding = found(text, None)["village_beyond_major_demerit"]
    assert finding.verdict == "unsure"
    assert "日期" in (finding.unknown or "")


def _dated(**told: str) -> Extraction:
    return Extraction(dates=tuple(Fact(role, role, value, value=value) for role, value in told.items()))


@pytest.mark.parametrize(
    ("told", "when"),
    [
        ({"decision": "2021-03-04", "publication": "2021-05-01"}, When(date(2021, 3, 4), date(2021, 3, 4))),
        ({"decision": "2021-03"}, When(date(2021, 3, 1), date(2021, 3, 31))),
        ({"decision": "2020"}, When(date(2020, 1, 1), date(2020, 12, 31))),
        ({"conduct": "2019-05", "publication": "2021-05-01"}, When(date(2019, 5, 1), date(2021, 5, 1), exact=False)),
        ({"conduct": "2019-05"}, None),
    ],
)
def test_the_day_of_the_decision_is_as_exact_as_the_text(told: dict[str, str], when: When | None) -> None:
    assert decided_when(_dated(**told)) == when


def test_a_day_that_only_the_publication_bounds_makes_a_new_rule_a_doubt() -> None:
    case = case_of("石盘村村委会主任褚大河受到政务撤职处分。")
    when = When(date(2019, 1, 1), date(2020, 8, 1), exact=False)
    (finding,) = law_findings(case, extract(case), when)
    assert finding.verdict == "unsure"
    assert "日期" in (finding.unknown or "")


@pytest.mark.parametrize(("on", "rules"), [("2006-01-01", 1), ("2010-01-01", 3), ("2018-01-01", 6), ("2023-01-01", 12)])
def test_the_law_grows(on: str, rules: int) -> None:
    assert len(in_force(date.fromisoformat(on))) >= rules


@pytest.mark.parametrize("value", ["", "None", "某年", "2021-13", "2021-02-30"])
def test_what_is_no_date_is_no_day(value: str) -> None:
    assert days(value) is None


# -- measures that do not count ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["proposed", "revoked"])
def test_a_measure_only_proposed_or_taken_back_breaks_nothing(status: Any) -> None:
    case = case_of("石盘村村委会主任褚大河受到政务撤职处分。")
    read = extract(case)
    subjects = tuple(replace(s, sanctions=tuple(replace(x, status=status) for x in s.sanctions)) for s in read.subjects)
    assert law_findings(case, replace(read, subjects=subjects), date(2022, 1, 1)) == ()


# -- influence periods ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "governing", "end"),
    [
        ("宿光远受到党内警告、政务记大过处分。", "政务记大过", date(2023, 9, 9)),
        ("宿光远受到党内严重警告、政务警告处分。", "党内严重警告", date(2023, 9, 9)),
        ("宿光远受到政务撤职处分。", "政务撤职", date(2024, 3, 9)),
        ("宿光远被诫勉。", "诫勉", date(2022, 9, 9)),
    ],
)
def test_the_longest_period_governs(text: str, governing: str, end: date) -> None:
    (influence,) = influence_periods(extract(case_of(text)), date(2022, 3, 9))
    assert (influence.governing.measure.name, influence.end) == (governing, end)


def test_without_a_day_a_period_has_months_and_no_end() -> None:
    (influence,) = influence_periods(extract(case_of("宿光远受到政务记过处分。")), None)
    assert (influence.governing.months, influence.end) == (12, None)


def test_a_period_whose_months_are_not_sure_says_so() -> None:
    (influence,) = influence_periods(extract(case_of("宿光远受到留党察看一年处分。")), date(2022, 3, 9))
    assert influence.governing.doubt


def test_criticism_has_no_influence_period() -> None:
    assert influence_periods(extract(case_of("宿光远受到批评教育。")), date(2022, 3, 9)) == ()


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2022, 8, 31), 6, date(2023, 2, 28)),
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2022, 12, 1), 1, date(2023, 1, 1)),
    ],
)
def test_months_are_counted_by_the_calendar(day: date, months: int, later: date) -> None:
    assert after_months(day, months) == later


def test_every_sanction_with_doubtful_months_has_some() -> None:
    sanctions = load_codebook()["sanctions"]
    assert all(sanctions[name].get("influence_months") for name in RULES.settings["doubtful_periods"])
    (subject,) = extract(case_of("宿光远受到政务记过处分。")).subjects
    assert period_of(subject.sanctions[0], None) is not None


# -- the rules as data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", list(RULES), ids=lambda rule: rule.id)
def test_a_rule_says_what_it_rests_on(rule: Any) -> None:
    assert rule.get("check", rule.id) in CHECKS
    assert rule["verified"] in ("S", "M")
    assert all(
        re.match(r"《[^》]+》(?:（\d{4}年(?:修订)?）)?第[一二三四五六七八九十百]+条", v["article"])
        for v in rule["articles"]
    )
    assert all(v["verified"] in ("S", "M") and date.fromisoformat(v["since"]) for v in rule["articles"])
    assert rule["text"]
    assert rule["needs"]


@pytest.mark.parametrize("rule", list(RULES), ids=lambda rule: rule.id)
def test_a_rule_not_read_in_a_public_text_is_off_and_says_so(rule: Any) -> None:
    read = any(version["verified"] == "S" for version in rule["articles"])
    if not read or rule["verified"] != "S":
        assert rule["on"] is False
    assert rule["on"] or rule["off"]


@pytest.mark.parametrize("rule", list(RULES), ids=lambda rule: rule.id)
def test_a_rule_bears_on_an_issue_of_the_codebook_or_on_none(rule: Any) -> None:
    assert rule.get("issue") is None or rule["issue"] in load_codebook().labels


@pytest.mark.parametrize(
    "key", ["removals", "organisation_forms", "unit_sanctions", "in_place_of_sanction", "heavy_state"]
)
def test_the_measures_the_checks_name_are_those_of_the_codebook(key: str) -> None:
    assert set(RULES.settings[key]) <= set(load_codebook()["sanctions"].entries)


@pytest.mark.parametrize("name", list(RULES.settings["ladders"]))
def test_a_ladder_climbs(name: str) -> None:
    steps = [float(load_codebook()["sanctions"][step]["severity"]) for step in RULES.settings["ladders"][name]]
    assert steps == sorted(steps)


# -- the one path -----------------------------------------------------------------------------------------------------


def test_a_breach_reaches_the_analysis_beside_the_rules() -> None:
    text = "2021年6月1日，县监委决定给予石盘村村委会主任褚大河政务撤职处分。"
    (analysis,) = analyze(text)
    (finding,) = [finding for finding in analysis.findings if finding.by == "law"]
    assert finding.rule == "village_beyond_major_demerit"
    assert analysis.priority > 0


@pytest.mark.parametrize("rule", list(RULES), ids=lambda rule: rule.id)
def test_the_page_on_the_checks_tells_every_rule(rule: Any) -> None:
    page = (Path(__file__).parents[1] / "docs" / "law.md").read_text(encoding="utf-8")
    assert f"`{rule.id}`" in page
    assert rule["text"] in page


def test_a_finding_that_bears_an_issue_goes_by_its_name() -> None:
    text = "2023年5月11日，丰谷县纪委常委会会议决定，免去宣长河县水务局局长职务。"
    finding = found(text, "2023-05-11")["organ_without_authority"]
    assert (finding.issue, finding.name) == ("overreach", load_codebook().issues["overreach"].name)
    assert "丰谷县纪委" in finding.reason


def test_a_doubt_about_the_facts_bears_no_issue() -> None:
    text = "2023年5月11日，经丰谷县纪委监委研究，给予宣长河党内严重警告处分，免去其县水务局局长职务。"
    finding = found(text, "2023-05-11")["organ_without_authority"]
    assert (finding.verdict, finding.issue) == ("unsure", None)


def test_evidence_counts_the_characters_of_the_source_markup_included() -> None:
    source = "<p>2021年6月1日，县监委决定给予<b>石盘村</b>村委会主任褚大河<strong>政务撤职</strong>处分。</p>"
    (analysis,) = analyze(Notice(id="t", text=source))
    (finding,) = [finding for finding in analysis.findings if finding.by == "law"]
    assert all(source[e.start : e.end] == e.text for e in finding.evidence)
    assert any("政务撤职" in e.text for e in finding.evidence)


def test_a_stretch_of_days_on_which_one_text_followed_another_is_no_doubt() -> None:
    case = case_of("经研究，给予河湾镇党委诫勉。")
    (finding,) = law_findings(case, extract(case), When(date(2019, 1, 1), date(2019, 12, 31)))
    assert finding.verdict == "yes"
    assert finding.article == "《中国共产党问责条例》（2016年）第七条；《中国共产党问责条例》第八条"
