"""The rules: what a text states about itself, what follows from its facts, and above all when they keep silent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlp.classify.rules import RULES, rule_findings
from nlp.clean import clean
from nlp.codebook import load_codebook
from nlp.extract import extract
from nlp.types import Case, Extraction, Finding, Notice, PostRole, Sanction, Span, Subject

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "rules.toml").read_text(encoding="utf-8")
)["case"]
JUDGED = [row for row in TABLE if not row.get("sound")]
SOUND = [row for row in TABLE if row.get("sound")]
LABELS = load_codebook().labels


def case_of(text: str) -> Case:
    cleaned = clean(Notice("t", text))
    return Case("t", cleaned, 0, len(cleaned.text))


def found(text: str, extraction: Extraction | None = None) -> dict[str, Finding]:
    """The findings on one case by label; without an extraction, the text is read whole."""
    case = case_of(text)
    return {f.issue: f for f in rule_findings(case, extraction or extract(case))}


# -- the table ---------------------------------------------------------------------------------------------------------


def _name(row: dict[str, Any]) -> str:
    return f"{row['label']}-{row['expect']}-{row['text'][:10]}"


@pytest.mark.parametrize("row", [r for r in JUDGED if r["expect"] != "no"], ids=_name)
def test_a_problem_is_claimed_with_evidence_and_reason(row: dict[str, Any]) -> None:
    finding = found(row["text"]).get(row["label"])
    assert finding is not None
    assert finding.reason
    assert finding.evidence
    assert all(row["text"][e.start : e.end] == e.text != "" for e in finding.evidence)
    if row["expect"] == "stated":
        assert (finding.basis, finding.verdict) == ("stated", "yes")


@pytest.mark.parametrize("row", [r for r in JUDGED if r["expect"] == "no"], ids=_name)
def test_a_near_miss_is_not_claimed(row: dict[str, Any]) -> None:
    assert row["label"] not in found(row["text"])


@pytest.mark.parametrize("row", SOUND, ids=lambda row: row["text"][:14])
def test_nothing_is_claimed_of_a_sound_notice(row: dict[str, Any]) -> None:
    assert found(row["text"]) == {}


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_its_cases(label: str) -> None:
    rows = [row for row in JUDGED if row["label"] == label]
    assert len([row for row in rows if row["expect"] == "no"]) >= 4
    assert len([row for row in rows if row["expect"] != "no"]) >= 4
    assert len([row for row in rows if row["expect"] == "yes"]) >= 2


# -- the label space ---------------------------------------------------------------------------------------------------


def test_every_label_has_a_rule_and_no_rule_is_without_label() -> None:
    assert tuple(RULES) == LABELS


@pytest.mark.parametrize("label", LABELS)
def test_an_issue_says_what_it_is_and_how_far_it_is_trusted(label: str) -> None:
    entry = load_codebook().issues[label]
    assert entry["group"] in {"主体", "对象", "情形与方式", "性质与轻重", "程序", "效果"}
    assert entry["definition"]
    assert entry["includes"]
    assert entry["excludes"]
    assert entry["seed"]
    assert 0 < entry["prior"]["unsure"] < entry["prior"]["yes"] <= entry["prior"]["stated"] < 1
    assert 0 < entry["weight"] <= 1


def test_variants_are_named_and_told_by_patterns() -> None:
    entry = load_codebook().issues["light_landing"]
    assert set(entry["variants"]) == set(entry["variant_names"]) == set(entry["variant_patterns"])


# -- stated ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("检查发现，该镇对防汛隐患一问了之。", "punish_and_forget"),
        ("该县存在问责泛化问题。", "overbroad_grounds"),
        ("复查认为，原处理属于简单归错。", "no_causal_finding"),
        ("要求坚决整改，但检查发现该局问责高举轻放。", "light_landing"),  # an assertion ends the exhortation's reach
    ],
)
def test_what_the_text_says_of_itself_is_stated(text: str, label: str) -> None:
    finding = found(text, Extraction())[label]
    assert (finding.verdict, finding.basis, finding.by) == ("yes", "stated", "rules")


@pytest.mark.parametrize(
    "text",
    [
        "坚决防止一问了之。",
        "要避免问责泛化、简单归错、一问了之。",
        "不搞简单归错，不以问责代替整改。",
        "对有关责任人员的处理，不能高举轻放。",
        "必须克服以追责代替问责的倾向。",
        "有的地方问责泛化，有的地方高举轻放。",
        "如果一问了之，就会寒了干部的心。",
        "经核查，不存在畸轻畸重的情况。",
        "一问了之要不得。",
        "凡未听取申辩的，一律退回补办。",
    ],
)
def test_policy_talk_and_negation_are_no_finding(text: str) -> None:
    assert found(text, Extraction()) == {}


@pytest.mark.parametrize(
    ("words", "variant"),
    [
        ("以诫勉代替党纪处分", "organisational_for_disciplinary"),
        ("以批评教育代替组织处理", "education_for_organisational"),
        ("处分决定一直未执行", "not_executed"),
        ("问责高举轻放", None),
    ],
)
def test_a_light_landing_tells_its_variant(words: str, variant: str | None) -> None:
    assert found(f"反馈指出，该局{words}。", Extraction())["light_landing"].variant == variant


# -- inferred, over extractions made by hand ---------------------------------------------------------------------------


def measure(text: str, name: str, words: str | None = None) -> Sanction:
    entry = next(e for e in load_codebook()["sanctions"] if e.name == name and e["canonical"])
    start = text.index(words or name)
    return Sanction(entry.id, name, entry["family"], entry["severity"], "decided", start, start + len(words or name))


def person(
    text: str, name: str, post: str, role: PostRole, measures: Sequence[Sanction], *, responsibility: str | None = None
) -> Subject:
    start = text.index(name)
    told = (
        Span(text.index(responsibility), text.index(responsibility) + len(responsibility)) if responsibility else None
    )
    return Subject(
        kind="person",
        name=name,
        count=None,
        post=post,
        former=False,
        organisation=None,
        post_role=role,
        rank="未知",
        leading_cadre=None,
        responsibility=responsibility,
        sanctions=tuple(measures),
        start=start,
        end=start + len(name),
        responsibility_span=told,
    )


UNEVEN = "局长鲍尔负主要领导责任，受到党内警告处分；副局长姬昌负重要领导责任，受到撤销党内职务处分。"


def uneven(text: str = UNEVEN) -> Extraction:
    chief = person(text, "鲍尔", "局长", "chief", [measure(text, "党内警告")], responsibility="主要领导责任")
    deputy = person(text, "姬昌", "副局长", "deputy", [measure(text, "撤销党内职务")], responsibility="重要领导责任")
    return Extraction(subjects=(chief, deputy))


def test_a_chief_with_main_responsibility_below_the_deputy_is_both_uneven_and_deputy_for_chief() -> None:
    findings = found(UNEVEN, uneven())
    assert set(findings) == {"deputy_for_chief", "uneven_weight"}
    assert "鲍尔" in findings["deputy_for_chief"].reason
    assert "姬昌" in findings["uneven_weight"].reason


def test_a_fact_that_explains_the_difference_makes_it_no_uneven_weight() -> None:
    text = UNEVEN.replace("负重要领导责任，", "授意伪造验收单，负重要领导责任，")
    assert "uneven_weight" not in found(text, uneven(text))


def test_the_same_responsibilities_the_other_way_round_are_sound() -> None:
    read = uneven()
    chief, deputy = read.subjects
    swapped = (replace(chief, sanctions=deputy.sanctions), replace(deputy, sanctions=chief.sanctions))
    assert found(UNEVEN, Extraction(subjects=swapped)) == {}


MEETING = "局党组会议研究同意发放补贴5万元。副局长尹天受到党内警告处分。"


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        ("", "unsure"),  # silence is no evidence that the organisation did not answer
        ("对局党组不另作处理。", "yes"),
        ("共处理1人。", "yes"),
        ("局党组向县委作出书面检查。", None),
        ("其他责任人员另行处理。", None),
    ],
)
def test_a_collective_decision_answered_by_individuals(ending: str, verdict: str | None) -> None:
    text = MEETING + ending
    read = Extraction(subjects=(person(text, "尹天", "副局长", "deputy", [measure(text, "党内警告")]),))
    finding = found(text, read).get("individual_for_collective")
    assert (finding.verdict if finding else None) == verdict


@pytest.mark.parametrize(
    ("measures", "labels"),
    [
        (["诫勉"], {"overbroad_grounds", "routine_management"}),
        (["党内警告"], {"routine_management"}),
        (["批评教育"], set()),
    ],
)
def test_a_small_lapse_is_judged_by_the_measure_it_met(measures: list[str], labels: set[str]) -> None:
    text = f"例会迟到6分钟，科员简兮被给予{measures[0]}。"
    read = Extraction(subjects=(person(text, "简兮", "科员", "staff", [measure(text, name) for name in measures]),))
    assert set(found(text, read)) == labels


def test_of_a_corrected_decision_the_revoked_measure_is_judged() -> None:
    text = "例会迟到6分钟，科员简兮被诫勉。复查认为不当，撤销对简兮的诫勉，改为提醒谈话。"
    revoked = replace(measure(text, "诫勉"), status="revoked")
    read = Extraction(subjects=(person(text, "简兮", "科员", "staff", [revoked, measure(text, "提醒谈话")]),))
    assert found(text, read)["routine_management"].basis == "stated"


# -- spans -------------------------------------------------------------------------------------------------------------


def test_evidence_counts_the_characters_of_the_source() -> None:
    text = "<p>&nbsp;&nbsp;检查发现，该局<b>一问</b>了之。</p>"
    (evidence,) = found(text, Extraction())["punish_and_forget"].evidence
    assert text[evidence.start : evidence.end] == evidence.text
    assert evidence.text.startswith("一问")
    assert evidence.text.endswith("了之")
