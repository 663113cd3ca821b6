"""Who got which measure: the table of invented texts, and what must hold for every one of them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nlp.clean import clean
from nlp.extract import extract
from nlp.pipeline import analyze
from nlp.types import Case, Extraction, Notice, Subject

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "cases" / "extract.toml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = TABLE["case"]
PLACES: list[str] = TABLE["places"]
READ_RIGHT = [row for row in ROWS if "fails" not in row]

# What stands around the matter on a page, in simplified and in traditional characters: it names nobody.
NOISE_BEFORE = (
    ("您现在的位置：首页 > 曝光台 > 正文\n", "您現在的位置：首頁 > 曝光臺 > 正文\n"),
    ("首页 | 信息公开 | 审查调查 | 曝光台\n", "首頁 | 信息公開 | 審查調查 | 曝光臺\n"),
    ("【字号：大 中 小】 打印 关闭\n", "【字號：大 中 小】 打印 關閉\n"),
)
NOISE_AFTER = (
    (
        "\n各级党组织要引以为戒，对履职不力的，一律给予党纪政务处分。",
        "\n各級黨組織要引以為戒，對履職不力的，一律給予黨紀政務處分。",
    ),
    ("\n有关处分决定已在一定范围内宣布。", "\n有關處分決定已在一定範圍內宣佈。"),
    (
        "\n不得以集体研究为名逃避责任，后果严重的要给予撤职处分。",
        "\n不得以集體研究為名逃避責任，後果嚴重的要給予撤職處分。",
    ),
)
# New names by form, none of them a word or a part of one in any row.
PLAIN = {
    2: ["丁磊", "石昕", "江珊", "李淼", "吴妍"],
    3: ["丁立本", "石文昌", "江玉川", "李家林", "吴美娟"],
    4: ["司徒文昌", "司徒玉川"],
}
PARTS = {2: ["艾山", "玉素"], 3: ["吐尔逊", "热合曼", "米吉提", "图尔迪"], 4: ["阿不力孜", "热合曼江"]}
OTHER_PLACES = {2: ["岚溪", "槐川"], 3: ["岚溪口", "槐树坪"]}
# words of a measure that share no character with its canonical name
OTHER_WORDS = {"解除劳动合同": "辞退聘"}
MASK = re.compile(r"[某×XＸ*＊]")


def places_of(row: dict[str, Any]) -> dict[str, str]:
    """Old place -> new place of the same length, for every place of the row."""
    taken: Counter[object] = Counter()
    return {place: next_of(OTHER_PLACES[len(place)], taken, len(place)) for place in PLACES if place in row["text"]}


def next_of(pool: list[str], taken: Counter[object], key: object) -> str:
    taken[key] += 1
    return pool[taken[key] - 1]


def case_of(text: str) -> Case:
    """The whole text as one case."""
    cleaned = clean(Notice("t", text))
    return Case("t#1", cleaned, 0, len(cleaned.text))


def read(text: str) -> Extraction:
    return extract(case_of(text))


def named(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["proves"]) for row in rows]


def with_failures(rows: list[dict[str, Any]]) -> list[Any]:
    """Rows as parameters; one that says what is read instead today is expected to fail."""
    strict = {row["proves"]: pytest.mark.xfail(reason=row["fails"], strict=True) for row in rows if "fails" in row}
    return [pytest.param(row, id=row["proves"], marks=strict.get(row["proves"], ())) for row in rows]


def measures(subject: Subject) -> Counter[tuple[str, str]]:
    return Counter((sanction.name, sanction.status) for sanction in subject.sanctions)


def judged(subject: Subject) -> dict[str, Any]:
    """A subject in the words of the table."""
    return {
        "name": subject.name,
        "kind": subject.kind,
        "count": subject.count,
        "post": subject.post,
        "former": subject.former,
        "role": subject.post_role,
        "rank": subject.rank,
        "leading": subject.leading_cadre,
        "responsibility": subject.responsibility,
        "sanctions": sorted(measures(subject).elements()),
        "other": sorted(measure.name for measure in subject.other_measures),
    }


def expected(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The row's subjects; ``status`` goes with ``sanctions`` one to one and is decided where it is absent."""
    found = []
    for subject in row["subjects"]:
        wanted = dict(subject)
        if "sanctions" in wanted:
            status = wanted.pop("status", ["decided"] * len(wanted["sanctions"]))
            wanted["sanctions"] = sorted(zip(wanted["sanctions"], status, strict=True))
        wanted.update({key: wanted[key] or None for key in ("post", "responsibility") if key in wanted})
        found.append(wanted)
    return found


