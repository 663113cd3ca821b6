"""A notice falls into its cases, whatever its layout; nothing of it is lost and nothing of the frame becomes a case."""

from __future__ import annotations

import sys
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.split import split
from nlp.split.numbers import number
from nlp.split.text import tells_decision
from nlp.types import Clean, Notice, OriginMap, Split

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).parent / "cases" / "split.toml"
NOTICES: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["notice"]
LAID_OUT = [notice for notice in NOTICES if len(notice["cases"]) > 1]
WHY = [notice["why"] for notice in NOTICES]


def clean(text: str, title: str | None = None) -> Clean:
    """A text that is clean already, as ``nlp.clean`` would hand it over."""
    places = range(len(text))
    origin = OriginMap(array("L", places), array("L", (i + 1 for i in places)))
    return Clean(Notice("甲", text, title=title), text, origin, title=title)


def split_text(text: str, title: str | None = None) -> Split:
    return split(clean(text.strip("\n"), title))


def texts(found: Split) -> list[str]:
    return [case.text for case in found.cases]


@pytest.mark.parametrize("notice", NOTICES, ids=WHY)
def test_every_case_begins_and_ends_where_a_reader_would_say(notice: dict[str, Any]) -> None:
    found = texts(split_text(notice["text"], notice.get("title")))
    assert len(found) == len(notice["cases"]), found
    for case, (beginning, end) in zip(found, notice["cases"], strict=True):
        assert case.startswith(beginning), case
        assert case.endswith(end), case


@pytest.mark.parametrize("notice", NOTICES, ids=WHY)
def test_the_frame_is_in_no_case_and_no_decision_is_lost(notice: dict[str, Any]) -> None:
    found = split_text(notice["text"], notice.get("title"))
    assert not [part for part in notice.get("lost", []) if any(part in case for case in texts(found))]
    assert not [part for part in notice.get("kept", []) if not any(part in case for case in texts(found))]
    for case in found.cases:
        assert notice.get("lead", "") in found.clean.text[case.lead.start : case.lead.end]


@pytest.mark.parametrize("notice", NOTICES, ids=WHY)
def test_cautions_say_what_the_reading_rests_on(notice: dict[str, Any]) -> None:
    found = split_text(notice["text"], notice.get("title"))
    assert [caution.code for caution in found.cautions] == notice.get("caution", [])


def assert_tiles(found: Split) -> None:
    """Lead, cases with the gaps between them, and ending cover the text; the cases are ordered and disjoint."""
    size = len(found.clean.text)
    assert bool(found.cases) != any(caution.code == "no_case" for caution in found.cautions)
    for n, case in enumerate(found.cases, 1):
        assert case.id == f"甲#{n}"
        assert 0 <= case.start < case.end <= size
        assert (case.lead.start, case.lead.end) == (0, found.cases[0].start)
        assert (case.ending.start, case.ending.end) == (found.cases[-1].end, size)
        assert case.text == case.text.strip()
    for one, following in pairwise(found.cases):
        assert one.end <= following.start


@pytest.mark.parametrize("notice", NOTICES, ids=WHY)
def test_lead_cases_gaps_and_ending_cover_the_text(notice: dict[str, Any]) -> None:
    assert_tiles(split_text(notice["text"], notice.get("title")))


LINES = [line for notice in NOTICES for line in notice["text"].strip("\n").split("\n") if line]
SCRAPS = ["1.", "2.", "一、", "（一）", "①", "案例一", "第一起，", "受到党内警告处分。", "某局", *"。：，（）𠮷😀\n "]


