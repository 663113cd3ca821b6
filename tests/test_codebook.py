"""The codebook's contract (law 1): every pattern is proved by its entry's examples, and only by those.

Reads the shipped ``*.toml`` files; needs no network and no model.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp.codebook import Codebook, Entry, Table, load_codebook

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CODEBOOK: Codebook = load_codebook()

SCHEMA = tomllib.loads((Path(__file__).parent / "cases" / "codebook.toml").read_text(encoding="utf-8"))
ISSUES: frozenset[str] = frozenset(SCHEMA["issues"])
SANCTION_NAMES: list[str] = SCHEMA["sanctions"]
FAMILIES = {"组织措施", "组织处理", "党纪", "政务", "行政", "事业单位", "企业", "司法"}
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def entries() -> Iterator[tuple[Table, Entry]]:
    for table in CODEBOOK.tables.values():
        for entry in table:
            yield table, entry


ALL = [pytest.param(table, entry, id=f"{table.name}:{entry.id}") for table, entry in entries()]
PATTERNED = [pytest.param(table, entry, id=f"{table.name}:{entry.id}") for table, entry in entries() if entry.patterns]
NEIGHBOURED = [one for one in PATTERNED if not one.values[0].settings.get("independent")]
FRAMED = [
    pytest.param(table, entry, id=f"{table.name}:{entry.id}") for table, entry in entries() if entry.get("frames")
]


def framed(opening: str, closing: str) -> re.Pattern[str]:
    """A discontinuous form as one pattern: both ends with something between them inside one clause."""
    return re.compile(f"(?:{opening})[^，。；！？\n]{{0,30}}?(?:{closing})")


def frames_of(entry: Entry) -> list[re.Pattern[str]]:
    return [framed(opening, closing) for opening, closing in entry.get("frames", [])]


def excused(one: Entry, other: Entry) -> bool:
    """Whether either entry says that both may fire on the same words."""
    return one.id in other.overlaps or other.id in one.overlaps


@pytest.mark.parametrize(("table", "entry"), ALL)
def test_an_entry_says_where_it_comes_from(table: Table, entry: Entry) -> None:
    assert entry.source, f"{table.name}:{entry.id} 没有 source"
    assert entry.id.isascii()
    for date in (entry.since, entry.until):
        assert date is None or DATE.fullmatch(date)


@pytest.mark.parametrize(("table", "entry"), PATTERNED)
def test_every_pattern_matches_an_example(table: Table, entry: Entry) -> None:
    idle = [p for p in entry.patterns if not any(re.search(p, example) for example in entry.examples)]
    assert not idle


@pytest.mark.parametrize(("table", "entry"), PATTERNED)
def test_every_example_is_matched(table: Table, entry: Entry) -> None:
    assert entry.examples
    missed = [example for example in entry.examples if not entry.regex.search(example)]
    assert not missed


@pytest.mark.parametrize(("table", "entry"), PATTERNED)
def test_counterexamples_are_silent(table: Table, entry: Entry) -> None:
    loud = [text for text in entry.counterexamples if entry.regex.search(text)]
    loud += [text for text in entry.counterexamples for frame in frames_of(entry) if frame.search(text)]
    assert not loud


# Entries of an independent table answer different questions and may well speak of the same words.
@pytest.mark.parametrize(("table", "entry"), NEIGHBOURED)
def test_no_neighbour_fires_on_the_examples_unless_it_says_so(table: Table, entry: Entry) -> None:
    strangers = [
        (other.id, example)
        for other in table
        if other.id != entry.id and other.patterns and not excused(entry, other)
        for example in entry.examples
        if other.regex.search(example)
    ]
    assert not strangers


@pytest.mark.parametrize(("table", "entry"), FRAMED)
def test_every_frame_closes_on_an_example_and_every_example_is_framed(table: Table, entry: Entry) -> None:
    frames, examples = frames_of(entry), entry["frame_examples"]
    assert not [frame.pattern for frame in frames if not any(frame.search(text) for text in examples)]
    assert not [text for text in examples if not any(frame.search(text) for frame in frames)]


@pytest.mark.parametrize(("table", "entry"), FRAMED)
def test_no_neighbours_frame_closes_on_the_examples_unless_it_says_so(table: Table, entry: Entry) -> None:
    strangers = [
        (other.id, example)
        for other in table
        if other.id != entry.id and not excused(entry, other)
        for frame in frames_of(other)
        for example in entry["frame_examples"]
        if frame.search(example)
    ]
    assert not strangers


@pytest.mark.parametrize(("table", "entry"), ALL)
def test_overlaps_name_entries_of_the_same_file(table: Table, entry: Entry) -> None:
    assert not [other for other in entry.overlaps if other not in table.entries]


@pytest.mark.skipif("issues" not in CODEBOOK.tables, reason="issues.toml is not there")
def test_the_label_space_is_the_twenty_issues() -> None:
    assert set(CODEBOOK.labels) == ISSUES
    assert len(CODEBOOK.labels) == 20


@pytest.mark.parametrize("name", SANCTION_NAMES)
def test_each_name_of_the_row_schema_is_one_canonical_sanction(name: str) -> None:
    assert len([e for e in CODEBOOK["sanctions"] if e.name == name and e["canonical"]]) == 1


def test_no_other_sanction_is_canonical() -> None:
    assert {e.name for e in CODEBOOK["sanctions"] if e["canonical"]} == set(SANCTION_NAMES)


@pytest.mark.parametrize("entry", list(CODEBOOK["sanctions"]), ids=lambda e: e.id)
def test_a_sanction_has_family_severity_and_target(entry: Entry) -> None:
    assert entry["family"] in FAMILIES
    assert isinstance(entry["severity"], float)
    assert isinstance(entry["verified"], bool)
    assert set(entry["applies_to"]) <= {"person", "organisation"}
    assert entry["applies_to"]
    months = entry.get("influence_months")
    assert months is None or (isinstance(months, int) and months > 0)


@pytest.mark.parametrize("entry", [e for e in CODEBOOK["sanctions"] if e.get("bare")], ids=lambda e: e.id)
def test_a_bare_word_resolves_to_entries_of_the_family_named(entry: Entry) -> None:
    sanctions = CODEBOOK["sanctions"]
    assert entry["default"] in entry["resolve"].values()
    assert all(sanctions[target]["family"] == family for family, target in entry["resolve"].items())


@pytest.mark.parametrize("key", ["organisation", "means"])
def test_references_between_sanctions_name_entries(key: str) -> None:
    sanctions = CODEBOOK["sanctions"]
    named = [e[key] for e in sanctions if e.get(key)]
    flat = [target for value in named for target in ([value] if isinstance(value, str) else value)]
    assert flat
    assert not [target for target in flat if target not in sanctions.entries]


@pytest.mark.parametrize(
    "milder_first",
    [
        ["党内警告", "党内严重警告", "撤销党内职务", "留党察看", "开除党籍"],
        ["政务警告", "政务记过", "政务记大过", "政务降级", "政务撤职", "政务开除"],
        ["行政警告", "行政记过", "行政记大过", "行政降级", "行政撤职", "行政开除"],
        ["提醒谈话", "批评教育", "通报批评", "诫勉", "停职检查", "调整职务", "免职", "降职"],
    ],
    ids=["党纪", "政务", "行政", "组织"],
)
def test_severity_grows_as_the_regulations_order_it(milder_first: list[str]) -> None:
    severity = {e.name: e["severity"] for e in CODEBOOK["sanctions"] if e["canonical"]}
    values = [severity[name] for name in milder_first]
    assert values == sorted(values)
    assert len(set(values)) == len(values)
