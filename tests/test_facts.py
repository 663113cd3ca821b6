"""Facts of a case other than its subjects, as statements about notices."""

from __future__ import annotations

import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from nlp.clean import clean
from nlp.extract.amounts import count, number, yuan
from nlp.extract.dates import dates_in, iso_date
from nlp.extract.facts import Facts, document_facts
from nlp.split import split
from nlp.types import Case, Clean, Fact, Notice, OriginMap, Span

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROWS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "facts.toml").read_text(encoding="utf-8")
)
TABLES = ("grounds", "triggers", "consequences", "procedures", "effects", "regulations", "deciders", "dates")


def case_of(row: dict[str, Any], padding: str = "") -> Case:
    """A case whose clean text is ``row``'s, each clean character standing for itself and ``padding`` before it."""
    lead, text, ending = row.get("lead", ""), row["text"], row.get("ending", "")
    whole = lead + text + ending
    step = len(padding) + 1
    notice = Notice("n", "".join(padding + c for c in whole), issuer=row.get("column"))
    ends = array("l", (step * (i + 1) for i in range(len(whole))))
    origin = OriginMap(array("l", (end - 1 for end in ends)), ends)
    clean = Clean(notice, whole, origin, title=row.get("title"), published=row.get("published"))
    start, end = len(lead), len(lead) + len(text)
    return Case("n#1", clean, start, end, Span(0, start), Span(end, len(whole)))


def read(row: dict[str, Any]) -> Facts:
    return document_facts(case_of(row))


def every_fact(facts: Facts) -> list[Fact]:
    single = [f for f in (facts.issuer, facts.trigger) if f]
    many = (facts.grounds, facts.consequences, facts.dates, facts.legal_basis, facts.procedure, facts.effect)
    return [*single, *(fact for group in many for fact in group)]


def rows(table: str) -> list[Any]:
    return [pytest.param(row, id=row.get("why") or row["text"][:24]) for row in ROWS[table]]


@pytest.mark.parametrize(("text", "value"), [(t, row["value"]) for row in ROWS["amount"] for t in row["texts"]])
def test_all_spellings_of_an_amount_agree(text: str, value: float) -> None:
    assert yuan(text) == value


@pytest.mark.parametrize(("text", "value"), [("十", 10), ("二十三", 23), ("两", 2), ("一百零五", 105), ("12", 12)])
def test_people_are_counted_in_digits_and_numerals(text: str, value: int) -> None:
    assert count(text) == value


@pytest.mark.parametrize("text", ["", "数十", "若干", "元", "3名", "9" * 400, "9" + "亿" * 40])
def test_what_is_no_number_has_no_value(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize("amount", ["9" * 400 + "元", "九" + "亿" * 60 + "元", "1" * 20_000])
def test_a_number_beyond_measure_is_no_amount_and_costs_no_time(amount: str) -> None:
    (case,) = split(clean(Notice("甲", f"镇长周安受到党内警告处分，造成直接经济损失{amount}。"))).cases
    assert [fact.value for fact in document_facts(case).consequences if isinstance(fact.value, float)] == []


def test_an_organ_is_looked_for_in_time_that_does_not_explode() -> None:
    (case,) = split(clean(Notice("甲", f"周安擅离职守，{'报经' * 28}研究决定，给予镇长周安党内警告处分。"))).cases
    assert document_facts(case).issuer is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("2018年2月31日", "2018-02"), ("2019年2月29日", "2019-02"), ("2018年3月5日至99日", "2018-03-05/2018-03")],
)
def test_a_day_that_the_month_does_not_have_is_left_open(text: str, value: str) -> None:
    assert [mention.value for mention in dates_in(text)] == [value]


@pytest.mark.parametrize("row", rows("dates"))
def test_dates_have_iso_values(row: dict[str, Any]) -> None:
    found = dates_in(row["text"], published=row.get("published"))
    assert [mention.value or "-" for mention in found] == row["values"]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("2022-05-09 06:20", "2022-05-09"),
        ("2022年5月9日", "2022-05-09"),
        ("20220509", "2022-05-09"),
        ("发布时间：2022/5/9", "2022-05-09"),
        ("2022-11", "2022-11"),
        ("昨天", None),
        (None, None),
    ],
)
def test_a_publication_is_normalised(given: str | None, value: str | None) -> None:
    assert iso_date(given) == value