@settings(deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_any_jumble_of_paragraphs_is_covered(lines: list[str]) -> None:
    assert_tiles(split_text("\n".join(lines)))


@settings(deadline=None)
@given(st.lists(st.sampled_from(SCRAPS), max_size=40))
def test_any_jumble_of_scraps_is_covered(scraps: list[str]) -> None:
    assert_tiles(split(clean("".join(scraps))))


@pytest.mark.parametrize("notice", LAID_OUT, ids=[notice["why"] for notice in LAID_OUT])
def test_navigation_above_a_notice_changes_no_case(notice: dict[str, Any]) -> None:
    page = "首页 > 曝光台 > 正文\n来源：清风网\n发布时间：2022-03-04 10:20\n【打印】\n"
    text = notice["text"].strip("\n")
    assert texts(split_text(page + text, notice.get("title"))) == texts(split_text(text, notice.get("title")))


@pytest.mark.parametrize("notice", LAID_OUT, ids=[notice["why"] for notice in LAID_OUT])
def test_each_case_alone_reads_as_it_does_among_others(notice: dict[str, Any]) -> None:
    for case in texts(split_text(notice["text"], notice.get("title"))):
        assert texts(split_text(case)) == [case]


@pytest.mark.parametrize(
    "style",
    ["{}.", "{}、", "（{}）", "{}）", "案例{}：", "案例{} ", "典型案例{}、"],
)
@pytest.mark.parametrize("count", [2, 9, 12, 101])
def test_every_arabic_numbering_counts_its_cases(style: str, count: int) -> None:
    lines = [f"{style.format(n)}某乡卫生院出纳丁小满坐支收入{n}万元，受到党内警告处分。" for n in range(1, count + 1)]
    assert texts(split_text("现将典型案例通报如下：\n" + "\n".join(lines))) == lines


@pytest.mark.parametrize("style", ["{}、", "（{}）", "案例{}：", "【案例{}】", "第{}起，", "第{}起：", "其{}，"])
def test_every_chinese_numbering_counts_its_cases(style: str) -> None:
    lines = [f"{style.format(n)}某乡卫生院出纳丁小满坐支收入，受到党内警告处分。" for n in "一二三四五"]
    assert texts(split_text("现将典型案例通报如下：\n" + "\n".join(lines))) == lines
    assert texts(split_text("现将典型案例通报如下：" + "".join(lines))) == lines


def chinese(n: int) -> str:
    """A number up to 199 as a notice counts its cases: 十二, 二十, 一百零三, 一百一十二."""
    hundred, rest = divmod(n, 100)
    tens, ones = divmod(rest, 10)
    if hundred:
        return "一百" + ("零" * (rest > 0) + DIGITS[ones] if not tens else f"{DIGITS[tens]}十{DIGITS[ones]}")
    return ("" if tens < 2 else DIGITS[tens]) + "十" * (tens > 0) + DIGITS[ones]


DIGITS = ["", *"一二三四五六七八九"]


@pytest.mark.parametrize("style", ["{}、", "（{}）", "案例{}：", "【案例{}】", "第{}起，"])
def test_chinese_numbering_goes_on_above_ninety_nine(style: str) -> None:
    lines = [f"{style.format(chinese(n))}某乡卫生院出纳丁小满坐支收入，受到党内警告处分。" for n in range(1, 113)]
    assert texts(split_text("现将典型案例通报如下：\n" + "\n".join(lines))) == lines


@pytest.mark.parametrize("n", [9, 10, 11, 20, 99, 100, 101, 110, 112, 120, 199])
def test_chinese_ordinals_are_read_as_they_are_written(n: int) -> None:
    assert number(chinese(n)) == n


def test_a_short_decision_after_a_repeated_paragraph_is_not_lost() -> None:
    facts = "某县水利局对水库除险加固项目监管不力，造成国有资金损失，社会影响恶劣。"
    text = f"{facts}\n县水利局局长丁小满受到党内警告处分。\n{facts}\n另，股长车大有受到诫勉处理。"
    assert "车大有" in texts(split_text(text))[-1]


@pytest.mark.parametrize(
    ("ordinal", "value"),
    [
        ("1", 1),
        ("12", 12),
        ("一百零二", 102),
        ("一百一十", 110),
        ("一百二十三", 123),
        ("一", 1),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("二十一", 21),
        ("两", 2),
        ("⑫", 12),
    ],
)
def test_ordinals_have_their_value(ordinal: str, value: int) -> None:
    assert number(ordinal) == value


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("2021年3月，丁小满受到党内警告处分。", True),
        ("给予县林业局局长丁小满诫勉。", True),
        ("2020年，两起超员问题查清之后，没有一人受到处分。", True),
        ("2021年，县局不作处理。", True),
        ("处理意见：某村支书党内警告，镇里某干部诫勉。", True),
        ("对失职失责的一律严肃问责。", False),
        ("有的单位动辄给予诫勉、通报批评。", False),
        ("情节较重的，可以给予党内警告处分。", False),
        ("今年以来，全县共查处问题31起，给予党纪政务处分28人。", False),
        ("《处分条例》于2018年修订。", False),
        ("2021年3月，县里召开会议部署防火工作。", False),
    ],
)
def test_a_decision_is_concrete(text: str, tells: bool) -> None:
    assert tells_decision(text) is tells


@pytest.mark.parametrize("style", ["案例{}：", "第{}案：", "例{}：", "镜头{}：", "事项{}："])
def test_matters_of_several_paragraphs_need_no_announced_count(style: str) -> None:
    matters = [
        "柳荫镇检测站收费走样\n2021年，站长丁望山多收12户检测费1800元。\n丁望山受到党内警告处分，费用已退还。",
        "青竹乡小金库\n会计季怀远将两年租金放入小金库。\n乡纪委给予季怀远诫勉谈话，租金已收缴。",
        "望川中学维修发票\n总务主任车大有虚开维修发票3张。\n车大有受到政务记过处分。",
    ]
    cases = [style.format(n) + matter for n, matter in zip("一二三", matters, strict=True)]
    assert texts(split_text("近期，县纪委查处了一批作风问题，现公开曝光。\n" + "\n".join(cases))) == cases
