"""Who is named, of what sex or people, which place or unit, changes no finding; what still breaks is listed."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.fairness", reason="benchmarks are not in this copy (the wheel leaves them out)")

from benchmarks.fairness import (
    KNOWN,
    PEOPLES,
    SAMPLED,
    SWAPS,
    WORDS,
    Change,
    Swapped,
    change,
    recorded,
    sampled,
    swap,
    verdicts,
)
from nlp.classify import ModelNotAvailable, load_model
from nlp.gold import GoldCase, load_gold
from nlp.types import Extraction, Subject

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GOLD = Path(__file__).parent.parent / "data" / "gold"
SAMPLE = 150
STEADY = [named for named in SWAPS if named not in PEOPLES]
# Share of cases whose verdicts may move with a model beside the rules, on a small sample (docs/fairness.md has all).
CEILINGS = {"tfidf": 0.15, "ensemble": 0.15}  # of cases whose verdicts move at all; a yes may in one of twenty
YES_CEILING = 0.05
in_checkout = pytest.mark.skipif(not GOLD.exists(), reason="data/gold is not in this copy (the sdist leaves it out)")


@cache
def gold() -> Mapping[str, GoldCase]:
    return {case.id: case for split in ("train", "dev") for case in load_gold(GOLD, split)}


@cache
def sample() -> tuple[GoldCase, ...]:
    """A fixed draw of all cases, and every case that is known to change."""
    drawn = random.Random(0).sample(sorted(gold()), SAMPLE)
    return tuple(gold()[one] for one in sorted({*drawn, *(case for case, _ in KNOWN)}))


@cache
def annotated() -> tuple[GoldCase, ...]:
    return tuple(case for case in gold().values() if case.fields and case.split == "dev")


def case(text: str, *names: str) -> GoldCase:
    """A case whose people are known."""
    people = tuple(
        Subject("person", name, None, None, False, None, "unknown", "未知", None, None, (), text.index(name), len(text))
        for name in names
    )
    return GoldCase("x", "dev", "dv", "", "", text, {}, (), Extraction(subjects=people), "")


def made(text: str, named: str, *names: str) -> Swapped:
    found = swap(case(text, *names), named)
    assert found is not None
    return found


# ------------------------------------------------------------ the swaps


@pytest.mark.parametrize("named", [one for one in SWAPS if one.startswith("人名")])
def test_names_are_swapped_one_to_one_over_the_whole_text(named: str) -> None:
    text = "局长闻小雪与科员闻小雨均受诫勉，闻小雪另作检查。"
    found = made(text, named, "闻小雪", "闻小雨")
    assert "闻小" not in found.after
    first, second = (new for new, old in sorted(found.back.items(), key=lambda pair: pair[1] != "闻小雪"))
    assert found.after == f"局长{first}与科员{second}均受诫勉，{first}另作检查。"


@pytest.mark.parametrize(("named", "lengths"), [("人名，等长", {2: 2, 3: 3}), ("人名，不等长", {2: 3, 3: 2})])
def test_lengths_of_names_are_kept_or_changed(named: str, lengths: Mapping[int, int]) -> None:
    for old in ("闻雪", "闻小雪"):
        ((new, back),) = made(f"局长{old}受到诫勉。", named, old).back.items()
        assert back == old
        assert len(new) == lengths[len(old)]


@pytest.mark.parametrize(
    "text", ["闻小雪受到诫勉，老闻不服。", "闻小雪受到诫勉，小雪不服。", "闻小雪受到诫勉，闻某不服。"]
)
def test_who_is_called_otherwise_too_keeps_the_name(text: str) -> None:
    assert swap(case(text, "闻小雪"), "人名，等长") is None


@pytest.mark.parametrize(
    ("named", "text", "expected"),
    [
        ("性别", "闻某，男，汉族，其他人说他知情。", "闻某，女，汉族，其他人说她知情。"),
        ("性别", "她不服。", "他不服。"),
        ("性别", "他说她知情。", None),  # who is who would be lost
        ("性别", "其他人不服，排他条款无效，男厕所失修。", None),
        ("民族", "闻某，男，汉族，党员。汉族地区。", "闻某，男，X，党员。汉族地区。"),
        ("地名，等长", "濂坞县的问题，濂坞县纪委。", "X县的问题，X县纪委。"),
        ("地名，不等长", "濂坞镇的问题，濂坞镇纪委。", "X镇的问题，X镇纪委。"),
        ("地名，等长", "该局未整改，有关县也未整改。", None),
        ("单位名", "县里的“濂坞煤矿”停产。", "县里的“X煤矿”停产。"),
        ("单位名", "县自来水公司停产。", None),  # the name of a trade
        ("部门", "县水利局局长、水利局党组。", "县X局长、X党组。"),
        ("性别、民族（加注）", "没有姓名。", None),
    ],
)
def test_a_swap_changes_only_what_it_names(named: str, text: str, expected: str | None) -> None:
    found = swap(case(text), named)
    if expected is None:
        assert found is None
        return
    assert found is not None
    put = re.fullmatch(expected.replace("X", "(?P<new>.+)", 1).replace("X", "(?P=new)"), found.after)
    assert put is not None, found.after
    assert all(new not in text for new in put.groups())


def test_remarks_are_put_against_each_other() -> None:
    found = made("局长闻小雪受到诫勉，闻小雪未申诉。", "性别、民族（加注）", "闻小雪")
    first, second = WORDS["remarks"]
    assert found.before == f"局长闻小雪{first}受到诫勉，闻小雪未申诉。"
    assert found.after == f"局长闻小雪{second}受到诫勉，闻小雪未申诉。"


def test_what_is_known_to_break_has_a_cause() -> None:
    assert all(why and named in STEADY for (_, named), why in KNOWN.items())
    assert {*SAMPLED} == {*PEOPLES}


# ------------------------------------------------------------ rules and law, over gold


def test_what_breaks_is_recorded_with_the_causes_that_were_told() -> None:
    (one, named), why = next(iter(KNOWN.items()))
    known, new = Change(one, named, True, False, ""), Change("x", named, False, True, "")
    told = tomllib.loads(recorded([known, new, Change("x", PEOPLES[0], True, True, "")], []))
    assert [(each["case"], each["swap"]) for each in told["known"]] == [(one, named), ("x", named)]
    assert [each["why"] for each in told["known"]] == [why, "缘由未查"]
    assert {*told["sampled"]} == {*PEOPLES}


@in_checkout
@pytest.mark.parametrize("named", STEADY)
def test_a_swap_changes_neither_findings_nor_measures(named: str) -> None:
    """Of the sample, only the cases on the list may change; which are mended, the benchmark takes off it."""
    found = [one for each in sample() if (one := change(each, named)[1])]
    assert not [_told(one) for one in found if (one.case, named) not in KNOWN]


@in_checkout
@pytest.mark.parametrize("named", PEOPLES)
def test_names_of_other_peoples_break_no_more_than_is_known(named: str) -> None:
    """The extractor does not read them as well as Han names."""
    told, known = sampled(annotated(), named), SAMPLED[named]
    assert told["cases"] >= known["cases"]
    assert told["findings"] <= known["findings"]
    assert told["measures"] <= known["measures"]


def _told(one: Change) -> str:
    return f"{one.case}：{one.what}"


# ------------------------------------------------------------ models


@in_checkout
@pytest.mark.parametrize(("model", "ceiling"), CEILINGS.items())
def test_a_model_seldom_moves_with_a_name_or_a_place(model: str, ceiling: float) -> None:
    try:
        load_model(model)
    except ModelNotAvailable as error:
        pytest.skip(str(error))
    swaps = (swap(case, named) for named in ("人名，等长", "地名，等长", "部门") for case in annotated())
    told = [(verdicts(made.before, model), verdicts(made.after, model)) for made in swaps if made]
    assert len(told) >= 100
    assert sum(before != after for before, after in told) <= ceiling * len(told)
    assert sum(yes(before) != yes(after) for before, after in told) <= YES_CEILING * len(told)


def yes(told: Collection[tuple[str, str]]) -> set[str]:
    """The labels that are found for certain."""
    return {label for label, verdict in told if verdict == "yes"}
