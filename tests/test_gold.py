"""The gold cases: well formed, judged by evidence that stands in the text, and split so that nothing leaks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp import load_codebook
from nlp.gold import (
    GoldCase,
    GoldError,
    GoldNotice,
    Split,
    load_annotations,
    load_gold,
    load_gold_fields,
    load_gold_notices,
)

FOLDER = Path(__file__).parent.parent / "data" / "gold"
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
ACROSS, WITHIN = 0.35, 0.5  # the likeness of 5-character shingles that two cases stay under
LABELS = load_codebook().labels

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="data/gold is not in this copy (the sdist leaves it out)")


@pytest.fixture(scope="module")
def gold() -> dict[Split, list[GoldCase]]:
    return {split: load_gold(FOLDER, split) for split in SPLITS}


@pytest.fixture(scope="module")
def notices() -> list[GoldNotice]:
    return load_gold_notices(FOLDER)


@pytest.fixture(scope="module")
def only_fields() -> dict[Split, list[GoldCase]]:
    """The cases whose fields alone are annotated."""
    return {split: load_gold_fields(FOLDER, split) for split in SPLITS}


def yes(case: GoldCase) -> list[str]:
    return [label for label in LABELS if case.annotation.verdict(label) == "yes"]


def test_there_are_at_least_three_thousand_cases_and_the_splits_are_of_their_size(
    gold: dict[Split, list[GoldCase]],
) -> None:
    sizes = {split: len(cases) for split, cases in gold.items()}
    assert sum(sizes.values()) >= 3000
    assert sizes["train"] >= 2300
    assert sizes["dev"] >= 250
    assert sizes["test"] >= 400


def test_every_case_is_of_its_file_and_of_a_length_that_notices_have(gold: dict[Split, list[GoldCase]]) -> None:
    for split, cases in gold.items():
        assert {case.split for case in cases} == {split}
        assert [case.id for case in cases if not 60 <= len(case.text) <= 900] == []


def test_every_label_has_enough_cases(gold: dict[Split, list[GoldCase]]) -> None:
    counts = {split: Counter(label for case in cases for label in yes(case)) for split, cases in gold.items()}
    assert [label for label in LABELS if sum(found[label] for found in counts.values()) < 120] == []
    assert [label for label in LABELS if counts["test"][label] < 20] == []


def test_about_half_of_the_cases_carry_no_label_and_most_labels_are_inferred(gold: dict[Split, list[GoldCase]]) -> None:
    for split, cases in gold.items():
        assert 0.38 <= sum(not case.labels for case in cases) / len(cases) <= 0.5, split
        judged = [one for case in cases for one in case.labels.values() if one.verdict == "yes"]
        assert sum(one.basis == "inferred" for one in judged) / len(judged) >= 0.5, split


def test_fields_are_annotated_for_enough_cases(gold: dict[Split, list[GoldCase]]) -> None:
    assert sum(case.fields is not None for cases in gold.values() for case in cases) >= 700


def test_spans_of_measures_hold_words_that_the_codebook_knows_for_them(gold: dict[Split, list[GoldCase]]) -> None:
    known = {entry.name: entry for entry in load_codebook()["sanctions"]}
    unlike, count = [], 0
    for case in (case for cases in gold.values() for case in cases if case.fields):
        for sanction in (one for subject in case.fields.subjects for one in subject.sanctions):
            words = case.text[sanction.start : sanction.end]
            assert "。" not in words, (case.id, words)
            count += 1
            if not any(known[sanction.name].find(words)) and sanction.name != "检查(党组织)":
                unlike.append((case.id, sanction.name, words))
    assert len(unlike) < 0.06 * count, unlike  # wordings it does not know yet: 清退, 反思


def test_a_label_is_not_a_near_miss_of_itself(gold: dict[Split, list[GoldCase]]) -> None:
    both = [case.id for cases in gold.values() for case in cases if set(case.labels) & set(case.near_miss_of)]
    assert both == []


def test_no_writer_pass_stands_in_two_splits(
    gold: dict[Split, list[GoldCase]], only_fields: dict[Split, list[GoldCase]], notices: list[GoldNotice]
) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    cases = (case for group in (gold, only_fields) for cases in group.values() for case in cases)
    for one in (*cases, *notices):
        splits[one.author_pass].add(one.split)
    assert all(len(found) == 1 for found in splits.values())


# ------------------------------------------------------------ leakage


def shingles(text: str) -> frozenset[str]:
    text = "".join(text.split())
    return frozenset(text[i : i + 5] for i in range(len(text) - 4))


def alike(some: dict[str, str], others: dict[str, str], limit: float) -> Iterator[tuple[str, str]]:
    """Pairs of texts whose shingles overlap by ``limit`` or more (Jaccard)."""
    sets = {name: shingles(text) for name, text in {**some, **others}.items()}
    where: dict[str, list[str]] = defaultdict(list)
    for name in others:
        for shingle in sets[name]:
            where[shingle].append(name)
    for name in some:
        shared: dict[str, int] = defaultdict(int)
        for shingle in sets[name]:
            for other in where[shingle]:
                shared[other] += 1
        for other, count in shared.items():
            if other != name and count / (len(sets[name]) + len(sets[other]) - count) >= limit:
                yield name, other


def texts(cases: list[GoldCase]) -> dict[str, str]:
    return {case.id: case.text for case in cases}


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_case_of_dev_or_test_is_like_one_of_train(gold: dict[Split, list[GoldCase]], split: Split) -> None:
    assert list(alike(texts(gold[split]), texts(gold["train"]), ACROSS)) == []


def test_cases_with_fields_alone_tell_them_and_no_labels(only_fields: dict[Split, list[GoldCase]]) -> None:
    assert len(only_fields["train"]) >= 100
    assert len(only_fields["test"]) >= 100
    assert [case.id for cases in only_fields.values() for case in cases if case.fields is None or case.labels] == []


def test_no_case_of_test_with_fields_alone_is_like_one_of_train(
    gold: dict[Split, list[GoldCase]], only_fields: dict[Split, list[GoldCase]]
) -> None:
    known = {**texts(gold["train"]), **texts(only_fields["train"])}
    assert list(alike(texts(only_fields["test"]), known, ACROSS)) == []


@pytest.mark.parametrize("split", SPLITS)
def test_no_two_cases_of_a_split_are_alike(gold: dict[Split, list[GoldCase]], split: Split) -> None:
    assert list(alike(texts(gold[split]), texts(gold[split]), WITHIN)) == []


def test_no_notice_of_dev_or_test_is_like_one_of_train(notices: list[GoldNotice]) -> None:
    by_split = {split: {one.id: one.text for one in notices if one.split == split} for split in SPLITS}
    for split in ("dev", "test"):
        assert list(alike(by_split[split], by_split["train"], ACROSS)) == []


def test_no_synthetic_text_is_in_the_gold(gold: dict[Split, list[GoldCase]]) -> None:
    made = {case.id: case.text for case in load_gold(FOLDER.parent / "synthetic" / "cases.jsonl")}
    assert (
        list(alike({name: text for cases in gold.values() for name, text in texts(cases).items()}, made, ACROSS)) == []
    )


# ------------------------------------------------------------ notices


def test_there_are_whole_notices_with_and_without_cases(notices: list[GoldNotice]) -> None:
    assert len(notices) >= 120
    assert sum(not one.cases for one in notices) >= 10
    assert sum(len(one.cases) == 1 for one in notices) >= 10
    assert {one.split for one in notices} == set(SPLITS)


def test_a_case_of_a_notice_begins_and_ends_with_its_own_words(notices: list[GoldNotice]) -> None:
    for one in notices:
        for case in one.cases:
            text = one.text[case.start : case.end]
            assert text == text.strip(), one.id


# ------------------------------------------------------------ second judgement


@pytest.mark.parametrize(("split", "least"), [("train", 400), ("dev", None), ("test", None)])
def test_dev_test_and_400_of_train_are_judged_a_second_time(
    gold: dict[Split, list[GoldCase]], split: Split, least: int | None
) -> None:
    second = load_annotations(FOLDER / "second" / f"{split}.jsonl")
    known = texts(gold[split])
    assert set(second) <= set(known)
    assert len(second) >= (least or len(known))
    for name, one in second.items():
        assert all(judged.evidence in known[name] for judged in one.labels.values()), name


# ------------------------------------------------------------ the card and the loaders


def test_the_data_card_counts_what_is_there(gold: dict[Split, list[GoldCase]]) -> None:
    card = (FOLDER.parent / "DATA_CARD.md").read_text(encoding="utf-8")
    for split, cases in gold.items():
        labelled, unsure = [yes(case) for case in cases], sum(len(case.labels) - len(yes(case)) for case in cases)
        passes, fields = len({case.author_pass for case in cases}), sum(case.fields is not None for case in cases)
        counts = (passes, len(cases), sum(map(bool, labelled)), sum(map(len, labelled)), unsure, fields)
        assert f"| {split} | {' | '.join(map(str, counts))} |" in card


def test_the_data_card_counts_every_label(gold: dict[Split, list[GoldCase]]) -> None:
    card = (FOLDER.parent / "DATA_CARD.md").read_text(encoding="utf-8")
    for label in LABELS:
        counts = [sum(label in yes(case) for case in gold[split]) for split in SPLITS]
        assert f"| `{label}` | {' | '.join(map(str, counts))} |" in card


GOOD: dict[str, Any] = {
    "id": "x-1",
    "split": "train",
    "author_pass": "x",
    "style": "单案通报",
    "field_of_work": "防汛",
    "text": "东塘镇镇长周安汛期擅离职守，负主要领导责任。2021年8月，县纪委给予周安党内警告处分。",
    "labels": {"rushed": {"verdict": "unsure", "basis": "inferred", "evidence": "2021年8月"}},
    "near_miss_of": [],
    "fields": {
        "issuer": {"name": "县纪委", "start": 30, "end": 33},
        "date": {"text": "2021年8月", "start": 22, "end": 29},
        "subjects": [
            {
                "kind": "person",
                "name": "周安",
                "count": None,
                "post": "东塘镇镇长",
                "former": False,
                "post_role": "chief",
                "rank": "乡科级正职",
                "leading_cadre": True,
                "responsibility": "主要领导责任",
                "sanctions": [{"name": "党内警告", "status": "decided", "start": 37, "end": 41}],
                "start": 5,
                "end": 7,
                "responsibility_span": {"start": 15, "end": 21},
            }
        ],
    },
    "note": "",
}


def changed(*path: str | int, to: Any) -> str:
    row: Any = json.loads(json.dumps(GOOD))
    inside = row
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = to
    return json.dumps(row, ensure_ascii=False)


def test_a_good_line_comes_out_typed(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(GOOD, ensure_ascii=False), encoding="utf-8")
    (case,) = load_gold(path)
    assert case.annotation.verdict("rushed") == "unsure"
    assert case.annotation.verdict("reactive") == "no"
    assert case.fields is not None
    (subject,) = case.fields.subjects
    assert (subject.name, subject.sanctions[0].name, subject.sanctions[0].family) == ("周安", "党内警告", "党纪")


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ("{", "", "不是一行完整的 JSON"),
        ("[]", "", "不是 JSON 对象"),
        (changed("split", to="validation"), "split", "'validation' 不在"),
        (changed("text", to=None), "text", "不得为 null"),
        (changed("author", to="x"), "author", "不认识这个键"),
        (changed("fields", to=5), "fields", "应为 record"),
        (changed("fields", "subjects", to=[3]), "fields.subjects[0]", "应为 {…}"),
        (changed("text", to=5), "text", "应为 text"),
        ("[" * 100_000, "", "嵌套太深"),
        (changed("labels", "hasty", to={}), "labels.hasty", "没有标签 hasty"),
        (changed("labels", "rushed", "verdict", to="maybe"), "labels.rushed.verdict", "'maybe' 不在"),
        (changed("labels", "rushed", "evidence", to="2021年9月"), "labels.rushed.evidence", "不在正文里"),
        (changed("near_miss_of", to=["hasty"]), "near_miss_of", "没有标签 hasty"),
        (changed("fields", "issuer", "start", to=29), "fields.issuer", "应为“县纪委”"),
        (changed("fields", "subjects", 0, "end", to=900), "fields.subjects[0]", "不在正文的"),
        (changed("fields", "subjects", 0, "rank", to="科长级"), "fields.subjects[0].rank", "没有级别“科长级”"),
        (changed("fields", "subjects", 0, "count", to="一"), "fields.subjects[0].count", "应为 integer"),
        (
            changed("fields", "subjects", 0, "sanctions", 0, "name", to="警告信"),
            "fields.subjects[0].sanctions[0].name",
            "没有处理名称“警告信”",
        ),
    ],
)
def test_a_broken_line_is_told_with_file_line_and_key(tmp_path: Path, line: str, key: str, reason: str) -> None:
    path = tmp_path / "gold.jsonl"
    good, last = json.dumps(GOOD, ensure_ascii=False), changed("id", to="x-2")
    path.write_text(f"{good}\n{line}\n{last}\n", encoding="utf-8")
    errors: list[GoldError] = []
    assert [case.id for case in load_gold(path, on_error=errors.append)] == ["x-1", "x-2"]
    (error,) = errors
    assert (error.file, error.line, error.key) == (str(path), 2, key)
    assert reason in str(error)
    with pytest.raises(GoldError):
        load_gold(path)


def test_only_the_file_of_the_split_is_opened(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(GOOD, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "test.jsonl").write_text("{", encoding="utf-8")
    assert [case.id for case in load_gold(tmp_path, "train")] == ["x-1"]


def test_an_id_used_twice_is_told_with_both_places(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text((json.dumps(GOOD, ensure_ascii=False) + "\n") * 2, encoding="utf-8")
    with pytest.raises(GoldError, match=r"第2行 id：编号“x-1”与.*第1行重复"):
        load_gold(path)


def test_a_folder_without_gold_is_told(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match=r"没有 train\.jsonl"):
        load_gold(tmp_path)


@pytest.mark.parametrize(
    ("folder", "config"), [("gold", "cases"), ("gold", "notices"), ("gold", "fields"), ("synthetic", "cases")]
)
def test_the_data_loads_with_datasets(
    folder: str, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gold: dict[Split, list[GoldCase]]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(FOLDER.parent / folder), config, cache_dir=str(tmp_path))
    if (folder, config) == ("gold", "cases"):
        assert {split: len(loaded[split]) for split in loaded} == {
            {"dev": "validation"}.get(split, split): len(cases) for split, cases in gold.items()
        }
        assert loaded["validation"][0]["text"] == gold["dev"][0].text
    else:
        assert all(len(loaded[split]) for split in loaded)
