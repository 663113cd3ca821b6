"""The gold cases: well formed, judged by evidence that stands in the text, and split so that nothing leaks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp import load_codebook

FOLDER = Path(__file__).parent.parent / "data" / "gold"
SPLITS = ("train", "dev", "test")
KEYS = {"id", "split", "author_pass", "style", "field_of_work", "text", "labels", "near_miss_of", "fields", "note"}
SUBJECT = {
    "kind",
    "name",
    "count",
    "post",
    "former",
    "post_role",
    "rank",
    "leading_cadre",
    "responsibility",
    "sanctions",
}
ACROSS, WITHIN = 0.35, 0.5  # the likeness of 5-character shingles that two cases stay under

Row = dict[str, Any]


def rows(split: str) -> list[Row]:
    path = FOLDER / f"{split}.jsonl"
    if not path.exists():
        pytest.skip(f"data/gold/{split}.jsonl is not in this copy (the sdist leaves the corpus out)")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def shingles(text: str) -> frozenset[str]:
    text = "".join(text.split())
    return frozenset(text[i : i + 5] for i in range(len(text) - 4))


def alike(some: list[Row], others: list[Row], limit: float) -> Iterator[tuple[str, str]]:
    """Pairs of cases whose shingles overlap by ``limit`` or more (Jaccard)."""
    sets = {row["id"]: shingles(row["text"]) for row in (*some, *others)}
    where: dict[str, list[str]] = defaultdict(list)
    for row in others:
        for shingle in sets[row["id"]]:
            where[shingle].append(row["id"])
    for row in some:
        shared: dict[str, int] = defaultdict(int)
        for shingle in sets[row["id"]]:
            for other in where[shingle]:
                shared[other] += 1
        for other, count in shared.items():
            union = len(sets[row["id"]]) + len(sets[other]) - count
            if other != row["id"] and count / union >= limit:
                yield row["id"], other


@pytest.mark.parametrize("split", SPLITS)
def test_every_case_is_well_formed(split: str) -> None:
    labels = set(load_codebook().labels)
    for row in rows(split):
        assert set(row) == KEYS, row["id"]
        assert row["split"] == split
        assert 60 <= len(row["text"]) <= 900, row["id"]
        assert set(row["labels"]) | set(row["near_miss_of"]) <= labels, row["id"]
        for label, judged in row["labels"].items():
            assert judged["verdict"] in ("yes", "unsure"), (row["id"], label)
            assert judged["basis"] in ("stated", "inferred"), (row["id"], label)
            assert judged["evidence"] in row["text"], (row["id"], label)


@pytest.mark.parametrize("split", SPLITS)
def test_names_and_measures_of_annotated_fields_are_known(split: str) -> None:
    names = {entry.name for entry in load_codebook()["sanctions"]}
    ranks = {entry.name for entry in load_codebook()["ranks"]}
    for row in rows(split):
        for subject in (row["fields"] or {"subjects": []})["subjects"]:
            assert set(subject) == SUBJECT, row["id"]
            assert subject["name"] is None or subject["name"] in row["text"], row["id"]
            assert subject["rank"] in ranks, row["id"]
            assert {sanction["name"] for sanction in subject["sanctions"]} <= names, row["id"]


def test_ids_are_unique_and_no_writer_pass_stands_in_two_splits() -> None:
    every = [row for split in SPLITS for row in rows(split)]
    assert len({row["id"] for row in every}) == len(every)
    splits: dict[str, set[str]] = defaultdict(set)
    for row in every:
        splits[row["author_pass"]].add(row["split"])
    assert all(len(found) == 1 for found in splits.values())


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_case_of_dev_or_test_is_like_one_of_train(split: str) -> None:
    assert list(alike(rows(split), rows("train"), ACROSS)) == []


@pytest.mark.parametrize("split", SPLITS)
def test_no_two_cases_of_a_split_are_alike(split: str) -> None:
    assert list(alike(rows(split), rows(split), WITHIN)) == []


def test_the_data_card_counts_what_is_there() -> None:
    card = (FOLDER.parent / "DATA_CARD.md").read_text(encoding="utf-8")
    for split in SPLITS:
        cases = rows(split)
        yes = [sum(j["verdict"] == "yes" for j in row["labels"].values()) for row in cases]
        unsure = sum(j["verdict"] == "unsure" for row in cases for j in row["labels"].values())
        passes, fields = len({row["author_pass"] for row in cases}), sum(bool(row["fields"]) for row in cases)
        counts = (passes, len(cases), sum(map(bool, yes)), sum(yes), unsure, fields)
        assert f"| {split} | {' | '.join(map(str, counts))} |" in card


@pytest.mark.parametrize("split", ["dev", "test"])
def test_the_second_judgement_is_of_known_cases_and_labels(split: str) -> None:
    path = FOLDER / "second" / f"{split}.jsonl"
    if not path.exists():
        pytest.skip(f"data/gold/second/{split}.jsonl is not in this copy")
    texts = {row["id"]: row["text"] for row in rows(split)}
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            assert set(row["labels"]) <= set(load_codebook().labels), row["id"]
            assert all(judged["evidence"] in texts[row["id"]] for judged in row["labels"].values()), row["id"]