def same(wanted: dict[str, Any], subject: dict[str, Any]) -> bool:
    """Whether ``subject`` is the one the table means: by name, else by number, else by post."""
    for key in ("name", "count", "post"):
        if key in wanted:
            return bool(wanted[key] == subject[key] and (key == "name" or subject["name"] is None))
    return False


def faults(row: dict[str, Any], extraction: Extraction) -> list[str]:
    """Everything in which the reading departs from the row."""
    subjects = [judged(subject) for subject in extraction.subjects]
    left, wrong = list(subjects), []
    for wanted in expected(row):
        match = next((subject for subject in left if same(wanted, subject)), None)
        if match is None:
            wrong.append(f"missing: {wanted}")
            continue
        left.remove(match)
        wrong += [f"{wanted}: {key} is {match[key]!r}" for key in wanted if match[key] != wanted[key]]
    if row.get("exactly"):
        wrong += [f"too many: {subject}" for subject in left]
    barred = [*row.get("absent", []), *row.get("not_names", [])]
    wrong += [f"no subject: {s['name']}" for s in left if s["name"] in barred]
    codes = {caution.code for caution in extraction.cautions}
    wrong += [f"no caution {code}" for code in row.get("cautions", []) if code not in codes]
    return wrong


def readings(extraction: Extraction) -> list[dict[str, Any]]:
    return [judged(subject) for subject in extraction.subjects]


# ------------------------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("row", with_failures(ROWS))
def test_the_text_is_read_as_a_reader_reads_it(row: dict[str, Any]) -> None:
    assert faults(row, read(row["text"])) == []


def test_the_table_is_worth_its_name() -> None:
    texts, proofs = [row["text"] for row in ROWS], [row["proves"] for row in ROWS]
    assert len(ROWS) >= 110
    assert len(set(texts)) == len(texts)
    assert len(set(proofs)) == len(proofs)
    for row in ROWS:
        missing = [s["name"] for s in row["subjects"] if s.get("name") and s["name"] not in row["text"]]
        assert not missing, row["proves"]


# ------------------------------------------------------------------------------------------------------ properties


@pytest.mark.parametrize("row", named(ROWS))
def test_spans_point_at_what_they_name(row: dict[str, Any]) -> None:
    case, source = case_of(row["text"]), row["text"]
    extraction = extract(case)
    for subject in (*extraction.subjects, *extraction.mentioned):
        assert 0 <= subject.start < subject.end <= len(source)
        assert subject.name is None or subject.name in source[subject.start : subject.end]
        span = subject.responsibility_span
        if span is not None:
            assert "责任" in bare(source[span.start : span.end]).replace("責", "责")
        for sanction in (*subject.sanctions, *subject.other_measures):
            assert 0 <= sanction.start < sanction.end <= len(source)
            told = sanction.name + OTHER_WORDS.get(sanction.name, "")
            assert set(source[sanction.start : sanction.end]) & set(told)


@pytest.mark.parametrize("row", named(READ_RIGHT))
def test_renaming_every_person_leaves_all_else_unchanged(row: dict[str, Any]) -> None:
    names = renaming(row)
    before = readings(read(row["text"]))
    after = readings(read(exchange(row["text"], with_short_forms(names))))
    assert after == [{**subject, "name": names.get(subject["name"], subject["name"])} for subject in before]


