"""What a pattern needs: said rightly, and never so that a match is lost."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from nlp.codebook import Entry, Table, load_codebook
from nlp.codebook.needles import Index, alternation, grams, quick, shape

ENTRIES = [
    pytest.param(entry, id=f"{table.name}-{entry.id}")
    for table in load_codebook().tables.values()
    for entry in table
    if entry.patterns
]
# Texts in which much matches at once: the examples of each table run together.
TEXTS = {
    table.name: "。".join(chain.from_iterable((*entry.examples, *entry.counterexamples) for entry in table))
    for table in load_codebook().tables.values()
}


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        ("督办", [{"督办"}]),
        ("督查组", [{"督查"}, {"查组"}]),
        ("(?:督办|审计)组?", [{"督办", "审计"}]),
        ("[死伤]者?", [{"死", "伤"}]),
        ("未[^。]{0,4}?核查", [{"未"}, {"核查"}]),
        ("(?<=被)问责(?!的)", [{"被"}, {"问责"}]),
        ("处+分", [{"处"}, {"分"}]),
        ("报?送?", []),
        (r"\d+", []),
        ("没有|[^，]", []),
        ("[甲-丁]", []),
    ],
)
def test_any_match_holds_one_of_each_need(pattern: str, needs: list[set[str]]) -> None:
    assert list(shape(pattern).needs) == needs


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("督办", {"督"}),
        ("(?:经|报)?县委", {"经", "报", "县"}),
        (r"(?<!被)\d{2}人", {r"\d"}),
        ("[^，]人", None),
        (".人", None),
        ("[-甲]", None),
    ],
)
def test_where_a_match_begins(pattern: str, first: set[str] | None) -> None:
    assert shape(pattern).first == first


@pytest.mark.parametrize("pattern", ["(?i:nav)", "(?m)^问责", r"(某)\1", "(?P<a>某)(?P=a)", "(?#注)问责"])
def test_of_a_pattern_it_cannot_read_nothing_is_said(pattern: str) -> None:
    assert shape(pattern).needs == ()
    assert shape(pattern).first is None
    assert quick(pattern).pattern == pattern


def test_grams_are_characters_and_pairs() -> None:
    assert grams("问责书") == {"问", "责", "书", "问责", "责书"}


def test_of_two_alternatives_at_one_place_the_earlier_counts() -> None:
    index = Index({"measure": ("警告", "严重警告", "严重")})
    assert [m[0] for m in index.find("measure", "受到严重警告，另一人警告")] == ["严重警告", "警告"]
    assert [m[0] for m in Index({"x": ("严重", "严重警告", "警告")}).find("x", "严重警告")] == ["严重", "警告"]


def test_alternatives_that_may_match_nothing_stay_one_expression() -> None:
    expected = [m[0] for m in re.finditer("(?:某?)|(?:人)", "某人某")]
    assert [m[0] for m in Index({"x": ("某?", "人")}).find("x", "某人某")] == expected


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_finds_what_its_alternation_finds(entry: Entry) -> None:
    plain = re.compile(alternation(entry.patterns))
    for text in (*entry.examples, *TEXTS.values()):
        expected = [(*m.span(), m[m.lastindex or 0]) for m in plain.finditer(text)]
        assert [(*m.span(), m[m.lastindex or 0]) for m in entry.find(text)] == expected
        assert [(*m.span(), m[m.lastindex or 0]) for m in entry.regex.finditer(text)] == expected
        middle = len(text) // 2
        for start, end in ((0, len(text)), (middle, len(text)), (1, middle)):
            found, first = entry.search(text, start, end), plain.search(text, start, end)
            assert (found and found.span()) == (first and first.span())


@pytest.mark.parametrize("table", list(load_codebook().tables.values()), ids=list(load_codebook().tables))
def test_the_candidates_of_a_text_are_all_that_match_in_file_order(table: Table) -> None:
    for text in TEXTS.values():
        candidates = table.candidates(text)
        assert candidates == [entry for entry in table if entry in candidates]
        matching = [entry for entry in table if entry.patterns and entry.regex.search(text)]
        assert [entry.id for entry in matching if entry not in candidates] == []
