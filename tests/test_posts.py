"""Posts: what a post string beside a name tells of role, rank, leading cadre and time."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from nlp.codebook import load_codebook
from nlp.extract.posts import Places, Post, head_pattern, read_post

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES = tomllib.loads((Path(__file__).parent / "cases" / "posts.toml").read_text(encoding="utf-8"))["group"]
CADRE = {"yes": True, "no": False, "-": None}


def rows() -> list[Any]:
    """One test a post: (text, post, body, (role, rank, leading cadre, former))."""
    return [
        pytest.param(group["text"], post, body, (role, rank, CADRE[cadre], former), id=f"{group['about']}: {post}")
        for group in CASES
        for post, body, role, rank, cadre, former in group["posts"]
    ]


@pytest.mark.parametrize(("text", "post", "body", "expected"), rows())
def test_a_post_is_read(text: str, post: str, body: str, expected: tuple[str, str, bool | None, bool]) -> None:
    read = read_post(post, places=Places.of(f"{text}。{post}"), body=body or None)
    assert (read.role, read.rank, read.leading_cadre, read.former) == expected


@pytest.mark.parametrize(
    ("post", "verbatim"),
    [
        ("时任县粮食局党组书记、局长", "县粮食局党组书记、局长"),
        ("县文物保护协会原委员", "县文物保护协会委员"),
        ("县水利局原局长", "县水利局局长"),
        ("市粮食局副局长（已退休）", "市粮食局副局长"),
        ("森林公园管理处处长（副处级）", "森林公园管理处处长"),
        ("时任云坪镇镇长、现任县水利局副局长", "云坪镇镇长"),
        ("现任云坪镇镇长", "云坪镇镇长"),
        ("太原市林业局局长", "太原市林业局局长"),
        ("云河（集团）公司经理", "云河（集团）公司经理"),
        ("分管副镇长", "分管副镇长"),
    ],
)
def test_the_text_of_a_post_is_verbatim_without_its_time(post: str, verbatim: str) -> None:
    assert read_post(post, places=Places()).text == verbatim


@pytest.mark.parametrize(
    ("post", "organisation"),
    [
        ("县粮食局党组书记、局长", "县粮食局"),
        ("泽川县副县长", "泽川县"),
        ("云坪镇党委书记", "云坪镇党委"),
        ("云坪镇石门村党支部书记", "云坪镇石门村党支部"),
        ("石门村会计", "石门村"),
        ("县纪委书记", "县纪委"),
        ("县委常委、副县长", "县委"),
        ("副局长", None),
        ("办事处主任", None),
        ("局党组书记、局长", None),
    ],
)
def test_the_organisation_of_a_post_is_its_own_words(post: str, organisation: str | None) -> None:
    assert read_post(post, places=Places()).organisation == organisation


@pytest.mark.parametrize(
    ("text", "city", "level"),
    [
        ("海陵省澄川市纪委", "澄川", "prefecture"),
        ("澄川市泽川县水利局", "澄川", "prefecture"),
        ("澄川市新桥区环保局", "澄川", "prefecture"),
        ("澄川市高新区管委会", "澄川", "unknown"),
        ("澄川市教育局", "澄川", "unknown"),
        ("澄川市滨河社区委员会", "澄川", "unknown"),
        ("澄川市东山市林业局，澄川市泽川县", "东山", "county"),
        ("上海市纪委监委", "上海", "municipality"),
        ("青岛市纪委监委", "青岛", "subprovincial"),
        ("泽川县纪委监委将问题报市纪委", "", "prefecture"),
    ],
)
def test_a_notice_tells_the_level_of_its_cities(text: str, city: str, level: str) -> None:
    assert Places.of(text).city(city) == level


def test_every_head_word_is_read_with_the_role_of_its_entry() -> None:
    misread = [
        (word, read_post(word, places=Places()).role)
        for entry in load_codebook()["posts"]
        for word in entry["heads"]
        if read_post(word, places=Places()).role != entry["role"]
    ]
    assert not misread


def test_no_head_word_stands_in_two_entries() -> None:
    words = [word for entry in load_codebook()["posts"] for word in entry["heads"]]
    assert len(words) == len(set(words))


def test_examples_of_the_codebook_end_in_a_head_word() -> None:
    heads = re.compile(f"{head_pattern()}$")
    assert not [x for entry in load_codebook()["posts"] for x in entry.examples if not heads.search(x)]


def test_the_head_pattern_takes_the_longest_word_with_its_prefix() -> None:
    head = re.compile(head_pattern())
    assert [m[0] for m in head.finditer("镇党委副书记、常务副镇长和县纪委书记")] == ["副书记", "常务副镇长", "纪委书记"]


def test_every_rank_a_rule_gives_is_on_the_ladder() -> None:
    settings = load_codebook()["ranks"].settings
    given = {rank for tiers in settings["rules"].values() for seats in tiers.values() for rank in seats.values()}
    assert given <= set(settings["order"])
    assert {entry.name for entry in load_codebook()["ranks"]} == set(settings["order"])


def test_a_string_without_a_head_word_is_kept_and_nothing_is_claimed() -> None:
    assert read_post("国土所", places=Places()) == Post("国土所", None, "unknown", "未知", None, False)