@pytest.mark.parametrize("row", named([row for row in READ_RIGHT if places_of(row)]))
def test_renaming_every_place_leaves_all_else_unchanged(row: dict[str, Any]) -> None:
    places = places_of(row)
    before = readings(read(row["text"]))
    after = readings(read(exchange(row["text"], places)))
    assert after == [{**s, **{key: s[key] and exchange(s[key], places) for key in ("name", "post")}} for s in before]


@pytest.mark.parametrize("noise", NOISE_BEFORE, ids=["path", "menu", "tools"])
@pytest.mark.parametrize("row", named(READ_RIGHT))
def test_a_line_of_navigation_changes_nothing(row: dict[str, Any], noise: tuple[str, str]) -> None:
    assert readings(read(noise["traditional" in row] + row["text"])) == readings(read(row["text"]))


@pytest.mark.parametrize("noise", NOISE_AFTER, ids=["threat", "announcement", "rule"])
@pytest.mark.parametrize("row", named(READ_RIGHT))
def test_a_sentence_about_nobody_changes_nothing(row: dict[str, Any], noise: tuple[str, str]) -> None:
    assert readings(read(row["text"] + noise["traditional" in row])) == readings(read(row["text"]))


@pytest.mark.parametrize("row", named(ROWS))
def test_reading_twice_reads_the_same(row: dict[str, Any]) -> None:
    assert read(row["text"]) == read(row["text"])


# ------------------------------------------------------------------------------------------------------ renaming


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def renaming(row: dict[str, Any]) -> dict[str, str]:
    """Old name -> new name of the same length and form, for every person of the row."""
    people = [s["name"] for s in row["subjects"] if s.get("name") and s.get("kind") in (None, "person")]
    people += row.get("absent", [])
    taken: Counter[object] = Counter()
    names = {}
    for name in dict.fromkeys(people):
        names[name] = padded(name, new_name(bare(name), taken))
    return names


def new_name(name: str, taken: Counter[object]) -> str:
    if "·" in name or "•" in name:
        dot = "·" if "·" in name else "•"
        return dot.join(next_of(PARTS[len(part)], taken, ("part", len(part))) for part in name.split(dot))
    plain = next_of(PLAIN[len(name)], taken, len(name))
    return "".join(old if MASK.match(old) else new for old, new in zip(name, plain, strict=True))


def padded(old: str, new: str) -> str:
    """``new`` with the spaces of ``old`` in the same places."""
    characters = iter(new)
    return "".join(character if character.isspace() else next(characters) for character in old)


def with_short_forms(names: dict[str, str]) -> dict[str, str]:
    """Besides each name the 姓+某 by which it is mentioned again."""
    short = {old[0] + "某": new[0] + "某" for old, new in names.items()}
    return {**short, **names}


def exchange(text: str, names: dict[str, str]) -> str:
    """All names at once."""
    pattern = "|".join(re.escape(old) for old in sorted(names, key=len, reverse=True))
    return re.sub(pattern, lambda found: names[found.group()], text) if names else text


def test_a_line_of_many_years_ends() -> None:
    """A table's line of numbers once took a time that grew fivefold with each of them."""
    years = " ".join(map(str, range(1960, 2024)))
    subjects = extract(case_of(f"镇长张大海受到党内警告处分。\n{years}")).subjects
    assert [s.name for s in subjects] == ["张大海"]


def test_a_later_namesake_does_not_change_who_was_meant_before() -> None:
    text = "县水利局局长王强工作失职。县纪委给予王某党内警告处分，给予副局长王明诫勉处理。"
    (analysis,) = analyze(text)
    told = {s.name: [x.name for x in s.sanctions] for s in analysis.extraction.subjects}
    assert told == {"王强": ["党内警告"], "王明": ["诫勉"]}