@pytest.mark.parametrize("row", rows("issuer"))
def test_the_issuer_is_who_decided(row: dict[str, Any]) -> None:
    issuer = read(row).issuer
    assert (issuer.text if issuer else None) == row.get("issuer")


def test_an_issuer_from_a_column_has_no_place_in_the_text() -> None:
    issuer = read({"text": "罗某被诫勉谈话。", "column": "白渠县教育局"}).issuer
    assert issuer is not None
    assert (issuer.start, issuer.end) == (None, None)


@pytest.mark.parametrize("row", rows("decision"))
def test_the_decision_is_dated_by_its_own_sentence(row: dict[str, Any]) -> None:
    decision = next((d for d in read(row).dates if d.id == "decision"), None)
    assert (decision.text if decision else None) == row.get("text_of")
    assert (decision.value if decision else None) == row.get("value")


def test_dates_are_told_apart() -> None:
    facts = read(
        {
            "text": "2017年至2019年，云某违规发放补贴。2020年5月，县审计局审计发现该问题。"
            "2020年9月，云某受到党内警告处分。",
            "published": "2020-12-01 08:00",
        }
    )
    assert [(d.id, d.value) for d in facts.dates] == [
        ("decision", "2020-09"),
        ("conduct", "2017/2019"),
        ("other", "2020-05"),
        ("publication", "2020-12-01"),
    ]


@pytest.mark.parametrize(
    ("title", "roles"),
    [("关于罗某问题的通报", ["decision", "publication"]), ("关于3起典型问题的通报", ["publication"])],
)
def test_the_line_under_the_signature_dates_the_publication_and_the_decision_if_it_is_one(
    title: str, roles: list[str]
) -> None:
    ending = "\n要引以为戒。\n白渠县纪委\n2018年6月12日"
    facts = read({"lead": f"{title}\n", "text": "罗某被诫勉谈话。", "ending": ending})
    assert [(d.id, d.value, d.text) for d in facts.dates] == [(r, "2018-06-12", "2018年6月12日") for r in roles]


@pytest.mark.parametrize("row", rows("trigger"))
def test_the_trigger_is_how_the_matter_came_to_light(row: dict[str, Any]) -> None:
    trigger = read(row).trigger
    assert (trigger.id if trigger else None) == row.get("id")


@pytest.mark.parametrize("row", rows("ids"))
def test_facts_in_order_of_mention(row: dict[str, Any]) -> None:
    facts = getattr(read(row), row["field"])
    assert [fact.id for fact in facts] == row["ids"]
    if "values" in row:
        assert [fact.value for fact in facts] == row["values"]


@pytest.mark.parametrize("row", rows("legal"))
def test_citations_resolve_to_full_names(row: dict[str, Any]) -> None:
    assert [fact.value for fact in read(row).legal_basis] == row["values"]


def test_a_citation_names_the_regulation_as_the_codebook_does() -> None:
    (known, other) = read({"text": "依据《问责条例》第七条、《青槐县考勤管理办法》第三条，给予诫勉。"}).legal_basis
    assert (known.id, known.name) == ("accountability_regulation", "中国共产党问责条例")
    assert (other.id, other.name) == ("unlisted", "青槐县考勤管理办法")


WHOLE = [row for name in ("issuer", "decision", "trigger", "ids", "legal") for row in ROWS[name]]


@pytest.mark.parametrize("row", WHOLE)
def test_every_fact_is_the_source_under_its_span(row: dict[str, Any]) -> None:
    case = case_of(row, padding="\u3000")
    for fact in every_fact(document_facts(case)):
        if fact.start is not None:
            assert fact.text == case.clean.notice.text[fact.start : fact.end]
            assert fact.text.replace("\u3000", "") in case.clean.text


def test_an_empty_case_tells_nothing() -> None:
    assert every_fact(read({"text": ""})) == []
